//! What cannot be read is told, kept, and in nobody's way.

use std::path::Path;

use super::{open, options};
use crate::adapters::sled::open::Database;
use crate::adapters::sled::{check, envelope, keys};
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, TenantId};
use crate::domain::preference::Preferences;
use crate::ports::store::{ListQuery, StoreError};
use crate::testing::store_conformance::sample::{Sample, at, begin, claim_one};

/// Changes the tree of a closed store behind its back.
fn tamper(path: &Path, with: impl FnOnce(&sled::Tree)) {
    let database = Database::open(path, &options()).unwrap();
    with(database.tree());
    database.sync().unwrap();
    database.release();
}

fn flip_last_bit(tree: &sled::Tree, key: &[u8]) {
    let mut value = tree.get(key).unwrap().expect("the key is there").to_vec();
    *value.last_mut().unwrap() ^= 1;
    tree.insert(key, value).unwrap();
}

fn delivery_key(sample: &Sample) -> Vec<u8> {
    keys::delivery(sample.tenant(), DeliveryId { notification: sample.id(), channel: Channel::Sms })
}

/// Three notifications, of which one was damaged.
async fn store_with_damage(path: &Path, damage: impl FnOnce(&sled::Tree, &Sample)) -> [Sample; 3] {
    let samples = [1, 2, 3].map(Sample::new);
    let store = open(path);
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    store.close().await.unwrap();
    assert!(check(path, false).unwrap().is_sound());
    tamper(path, |tree| damage(tree, &samples[0]));
    samples
}

async fn assert_others_are_handed_out(path: &Path, samples: &[Sample; 3]) {
    let store = open(path);
    let claimed = store.claim(at(0), 10, at(1_000)).await.unwrap();
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.notification.id).collect();
    assert_eq!(ids, [samples[1].id(), samples[2].id()]);
    let claims_end = Some(at(1_000));
    assert_eq!(store.next_due().await.unwrap(), claims_end, "the damaged one is in nobody's way");
    let told = store.status(samples[0].tenant(), samples[0].id()).await.unwrap_err();
    assert!(matches!(told, StoreError::Damaged { .. }), "{told}");
    let query = ListQuery { tenant: TenantId::unnamed(), recipient: None, before: None, limit: 10 };
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
    assert_eq!((report.damaged, report.missing_entries), (0, 1), "its due entry is rebuilt");
    let store = open(path);
    assert_eq!(store.claim(at(0), 10, at(1_000)).await.unwrap().len(), 3);
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
    tamper(path, |tree| flip_last_bit(tree, &delivery_key(&Sample::new(1))));
    let store = open(path);
    let reclaimed = store.reclaim(at(0), 10, at(1_000)).await.unwrap();
    assert_eq!(reclaimed.iter().map(|claimed| claimed.notification.id).collect::<Vec<_>>(), [Sample::new(2).id()]);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(1_000)));
    store.close().await.unwrap();
}

/// The index leads to nothing, or to something else: entries are moved aside with an alarm, not followed.
#[tokio::test]
async fn stale_entries_are_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    Sample::new(1).accepted_by(&store).await;
    store.close().await.unwrap();
    let id = |number| DeliveryId { notification: Sample::new(number).id(), channel: Channel::Sms };
    let (real_id, ghost_id, other_ghost_id) = (id(1), id(2), id(3));
    tamper(path, |tree| {
        tree.insert(keys::due(at(-10), ghost_id), "default").unwrap();
        tree.insert(keys::due(at(-20), real_id), "default").unwrap();
        tree.insert(keys::due(at(-30), real_id), "NO TENANT").unwrap();
        tree.insert([keys::DUE, 1, 2, 3], "default").unwrap();
        tree.insert(keys::sending(other_ghost_id), "default").unwrap();
    });
    let report = check(path, false).unwrap();
    assert_eq!((report.stale_entries, report.missing_entries, report.damaged), (5, 0, 0));
    let store = open(path);
    assert_eq!(store.claim(at(0), 10, at(1_000)).await.unwrap().len(), 1);
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
    let keyed = Sample::new(1).keyed("k", 1).due(50);
    keyed.accepted_by(&store).await;
    Sample::new(2).accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(1_000)).await.unwrap();
    store.close().await.unwrap();
    let sound = check(path, false).unwrap();
    assert!(sound.is_sound(), "{sound:?}");
    let expected =
        [("delivery", 2), ("due entry", 1), ("idempotency key", 1), ("notification", 2), ("sending entry", 1)];
    assert_eq!(sound.counts.into_iter().collect::<Vec<_>>(), expected);

    tamper(path, |tree| {
        for prefix in [keys::DUE, keys::SENDING, keys::IDEMPOTENCY] {
            for key in tree.scan_prefix([prefix]).keys() {
                tree.remove(key.unwrap()).unwrap();
            }
        }
    });
    assert_eq!(check(path, false).unwrap().missing_entries, 3);
    assert_eq!(check(path, false).unwrap().missing_entries, 3, "looking changes nothing");
    let repaired = check(path, true).unwrap();
    assert_eq!((repaired.missing_entries, repaired.repaired), (3, true));
    assert!(check(path, false).unwrap().is_sound());

    let store = open(path);
    assert_eq!(store.next_due().await.unwrap(), Some(at(50)));
    assert_eq!(store.reclaim(at(0), 10, at(1_000)).await.unwrap().len(), 1);
    let again = Sample::new(3).created(10).keyed("k", 2);
    assert!(matches!(store.accept(again.acceptance()).await, Err(StoreError::KeyReused { .. })));
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
