//! Taking back, shutting down, and what a crash leaves behind.

use std::sync::Arc;
use std::time::Duration;

use notifier_core::ports::store::{ClaimQuery, Room};
use notifier_core::testing::Answer;
use notifier_core::{Category, Channel, DeliveryState, FactKind, Lane, MemoryStore, ProviderPolicy, SubmitError};

use super::provider_state::HeldStore;
use super::vendor::*;
use super::world::*;

#[tokio::test]
async fn what_is_cancelled_in_time_is_never_sent() {
    let world = World::with([]).await;
    let mut request = both();
    request.schedule = at("2026-01-01T00:00:05Z");
    let submitted = world.submit(request).await;
    let after = world.notifier.cancel(&tenant(), submitted.id).await.unwrap().unwrap();
    assert!(after.iter().all(|delivery| delivery.state == DeliveryState::Cancelled));
    world.advance_ms(1_000_000).await;
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn what_is_being_sent_cannot_be_cancelled_and_the_answer_says_so() {
    let world = World::with([accepted_later()]).await;
    let submitted = world.submit(sms()).await;
    world.idle().await;
    let after = world.notifier.cancel(&tenant(), submitted.id).await.unwrap().unwrap();
    assert_eq!(after[0].state, DeliveryState::Sending);
    world.provider.let_one_go();
    assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Sent);
}

#[tokio::test]
async fn cancelling_between_two_attempts_prevents_the_second() {
    let world = World::with([unavailable()]).await;
    let submitted = world.submit(sms()).await;
    world.idle().await;
    let after = world.notifier.cancel(&tenant(), submitted.id).await.unwrap().unwrap();
    assert_eq!(after[0].state, DeliveryState::Cancelled);
    world.advance_ms(1_000_000).await;
    assert_eq!(world.provider.calls().len(), 1);
}

#[tokio::test]
async fn cancelling_what_is_not_there_says_so() {
    let world = World::with([]).await;
    let nobody = notifier_core::NotificationId::from_parts(1, [0; 10]);
    assert_eq!(world.notifier.cancel(&tenant(), nobody).await.unwrap(), None);
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_in_flight() {
    let world = World::with([accepted_later()]).await;
    let submitted = world.submit(sms()).await;
    world.idle().await;
    let World { notifier, provider, store, .. } = world;
    let ending = tokio::spawn(notifier.shutdown(Duration::from_secs(10)));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert!(!ending.is_finished(), "it ended although a call was in flight");
    provider.let_one_go();
    assert!(ending.await.unwrap().unwrap().drained);
    assert!(store.check().await.is_err(), "the store was closed");
    let _ = submitted;
}

#[tokio::test]
async fn a_shutdown_gives_back_at_once_what_waits_for_a_place() {
    let clock = clock();
    let only = Vendor::taking("only", &clock, 1);
    let world = World::on(clock, [], |builder| only.join(builder).route_by(in_order(&["only"]))).await;
    only.always(Some(accepted_later()));
    world.submit(sms()).await;
    world.idle().await;
    let waiting = world.submit(sms()).await.id;
    world.idle().await;
    world.notifier.stop();
    world.idle().await;
    only.let_go(2);
    world.idle().await;
    assert_eq!((only.count(), world.state(waiting).await), (1, DeliveryState::Pending), "nothing more is started");
    // Not by the end of its claim: the next one that asks gets it.
    let now = world.clock_now();
    let room = Room { urgent: 10, normal: 10, bulk: 10 };
    let query = ClaimQuery { channel: Channel::Sms, room, due_by: now, now, lease_until: now };
    assert_eq!(world.store.claim(&query).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_waits_for_its_turn() {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = std::num::NonZeroU32::new(1);
    let urgent = Category { lane: Lane::Urgent, ..Category::default() };
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy).category(urgent)).await;
    for _ in 0..2 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert_eq!(only.count(), 1);
    // The clock stands still.
    let World { notifier, .. } = world;
    let ending = tokio::spawn(notifier.shutdown(Duration::from_secs(10)));
    idle().await;
    assert!(ending.is_finished());
    assert!(ending.await.unwrap().unwrap().drained);
    assert_eq!(only.count(), 1);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let world = World::with([Answer::Never]).await;
    world.submit(sms()).await;
    world.idle().await;
    let World { notifier, clock, .. } = world;
    let ending = tokio::spawn(notifier.shutdown(Duration::from_secs(10)));
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    clock.advance(jiff::SignedDuration::from_secs(10));
    assert!(!ending.await.unwrap().unwrap().drained);
}

#[tokio::test]
async fn a_shutdown_has_one_deadline_however_much_does_not_end() {
    // The schedulers of both channels wait for a store that does not answer.
    let silent = Arc::new(HeldStore::over(Arc::new(MemoryStore::new()), true));
    let World { notifier, clock, .. } = World::configured([], |builder| builder.store(silent)).await;
    idle().await;
    let ending = tokio::spawn(notifier.shutdown(Duration::from_secs(10)));
    idle().await;
    clock.advance(jiff::SignedDuration::from_millis(9_999));
    idle().await;
    assert!(!ending.is_finished());
    clock.advance(jiff::SignedDuration::from_millis(1));
    idle().await;
    assert!(ending.is_finished(), "ten seconds for all of it");
}

#[tokio::test]
async fn a_request_during_a_shutdown_is_refused() {
    let world = World::with([]).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T00:00:05Z");
    let accepted = world.submit(request).await;
    world.notifier.stop();
    assert!(matches!(world.notifier.submit(sms()).await, Err(SubmitError::Stopping)));
    assert!(world.notifier.check().await.is_err());
    // What is stored can be read as long as it lasts.
    let status = world.notifier.status(&tenant(), accepted.id).await.unwrap();
    assert_eq!(status.unwrap().deliveries.len(), 1);
    world.advance_ms(10_000).await;
    assert!(world.provider.calls().is_empty(), "nothing more is started");
}

#[tokio::test]
async fn a_request_after_the_store_was_closed_is_refused() {
    let world = World::with([]).await;
    world.submit(sms()).await;
    world.store.close().await.unwrap();
    assert!(matches!(world.notifier.submit(sms()).await, Err(SubmitError::Store(_))));
}

#[tokio::test]
async fn an_attempt_cut_off_by_a_crash_is_unknown_and_repeated_with_the_same_key() {
    let world = World::with([Answer::Never]).await;
    let submitted = world.submit(sms()).await;
    world.idle().await;
    let key = world.provider.calls()[0].1.idempotency_key.clone();
    let world = world.crash_and_restart([]).await;
    world.idle().await;
    // The lease, which the time for preparing ahead is a part of.
    world.advance_ms(60_100).await;
    world.advance_ms(10_000).await;
    let status = world.settled(submitted.id).await;
    assert_eq!((status.deliveries[0].state, status.deliveries[0].attempts), (DeliveryState::Sent, 2));
    let calls = world.provider.calls();
    assert_eq!((calls.len(), &calls[0].1.idempotency_key), (1, &key));
    let timeline = world.timeline(submitted.id).await;
    let unknown = timeline.iter().find(|fact| fact.kind == FactKind::Unknown).unwrap();
    assert_eq!(unknown.detail("vendor_code"), Some("attempt.interrupted"));
}

#[tokio::test]
async fn what_was_waiting_survives_a_crash() {
    let world = World::with([]).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T00:00:05Z");
    let submitted = world.submit(request).await;
    let world = world.crash_and_restart([]).await;
    world.next_attempt(submitted.id).await;
    assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Sent);
}
