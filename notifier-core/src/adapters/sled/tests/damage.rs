//! What cannot be read is told, kept, and in nobody's way.

use std::path::Path;

use super::{flip_last_bit, open, options, tamper};
use crate::adapters::sled::keys::QueueEntry;
use crate::adapters::sled::open::Database;
use crate::adapters::sled::{check, envelope, keys};
use crate::domain::channel::Channel;
use crate::domain::id::TenantId;
use crate::domain::lane::{Lane, Timing};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::preference::Preferences;
use crate::domain::revision::Revision;
use crate::ports::store::{ListQuery, StoreError};
use crate::testing::store_conformance::sample::{
    Sample, at, attempt, begin, begin_claimed, claim, claim_on, claim_one, delivered, failed, next_due, report, sent,
};

fn delivery_key(sample: &Sample) -> Vec<u8> {
    keys::delivery(sample.tenant(), sample.delivery_id(Channel::Sms))
}

fn entry(sample: &Sample, due_ms: i64) -> QueueEntry {
    QueueEntry {
        channel: Channel::Sms,
        lane: Lane::Normal,
        timing: Timing::Prompt,
        tenant: sample.tenant().clone(),
        due_at: at(due_ms),
        notification: sample.id(),
    }
}

/// Three notifications that were put off once, of which one was damaged.
async fn store_with_damage(path: &Path, damage: impl FnOnce(&sled::Tree, &Sample)) -> [Sample; 3] {
    let samples = [1, 2, 3].map(Sample::new);
    let store = open(path);
    for sample in &samples {
        sample.accepted_by(&store).await;
        let revision = Revision::Reschedule { due_at: at(-1), expires_at: at(90_000) };
        store.revise(sample.tenant(), sample.id(), &revision, at(-2)).await.unwrap().unwrap();
    }
    store.close().await.unwrap();
    assert!(check(path, false).unwrap().is_sound());
    tamper(path, |tree| damage(tree, &samples[0]));
    samples
}

async fn assert_others_are_handed_out(path: &Path, samples: &[Sample; 3]) {
    let store = open(path);
    let claimed = claim(&store, 10, at(0), at(1_000)).await;
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.notification.id).collect();
    assert_eq!(ids, [samples[1].id(), samples[2].id()]);
    let claims_end = Some(at(1_000));
    assert_eq!(next_due(&store).await, claims_end, "the damaged one is in nobody's way");
    let told = store.status(samples[0].tenant(), samples[0].id()).await.unwrap_err();
    assert!(matches!(told, StoreError::Damaged { .. }), "{told}");
    let query = ListQuery::of(TenantId::unnamed(), 10);
    let listed = store.list(&query).await.unwrap();
    assert_eq!((listed.items.len(), listed.next), (2, None), "the list goes on without it");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_delivery_does_not_block_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let samples = store_with_damage(path, |tree, sample| flip_last_bit(tree, &delivery_key(sample))).await;
    assert_others_are_handed_out(path, &samples).await;
    let report = check(path, false).unwrap();
    assert_eq!((report.damaged, report.stale_entries, report.missing_entries), (1, 0, 0));
    assert!(report.damaged_records[0].1.contains("checksum"), "{:?}", report.damaged_records);
    tamper(path, |tree| {
        let key = delivery_key(&samples[0]);
        assert_eq!(tree.get(keys::quarantine(&key)).unwrap(), tree.get(&key).unwrap(), "a copy is kept");
        assert!(tree.get(&key).unwrap().is_some(), "the original too");
    });
}

#[tokio::test]
async fn a_damaged_notification_does_not_block_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let damage = |tree: &sled::Tree, sample: &Sample| {
        flip_last_bit(tree, &keys::notification(sample.tenant(), sample.id()));
    };
    let samples = store_with_damage(folder.path(), damage).await;
    assert_others_are_handed_out(folder.path(), &samples).await;
}

/// After a downgrade: the newer program's record waits until it is back.
#[tokio::test]
async fn a_record_of_a_newer_version_is_left_for_the_program_that_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut original = Vec::new();
    let samples = store_with_damage(path, |tree, sample| {
        let key = delivery_key(sample);
        original = tree.get(&key).unwrap().unwrap().to_vec();
        tree.insert(key, envelope::with_version(&original, 9)).unwrap();
    })
    .await;
    assert_others_are_handed_out(path, &samples).await;
    let report = check(path, true).unwrap();
    assert!(report.damaged_records[0].1.contains("version 9"), "{:?}", report.damaged_records);

    tamper(path, |tree| drop(tree.insert(delivery_key(&samples[0]), original).unwrap()));
    let report = check(path, true).unwrap();
    assert_eq!((report.damaged, report.missing_entries), (0, 1), "its queue entry is rebuilt");
    let store = open(path);
    assert_eq!(claim(&store, 10, at(0), at(1_000)).await.len(), 3);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_delivery_that_is_being_sent_does_not_block_reclaiming() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    for number in [1, 2] {
        Sample::new(number).accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(1_000)).await.unwrap();
    }
    store.close().await.unwrap();
    let key = entry(&Sample::new(1), 0).key();
    tamper(path, |tree| flip_last_bit(tree, &key));
    let store = open(path);
    let reclaimed = store.reclaim(at(0), 10, at(1_000)).await.unwrap();
    assert_eq!(reclaimed.iter().map(|claimed| claimed.notification.id).collect::<Vec<_>>(), [Sample::new(2).id()]);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(1_000)));
    assert!(claim(&store, 10, at(5_000), at(9_000)).await.is_empty(), "it may have been sent: it is nobody's to send");
    let told = store.status(Sample::new(1).tenant(), Sample::new(1).id()).await.unwrap_err();
    assert!(matches!(told, StoreError::Damaged { .. }), "{told}");
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert_eq!((report.damaged, report.stale_entries, report.missing_entries), (1, 0, 0), "{report:?}");
}

/// Whoever does not know what somebody wants does not write to them, and says so; once that is known, a person can go on.
#[tokio::test]
async fn damaged_preferences_fail_what_is_for_their_recipient_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    let (held_up, other) = (Sample::new(1), Sample::new(2).to("grace"));
    let recipient = held_up.notification().recipient.id;
    store.put_preferences(held_up.tenant(), &recipient, Preferences::default()).await.unwrap();
    held_up.accepted_by(&store).await;
    other.accepted_by(&store).await;
    store.close().await.unwrap();
    tamper(path, |tree| flip_last_bit(tree, &keys::preferences(held_up.tenant(), &recipient)));
    let store = open(path);
    let claimed = claim(&store, 10, at(0), at(1_000)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.notification.id).collect::<Vec<_>>(), [other.id()]);
    store.put_preferences(held_up.tenant(), &recipient, Preferences::default()).await.unwrap();
    assert_eq!(store.sweep(None, 10).await.unwrap().repaired, 0);
    let failed = held_up.delivery_in(&store).await;
    assert_eq!((failed.state, &*failed.reason.code), (DeliveryState::Failed, "preference.unreadable"));
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.pending.normal, counts.dead), (1, 1), "{counts:?}");
    let replay = Revision::Replay { channel: None, expires_at: at(90_000) };
    store.revise(held_up.tenant(), held_up.id(), &replay, at(0)).await.unwrap().unwrap();
    assert_eq!(claim_one(&store, at(0), at(1_000)).await.notification.id, held_up.id());
    store.close().await.unwrap();
    assert!(check(path, false).unwrap().is_sound());
}

/// The index leads to nothing, or to something else: entries are moved aside with an alarm, not followed.
#[tokio::test]
async fn stale_entries_are_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    Sample::new(1).accepted_by(&store).await;
    store.close().await.unwrap();
    let (real, ghost) = (Sample::new(1), Sample::new(2));
    tamper(path, |tree| {
        tree.insert(entry(&ghost, -10).key(), b"").unwrap();
        tree.insert(entry(&real, -20).key(), b"").unwrap();
        tree.insert(entry(&real.clone().of("nobody"), -30).key(), b"").unwrap();
        let mut unreadable = keys::queue_of(Channel::Sms, Lane::Normal, Timing::Prompt, real.tenant());
        unreadable.extend([0x80; 3]);
        tree.insert(unreadable, b"").unwrap();
        let bulk = QueueEntry { lane: Lane::Bulk, ..entry(&real, 0) };
        tree.insert(bulk.key(), b"").unwrap();
    });
    let report = check(path, false).unwrap();
    assert_eq!((report.stale_entries, report.missing_entries, report.damaged), (5, 0, 0), "{report:?}");
    let store = open(path);
    assert_eq!(claim(&store, 10, at(0), at(1_000)).await.len(), 1);
    assert!(store.reclaim(at(0), 10, at(1_000)).await.unwrap().is_empty());
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.quarantined, 5);
}

#[tokio::test]
async fn repair_rebuilds_every_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    let keyed = Sample::new(1).keyed("k", 1).collapsing("c").due(50);
    keyed.accepted_by(&store).await;
    for (number, decide) in [(2, sent as fn(&_, _) -> _), (3, failed)] {
        Sample::new(number).accepted_by(&store).await;
        attempt(&store, Channel::Sms, at(0), decide).await;
    }
    Sample::new(4).accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(1_000)).await.unwrap();
    let of_nobody = report("twilio", "of nobody", crate::domain::receipt::ReceiptStatus::Opened, at(5));
    store.receive(vec![of_nobody]).await.unwrap();
    let counts = store.counts().await.unwrap();
    store.close().await.unwrap();
    let sound = check(path, false).unwrap();
    assert!(sound.is_sound(), "{sound:?}");
    let expected = [
        ("collapse key", 1),
        ("dead letter", 1),
        ("delivery", 4),
        ("idempotency key", 1),
        ("message", 1),
        ("notification", 4),
        ("queue entry", 2),
        ("unmatched receipt", 1),
    ];
    assert_eq!(sound.counts.into_iter().collect::<Vec<_>>(), expected);

    tamper(path, |tree| {
        for prefix in [keys::QUEUE, keys::IDEMPOTENCY, keys::MESSAGE, keys::COLLAPSE, keys::DEAD] {
            for entry in tree.scan_prefix([prefix]) {
                let (key, value) = entry.unwrap();
                // What is being sent is no index entry: nothing else says so.
                if prefix != keys::QUEUE || value.is_empty() {
                    tree.remove(key).unwrap();
                }
            }
        }
    });
    assert_eq!(check(path, false).unwrap().missing_entries, 5);
    assert_eq!(check(path, false).unwrap().missing_entries, 5, "looking changes nothing");
    let repaired = check(path, true).unwrap();
    assert_eq!((repaired.missing_entries, repaired.repaired), (5, true));
    assert!(check(path, false).unwrap().is_sound());

    let store = open(path);
    assert_eq!(store.counts().await.unwrap(), counts);
    assert_eq!(next_due(&store).await, Some(at(50)));
    assert_eq!(store.reclaim(at(0), 10, at(1_000)).await.unwrap().len(), 1);
    let again = Sample::new(5).created(10).keyed("k", 2);
    assert!(matches!(store.accept(again.acceptance()).await, Err(StoreError::KeyReused { .. })));
    let replaced = store.accept(Sample::new(6).collapsing("c").acceptance()).await.unwrap();
    assert_eq!(replaced, crate::ports::store::Accepted::New { replaced: Some(keyed.id()) });
    let told = store.receive(vec![delivered(Sample::new(2).delivery_id(Channel::Sms), at(9))]).await.unwrap();
    assert!(matches!(told[..], [crate::ports::store::Received::Told(_)]), "{told:?}");
    store.close().await.unwrap();
}

/// Numbers are never walked for, so somebody has to see to it that they are right.
#[tokio::test]
async fn wrong_counts_are_told_and_put_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    for number in 0..3 {
        Sample::new(number).on_two_channels().accepted_by(&store).await;
    }
    let claimed = claim_on(&store, Channel::Sms, at(0), at(1_000)).await;
    begin_claimed(&store, &claimed, at(0), at(1_000)).await;
    let counts = store.counts().await.unwrap();
    store.close().await.unwrap();
    let database = Database::open(path, &options()).unwrap();
    let mut progress = database.progress().unwrap();
    progress.counts.pending[1] += 7;
    progress.counts.dead += 1;
    database.record(&progress).unwrap();
    database.release();
    let report = check(path, false).unwrap();
    assert_eq!((report.wrong_counts, report.is_sound()), (2, false));
    check(path, true).unwrap();
    assert!(check(path, false).unwrap().is_sound());
    let store = open(path);
    assert_eq!(store.counts().await.unwrap(), counts);
    store.close().await.unwrap();
}

#[tokio::test]
async fn damaged_preferences_can_be_replaced_and_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (tenant, recipient) = (TenantId::unnamed(), crate::domain::id::RecipientId::new("ada").unwrap());
    let store = open(path);
    store.put_preferences(&tenant, &recipient, Preferences::default()).await.unwrap();
    store.close().await.unwrap();
    let key = keys::preferences(&tenant, &recipient);
    tamper(path, |tree| flip_last_bit(tree, &key));
    let store = open(path);
    assert!(matches!(store.preferences(&tenant, &recipient).await, Err(StoreError::Damaged { .. })));
    let new = Preferences { channels: [(Channel::Sms, false)].into(), ..Preferences::default() };
    store.put_preferences(&tenant, &recipient, new.clone()).await.unwrap();
    assert_eq!(store.preferences(&tenant, &recipient).await.unwrap(), Some(new));
    store.close().await.unwrap();
    tamper(path, |tree| assert!(tree.contains_key(keys::quarantine(&key)).unwrap()));
}

/// A value of many parts is damaged when one of them is.
#[tokio::test]
async fn a_missing_part_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let large = Sample::new(1).with_attachment(300 * 1024);
    let store = open(path);
    large.accepted_by(&store).await;
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.counts["part"], 5);
    let key = keys::notification(large.tenant(), large.id());
    tamper(path, |tree| drop(tree.remove(keys::part(&key, 2)).unwrap()));
    let store = open(path);
    let told = store.status(large.tenant(), large.id()).await.unwrap_err();
    assert!(told.to_string().contains("part 2"), "{told}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn repair_survives_damaged_bookkeeping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    Sample::new(1).accepted_by(&store).await;
    store.close().await.unwrap();
    let before = check(path, false).unwrap();
    tamper(path, |tree| flip_last_bit(tree, keys::PROGRESS));
    let refused = crate::adapters::sled::SledStore::open(path, options()).unwrap_err();
    assert!(refused.to_string().contains("progress"), "{refused}");
    let repaired = check(path, true).unwrap();
    assert_eq!((repaired.damaged, repaired.operations), (1, before.operations));
    assert!(check(path, false).unwrap().is_sound());
    open(path).close().await.unwrap();
}
