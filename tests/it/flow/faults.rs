//! What becomes of a delivery when a caller goes away, or what the engine depends on breaks down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use notifier_core::ports::clock::within;
use notifier_core::testing::{Answer, ScriptedProvider};
use notifier_core::{
    DeliveryState, Directory, LookupError, Outcome, Problem, Recipient, RecipientId, RejectionKind, SystemClock,
    TenantId,
};

use super::world::*;

/// Breaks down when first asked, then knows everybody.
struct Fragile {
    asked: AtomicU32,
    hangs: bool,
}

#[async_trait]
impl Directory for Fragile {
    async fn recipient(&self, _tenant: &TenantId, id: &RecipientId) -> Result<Option<Recipient>, LookupError> {
        if self.asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(Some(person(id.as_str())));
        }
        assert!(self.hangs, "broken down, as the test wants it");
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_keeps_nobody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let provider = Arc::new(ScriptedProvider::accepting());
    let notifier = bare(&provider).data_dir(directory.path()).start().await.unwrap();
    let mut submitted = notifier.submit(sms_to_a_number()).await;
    let mut calls = 1;
    loop {
        notifier.wait(&tenant(), submitted.unwrap().id).await.unwrap();
        // The store answers in order: by now the scheduler knows that nothing is left, and sleeps.
        notifier.check().await.unwrap();
        calls += 1;
        // Handed in, and not waited for; unless the store's thread is so quick that there is nothing to wait for.
        match Box::pin(notifier.submit(sms_to_a_number())).now_or_never() {
            Some(quick) => submitted = quick,
            None => break,
        }
    }
    // Without the wake-up this would be for ever.
    let called = within(&SystemClock, Duration::from_secs(30), provider.called(calls)).await;
    called.expect("somebody wakes the scheduler");
    notifier.shutdown(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn a_look_up_that_breaks_down_delays_and_loses_nothing() {
    for hangs in [false, true] {
        let directory = Arc::new(Fragile { asked: AtomicU32::new(0), hangs });
        let world = World::configured([], |builder| builder.directory(directory)).await;
        let submitted = world.submit(sms()).await;
        world.idle().await;
        assert_eq!(world.state(submitted.id).await, DeliveryState::Pending, "hangs: {hangs}");
        world.advance_ms(11_000).await;
        let timeline = world.timeline(submitted.id).await;
        let is_told = timeline.iter().any(|fact| fact.reason.code == "directory.unavailable");
        assert_eq!(is_told, hangs, "silence is an outage; what breaks down leaves its claim to end");
        // Nothing else happens meanwhile that could wake anybody.
        for _ in 0..70 {
            world.advance_ms(1_000).await;
        }
        assert_eq!(world.state(submitted.id).await, DeliveryState::Sent, "hangs: {hangs}");
    }
}

#[tokio::test]
async fn what_waits_for_its_provider_has_not_been_sent() {
    let provider = Arc::new(ScriptedProvider::answering([accepted_later()]).taking(1));
    let notifier = bare(&provider).start().await.unwrap();
    notifier.submit(sms_to_a_number()).await.unwrap();
    provider.called(1).await;
    let second = notifier.submit(sms_to_a_number()).await.unwrap().id;
    // Time enough to get as far as it can.
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    let status = notifier.status(&tenant(), second).await.unwrap().unwrap();
    assert_eq!(status.deliveries[0].state, DeliveryState::Pending, "{}", status.deliveries[0].reason);
    provider.let_one_go();
    let status = notifier.wait(&tenant(), second).await.unwrap().unwrap();
    assert_eq!(status.deliveries[0].state, DeliveryState::Sent);
}

#[tokio::test]
async fn a_provider_that_refuses_everything_gets_time_for_an_operator_to_act() {
    let refuses = || {
        let problem = Problem::coded("20003", "authentication failed");
        Answer::Now(Outcome::Rejected { kind: RejectionKind::Provider, problem })
    };
    let world = World::with([refuses(), refuses()]).await;
    let submitted = world.submit(sms()).await;
    world.next_attempt(submitted.id).await;
    world.next_attempt(submitted.id).await;
    let status = world.settled(submitted.id).await;
    assert_eq!((status.deliveries[0].state, status.deliveries[0].attempts), (DeliveryState::Sent, 3));
}

#[tokio::test]
async fn what_may_have_been_sent_is_never_shown_as_failed() {
    let world = World::with([unknown(), rejected()]).await;
    let submitted = world.submit(sms()).await;
    world.next_attempt(submitted.id).await;
    let status = world.settled(submitted.id).await;
    assert_eq!(status.deliveries[0].state, DeliveryState::Unknown);
    assert_eq!(status.deliveries[0].reason.code, "attempt.rejected.recipient");
}
