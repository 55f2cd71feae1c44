//! What follows from every answer that is documented of any vendor: a plugin's file of exchanges says what an answer means, and
//! here is what the engine does about it. That the plugin itself reads the answer like that is for its own tests.

use std::fs;
use std::path::{Path, PathBuf};

use notifier_core::testing::Answer;
use notifier_core::{Channel, Delivery, DeliveryState, NotificationId, Outcome, Problem, RejectionKind, UnknownPolicy};
use notifier_plugin_exchanges::{self as file, Exchanges};

use super::vendor::*;
use super::world::*;

/// Every plugin's file, by its name.
fn files() -> Vec<(String, Exchanges)> {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut paths: Vec<PathBuf> = fs::read_dir(plugins).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = paths.into_iter().filter_map(|path| {
        let json = fs::read_to_string(path.join("exchanges.json")).ok()?;
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        Some((name, Exchanges::read(&json).unwrap()))
    });
    files.collect()
}

/// As the engine hears it from the plugin.
fn heard(outcome: &file::Outcome) -> Outcome {
    let problem = |code: &Option<String>| match code {
        Some(code) => Problem::coded(code.clone(), "as documented"),
        None => Problem::plain("as documented"),
    };
    match outcome {
        file::Outcome::Accepted { provider_message_id } => {
            Outcome::Accepted { provider_message_id: provider_message_id.clone() }
        }
        file::Outcome::RateLimited { retry_after_ms, code } => {
            Outcome::RateLimited { retry_after_ms: *retry_after_ms, problem: problem(code) }
        }
        file::Outcome::Unavailable { retry_after_ms, code } => {
            Outcome::Unavailable { retry_after_ms: *retry_after_ms, problem: problem(code) }
        }
        file::Outcome::Rejected { kind, code } => {
            let kind = match kind {
                file::RejectionKind::Message => RejectionKind::Message,
                file::RejectionKind::Recipient => RejectionKind::Recipient,
                file::RejectionKind::Suppressed => RejectionKind::Suppressed,
                file::RejectionKind::Provider => RejectionKind::Provider,
            };
            Outcome::Rejected { kind, problem: problem(code) }
        }
        file::Outcome::Unknown { code } => Outcome::Unknown { problem: problem(code) },
    }
}

/// What became of one message whose first call was answered like that.
struct Reaction {
    delivery: Delivery,
    /// Calls of the vendor that answered, and of the one behind it.
    calls: (usize, usize),
    is_listed: bool,
    breaker_is_open_after: usize,
}

/// With another vendor behind it.
async fn reaction(outcome: &Outcome, unknown_policy: UnknownPolicy) -> Reaction {
    let (world, first, second) = two_vendors(|builder| builder.category(category(unknown_policy))).await;
    first.will([Answer::Now(outcome.clone())]);
    let id: NotificationId = world.submit(sms()).await.id;
    world.idle().await;
    let delivery = world.delivery(id).await;
    let listed = world.notifier.suppression(&tenant(), Channel::Sms, "+14155550101").await.unwrap();
    Reaction {
        delivery,
        calls: (first.count(), second.count()),
        is_listed: listed.is_some(),
        breaker_is_open_after: calls_until_the_breaker_opens(outcome).await,
    }
}

/// How many answers like that in a row, and nothing else, keep further messages from the vendor; 0 where none do.
async fn calls_until_the_breaker_opens(outcome: &Outcome) -> usize {
    let (world, first, _) = two_vendors(|builder| builder).await;
    first.always(Some(Answer::Now(without_wish(outcome))));
    for number in 1..=20 {
        let mut request = sms();
        request.recipient.phone = Some(format!("+1415555{number:04}"));
        request.recipient.id = number.to_string();
        world.submit(request).await;
        world.idle().await;
        if first.count() < number {
            return number - 1;
        }
    }
    0
}

/// A vendor that asks to be left alone is, for that long; what is looked at here is what happens without.
fn without_wish(outcome: &Outcome) -> Outcome {
    match outcome.clone() {
        Outcome::RateLimited { problem, .. } => Outcome::RateLimited { retry_after_ms: None, problem },
        Outcome::Unavailable { problem, .. } => Outcome::Unavailable { retry_after_ms: None, problem },
        other => other,
    }
}

async fn check(name: &str, case: &file::Send) {
    let outcome = heard(&case.outcome);
    let resend = reaction(&outcome, UnknownPolicy::Resend).await;
    let what = format!("{name}: {}: {} ({})", case.name, resend.delivery.state, resend.delivery.reason);
    match &outcome {
        Outcome::Accepted { .. } => {
            assert_eq!((resend.delivery.state, resend.calls), (DeliveryState::Sent, (1, 0)), "{what}");
        }
        Outcome::RateLimited { .. } | Outcome::Unavailable { .. } => {
            assert_eq!((resend.delivery.state, resend.calls), (DeliveryState::Sent, (1, 1)), "{what}: failover");
            assert!((1..=15).contains(&resend.breaker_is_open_after), "{what}: {}", resend.breaker_is_open_after);
            let alone = alone(&outcome).await;
            assert_eq!(alone.delivery.state, DeliveryState::Pending, "{what}: tried again");
            assert!(alone.waits_ms > 0 && alone.waits_ms >= wish_ms(&outcome), "{what}: {}", alone.waits_ms);
        }
        Outcome::Rejected { kind: RejectionKind::Provider, .. } => {
            assert_eq!((resend.delivery.state, resend.calls), (DeliveryState::Sent, (1, 1)), "{what}: failover");
            assert!((1..=15).contains(&resend.breaker_is_open_after), "{what}: the provider is stopped");
        }
        Outcome::Rejected { kind, .. } => {
            assert_eq!((resend.delivery.state, resend.calls), (DeliveryState::Failed, (1, 0)), "{what}: no other");
            assert_eq!(resend.is_listed, *kind == RejectionKind::Suppressed, "{what}");
            assert_eq!(resend.breaker_is_open_after, 0, "{what}: no reason to stop the provider");
        }
        Outcome::Unknown { .. } => {
            assert_eq!(resend.delivery.doubtful_attempts, 1, "{what}");
            assert_eq!((resend.delivery.state, resend.calls), (DeliveryState::Pending, (1, 0)), "{what}: not at once");
            let hold = reaction(&outcome, UnknownPolicy::Hold).await;
            assert_eq!((hold.delivery.state, hold.calls), (DeliveryState::Unknown, (1, 0)), "{what}: shown, not sent");
        }
    }
}

/// What became of it without another vendor.
struct Alone {
    delivery: Delivery,
    waits_ms: i64,
}

async fn alone(outcome: &Outcome) -> Alone {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([Answer::Now(outcome.clone())]);
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let delivery = world.delivery(id).await;
    Alone { waits_ms: world.clock_now().duration_until(delivery.due_at).as_millis() as i64, delivery }
}

/// How long the vendor asked for, as far as the engine grants it: a day.
fn wish_ms(outcome: &Outcome) -> i64 {
    match outcome {
        Outcome::RateLimited { retry_after_ms: Some(wish), .. }
        | Outcome::Unavailable { retry_after_ms: Some(wish), .. } => i64::try_from(*wish).unwrap().min(86_400_000),
        _ => 0,
    }
}

#[tokio::test]
async fn every_documented_answer_has_its_consequence() {
    let files = files();
    assert!(files.len() >= 12, "{} files", files.len());
    let mut seen = std::collections::BTreeSet::new();
    let mut count = 0;
    for (name, exchanges) in &files {
        for case in &exchanges.sends {
            count += 1;
            // What follows depends on the outcome alone.
            if seen.insert(format!("{:?}", case.outcome)) {
                check(name, case).await;
            }
        }
    }
    println!("{count} documented answers of {} vendors, {} different ones", files.len(), seen.len());
    assert!(count > 800, "{count}");
}
