//! One channel after the other, while the first is held up: by an outage, a call that hangs, an open breaker.

use std::sync::Arc;

use notifier_core::testing::Answer;
use notifier_core::{
    Category, Channel, DeliveryState, Goal, NotificationId, Outcome, Override, Prospect, ReceiptStatus, RejectionKind,
    RetryPolicy, Strategy, UnknownPolicy,
};

use super::receipts::{event, webhook};
use super::vendor::*;
use super::world::*;

/// Shorter than a call may take.
const WAIT_MS: i64 = 20_000;

/// Text message first, then email; each is tried for an hour.
fn sequence(until: Goal) -> Category {
    let strategy = Strategy::Sequence { until, wait_ms: u64::try_from(WAIT_MS).unwrap() };
    let channels = vec![Channel::Sms, Channel::Email];
    let retry = RetryPolicy {
        attempts_max: 1_000,
        delay_min_ms: 3_000,
        delay_base_ms: 3_000,
        delay_max_ms: 3_000,
        ..RetryPolicy::default()
    };
    Category { strategy, channels, retry, expire_after_ms: 3_600_000, ..category(UnknownPolicy::Hold) }
}

/// Text messages go to the vendor, email to the scripted provider of the world.
async fn until(goal: Goal) -> (World, Arc<Vendor>) {
    one_vendor(|builder| builder.category(sequence(goal))).await
}

fn emails(world: &World) -> usize {
    world.provider.calls().len()
}

async fn state(world: &World, id: NotificationId, channel: Channel) -> DeliveryState {
    world.on_channel(id, channel).await.state
}

/// Lets that time pass, and asserts that the email goes out at its end and not before.
async fn email_comes_after(world: &World, ms: i64) {
    let before = emails(world);
    world.advance_in_steps(500, usize::try_from(ms / 500 - 1).unwrap()).await;
    world.advance_ms(499 + ms % 500).await;
    assert_eq!(emails(world), before, "not early");
    world.advance_ms(1).await;
    assert_eq!(emails(world), before + 1, "on time");
}

#[tokio::test]
async fn the_next_channel_is_on_time_while_the_first_is_down_and_tried_again() {
    for goal in [Goal::Delivered, Goal::Acknowledged] {
        let (world, vendor) = until(goal).await;
        vendor.always(Some(unavailable()));
        let id = world.submit(both()).await.id;
        world.idle().await;
        email_comes_after(&world, WAIT_MS).await;
        assert!(vendor.count() > 2, "{goal:?}: {}", vendor.count());
        assert_eq!(state(&world, id, Channel::Sms).await, DeliveryState::Pending, "{goal:?}");
        assert_eq!(state(&world, id, Channel::Email).await, DeliveryState::Sent, "{goal:?}");
        let timeline = world.timeline(id).await;
        let next = timeline.iter().find(|fact| fact.reason.code == "strategy.next").unwrap();
        assert!(next.reason.text.contains("the sms is pending"), "{}", next.reason);
    }
}

#[tokio::test]
async fn the_next_channel_is_on_time_while_a_call_hangs() {
    let (world, vendor) = until(Goal::Delivered).await;
    vendor.will([accepted_later()]);
    let id = world.submit(both()).await.id;
    world.idle().await;
    email_comes_after(&world, WAIT_MS).await;
    assert_eq!(state(&world, id, Channel::Sms).await, DeliveryState::Sending);
    vendor.let_go(1);
    world.idle().await;
    assert_eq!(state(&world, id, Channel::Sms).await, DeliveryState::Sent);
    world.advance_in_steps(1_000, 60).await;
    assert_eq!((vendor.count(), emails(&world)), (1, 1));
}

#[tokio::test]
async fn the_next_channel_is_on_time_while_nobody_takes_calls_for_the_first() {
    let (world, vendor) = until(Goal::Delivered).await;
    world.notifier.set_breaker(&vendor.id(), Some(Override::Open)).await.unwrap();
    let id = world.submit(both()).await.id;
    world.idle().await;
    email_comes_after(&world, WAIT_MS).await;
    assert_eq!((vendor.count(), state(&world, id, Channel::Sms).await), (0, DeliveryState::Pending));
}

#[tokio::test]
async fn the_next_channel_is_on_time_while_the_user_database_does_not_answer() {
    let (world, vendor) = until(Goal::Acknowledged).await;
    world.lookup.put_recipient(person("1"));
    world.lookup.set_down(true);
    world.submit(both()).await;
    world.advance_in_steps(500, usize::try_from(WAIT_MS / 500 - 1).unwrap()).await;
    vendor.always(Some(unavailable()));
    world.lookup.set_down(false);
    world.advance_ms(499).await;
    assert_eq!(emails(&world), 0);
    world.advance_ms(1).await;
    assert_eq!(emails(&world), 1);
}

#[tokio::test]
async fn what_is_held_up_across_a_crash_goes_on_counting() {
    let (world, vendor) = until(Goal::Delivered).await;
    vendor.will([Answer::Never]);
    world.submit(both()).await;
    world.advance_ms(1_000).await;
    let again = Vendor::new("only", &world.clock);
    again.always(Some(unavailable()));
    let world = world
        .killed_and_restarted([], |builder| {
            again.join(builder).route_by(in_order(&["only"])).category(sequence(Goal::Delivered))
        })
        .await;
    world.idle().await;
    email_comes_after(&world, WAIT_MS - 1_000).await;
}

#[tokio::test]
async fn an_acknowledgement_ends_an_escalation_whose_first_channel_is_down() {
    let (world, vendor) = until(Goal::Acknowledged).await;
    vendor.always(Some(unavailable()));
    let id = world.submit(both()).await.id;
    world.advance_in_steps(1_000, 10).await;
    let calls = vendor.count();
    world.notifier.acknowledge(&tenant(), id, None).await.unwrap();
    world.advance_in_steps(1_000, 60).await;
    assert_eq!((vendor.count(), emails(&world)), (calls, 0));
    for channel in [Channel::Sms, Channel::Email] {
        assert_eq!(state(&world, id, channel).await, DeliveryState::Suppressed);
    }
}

#[tokio::test]
async fn the_first_that_works_is_never_two() {
    let (world, vendor) = until(Goal::Sent).await;
    vendor.always(Some(unavailable()));
    let id = world.submit(both()).await.id;
    world.advance_in_steps(1_000, 60).await;
    assert!(vendor.count() > 5);
    assert_eq!((state(&world, id, Channel::Sms).await, emails(&world)), (DeliveryState::Pending, 0));
    vendor.always(Some(accepted_later()));
    world.advance_in_steps(1_000, 25).await;
    assert_eq!((state(&world, id, Channel::Sms).await, emails(&world)), (DeliveryState::Sending, 0));
    vendor.let_go(1);
    world.advance_in_steps(1_000, 60).await;
    assert_eq!((state(&world, id, Channel::Sms).await, emails(&world)), (DeliveryState::Sent, 0));
    assert_eq!(state(&world, id, Channel::Email).await, DeliveryState::Suppressed);
}

#[tokio::test]
async fn what_arrived_on_the_next_channel_ends_the_retries_of_the_first() {
    let (world, vendor) = until(Goal::Delivered).await;
    vendor.always(Some(unavailable()));
    let id = world.submit(both()).await.id;
    world.idle().await;
    email_comes_after(&world, WAIT_MS).await;
    let email = world.on_channel(id, Channel::Email).await;
    vendor.will_read(Ok(vec![event("of-the-email", ReceiptStatus::Delivered)]));
    let named = format!("https://n.example.com/v1/receipts/only?delivery={}", email.id);
    world.notifier.receive(&vendor.id(), &webhook(&named)).await.unwrap();
    let calls = vendor.count();
    vendor.always(None);
    world.advance_in_steps(1_000, 60).await;
    assert_eq!(vendor.count(), calls, "nobody needs it any more");
    let sms = world.on_channel(id, Channel::Sms).await;
    assert_eq!((sms.state, sms.reason.code.as_ref()), (DeliveryState::Suppressed, "strategy.reached"));
}

#[tokio::test]
async fn a_replayed_sequence_counts_anew() {
    let clock = clock();
    let vendor = Vendor::new("only", &clock);
    let refusing = [rejected()];
    let world = World::on(clock, refusing, |builder| {
        vendor.join(builder).route_by(in_order(&["only"])).category(sequence(Goal::Delivered))
    })
    .await;
    vendor.will([refused(RejectionKind::Recipient)]);
    let id = world.submit(both()).await.id;
    world.idle().await;
    for channel in [Channel::Sms, Channel::Email] {
        assert_eq!(state(&world, id, channel).await, DeliveryState::Failed);
    }
    world.advance_ms(100_000).await;
    vendor.always(Some(unavailable()));
    world.notifier.replay(&tenant(), id, None).await.unwrap();
    world.idle().await;
    assert_eq!((vendor.count(), emails(&world)), (2, 1));
    email_comes_after(&world, WAIT_MS).await;
}

#[tokio::test]
async fn a_sequence_that_is_rescheduled_after_it_began_counts_anew() {
    let (world, vendor) = until(Goal::Delivered).await;
    vendor.always(Some(unavailable()));
    let id = world.submit(both()).await.id;
    world.advance_in_steps(1_000, 10).await;
    let calls = vendor.count();
    world.notifier.reschedule(&tenant(), id, &at("2026-01-01T00:10:00Z").unwrap()).await.unwrap();
    world.clock.set(time("2026-01-01T00:09:59.999Z"));
    world.idle().await;
    assert_eq!((vendor.count(), emails(&world)), (calls, 0));
    world.advance_ms(1).await;
    assert_eq!((vendor.count(), emails(&world)), (calls + 1, 0));
    email_comes_after(&world, WAIT_MS).await;
}

#[tokio::test]
async fn no_receipt_is_missing_where_the_message_was_taken_only_at_the_end() {
    let (world, vendor) = until(Goal::Delivered).await;
    world.notifier.set_breaker(&vendor.id(), Some(Override::Open)).await.unwrap();
    for _ in 0..20 {
        world.submit(both()).await;
    }
    world.advance_in_steps(500, usize::try_from(WAIT_MS / 500 - 12).unwrap()).await;
    world.notifier.set_breaker(&vendor.id(), Some(Override::Closed)).await.unwrap();
    world.advance_in_steps(500, 20).await;
    assert_eq!((vendor.count(), emails(&world)), (20, 20));
    world.notifier.set_breaker(&vendor.id(), None).await.unwrap();
    let provider = world.notifier.providers().into_iter().find(|provider| provider.name == vendor.id()).unwrap();
    assert_eq!(provider.health.percent, 100);
}

#[tokio::test]
async fn a_supposed_sequence_says_until_when_the_later_channel_waits_at_most() {
    for (goal, until_at) in [
        (Goal::Delivered, "2026-01-01T00:10:20Z"),
        (Goal::Acknowledged, "2026-01-01T00:10:20Z"),
        (Goal::Sent, "2026-01-01T01:10:00Z"),
    ] {
        let (world, _) = until(goal).await;
        let mut request = both();
        request.schedule = at("2026-01-01T00:10:00Z");
        let explanation = world.notifier.explain_request(request.clone()).await.unwrap();
        let [first, second] = explanation.deliveries.as_slice() else { panic!("{explanation:?}") };
        assert!(matches!(first.prospect, Prospect::Send { .. }), "{goal:?}: {:?}", first.prospect);
        assert_eq!(second.prospect, Prospect::Wait { until: time(until_at) }, "{goal:?}");
        assert_eq!(second.reason.code, "strategy.waits");
        let id = world.submit(request).await.id;
        world.idle().await;
        let real = world.notifier.explain(&tenant(), id).await.unwrap().unwrap();
        assert_eq!(real.deliveries[1].prospect, second.prospect, "{goal:?}");
        assert_eq!(real.deliveries[1].reason, second.reason);
    }
}

#[tokio::test]
async fn the_next_channel_keeps_its_own_backoff_while_the_first_is_tried_again() {
    let clock = clock();
    let vendor = Vendor::new("only", &clock);
    let limited = Answer::Now(Outcome::Unavailable {
        retry_after_ms: Some(15_000),
        problem: notifier_core::Problem::coded("503", "as scripted"),
    });
    let world = World::on(clock, [limited], |builder| {
        vendor.join(builder).route_by(in_order(&["only"])).category(sequence(Goal::Delivered))
    })
    .await;
    vendor.always(Some(unavailable()));
    let id = world.submit(both()).await.id;
    world.idle().await;
    email_comes_after(&world, WAIT_MS).await;
    let due_at = world.on_channel(id, Channel::Email).await.due_at;
    let calls = vendor.count();
    world.advance_in_steps(500, 20).await;
    assert!(vendor.count() > calls + 1, "the first goes on");
    let email = world.on_channel(id, Channel::Email).await;
    assert_eq!((email.attempts, email.due_at), (1, due_at));
}
