//! Taking back.

use std::sync::Arc;

use super::sample::{Sample, assert_lost, at, begin, claim, claim_one, doubtful, next_due, retry, sent};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::revision::Revision;
use crate::domain::timeline::Reason;
use crate::ports::store::{Accepted, Store, StoreError};

fn cancel() -> Revision {
    Revision::Cancel(Reason::new("cancel.requested", "somebody changed their mind"))
}

/// All of them, with a fact each; nothing is left to do.
pub async fn pending_deliveries_are_cancelled(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_two_channels().due(1_000);
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

/// Only what is still pending is cancelled. Of what is being sent it is noted once that it is wanted back, and its holder keeps
/// it.
pub async fn what_is_being_sent_goes_on(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_two_channels();
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(1_000)).await.unwrap();
    let after = store.revise(sample.tenant(), sample.id(), &cancel(), at(5)).await.unwrap().unwrap();
    let reason = Reason::new("cancel.requested", "somebody changed their mind");
    let asked = change.delivery.ask_to_cancel(reason, at(5)).unwrap();
    assert_eq!(after.status.deliveries[0], asked.delivery);
    assert_eq!(after.status.deliveries[1].state, DeliveryState::Cancelled);
    assert_eq!(after.changed, [after.status.deliveries[1].id]);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(1_000)));
    let timeline = sample.timeline_in(&store).await;
    assert!(timeline.contains(&asked.facts[0]), "{timeline:?}");
    let again = store.revise(sample.tenant(), sample.id(), &cancel(), at(6)).await.unwrap().unwrap();
    assert_eq!((again.status, again.changed), (after.status, Vec::new()));
    assert_eq!(sample.timeline_in(&store).await, timeline);
}

/// What was decided without knowing that it is wanted back is refused, and the lease stays; what was decided with it is kept.
pub async fn what_is_wanted_back_is_decided_anew(store: Arc<dyn Store>) {
    for (number, decide) in [retry, sent, doubtful].into_iter().enumerate() {
        let sample = Sample::new(u32::try_from(number).unwrap());
        sample.accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        let begun = begin(&claimed.delivery, at(1));
        store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
        store.revise(sample.tenant(), sample.id(), &cancel(), at(5)).await.unwrap().unwrap();
        let asked = sample.delivery_in(&store).await;
        let reason = asked.cancel_asked.clone().unwrap();
        let refused = store.settle(claimed.lease, decide(&begun.delivery, at(6))).await;
        assert_eq!(refused, Err(StoreError::CancelAsked { delivery: asked.id, reason }));
        assert_eq!(sample.delivery_in(&store).await, asked, "nothing was changed");
        let change = decide(&asked, at(6));
        store.settle(claimed.lease, change.clone()).await.unwrap();
        assert_eq!(sample.delivery_in(&store).await, change.delivery);
        assert_ne!(change.delivery.state, DeliveryState::Pending);
        assert_eq!(next_due(&store).await, None);
    }
}

/// Whoever takes over an attempt hears that it is not to be made again.
pub async fn who_takes_over_hears_that_it_is_wanted_back(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(1_000)).await.unwrap();
    store.revise(sample.tenant(), sample.id(), &cancel(), at(5)).await.unwrap().unwrap();
    let found = store.reclaim(at(1_000), 10, at(2_000)).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].delivery.cancel_asked.is_some());
    store.settle(found[0].lease, doubtful(&found[0].delivery, at(1_001))).await.unwrap();
    assert_eq!(sample.states_in(&store).await, [DeliveryState::Unknown]);
}

/// A newer one under the same collapse key took its place: it is not tried again.
pub async fn what_is_collapsed_while_it_is_being_sent_is_wanted_back(store: Arc<dyn Store>) {
    let old = Sample::new(1).collapsing("price");
    old.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(1_000)).await.unwrap();
    let new = Sample::new(2).collapsing("price").created(2);
    new.accepted_by(&store).await;
    let asked = old.delivery_in(&store).await;
    assert_eq!(asked.cancel_asked.as_ref().unwrap().code, "collapse.replaced");
    store.settle(claimed.lease, retry(&asked, at(6))).await.unwrap();
    assert_eq!(old.states_in(&store).await, [DeliveryState::Cancelled]);
    let newest = Sample::new(3).collapsing("price").created(3);
    let replaced = Accepted::New { replaced: Some(new.id()) };
    assert_eq!(store.accept(newest.acceptance()).await.unwrap(), replaced, "the key is the newer one's");
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
