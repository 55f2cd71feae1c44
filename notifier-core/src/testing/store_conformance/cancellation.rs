//! Taking back.

use std::sync::Arc;

use super::sample::{Sample, at, begin, claim_one, deferred};
use crate::domain::lifecycle::DeliveryState;
use crate::ports::store::{Store, StoreError};

/// All of them, with a fact each; nothing is left to do.
pub async fn pending_deliveries_are_cancelled(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_all_channels().due(1_000);
    sample.accepted_by(&store).await;
    let cancelled = store.cancel(sample.tenant(), sample.id(), at(5)).await.unwrap().unwrap();
    let expected: Vec<_> = sample.acceptance().deliveries.iter().map(|d| d.cancel(at(5)).unwrap()).collect();
    assert_eq!(cancelled, expected.iter().map(|change| change.delivery.clone()).collect::<Vec<_>>());
    let status = store.status(sample.tenant(), sample.id()).await.unwrap().unwrap();
    assert_eq!(status.deliveries, cancelled);
    assert_eq!(store.next_due().await.unwrap(), None);
    assert!(store.claim(at(9_000), 10, at(10_000)).await.unwrap().is_empty());
    let timeline = store.timeline(sample.tenant(), sample.id()).await.unwrap().unwrap();
    let facts: Vec<_> = expected.into_iter().flat_map(|change| change.facts).collect();
    assert_eq!(timeline[1..], facts[..]);
    let again = store.cancel(sample.tenant(), sample.id(), at(6)).await.unwrap().unwrap();
    assert_eq!(again, cancelled, "cancelling twice is cancelling once");
}

/// Only what is still pending is cancelled.
pub async fn what_is_being_sent_goes_on(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_all_channels();
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(1_000)).await.unwrap();
    let after = store.cancel(sample.tenant(), sample.id(), at(5)).await.unwrap().unwrap();
    assert_eq!(after[0], change.delivery);
    assert_eq!(after[1].state, DeliveryState::Cancelled);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(1_000)));
}

/// Who had it has it no longer.
pub async fn cancelling_ends_claims(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.cancel(sample.tenant(), sample.id(), at(5)).await.unwrap().unwrap();
    let lost = StoreError::LeaseLost(claimed.delivery.id);
    assert_eq!(store.begin(claimed.lease, begin(&claimed.delivery, at(6)), at(9)).await.unwrap_err(), lost);
    assert_eq!(store.settle(claimed.lease, deferred(&claimed.delivery, at(6))).await.unwrap_err(), lost);
    store.release(claimed.lease).await.unwrap();
    assert_eq!(store.next_due().await.unwrap(), None, "a released claim on a cancelled delivery frees nothing");
    assert!(store.claim(at(9_000), 10, at(10_000)).await.unwrap().is_empty());
}

/// In a race between taking back and sending, exactly one happens.
pub async fn begin_and_cancel_never_both_win(store: Arc<dyn Store>) {
    for number in 0..50 {
        let sample = Sample::new(number);
        sample.accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        let change = begin(&claimed.delivery, at(1));
        let beginning = {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.begin(claimed.lease, change, at(1_000)).await })
        };
        let cancelled = store.cancel(sample.tenant(), sample.id(), at(1)).await.unwrap().unwrap();
        let begun = beginning.await.unwrap();
        let expected = if begun.is_ok() { DeliveryState::Sending } else { DeliveryState::Cancelled };
        assert_eq!(cancelled[0].state, expected);
        let status = store.status(sample.tenant(), sample.id()).await.unwrap().unwrap();
        assert_eq!(status.deliveries[0].state, expected);
    }
}

/// There is nothing to take back.
pub async fn the_unknown_cannot_be_cancelled(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    assert_eq!(store.cancel(sample.tenant(), sample.id(), at(0)).await.unwrap(), None);
    sample.accepted_by(&store).await;
    let elsewhere = Sample::new(1).of("elsewhere");
    assert_eq!(store.cancel(elsewhere.tenant(), elsewhere.id(), at(0)).await.unwrap(), None);
    assert_eq!(store.next_due().await.unwrap(), Some(at(0)));
}
