//! Who may change what.

use std::sync::Arc;

use super::sample::{Sample, assert_lost, at, begin, claim, claim_one, deferred, next_due, retry, sent};
use crate::domain::lifecycle::DeliveryState;
use crate::ports::store::{Lease, Store, StoreError};

/// From then on it is sending, under a lease that ends.
pub async fn begin_takes_it_off_the_due_list(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    assert_eq!(store.next_lease_end().await.unwrap(), None);
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(5_000)).await.unwrap();
    assert_eq!(sample.delivery_in(&store).await, change.delivery);
    assert_eq!(next_due(&store).await, None);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(5_000)));
    assert!(claim(&store, 10, at(9_000), at(10_000)).await.is_empty(), "what is being sent is not pending");
}

/// After a second claim the first is worthless.
pub async fn only_the_newest_lease_counts(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let old = claim_one(&store, at(0), at(1_000)).await;
    let new = claim_one(&store, at(1_000), at(2_000)).await;
    let lost = StoreError::LeaseLost(old.delivery.id);
    let change = begin(&old.delivery, at(1_001));
    assert_lost(&store, &old, at(1_001)).await;
    assert_eq!(sample.delivery_in(&store).await, old.delivery, "a refused change leaves no trace");
    assert_eq!(sample.timeline_in(&store).await.len(), 1);
    store.begin(new.lease, change.clone(), at(3_000)).await.unwrap();
    assert_eq!(store.settle(old.lease, sent(&change.delivery, at(1_002))).await.unwrap_err(), lost);
    store.settle(new.lease, sent(&change.delivery, at(1_003))).await.unwrap();
}

/// Being late alone loses nothing: somebody must have taken it over.
pub async fn a_lease_counts_until_it_is_taken_over(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    // The claim has run out, and is on the list again, but nobody took it.
    assert!(claim(&store, 0, at(2_000), at(3_000)).await.is_empty());
    let change = begin(&claimed.delivery, at(2_000));
    store.begin(claimed.lease, change.clone(), at(3_000)).await.unwrap();
    assert_eq!(next_due(&store).await, None);
    assert!(claim(&store, 10, at(2_500), at(4_000)).await.is_empty());
    store.settle(claimed.lease, sent(&change.delivery, at(9_000))).await.unwrap();
    assert_eq!(sample.delivery_in(&store).await.state, DeliveryState::Sent);
}

/// The intent is recorded once; a second time it may be a second sending.
pub async fn begin_happens_once_per_lease(store: Arc<dyn Store>) {
    Sample::new(1).accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(5_000)).await.unwrap();
    let again = store.begin(claimed.lease, change, at(9_000)).await.unwrap_err();
    assert_eq!(again, StoreError::LeaseLost(claimed.delivery.id));
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(5_000)));
}

/// After that the lease is worthless and nothing is left to do.
pub async fn settling_gives_the_lease_back(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let begun = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, begun.clone(), at(5_000)).await.unwrap();
    let change = sent(&begun.delivery, at(2));
    store.settle(claimed.lease, change.clone()).await.unwrap();
    assert_eq!(sample.delivery_in(&store).await, change.delivery);
    assert_eq!(store.next_lease_end().await.unwrap(), None);
    assert_eq!(next_due(&store).await, None);
    assert!(store.reclaim(at(9_000), 10, at(10_000)).await.unwrap().is_empty());
    let again = store.settle(claimed.lease, change).await.unwrap_err();
    assert_eq!(again, StoreError::LeaseLost(claimed.delivery.id));
}

/// With its new due time, as a delivery that was attempted.
pub async fn a_retry_is_due_again(store: Arc<dyn Store>) {
    Sample::new(1).accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let begun = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, begun.clone(), at(5_000)).await.unwrap();
    let change = retry(&begun.delivery, at(2));
    store.settle(claimed.lease, change.clone()).await.unwrap();
    assert_eq!(next_due(&store).await, Some(change.delivery.due_at));
    assert_eq!(store.next_lease_end().await.unwrap(), None);
    let again = claim_one(&store, change.delivery.due_at, at(9_000)).await;
    assert_eq!(again.delivery, change.delivery);
    assert_ne!(again.lease.token, claimed.lease.token);
    store.begin(again.lease, begin(&again.delivery, at(3)), at(9_000)).await.unwrap();
}

/// Deferred or suppressed deliveries never begin.
pub async fn a_claim_can_be_settled_without_begin(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = deferred(&claimed.delivery, at(1));
    store.settle(claimed.lease, change.clone()).await.unwrap();
    assert_eq!(next_due(&store).await, Some(change.delivery.due_at));
    let again = claim_one(&store, change.delivery.due_at, at(9_000)).await;
    let change = again.delivery.fail(again.delivery.reason.clone(), at(2)).unwrap();
    store.settle(again.lease, change).await.unwrap();
    assert_eq!(next_due(&store).await, None);
    assert_eq!(sample.delivery_in(&store).await.state, DeliveryState::Failed);
}

/// Earliest lease first, as they are, under a new lease; the old holder is out.
pub async fn sending_deliveries_are_reclaimed_after_their_lease(store: Arc<dyn Store>) {
    let mut begun = Vec::new();
    for (number, lease_end) in [(1, 3_000), (2, 2_000), (3, 4_000)] {
        Sample::new(number).accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        let change = begin(&claimed.delivery, at(1));
        store.begin(claimed.lease, change.clone(), at(lease_end)).await.unwrap();
        begun.push((claimed, change));
    }
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(2_000)));
    assert!(store.reclaim(at(1_999), 10, at(9_000)).await.unwrap().is_empty());
    let reclaimed = store.reclaim(at(3_999), 10, at(9_000)).await.unwrap();
    let expected = [&begun[1].1.delivery, &begun[0].1.delivery];
    assert_eq!(reclaimed.iter().map(|claimed| &claimed.delivery).collect::<Vec<_>>(), expected);
    assert_eq!(reclaimed[1].notification, begun[0].0.notification);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(4_000)));
    assert!(store.reclaim(at(3_999), 10, at(9_000)).await.unwrap().is_empty());
    let (old, change) = &begun[1];
    let refused = store.settle(old.lease, sent(&change.delivery, at(4_000))).await.unwrap_err();
    assert_eq!(refused, StoreError::LeaseLost(old.delivery.id));
    // What is already being sent cannot begin: the new holder settles it.
    let refused = store.begin(reclaimed[0].lease, change.clone(), at(9_000)).await.unwrap_err();
    assert_eq!(refused, StoreError::LeaseLost(old.delivery.id));
    store.settle(reclaimed[0].lease, sent(&change.delivery, at(4_000))).await.unwrap();
    let one_more = store.reclaim(at(9_000), 1, at(10_000)).await.unwrap();
    assert_eq!(one_more[0].delivery, begun[2].1.delivery);
}

/// The lease of one delivery does not open another.
pub async fn a_lease_is_about_one_delivery(store: Arc<dyn Store>) {
    Sample::new(1).accepted_by(&store).await;
    Sample::new(2).accepted_by(&store).await;
    let claimed = claim(&store, 2, at(0), at(1_000)).await;
    let (mine, other) = (&claimed[0], &claimed[1]);
    let change = begin(&other.delivery, at(1));
    assert!(matches!(store.begin(mine.lease, change.clone(), at(9)).await, Err(StoreError::LeaseLost(_))));
    assert!(matches!(store.settle(mine.lease, change.clone()).await, Err(StoreError::LeaseLost(_))));
    let forged = Lease { delivery: other.delivery.id, token: mine.lease.token };
    assert!(matches!(store.begin(forged, change.clone(), at(9)).await, Err(StoreError::LeaseLost(_))));
    store.begin(other.lease, change, at(9)).await.unwrap();
}
