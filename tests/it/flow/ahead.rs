//! What is due soon is prepared: nothing but the call is left to do when its time comes.

use std::time::Duration;

use jiff::SignedDuration;
use notifier_core::{
    Channel, DeliveryState, FactKind, FlowOptions, NotificationId, NotificationRequest, Preferences, UnknownPolicy,
};

use super::vendor::*;
use super::world::*;

const DUE_AT: &str = "2026-01-01T01:00:00Z";

fn scheduled() -> NotificationRequest {
    let mut request = sms();
    request.schedule = at(DUE_AT);
    request
}

/// Moves the clock to so long before the due time.
async fn before(world: &World, ms: i64) {
    world.clock.set(time(DUE_AT) - SignedDuration::from_millis(ms));
    world.idle().await;
}

async fn is_doubtful(world: &World, id: NotificationId) -> bool {
    let timeline = world.timeline(id).await;
    world.delivery(id).await.doubtful_attempts > 0 || timeline.iter().any(|fact| fact.kind == FactKind::Unknown)
}

#[tokio::test]
async fn the_intent_is_stored_ahead_and_the_call_is_made_on_time() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(scheduled()).await.id;
    before(&world, 101).await;
    assert_eq!(world.state(id).await, DeliveryState::Pending, "not before `claim_ahead`");
    before(&world, 100).await;
    let prepared = world.delivery(id).await;
    assert_eq!((prepared.state, prepared.attempts), (DeliveryState::Sending, 1));
    assert_eq!(prepared.last_attempt.unwrap().send_at, time(DUE_AT));
    let told = world.timeline(id).await.pop().unwrap();
    assert_eq!((told.kind, told.detail("send_at")), (FactKind::Attempting, Some(DUE_AT)));
    assert_eq!(only.count(), 0);
    before(&world, 1).await;
    assert_eq!(only.count(), 0, "not early");
    before(&world, 0).await;
    assert_eq!(only.count(), 1);
    assert_eq!((only.calls()[0].at, world.state(id).await), (time(DUE_AT), DeliveryState::Sent));
}

#[tokio::test]
async fn how_long_ahead_is_up_to_the_operator() {
    for ahead_ms in [0, 2_000] {
        let mut options = FlowOptions::default();
        options.claim_ahead = Duration::from_millis(ahead_ms);
        let (world, only) = one_vendor(|builder| builder.options(options)).await;
        let id = world.submit(scheduled()).await.id;
        before(&world, i64::try_from(ahead_ms).unwrap() + 1).await;
        assert_eq!(world.state(id).await, DeliveryState::Pending, "{ahead_ms}");
        before(&world, 1).await;
        let expected = if ahead_ms == 0 { DeliveryState::Pending } else { DeliveryState::Sending };
        assert_eq!((world.state(id).await, only.count()), (expected, 0), "{ahead_ms}");
        before(&world, 0).await;
        assert_eq!((only.count(), only.calls()[0].at), (1, time(DUE_AT)), "{ahead_ms}");
    }
}

#[tokio::test]
async fn a_crash_between_intent_and_call_leaves_no_doubt_and_it_is_sent_once_at_its_time() {
    for policy in [UnknownPolicy::Resend, UnknownPolicy::Hold] {
        let (world, lost) = one_vendor(|builder| builder.category(category(policy))).await;
        let id = world.submit(scheduled()).await.id;
        before(&world, 50).await;
        assert_eq!(world.state(id).await, DeliveryState::Sending);
        let only = Vendor::new("only", &world.clock);
        let world = world
            .killed_and_restarted([], |builder| {
                only.join(builder).route_by(in_order(&["only"])).category(category(policy))
            })
            .await;
        world.idle().await;
        let again = world.delivery(id).await;
        assert_eq!((again.state, again.due_at), (DeliveryState::Pending, time(DUE_AT)), "{policy:?}");
        before(&world, 1).await;
        assert_eq!(only.count(), 0);
        before(&world, 0).await;
        assert_eq!((lost.count(), only.count(), only.calls()[0].at), (0, 1, time(DUE_AT)), "{policy:?}");
        assert_eq!(world.state(id).await, DeliveryState::Sent);
        assert!(!is_doubtful(&world, id).await, "{policy:?}");
        world.advance_in_steps(30_000, 10).await;
        assert_eq!(only.count(), 1, "{policy:?}");
    }
}

#[tokio::test]
async fn a_crash_that_lasts_beyond_the_moment_of_the_call_leaves_doubt() {
    let held = || category(UnknownPolicy::Hold);
    let (world, _) = one_vendor(|builder| builder.category(held())).await;
    let id = world.submit(scheduled()).await.id;
    before(&world, 50).await;
    let only = Vendor::new("only", &world.clock);
    world.clock.set(time(DUE_AT));
    let world = world
        .killed_and_restarted([], |builder| only.join(builder).route_by(in_order(&["only"])).category(held()))
        .await;
    world.advance_in_steps(30_000, 4).await;
    assert_eq!((world.state(id).await, only.count()), (DeliveryState::Unknown, 0));
}

#[tokio::test]
async fn what_the_recipient_wants_just_before_counts() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(scheduled()).await.id;
    before(&world, 101).await;
    let off = Preferences { channels: [(Channel::Sms, false)].into(), ..Preferences::default() };
    world.notifier.put_preferences(&tenant(), &person("1").id, off).await.unwrap();
    before(&world, 0).await;
    assert_eq!((world.state(id).await, only.count()), (DeliveryState::Suppressed, 0));
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_prepared_cannot_be_stopped_and_the_answer_says_so() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(scheduled()).await.id;
    before(&world, 50).await;
    let after = world.notifier.cancel(&tenant(), id).await.unwrap().unwrap();
    assert_eq!(after[0].state, DeliveryState::Sending);
    before(&world, 0).await;
    assert_eq!(only.count(), 1);
}

#[tokio::test]
async fn a_shutdown_in_between_takes_the_intent_back_and_the_next_process_calls_once_and_on_time() {
    let (world, lost) = one_vendor(|builder| builder.category(category(UnknownPolicy::Hold))).await;
    let id = world.submit(scheduled()).await.id;
    before(&world, 50).await;
    assert_eq!(world.state(id).await, DeliveryState::Sending);
    world.notifier.stop();
    world.idle().await;
    let back = world.delivery(id).await;
    assert_eq!(
        (back.state, back.reason.code.as_ref(), back.due_at),
        (DeliveryState::Pending, "attempt.not_called", time(DUE_AT))
    );
    let only = Vendor::new("only", &world.clock);
    let world = world
        .killed_and_restarted([], |builder| {
            only.join(builder).route_by(in_order(&["only"])).category(category(UnknownPolicy::Hold))
        })
        .await;
    before(&world, 1).await;
    assert_eq!(only.count(), 0);
    before(&world, 0).await;
    assert_eq!((world.state(id).await, only.count(), lost.count()), (DeliveryState::Sent, 1, 0));
    assert_eq!(only.calls()[0].at, time(DUE_AT));
}

#[tokio::test]
async fn a_stop_before_the_intent_sends_nothing_and_the_next_process_does() {
    let (world, lost) = one_vendor(|builder| builder).await;
    let id = world.submit(scheduled()).await.id;
    before(&world, 101).await;
    world.notifier.stop();
    before(&world, 0).await;
    assert_eq!((world.state(id).await, lost.count()), (DeliveryState::Pending, 0));
    let only = Vendor::new("only", &world.clock);
    let world = world.killed_and_restarted([], |builder| only.join(builder).route_by(in_order(&["only"]))).await;
    world.idle().await;
    assert_eq!((world.state(id).await, only.count(), lost.count()), (DeliveryState::Sent, 1, 0));
}

#[tokio::test]
async fn what_waits_for_a_retry_is_not_prepared_with_what_was_true_before_its_time() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([unavailable()]);
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let due_at = world.delivery(id).await.due_at;
    world.clock.set(due_at - SignedDuration::from_millis(50));
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Pending);
    let mut other = person("1");
    other.phone = Some(notifier_core::PhoneNumber::parse("+14155550102").unwrap());
    world.lookup.put_recipient(other);
    world.clock.set(due_at);
    world.idle().await;
    let addresses: Vec<_> =
        only.calls().iter().map(|call| call.message.content.recipient_address().to_owned()).collect();
    assert_eq!(addresses, ["+14155550101", "+14155550102"]);
}
