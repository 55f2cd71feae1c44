//! Many at once.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{NEW, Sample, accept_each, at, claim};
use crate::domain::id::NotificationId;
use crate::domain::lifecycle::DeliveryState;
use crate::ports::store::{Accepted, Store, StoreError};

async fn accept_all(store: &Arc<dyn Store>, samples: &[Sample]) -> Vec<Result<Accepted, StoreError>> {
    store.accept_all(samples.iter().map(Sample::acceptance).collect()).await.unwrap()
}

/// What was new, known before, or refused, each in its place.
pub async fn each_has_its_own_result_in_order(store: Arc<dyn Store>) {
    assert_eq!(accept_all(&store, &[]).await, []);
    let known = Sample::new(1).keyed("known", 1).accepted_by(&store).await;
    let samples = [
        Sample::new(2),
        Sample::new(3).keyed("known", 1),
        Sample::new(4).keyed("known", 2),
        Sample::new(5).keyed("fresh", 1).of("elsewhere").on_all_channels(),
        Sample::new(1),
    ];
    let key = samples[2].notification().idempotency_key.unwrap();
    let expected = [
        Ok(NEW),
        Ok(Accepted::Before(known)),
        Err(StoreError::KeyReused { key, existing: known }),
        Ok(NEW),
        Ok(Accepted::Before(known)),
    ];
    assert_eq!(accept_all(&store, &samples).await, expected);
    for sample in [&samples[0], &samples[3]] {
        let status = sample.status_in(&store).await;
        assert_eq!(status.notification, sample.notification());
        assert_eq!(status.deliveries, sample.notification().first_deliveries());
    }
}

/// No trace of it, and nothing missing of those before and after it.
pub async fn one_that_is_refused_leaves_the_others(store: Arc<dyn Store>) {
    let existing = Sample::new(1).keyed("k", 1).accepted_by(&store).await;
    let unknown = Sample::new(99).id();
    let samples = [
        Sample::new(2),
        Sample::new(3).keyed("k", 2),
        Sample::new(4),
        Sample::new(5).replacing(unknown),
        Sample::new(6),
    ];
    let accepted = accept_all(&store, &samples).await;
    let is_refused: Vec<_> = accepted.iter().map(Result::is_err).collect();
    assert_eq!(is_refused, [false, true, false, true, false]);
    assert_eq!(accepted[3], Err(StoreError::TooLate(unknown)));
    for (sample, is_refused) in samples.iter().zip(is_refused) {
        let status = store.status(sample.tenant(), sample.id()).await.unwrap();
        assert_eq!(status.is_none(), is_refused, "{}", sample.id());
    }
    let claimed: HashSet<NotificationId> =
        claim(&store, 10, at(0), at(1)).await.iter().map(|claimed| claimed.notification.id).collect();
    assert_eq!(claimed, HashSet::from([existing, samples[0].id(), samples[2].id(), samples[4].id()]));
}

/// As if the one had come after the other.
pub async fn those_in_one_call_know_of_each_other(store: Arc<dyn Store>) {
    let samples = [
        Sample::new(1).keyed("k", 1),
        Sample::new(2).keyed("k", 1),
        Sample::new(3).keyed("k", 2),
        Sample::new(4).of("elsewhere").keyed("k", 2),
        Sample::new(5).replacing(Sample::new(1).id()),
        Sample::new(6).collapsing("c"),
        Sample::new(7).collapsing("c"),
        Sample::new(6),
    ];
    let (key, existing) = (samples[2].notification().idempotency_key.unwrap(), samples[0].id());
    let expected = [
        Ok(NEW),
        Ok(Accepted::Before(existing)),
        Err(StoreError::KeyReused { key, existing }),
        Ok(NEW),
        Ok(Accepted::New { replaced: Some(existing) }),
        Ok(NEW),
        Ok(Accepted::New { replaced: Some(samples[5].id()) }),
        Ok(Accepted::Before(samples[5].id())),
    ];
    assert_eq!(accept_all(&store, &samples).await, expected);
    assert_eq!(samples[0].states_in(&store).await, [DeliveryState::Cancelled]);
    assert_eq!(samples[5].states_in(&store).await, [DeliveryState::Cancelled]);
    let waiting: HashSet<_> =
        claim(&store, 10, at(0), at(1)).await.iter().map(|claimed| claimed.notification.id).collect();
    assert_eq!(waiting, HashSet::from([samples[3].id(), samples[4].id(), samples[6].id()]));
}

/// Nothing is lost between them, and others are served meanwhile.
pub async fn thousands_at_once_can_all_be_claimed(store: Arc<dyn Store>) {
    const NOTIFICATIONS: u32 = 3_000;
    let samples: Vec<_> = (0..NOTIFICATIONS)
        .map(|number| Sample::new(number).of(["north", "south"][number as usize % 2]).due(i64::from(number % 50)))
        .collect();
    let accepting = {
        let (store, samples) = (Arc::clone(&store), samples.clone());
        tokio::spawn(async move { accept_each(&store, &samples).await })
    };
    let other = Sample::new(NOTIFICATIONS).of("elsewhere");
    other.accepted_by(&store).await;
    accepting.await.unwrap();
    let mut claimed = HashSet::new();
    loop {
        let batch = claim(&store, 700, at(100), at(1_000)).await;
        if batch.is_empty() {
            break;
        }
        assert!(batch.iter().all(|one| claimed.insert(one.delivery.id.notification)), "one was handed out twice");
    }
    let expected: HashSet<_> = samples.iter().chain([&other]).map(Sample::id).collect();
    assert!(claimed == expected, "{} of {} were handed out", claimed.len(), expected.len());
    assert_eq!(store.counts().await.unwrap().pending.normal, expected.len());
}
