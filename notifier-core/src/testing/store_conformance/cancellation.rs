//! Taking back.

use std::sync::Arc;

use super::sample::{Sample, assert_lost, at, begin, claim, claim_one, next_due};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::revision::Revision;
use crate::domain::timeline::Reason;
use crate::ports::store::Store;

fn cancel() -> Revision {
    Revision::Cancel(Reason::new("cancel.requested", "somebody changed their mind"))
}

/// All of them, with a fact each; nothing is left to do.
pub async fn pending_deliveries_are_cancelled(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_all_channels().due(1_000);
    sample.accepted_by(&store).await;
    let revised = store.revise(sample.tenant(), sample.id(), &cancel(), at(5)).await.unwrap().unwrap();
    let reason = Reason::new("cancel.requested", "somebody changed their mind");
    let first = sample.notification().first_deliveries();
    let expected: Vec<_> = first.iter().map(|delivery| delivery.cancel(reason.clone(), at(5)).unwrap()).collect();
    let deliveries: Vec<_> = expected.iter().map(|change| change.delivery.clone()).collect();
    assert_eq!(revised.status.deliveries, deliveries);
    assert_eq!(revised.changed, deliveries.iter().map(|delivery| delivery.id).collect::<Vec<_>>());
    assert_eq!(sample.status_in(&store).await, revised.status);
    assert_eq!(next_due(&store).await, None);
    assert!(claim(&store, 10, at(9_000), at(10_000)).await.is_empty());
    let timeline = sample.timeline_in(&store).await;
    let facts: Vec<_> = expected.into_iter().flat_map(|change| change.facts).collect();
    assert_eq!(timeline[1..], facts[..]);
    let again = store.revise(sample.tenant(), sample.id(), &cancel(), at(6)).await.unwrap().unwrap();
    assert_eq!(again.status, revised.status, "cancelling twice is cancelling once");
    assert_eq!(again.changed, []);
    assert_eq!(sample.timeline_in(&store).await, timeline);
}

/// Only what is still pending is cancelled.
pub async fn what_is_being_sent_goes_on(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_all_channels();
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(1_000)).await.unwrap();
    let after = store.revise(sample.tenant(), sample.id(), &cancel(), at(5)).await.unwrap().unwrap();
    assert_eq!(after.status.deliveries[0], change.delivery);
    assert_eq!(after.status.deliveries[1].state, DeliveryState::Cancelled);
    assert_eq!(after.changed, [after.status.deliveries[1].id]);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(1_000)));
}

/// Who had it has it no longer.
pub async fn cancelling_ends_claims(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.revise(sample.tenant(), sample.id(), &cancel(), at(5)).await.unwrap().unwrap();
    assert_lost(&store, &claimed, at(6)).await;
    store.release(claimed.lease).await.unwrap();
    assert_eq!(next_due(&store).await, None, "a released claim on a cancelled delivery frees nothing");
    assert!(claim(&store, 10, at(9_000), at(10_000)).await.is_empty());
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
        let cancelled = store.revise(sample.tenant(), sample.id(), &cancel(), at(1)).await.unwrap().unwrap();
        let begun = beginning.await.unwrap();
        let expected = if begun.is_ok() { DeliveryState::Sending } else { DeliveryState::Cancelled };
        assert_eq!(cancelled.status.deliveries[0].state, expected);
        assert_eq!(sample.states_in(&store).await, [expected]);
    }
}

/// There is nothing to take back.
pub async fn the_unknown_cannot_be_cancelled(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    assert_eq!(store.revise(sample.tenant(), sample.id(), &cancel(), at(0)).await.unwrap(), None);
    sample.accepted_by(&store).await;
    let elsewhere = Sample::new(1).of("elsewhere");
    assert_eq!(store.revise(elsewhere.tenant(), elsewhere.id(), &cancel(), at(0)).await.unwrap(), None);
    assert_eq!(next_due(&store).await, Some(at(0)));
}
