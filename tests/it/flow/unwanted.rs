//! What is taken back while it is being sent: the call under way cannot be stopped, and is the last.

use jiff::SignedDuration;
use notifier_core::testing::Answer;
use notifier_core::{DeliveryState, FactKind, Filter, NotificationId, Outcome, Prospect, RejectionKind, UnknownPolicy};

use super::vendor::*;
use super::world::*;

/// The same answer, when the call is let go.
fn in_time(answer: Answer) -> Answer {
    match answer {
        Answer::Now(outcome) => Answer::WhenLetGo(outcome),
        other => other,
    }
}

async fn cancelled_state(world: &World, id: NotificationId) -> DeliveryState {
    world.notifier.cancel(&tenant(), id).await.unwrap().unwrap()[0].state
}

async fn stands(world: &World, id: NotificationId) -> (DeliveryState, String) {
    let delivery = world.delivery(id).await;
    (delivery.state, delivery.reason.code.into_owned())
}

#[tokio::test]
async fn an_attempt_in_vain_is_the_last_of_what_was_taken_back_meanwhile() {
    use DeliveryState::{Cancelled, Failed, Sent, Unknown};
    let accepted = Answer::Now(Outcome::Accepted { provider_message_id: Some("SM1".into()) });
    let cases = [
        (unavailable(), UnknownPolicy::Resend, Cancelled, "cancel.while_sending"),
        (rate_limited(30_000), UnknownPolicy::Resend, Cancelled, "cancel.while_sending"),
        (refused(RejectionKind::Provider), UnknownPolicy::Resend, Cancelled, "cancel.while_sending"),
        (refused(RejectionKind::Recipient), UnknownPolicy::Resend, Failed, "attempt.rejected.recipient"),
        (unknown(), UnknownPolicy::Resend, Unknown, "unknown.cancelled"),
        (unknown(), UnknownPolicy::Hold, Unknown, "unknown.hold"),
        (accepted, UnknownPolicy::Resend, Sent, "attempt.accepted"),
    ];
    for (answer, policy, state, code) in cases {
        let (world, first, second) = two_vendors(|builder| builder.category(category(policy))).await;
        first.will([in_time(answer.clone())]);
        let id = world.submit(sms()).await.id;
        assert_eq!(cancelled_state(&world, id).await, DeliveryState::Sending, "{answer:?}");
        let explained = world.notifier.explain(&tenant(), id).await.unwrap().unwrap();
        let ahead = &explained.deliveries[0];
        assert_eq!((&ahead.prospect, ahead.reason.code.as_ref()), (&Prospect::BeingSent, "cancel.requested"));
        assert!(ahead.reason.text.contains("not tried again"), "{}", ahead.reason);
        first.let_go(1);
        world.idle().await;
        assert_eq!(stands(&world, id).await, (state, code.to_owned()), "{answer:?}");
        world.advance_in_steps(3_600_000, 80).await;
        assert_eq!((first.count(), second.count()), (1, 0), "{answer:?}");
        let asked = world.timeline(id).await.into_iter().filter(|fact| fact.kind == FactKind::CancelAsked);
        assert_eq!(asked.count(), 1);
    }
}

#[tokio::test]
async fn what_is_taken_back_with_others_while_it_is_being_sent_is_not_tried_again() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([in_time(unavailable())]);
    let id = world.submit(sms()).await.id;
    let report = world.notifier.cancel_all(&tenant(), &Filter::default(), None).await.unwrap();
    assert_eq!((report.changed, report.sending), (0, 1));
    only.let_go(1);
    world.advance_in_steps(60_000, 60).await;
    assert_eq!((only.count(), world.state(id).await), (1, DeliveryState::Cancelled));
}

#[tokio::test]
async fn an_earlier_doubt_is_told_when_the_last_attempt_ends_what_was_taken_back() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([unknown(), in_time(unavailable())]);
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 5).await;
    assert_eq!(cancelled_state(&world, id).await, DeliveryState::Sending);
    only.let_go(1);
    world.idle().await;
    let ended = world.delivery(id).await;
    assert_eq!(ended.state, DeliveryState::Cancelled);
    assert!(ended.reason.text.contains("may have been sent"), "{}", ended.reason);
}

#[tokio::test]
async fn the_next_process_does_not_repeat_what_was_taken_back() {
    let world = World::with([Answer::Never]).await;
    let id = world.submit(sms()).await.id;
    assert_eq!(cancelled_state(&world, id).await, DeliveryState::Sending);
    let world = world.killed_and_restarted([], |builder| builder).await;
    world.advance_in_steps(60_000, 60).await;
    assert_eq!(stands(&world, id).await, (DeliveryState::Unknown, "unknown.cancelled".into()));
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn the_next_process_does_not_make_the_call_of_what_was_taken_back_before_it() {
    for is_killed in [true, false] {
        let world = World::with([]).await;
        let mut request = sms();
        request.schedule = at("2026-01-01T01:00:00Z");
        let id = world.submit(request).await.id;
        world.clock.set(time("2026-01-01T01:00:00Z") - SignedDuration::from_millis(50));
        world.idle().await;
        assert_eq!(cancelled_state(&world, id).await, DeliveryState::Sending);
        if !is_killed {
            world.notifier.stop();
            world.idle().await;
            assert_eq!(world.state(id).await, DeliveryState::Cancelled);
        }
        let world = world.killed_and_restarted([], |builder| builder).await;
        world.idle().await;
        world.advance_in_steps(60_000, 10).await;
        assert_eq!(stands(&world, id).await, (DeliveryState::Cancelled, "cancel.while_sending".into()));
        let ended = world.delivery(id).await;
        assert!(ended.reason.text.contains("was not called"), "{}", ended.reason);
        assert!(world.provider.calls().is_empty());
    }
}

#[tokio::test]
async fn what_a_newer_one_takes_the_place_of_while_it_is_being_sent_does_not_come_after_it() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([in_time(unavailable())]);
    let collapsing = || {
        let mut request = sms();
        request.collapse_key = Some("price".into());
        request
    };
    let old = world.submit(collapsing()).await.id;
    let new = world.submit(collapsing()).await;
    assert_eq!(new.replaced, None, "it may yet be sent");
    only.let_go(1);
    world.advance_in_steps(60_000, 60).await;
    let calls: Vec<_> = only.calls().iter().map(|call| call.message.delivery.notification).collect();
    assert_eq!(calls, [old, new.id]);
    assert_eq!(stands(&world, old).await, (DeliveryState::Cancelled, "collapse.while_sending".into()));
    assert!(world.delivery(old).await.reason.text.contains(&new.id.to_string()));
    assert_eq!(world.state(new.id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn a_replay_wants_it_again() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([in_time(unknown()), unavailable()]);
    let id = world.submit(sms()).await.id;
    cancelled_state(&world, id).await;
    only.let_go(1);
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Unknown);
    world.notifier.replay(&tenant(), id, None).await.unwrap().unwrap();
    world.advance_in_steps(1_000, 5).await;
    assert_eq!((only.count(), world.state(id).await), (3, DeliveryState::Sent));
}
