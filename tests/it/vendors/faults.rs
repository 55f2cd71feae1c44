//! What goes wrong between us and a vendor, with every vendor: each delivery ends as it should.

use notifier_server::sandbox::{Fault, Refusal};
use serde_json::{Value, json};

use super::world::*;

const UNAVAILABLE: Fault = Fault::Refuse(Refusal::Unavailable);

/// Those that know a repeat by the key of the delivery.
fn knows_repeats(vendor: Vendor) -> bool {
    matches!(vendor.provider, "resend" | "webhook")
}

#[tokio::test]
async fn an_outage_is_waited_out() {
    let world = World::start().await;
    for vendor in ALL {
        let before = world.counters(vendor).accepted;
        world.fault(vendor, UNAVAILABLE, Some(2));
        let id = world.submit(&world.plain(vendor, 1)).await;
        if vendor.provider == WEBPUSH.provider {
            // This one says when it is to be tried again, which is in two minutes.
            let fact = world.told(&id, "attempt.unavailable").await;
            let [at, due_at] =
                [&fact["at"], &fact["details"]["due_at"]].map(|at| at.as_str().unwrap().parse().unwrap());
            assert!(jiff::Timestamp::duration_until(at, due_at).as_secs() >= 119, "{fact}");
            world.fakes().faults().clear(vendor.service);
            continue;
        }
        let delivery = world.sent(&id).await;
        assert!(["sent", "delivered"].contains(&delivery["state"].as_str().unwrap()), "{vendor:?} {delivery}");
        assert_eq!(delivery["attempts"], 3, "{vendor:?} {delivery}");
        assert_eq!(world.counters(vendor).accepted, before + 1, "{vendor:?}");
        let told = world.codes(&id).await;
        assert_eq!(told.iter().filter(|code| *code == "attempt.unavailable").count(), 2, "{vendor:?} {told:?}");
    }
}

/// The wait that the vendor asks for is obeyed, where it tells one; nobody waits for it here.
#[tokio::test]
async fn too_many_requests_are_put_off() {
    let world = World::start().await;
    for vendor in ALL {
        world.fault(vendor, Fault::Refuse(Refusal::RateLimited { retry_after_s: Some(3_600) }), Some(1));
        let id = world.submit(&world.plain(vendor, 1)).await;
        let fact = world.told(&id, "attempt.rate_limited").await;
        assert_eq!(fact["kind"], "retrying", "{vendor:?} {fact}");
        world.fakes().faults().clear(vendor.service);
    }
}

#[tokio::test]
async fn after_a_reset_the_message_goes_out_again() {
    let world = World::start().await;
    for vendor in ALL {
        let before = world.counters(vendor).accepted;
        world.fault(vendor, Fault::Reset, Some(1));
        let id = world.submit(&world.plain(vendor, 1)).await;
        let delivery = world.sent(&id).await;
        assert!(["sent", "delivered"].contains(&delivery["state"].as_str().unwrap()), "{vendor:?} {delivery}");
        assert_eq!(delivery["attempts"], 2, "{vendor:?} {delivery}");
        assert_eq!(world.counters(vendor).accepted, before + 1, "{vendor:?}");
        assert!(world.codes(&id).await.contains(&"attempt.unknown".to_owned()), "{vendor:?}");
    }
}

/// The vendor has the message, and nobody knows: it is sent again, and a vendor that knows repeats delivers it once.
#[tokio::test]
async fn a_lost_answer_costs_a_repeat_where_the_vendor_cannot_tell() {
    let world = World::start().await;
    for vendor in ALL {
        let before = world.counters(vendor).accepted;
        // With a report somebody would know.
        world.fakes().receipts().choose(vendor.service, notifier_server::sandbox::Fate::None);
        world.fault(vendor, Fault::AcceptThenDrop, Some(1));
        let id = world.submit(&world.plain(vendor, 1)).await;
        let delivery = world.sent(&id).await;
        assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("sent"), &json!(2)), "{vendor:?} {delivery}");
        let arrived = world.counters(vendor).accepted - before;
        assert_eq!(arrived, if knows_repeats(vendor) { 1 } else { 2 }, "{vendor:?}");
        let told = world.codes(&id).await;
        assert!(told.contains(&"attempt.unknown".to_owned()), "{vendor:?} {told:?}");
    }
}

/// Nothing is heard until the time is over, before or after the vendor took it.
#[tokio::test]
async fn silence_is_no_answer() {
    let world = World::with("[flow]\nattempt_timeout_ms = 1000").await;
    let mut waiting = Vec::new();
    for vendor in ALL.into_iter().filter(|vendor| vendor.provider != SLACK_WEBHOOK.provider) {
        world.fakes().receipts().choose(vendor.service, notifier_server::sandbox::Fate::None);
        world.fault(vendor, Fault::Hang, Some(1));
        waiting.push((vendor, world.submit(&world.plain(vendor, 1)).await));
    }
    for (vendor, id) in &waiting {
        settles_after_silence(&world, *vendor, id, 1).await;
        world.fakes().faults().clear(vendor.service);
    }
    let mut taken = Vec::new();
    for (vendor, _) in waiting {
        world.fault(vendor, Fault::AcceptThenHang, Some(1));
        taken.push((vendor, world.counters(vendor).accepted, world.submit(&world.plain(vendor, 2)).await));
    }
    for (vendor, before, id) in taken {
        settles_after_silence(&world, vendor, &id, 1).await;
        let arrived = world.counters(vendor).accepted - before;
        assert_eq!(arrived, if knows_repeats(vendor) { 1 } else { 2 }, "{vendor:?}");
    }
}

async fn settles_after_silence(world: &World, vendor: Vendor, id: &str, silences: usize) {
    let delivery = world.reaches(id, "sent").await;
    assert_eq!(delivery["attempts"], silences + 1, "{vendor:?} {delivery}");
    let told = world.codes(id).await;
    assert_eq!(told.iter().filter(|code| *code == "attempt.unknown").count(), silences, "{vendor:?} {told:?}");
}

/// A refusal in the vendor's own words is told with its code, and blames whom it is about.
#[tokio::test]
async fn a_refusal_is_told_as_the_vendor_says_it() {
    let world = World::start().await;
    let cases = [
        (SENDGRID, Some(400), Some("personalizations.0.to.0.email"), "recipient", "personalizations"),
        (SES, None, Some("MessageRejected"), "provider", "not verified"),
        (SES, None, Some("AccountSuspendedException"), "provider", "AccountSuspended"),
        (RESEND, None, Some("invalid_api_key"), "provider", "invalid_api_key"),
        (MAILGUN, Some(401), None, "provider", "401"),
        (POSTMARK, Some(406), None, "suppressed", "406"),
        (POSTMARK, Some(412), None, "provider", "412"),
        (TWILIO, Some(21_610), None, "suppressed", "21610"),
        (VONAGE, Some(6), None, "recipient", "6"),
        (SNS, Some(403), None, "provider", "AuthorizationError"),
        (FCM, Some(404), None, "suppressed", "UNREGISTERED"),
        (WEBPUSH, Some(410), None, "suppressed", "106"),
        (SLACK, Some(404), None, "recipient", "channel_not_found"),
        (SLACK_WEBHOOK, Some(403), None, "provider", "action_prohibited"),
        (WEBHOOK, Some(410), None, "suppressed", "410"),
    ];
    for (number, (vendor, code, field, blamed, told)) in cases.into_iter().enumerate() {
        let field = field.map(str::to_owned);
        world.fault(vendor, Fault::Refuse(Refusal::Rejected { code, field }), Some(1));
        let id = world.submit(&world.plain(vendor, number)).await;
        let expected = format!("attempt.rejected.{blamed}");
        let fact = first_attempt(&world, &id).await;
        assert_eq!(fact["reason"]["code"], expected.as_str(), "{vendor:?} {fact}");
        assert!(fact["reason"]["text"].as_str().unwrap().contains(told), "{vendor:?} {fact}");
        // What is put down to the provider is tried again: before the next fault is set.
        world.sent(&id).await;
    }
}

/// What the first attempt came to.
async fn first_attempt(world: &World, id: &str) -> Value {
    let told = async {
        loop {
            let facts = world.timeline(id).await;
            if let Some(fact) = facts.iter().find(|fact| is_outcome(fact)) {
                return fact.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    match tokio::time::timeout(PATIENCE / 4, told).await {
        Ok(fact) => fact,
        Err(_) => panic!("no attempt: {:#?}", world.timeline(id).await),
    }
}
