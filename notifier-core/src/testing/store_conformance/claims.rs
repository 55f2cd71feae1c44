//! Who works on what.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{Sample, at, begin, begin_claimed, claim, claim_one, due_on, next_due};
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, RecipientId};
use crate::domain::preference::Preferences;
use crate::ports::store::{Claimed, Store};

fn ids(claimed: &[Claimed]) -> Vec<DeliveryId> {
    claimed.iter().map(|claimed| claimed.delivery.id).collect()
}

/// By due time, then by identifier; with the notification that each belongs to.
pub async fn the_earliest_due_come_first(store: Arc<dyn Store>) {
    let due_ms = [30, 10, 20, 10, 0, 40];
    let samples: Vec<_> = (0..).zip(due_ms).map(|(n, due)| Sample::new(n).due(due).on_all_channels()).collect();
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    for channel in Channel::ALL {
        let mut expected: Vec<_> =
            samples.iter().map(|sample| (sample.notification().due_at, sample.delivery_id(channel))).collect();
        expected.sort_unstable();
        let mut claimed = store.claim(&due_on(channel, 4, at(100), at(200))).await.unwrap();
        claimed.extend(store.claim(&due_on(channel, 100, at(100), at(200))).await.unwrap());
        assert_eq!(ids(&claimed), expected.iter().map(|(_, id)| *id).collect::<Vec<_>>());
        for claimed in claimed {
            assert_eq!(claimed.lease.delivery, claimed.delivery.id);
            let sample = samples.iter().find(|sample| sample.id() == claimed.notification.id).unwrap();
            assert_eq!(claimed.notification, sample.notification());
            assert!(sample.notification().first_deliveries().contains(&claimed.delivery));
        }
    }
}

/// The preferences of its recipient come with what is handed out, as they are then; nobody else's.
pub async fn what_the_recipient_wants_comes_along(store: Arc<dyn Store>) {
    let wants = |sms| Preferences { channels: [(Channel::Sms, sms)].into(), ..Preferences::default() };
    let ada = RecipientId::new("ada").unwrap();
    let samples = [Sample::new(1).to("ada"), Sample::new(2).to("grace"), Sample::new(3).to("ada").of("elsewhere")];
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    store.put_preferences(samples[0].tenant(), &ada, wants(false)).await.unwrap();
    let claimed = claim(&store, 10, at(0), at(1_000)).await;
    let found = |id| claimed.iter().find(|claimed| claimed.notification.id == id).unwrap();
    assert_eq!(found(samples[0].id()).preferences, Some(wants(false)));
    assert_eq!(found(samples[1].id()).preferences, None);
    assert_eq!(found(samples[2].id()).preferences, None);
    begin_claimed(&store, found(samples[0].id()), at(1), at(2_000)).await;
    store.put_preferences(samples[0].tenant(), &ada, wants(true)).await.unwrap();
    let reclaimed = store.reclaim(at(2_000), 10, at(3_000)).await.unwrap();
    assert_eq!(reclaimed[0].preferences, Some(wants(true)));
}

/// Not a millisecond early.
pub async fn nothing_is_handed_out_before_its_time(store: Arc<dyn Store>) {
    Sample::new(1).due(1_000).accepted_by(&store).await;
    Sample::new(2).due(2_000).accepted_by(&store).await;
    assert_eq!(next_due(&store).await, Some(at(1_000)));
    assert!(claim(&store, 10, at(999), at(5_000)).await.is_empty());
    assert_eq!(claim(&store, 10, at(1_000), at(5_000)).await.len(), 1);
    assert_eq!(claim(&store, 10, at(1_999), at(5_000)).await.len(), 0);
    assert_eq!(claim(&store, 10, at(2_000), at(5_000)).await.len(), 1);
}

/// What somebody has, nobody else gets; tokens differ.
pub async fn a_claim_excludes_others(store: Arc<dyn Store>) {
    for number in 0..3 {
        Sample::new(number).accepted_by(&store).await;
    }
    let first = claim(&store, 2, at(0), at(1_000)).await;
    let second = claim(&store, 10, at(999), at(1_000)).await;
    assert_eq!((first.len(), second.len()), (2, 1));
    let tokens: HashSet<_> = first.iter().chain(&second).map(|claimed| claimed.lease.token).collect();
    assert_eq!(tokens.len(), 3);
    assert!(claim(&store, 0, at(999), at(1_000)).await.is_empty());
}

/// Sixteen at once: every delivery goes to exactly one of them.
pub async fn concurrent_claimers_share_without_overlap(store: Arc<dyn Store>) {
    const DELIVERIES: u32 = 200;
    for number in 0..DELIVERIES {
        Sample::new(number).accepted_by(&store).await;
    }
    let claimers: Vec<_> = (0..16)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let claimed = claim(&store, 3, at(0), at(1_000)).await;
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(ids(&claimed));
                }
            })
        })
        .collect();
    let mut all = Vec::new();
    for claimer in claimers {
        all.extend(claimer.await.unwrap());
    }
    assert_eq!(all.len(), usize::try_from(DELIVERIES).unwrap());
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

/// A claim ends at its time, not before.
pub async fn a_claim_that_ran_out_is_handed_out_again(store: Arc<dyn Store>) {
    Sample::new(1).accepted_by(&store).await;
    let first = claim_one(&store, at(0), at(1_000)).await;
    assert!(claim(&store, 1, at(999), at(2_000)).await.is_empty());
    let second = claim_one(&store, at(1_000), at(2_000)).await;
    assert_eq!(first.delivery, second.delivery);
    assert_ne!(first.lease, second.lease);
}

/// Giving back is at once, and only for who has it.
pub async fn a_released_claim_is_free_at_once(store: Arc<dyn Store>) {
    Sample::new(1).accepted_by(&store).await;
    let first = claim_one(&store, at(0), at(1_000)).await;
    store.release(first.lease).await.unwrap();
    assert_eq!(next_due(&store).await, Some(at(0)));
    let second = claim_one(&store, at(1), at(1_000)).await;
    store.release(first.lease).await.unwrap();
    assert!(claim(&store, 1, at(2), at(1_000)).await.is_empty(), "an old lease releases nothing");
    store.release(second.lease).await.unwrap();
    claim_one(&store, at(3), at(1_000)).await;
}

/// It is the time of the earliest that is free, or the end of a claim.
pub async fn the_next_due_time_passes_over_claims_until_they_end(store: Arc<dyn Store>) {
    assert_eq!(next_due(&store).await, None);
    Sample::new(1).due(10).accepted_by(&store).await;
    Sample::new(2).due(20).accepted_by(&store).await;
    assert_eq!(next_due(&store).await, Some(at(10)));
    claim_one(&store, at(10), at(1_000)).await;
    assert_eq!(next_due(&store).await, Some(at(20)));
    let second = claim_one(&store, at(20), at(2_000)).await;
    assert_eq!(next_due(&store).await, Some(at(1_000)), "the first claim ends then");
    let again = claim_one(&store, at(1_000), at(3_000)).await;
    assert_eq!(next_due(&store).await, Some(at(2_000)));
    store.begin(again.lease, begin(&again.delivery, at(1_000)), at(3_000)).await.unwrap();
    assert_eq!(next_due(&store).await, Some(at(2_000)));
    store.begin(second.lease, begin(&second.delivery, at(1_000)), at(3_000)).await.unwrap();
    assert_eq!(next_due(&store).await, None);
}

/// Accepting and claiming may run at the same time; nothing is missed.
pub async fn what_was_just_accepted_can_be_claimed(store: Arc<dyn Store>) {
    let accepting = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..100 {
                Sample::new(number).accepted_by(&store).await;
            }
        })
    };
    let mut claimed = HashSet::new();
    loop {
        let is_last = accepting.is_finished();
        let batch = claim(&store, 10, at(0), at(1_000)).await;
        let fresh = batch.iter().all(|one| claimed.insert(one.delivery.id));
        assert!(fresh, "a delivery was handed out twice");
        if is_last && batch.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(claimed.len(), 100);
    accepting.await.unwrap();
}
