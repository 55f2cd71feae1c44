//! What most cases have a store do.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::decisions::{begin, deferred};
use super::sample::{NEW, Sample};
use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::lane::Lane;
use crate::ports::store::{ClaimQuery, Claimed, Room, Store, StoreError};

/// Has the store accept all of them at once, as new.
pub async fn accept_each(store: &Arc<dyn Store>, samples: &[Sample]) {
    let accepted = store.accept_all(samples.iter().map(Sample::acceptance).collect()).await.unwrap();
    assert_eq!(accepted.len(), samples.len());
    assert!(accepted.iter().all(|accepted| *accepted == Ok(NEW)), "{accepted:?}");
}

/// What is due on that channel: that many places in each lane.
#[must_use]
pub fn due_on(channel: Channel, places: usize, now: Timestamp, until: Timestamp) -> ClaimQuery {
    ClaimQuery { channel, room: Room::of_each(places), due_by: now, now, lease_until: until }
}

/// Claims what is due on every channel: as many as there are places in each lane of each.
pub async fn claim(store: &Arc<dyn Store>, places: usize, now: Timestamp, until: Timestamp) -> Vec<Claimed> {
    let mut claimed = Vec::new();
    for channel in Channel::ALL {
        claimed.extend(store.claim(&due_on(channel, places, now, until)).await.unwrap());
    }
    claimed
}

/// Claims exactly one delivery, of the first channel and lane that has one.
pub async fn claim_one(store: &Arc<dyn Store>, now: Timestamp, until: Timestamp) -> Claimed {
    for channel in Channel::ALL {
        for room in [Room { urgent: 1, ..NO_ROOM }, Room { normal: 1, ..NO_ROOM }, Room { bulk: 1, ..NO_ROOM }] {
            let query = ClaimQuery { room, ..due_on(channel, 0, now, until) };
            let mut claimed = store.claim(&query).await.unwrap();
            assert!(claimed.len() <= 1, "there was room for one");
            if let Some(claimed) = claimed.pop() {
                return claimed;
            }
        }
    }
    panic!("nothing is due at {now}");
}

/// No place in any lane.
pub const NO_ROOM: Room = Room { urgent: 0, normal: 0, bulk: 0 };

/// Claims the one delivery that is due on that channel.
pub async fn claim_on(store: &Arc<dyn Store>, channel: Channel, now: Timestamp, until: Timestamp) -> Claimed {
    let mut claimed = store.claim(&due_on(channel, 1, now, until)).await.unwrap();
    assert_eq!(claimed.len(), 1, "one delivery on {channel} is due at {now}");
    claimed.remove(0)
}

/// When there may next be something to claim on any channel in any lane.
pub async fn next_due(store: &Arc<dyn Store>) -> Option<Timestamp> {
    let mut times = Vec::new();
    for channel in Channel::ALL {
        times.extend(store.next_due(channel, &Lane::ALL).await.unwrap());
    }
    times.into_iter().min()
}

/// Records the intent to call a provider for what was claimed, going on by the strategy of its notification; gives the
/// delivery as it is then.
pub async fn begin_followed(store: &Arc<dyn Store>, claimed: &Claimed, now: Timestamp, until: Timestamp) -> Delivery {
    let change = claimed.notification.followed_up(begin(&claimed.delivery, now), now);
    store.begin(claimed.lease, change.clone(), until).await.unwrap();
    change.delivery
}

/// Records the intent to call a provider for what was claimed; gives the delivery as it is then.
pub async fn begin_claimed(store: &Arc<dyn Store>, claimed: &Claimed, now: Timestamp, until: Timestamp) -> Delivery {
    let change = begin(&claimed.delivery, now);
    store.begin(claimed.lease, change.clone(), until).await.unwrap();
    change.delivery
}

/// Carries the one delivery that is due on that channel through an attempt that ends as `decide` says, going on by the
/// strategy of its notification; gives the delivery as it is then.
pub async fn attempt(
    store: &Arc<dyn Store>,
    channel: Channel,
    now: Timestamp,
    decide: impl FnOnce(&Delivery, Timestamp) -> Change,
) -> Delivery {
    let claimed = claim_on(store, channel, now, now.checked_add(MINUTE).unwrap()).await;
    let sending = begin_followed(store, &claimed, now, now.checked_add(MINUTE).unwrap()).await;
    let change = claimed.notification.followed_up(decide(&sending, now), now);
    store.settle(claimed.lease, change.clone()).await.unwrap();
    change.delivery
}

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Asserts that a lease is worth nothing any more: neither beginning nor settling goes through or leaves a trace.
pub async fn assert_lost(store: &Arc<dyn Store>, claimed: &Claimed, now: Timestamp) {
    let lost = StoreError::LeaseLost(claimed.delivery.id);
    let place = (&claimed.delivery.tenant, claimed.notification.id);
    let before = store.timeline(place.0, place.1).await.unwrap();
    let until = now.checked_add(MINUTE).unwrap();
    assert_eq!(store.begin(claimed.lease, begin(&claimed.delivery, now), until).await.unwrap_err(), lost);
    assert_eq!(store.settle(claimed.lease, deferred(&claimed.delivery, now)).await.unwrap_err(), lost);
    assert_eq!(store.timeline(place.0, place.1).await.unwrap(), before);
}
