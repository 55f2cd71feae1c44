//! Notifications that take the place of others.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{
    NEW, Sample, assert_lost, at, attempt, begin_claimed, claim, claim_on, claim_one, message_id, retry, sent,
};
use crate::domain::channel::Channel;
use crate::domain::id::NotificationId;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::timeline::FactKind;
use crate::ports::store::{Accepted, Store, StoreError};

const PENDING: DeliveryState = DeliveryState::Pending;
const CANCELLED: DeliveryState = DeliveryState::Cancelled;

fn in_place_of(old: NotificationId) -> Accepted {
    Accepted::New { replaced: Some(old) }
}

async fn accept(store: &Arc<dyn Store>, sample: &Sample) -> Accepted {
    store.accept(sample.acceptance()).await.unwrap()
}

/// In the same commit: claims on the old one end, nothing of it is left to do, its timeline says so.
pub async fn what_is_named_is_cancelled(store: Arc<dyn Store>) {
    let (old, new) = (Sample::new(1).on_two_channels(), Sample::new(2).created(10).due(10));
    old.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let new = new.replacing(old.id());
    assert_eq!(accept(&store, &new).await, in_place_of(old.id()));
    assert_eq!(old.states_in(&store).await, [CANCELLED; 2]);
    assert_lost(&store, &claimed, at(20)).await;
    let kinds: Vec<_> = old.timeline_in(&store).await.iter().map(|fact| fact.kind).collect();
    assert_eq!(kinds, [FactKind::Accepted, FactKind::Cancelled, FactKind::Cancelled]);
    assert_eq!(new.status_in(&store).await.notification, new.notification());
    let left = claim(&store, 9, at(9_000), at(10_000)).await;
    assert_eq!(left.iter().map(|claimed| claimed.notification.id).collect::<Vec<_>>(), [new.id()]);
}

/// What is to be replaced must still wait as a whole; if not, nothing changes.
pub async fn what_does_not_wait_any_more_is_not_replaced(store: Arc<dyn Store>) {
    let [begun, done, taken_back] = [1, 2, 3].map(|number| Sample::new(number).on_two_channels());
    let unknown = Sample::new(4);
    let of_others = Sample::new(5).of("elsewhere");
    begun.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Sms, at(0), at(1_000)).await;
    begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    claim(&store, 9, at(1), at(100)).await;
    done.accepted_by(&store).await;
    attempt(&store, Channel::Email, at(1), sent).await;
    taken_back.accepted_by(&store).await;
    let instead = Sample::new(6).replacing(taken_back.id());
    assert_eq!(accept(&store, &instead).await, in_place_of(taken_back.id()));
    of_others.accepted_by(&store).await;
    let known = [&begun, &done, &taken_back, &of_others];
    for old in [&begun, &done, &taken_back, &unknown, &of_others] {
        let mut before = Vec::new();
        for sample in known {
            before.push(sample.status_in(&store).await);
        }
        let new = Sample::new(50).replacing(old.id()).keyed("k", 1).collapsing("c");
        let refused = store.accept(new.acceptance()).await.unwrap_err();
        assert_eq!(refused, StoreError::TooLate(old.id()));
        assert_eq!(store.status(new.tenant(), new.id()).await.unwrap(), None);
        let key = new.notification().idempotency_key.unwrap();
        assert_eq!(store.recall(new.tenant(), &key, None, at(1)).await.unwrap(), None, "the key is free");
        for (sample, before) in known.iter().zip(before) {
            assert_eq!(sample.status_in(&store).await, before);
        }
    }
    assert_eq!(
        accept(&store, &Sample::new(60).keyed("k", 2).collapsing("c")).await,
        NEW,
        "nothing waits under the key"
    );
}

/// One that was put off or is tried again has not been sent: it waits.
pub async fn what_waits_for_another_try_is_replaced(store: Arc<dyn Store>) {
    let old = Sample::new(1);
    old.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(0), retry).await;
    assert_eq!(accept(&store, &Sample::new(2).replacing(old.id())).await, in_place_of(old.id()));
    assert_eq!(old.states_in(&store).await, [CANCELLED]);
}

/// The same request again gets the same answer, although what it replaced cannot be replaced any more.
pub async fn a_repeated_replacement_was_accepted_before(store: Arc<dyn Store>) {
    let old = Sample::new(1);
    old.accepted_by(&store).await;
    let new = Sample::new(2).replacing(old.id()).keyed("k", 1);
    assert_eq!(accept(&store, &new).await, in_place_of(old.id()));
    let again = Sample::new(3).replacing(old.id()).keyed("k", 1);
    assert_eq!(accept(&store, &again).await, Accepted::Before(new.id()));
    assert_eq!(new.states_in(&store).await, [PENDING]);
}

/// The newest word is the one that waits.
pub async fn the_newest_under_a_collapse_key_replaces_what_waits(store: Arc<dyn Store>) {
    let samples: Vec<_> = (1..=3).map(|number| Sample::new(number).on_two_channels().collapsing("level")).collect();
    assert_eq!(accept(&store, &samples[0]).await, NEW);
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    assert_eq!(accept(&store, &samples[1]).await, in_place_of(samples[0].id()));
    assert_lost(&store, &claimed, at(1)).await;
    assert_eq!(accept(&store, &samples[2]).await, in_place_of(samples[1].id()));
    for (sample, state) in samples.iter().zip([CANCELLED, CANCELLED, PENDING]) {
        assert_eq!(sample.states_in(&store).await, [state; 2]);
    }
    let kinds: Vec<_> = samples[0].timeline_in(&store).await.iter().map(|fact| fact.kind).collect();
    assert_eq!(kinds, [FactKind::Accepted, FactKind::Cancelled, FactKind::Cancelled]);
    let left = claim(&store, 9, at(0), at(1_000)).await;
    assert!(left.len() == 2 && left.iter().all(|claimed| claimed.notification.id == samples[2].id()));
}

/// Other keys, other people and other tenants keep what they wait for; so does what has no key.
pub async fn a_collapse_key_is_about_one_recipient_of_one_tenant(store: Arc<dyn Store>) {
    let others = [
        Sample::new(1),
        Sample::new(2).collapsing("levels"),
        Sample::new(3).to("grace").collapsing("level"),
        Sample::new(4).to("ad").collapsing("alevel"),
        Sample::new(5).of("elsewhere").collapsing("level"),
        Sample::new(6),
    ];
    assert_eq!(accept(&store, &Sample::new(10).collapsing("level")).await, NEW);
    for sample in &others {
        assert_eq!(accept(&store, sample).await, NEW);
    }
    assert_eq!(accept(&store, &Sample::new(11).collapsing("level")).await, in_place_of(Sample::new(10).id()));
    for sample in &others {
        assert_eq!(sample.states_in(&store).await, [PENDING], "{}", sample.id());
    }
}

/// Only what still waits loses by it.
pub async fn what_was_sent_does_not_collapse(store: Arc<dyn Store>) {
    let half = Sample::new(1).on_two_channels().collapsing("half");
    half.accepted_by(&store).await;
    let email = attempt(&store, Channel::Email, at(0), sent).await;
    assert_eq!(accept(&store, &Sample::new(2).collapsing("half")).await, in_place_of(half.id()));
    let deliveries = half.status_in(&store).await.deliveries;
    assert_eq!(deliveries[0], email);
    assert_eq!(deliveries[1].state, CANCELLED);
    claim(&store, 9, at(0), at(1_000)).await;
    let begun = Sample::new(3).collapsing("begun");
    begun.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    assert_eq!(accept(&store, &Sample::new(4).collapsing("begun")).await, NEW);
    let wanted_back = begun.delivery_in(&store).await;
    assert_eq!((wanted_back.state, wanted_back.attempts), (DeliveryState::Sending, sending.attempts));
    store.settle(claimed.lease, sent(&wanted_back, at(2))).await.unwrap();
    assert_eq!(accept(&store, &Sample::new(5).collapsing("begun")).await, in_place_of(Sample::new(4).id()));
    let sent = begun.delivery_in(&store).await;
    assert_eq!(sent.last_attempt.unwrap().provider_message_id, Some(message_id(sent.id)));
    assert_eq!(sent.state, DeliveryState::Sent);
}

/// What has ended is not replaced again.
pub async fn a_collapse_key_is_free_after_what_had_it_ended(store: Arc<dyn Store>) {
    for number in 0..3 {
        let sample = Sample::new(number).collapsing("level");
        assert_eq!(accept(&store, &sample).await, NEW, "the one before has ended");
        attempt(&store, Channel::Sms, at(0), sent).await;
        assert_eq!(sample.states_in(&store).await, [DeliveryState::Sent]);
    }
    let timeline = Sample::new(0).timeline_in(&store).await;
    assert!(timeline.iter().all(|fact| fact.kind != FactKind::Cancelled));
}

/// A request that was accepted before does not take its own place, nor anybody else's.
pub async fn a_repeated_request_does_not_collapse(store: Arc<dyn Store>) {
    let first = Sample::new(1).collapsing("level").keyed("k", 1);
    first.accepted_by(&store).await;
    let again = Sample::new(2).collapsing("level").keyed("k", 1);
    assert_eq!(accept(&store, &again).await, Accepted::Before(first.id()));
    assert_eq!(accept(&store, &first).await, Accepted::Before(first.id()));
    assert_eq!(first.states_in(&store).await, [PENDING]);
    let newer = Sample::new(3).collapsing("level");
    assert_eq!(accept(&store, &newer).await, in_place_of(first.id()));
    assert_eq!(accept(&store, &again).await, Accepted::Before(first.id()), "the key still stands for the first");
    assert_eq!(newer.states_in(&store).await, [PENDING]);
}

/// Both ways at once: what is named goes, and so does what waits under the key; the new one has the key then.
pub async fn naming_one_does_not_spare_what_waits_under_the_key(store: Arc<dyn Store>) {
    let (named, waiting) = (Sample::new(1), Sample::new(2).collapsing("level"));
    named.accepted_by(&store).await;
    waiting.accepted_by(&store).await;
    let new = Sample::new(3).collapsing("level").replacing(named.id());
    assert_eq!(accept(&store, &new).await, in_place_of(named.id()));
    assert_eq!(named.states_in(&store).await, [CANCELLED]);
    assert_eq!(waiting.states_in(&store).await, [CANCELLED]);
    assert_eq!(accept(&store, &Sample::new(4).collapsing("level")).await, in_place_of(new.id()));
}

/// Of those that race, one waits in the end, and each of the others lost its place to exactly one.
pub async fn of_concurrent_requests_under_a_collapse_key_one_waits(store: Arc<dyn Store>) {
    const REQUESTS: u32 = 16;
    let tasks: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(
                async move { store.accept(Sample::new(number).collapsing("level").acceptance()).await.unwrap() },
            )
        })
        .collect();
    let mut replaced = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Accepted::New { replaced: old } => replaced.extend(old),
            Accepted::Before(id) => panic!("{id} is somebody else's"),
        }
    }
    let distinct: HashSet<_> = replaced.iter().collect();
    assert_eq!((replaced.len(), distinct.len()), (REQUESTS as usize - 1, REQUESTS as usize - 1));
    for number in 0..REQUESTS {
        let sample = Sample::new(number);
        let expected = if distinct.contains(&sample.id()) { CANCELLED } else { PENDING };
        assert_eq!(sample.states_in(&store).await, [expected]);
    }
}
