//! What is accepted is there, once.

use std::collections::HashSet;
use std::sync::Arc;

use super::sample::{Sample, at, claim, claim_one};
use crate::domain::channel::Channel;
use crate::domain::id::{IdempotencyKey, TenantId};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::revision::Revision;
use crate::ports::store::{Accepted, Store, StoreError};

/// Every field comes back as it was handed in.
pub async fn what_was_accepted_can_be_read(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_all_channels().in_lane(Lane::Urgent).due(5_000).keyed("k", 1).collapsing("c");
    let notification = sample.notification();
    sample.accepted_by(&store).await;
    let status = sample.status_in(&store).await;
    assert_eq!(status.notification, notification);
    assert_eq!(status.deliveries, notification.first_deliveries());
    assert_eq!(sample.timeline_in(&store).await, [notification.acceptance()]);
}

/// Not in the order of channels, but in that in which they were asked for.
pub async fn deliveries_are_in_the_order_of_the_channels_of_their_notification(store: Arc<dyn Store>) {
    for (number, channels) in (0..).zip([[Channel::Email, Channel::Sms], [Channel::Sms, Channel::Email]]) {
        let sample = Sample::new(number).on(&channels);
        sample.accepted_by(&store).await;
        let deliveries = sample.status_in(&store).await.deliveries;
        assert_eq!(deliveries.iter().map(|delivery| delivery.id.channel).collect::<Vec<_>>(), channels);
        assert_eq!(deliveries, sample.notification().first_deliveries());
    }
}

/// What was not accepted is not there.
pub async fn nothing_else_can_be_read(store: Arc<dyn Store>) {
    let (here, missing) = (Sample::new(1), Sample::new(2));
    here.accepted_by(&store).await;
    assert_eq!(store.status(missing.tenant(), missing.id()).await.unwrap(), None);
    assert_eq!(store.timeline(missing.tenant(), missing.id()).await.unwrap(), None);
    let elsewhere = TenantId::new("elsewhere").unwrap();
    assert_eq!(store.status(&elsewhere, here.id()).await.unwrap(), None);
    assert_eq!(store.timeline(&elsewhere, here.id()).await.unwrap(), None);
}

/// A repeated request changes nothing and learns the first identifier.
pub async fn the_same_request_under_a_key_is_one_notification(store: Arc<dyn Store>) {
    let first = Sample::new(1).keyed("k", 1).accepted_by(&store).await;
    let again = Sample::new(2).created(1_000).keyed("k", 1);
    assert_eq!(store.accept(again.acceptance()).await.unwrap(), Accepted::Before(first));
    assert_eq!(store.status(again.tenant(), again.id()).await.unwrap(), None);
    assert_eq!(claim(&store, 10, at(0), at(1)).await.len(), 1);
}

/// The key alone is not enough.
pub async fn another_request_under_a_key_is_refused(store: Arc<dyn Store>) {
    let first = Sample::new(1).keyed("k", 1);
    let existing = first.accepted_by(&store).await;
    let other = Sample::new(2).created(1_000).keyed("k", 2);
    let key = other.notification().idempotency_key.unwrap();
    assert_eq!(store.accept(other.acceptance()).await.unwrap_err(), StoreError::KeyReused { key, existing });
    assert_eq!(store.status(other.tenant(), other.id()).await.unwrap(), None);
    Sample::new(3).keyed("k2", 1).accepted_by(&store).await;
}

/// Without a request to accept, in the same words.
pub async fn a_key_can_be_asked_for(store: Arc<dyn Store>) {
    let sample = Sample::new(1).keyed("k", 1).remembered_until(1_000);
    let (tenant, key) = (sample.tenant().clone(), sample.notification().idempotency_key.unwrap());
    assert_eq!(store.recall(&tenant, &key, Some(&[1; 32]), at(0)).await.unwrap(), None);
    let existing = sample.accepted_by(&store).await;
    assert_eq!(store.recall(&tenant, &key, Some(&[1; 32]), at(999)).await.unwrap(), Some(existing));
    let reused = StoreError::KeyReused { key: key.clone(), existing };
    assert_eq!(store.recall(&tenant, &key, Some(&[2; 32]), at(999)).await.unwrap_err(), reused);
    assert_eq!(store.recall(&tenant, &key, Some(&[1; 32]), at(1_000)).await.unwrap(), None, "its time is over");
    let elsewhere = Sample::new(2).of("elsewhere");
    assert_eq!(store.recall(elsewhere.tenant(), &key, Some(&[1; 32]), at(999)).await.unwrap(), None);
}

/// Whatever was asked for under it.
pub async fn a_key_can_be_asked_for_without_a_hash(store: Arc<dyn Store>) {
    let sample = Sample::new(1).keyed("k", 7).remembered_until(1_000);
    let (tenant, key) = (sample.tenant().clone(), sample.notification().idempotency_key.unwrap());
    assert_eq!(store.recall(&tenant, &key, None, at(0)).await.unwrap(), None);
    let existing = sample.accepted_by(&store).await;
    assert_eq!(store.recall(&tenant, &key, None, at(999)).await.unwrap(), Some(existing));
    assert_eq!(store.recall(&tenant, &key, None, at(1_000)).await.unwrap(), None, "its time is over");
    let elsewhere = Sample::new(2).of("elsewhere");
    assert_eq!(store.recall(elsewhere.tenant(), &key, None, at(999)).await.unwrap(), None);
}

/// Two tenants may use the same key.
pub async fn keys_belong_to_tenants(store: Arc<dyn Store>) {
    Sample::new(1).of("north").keyed("k", 1).accepted_by(&store).await;
    Sample::new(2).of("south").keyed("k", 2).accepted_by(&store).await;
}

/// A key is remembered up to its time, whatever the retention of the requests after it, and forgotten then.
pub async fn keys_are_free_again_after_their_time(store: Arc<dyn Store>) {
    const DAY_MS: i64 = 24 * 3_600_000;
    let first = Sample::new(1).keyed("k", 1).remembered_until(9 * DAY_MS).accepted_by(&store).await;
    let late = Sample::new(2).created(9 * DAY_MS - 1).keyed("k", 1).remembered_until(10 * DAY_MS);
    assert_eq!(store.accept(late.acceptance()).await.unwrap(), Accepted::Before(first));
    let after = Sample::new(3).created(9 * DAY_MS).keyed("k", 2).remembered_until(10 * DAY_MS);
    after.accepted_by(&store).await;
    let again = Sample::new(4).created(9 * DAY_MS + 1).keyed("k", 2).remembered_until(30 * DAY_MS);
    assert_eq!(store.accept(again.acceptance()).await.unwrap(), Accepted::Before(after.id()));
    // Others come and go for a month; the key of the newest is not swept away with them.
    for day in 10..40 {
        let number = u32::try_from(100 + day).unwrap();
        let other = Sample::new(number).created(day * DAY_MS).keyed(&format!("k{day}"), 1);
        let other = other.remembered_until((day + 2) * DAY_MS);
        other.accepted_by(&store).await;
        let repeated = Sample::new(number + 1_000).created((day + 1) * DAY_MS).keyed(&format!("k{day}"), 1);
        assert_eq!(store.accept(repeated.acceptance()).await.unwrap(), Accepted::Before(other.id()));
    }
}

/// What was moved is remembered for as long as it may be sent then, and never shorter than before; unless the key was
/// forgotten meanwhile, and may be another's.
pub async fn a_key_is_remembered_until_what_was_moved_expires(store: Arc<dyn Store>) {
    const DAY_MS: i64 = 24 * 3_600_000;
    let moved = |due_days: i64, expiry_days: i64| Revision::Reschedule {
        due_at: at(due_days * DAY_MS),
        expires_at: at(expiry_days * DAY_MS),
    };
    let sample = Sample::new(1).due(9 * DAY_MS).keyed("k", 1).remembered_until(2 * DAY_MS);
    let id = sample.accepted_by(&store).await;
    let key = IdempotencyKey::new("k").unwrap();
    let known = async |ms: i64| store.recall(sample.tenant(), &key, None, at(ms)).await.unwrap();
    for (now_ms, revision, ends_days) in [(1, moved(40, 70), 70), (2, moved(5, 8), 70), (3, moved(400, 500), 500)] {
        store.revise(sample.tenant(), id, &revision, at(now_ms)).await.unwrap().unwrap();
        assert_eq!(known(ends_days * DAY_MS - 1).await, Some(id), "{revision:?}");
        assert_eq!(known(ends_days * DAY_MS).await, None, "{revision:?}");
    }
    let again = Sample::new(2).created(499 * DAY_MS).keyed("k", 1).remembered_until(600 * DAY_MS);
    assert_eq!(store.accept(again.acceptance()).await.unwrap(), Accepted::Before(id));
    let next = Sample::new(3).created(501 * DAY_MS).keyed("k", 2).remembered_until(510 * DAY_MS);
    next.accepted_by(&store).await;
    store.revise(sample.tenant(), id, &moved(700, 800), at(502 * DAY_MS)).await.unwrap().unwrap();
    assert_eq!(known(505 * DAY_MS).await, Some(next.id()));
    assert_eq!(known(510 * DAY_MS).await, None);
}

/// Requests that race under one key: one is new, the others learn its identifier.
pub async fn concurrent_requests_under_one_key_become_one(store: Arc<dyn Store>) {
    for round in 0..20u32 {
        let tasks: Vec<_> = (0..16u32)
            .map(|index| {
                let store = Arc::clone(&store);
                let sample = Sample::new(round * 100 + index).keyed(&format!("k{round}"), 1);
                tokio::spawn(async move { (sample.id(), store.accept(sample.acceptance()).await.unwrap()) })
            })
            .collect();
        let mut new = Vec::new();
        let mut before = HashSet::new();
        for task in tasks {
            match task.await.unwrap() {
                (id, Accepted::New { replaced: None }) => new.push(id),
                (_, replacing @ Accepted::New { .. }) => panic!("{replacing:?}"),
                (_, Accepted::Before(id)) => {
                    before.insert(id);
                }
            }
        }
        assert_eq!(new.len(), 1, "round {round}");
        assert_eq!(before.into_iter().collect::<Vec<_>>(), new, "round {round}");
    }
}

/// A second notification of the same identifier does not replace the first.
pub async fn an_identifier_is_never_accepted_twice(store: Arc<dyn Store>) {
    let first = Sample::new(1);
    let id = first.accepted_by(&store).await;
    let twin = Sample::new(1).to("bob");
    assert_eq!(store.accept(twin.acceptance()).await.unwrap(), Accepted::Before(id));
    let status = first.status_in(&store).await;
    assert_eq!(status.notification, first.notification());
    assert_eq!(status.deliveries[0].state, DeliveryState::Pending);
}

/// Attachments come back byte by byte, however many large notifications there are.
pub async fn large_notifications_are_kept_whole(store: Arc<dyn Store>) {
    let samples: Vec<_> = (0..20).map(|number| Sample::new(number).with_attachment(512 * 1024)).collect();
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    for sample in &samples {
        let status = sample.status_in(&store).await;
        assert!(status.notification == sample.notification(), "{} differs", sample.id());
    }
    let claimed = claim_one(&store, at(0), at(1)).await;
    assert!(claimed.notification == samples[0].notification());
}
