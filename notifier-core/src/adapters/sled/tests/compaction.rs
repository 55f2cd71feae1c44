//! Giving room back, and being interrupted at it.

use std::fs;
use std::path::Path;

use super::{cancel, open, options};
use crate::adapters::sled::compact::{compact, is_worth_it};
use crate::adapters::sled::open::Database;
use crate::adapters::sled::{SledStore, check};
use crate::domain::channel::Channel;
use crate::testing::store_conformance::sample::{
    Sample, at, attempt, begin_claimed, claim, claim_one, delivered, failed, sent,
};

const MIB: u64 = 1024 * 1024;

#[test]
fn only_large_and_mostly_empty_files_are_worth_it() {
    let cases = [
        (63 * MIB, 0, false),
        (65 * MIB, 0, true),
        (400 * MIB, 100 * MIB, false),
        (401 * MIB, 100 * MIB, true),
        (u64::MAX, u64::MAX / 2, false),
    ];
    for (file_bytes, live_bytes, expected) in cases {
        assert_eq!(is_worth_it(file_bytes, live_bytes), expected, "{live_bytes} of {file_bytes}");
    }
}

async fn fill(path: &Path) {
    let store = open(path);
    for number in 0..50 {
        Sample::new(number).with_attachment(100_000).accepted_by(&store).await;
    }
    store.close().await.unwrap();
}

fn content(path: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let database = Database::open(path, &options()).unwrap();
    let content = database.tree().iter().map(|entry| entry.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap()).collect();
    database.release();
    content
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_compacted_store_holds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path()).await;
    let before = content(folder.path());
    let database = Database::open(folder.path(), &options()).unwrap();
    compact(database, &options()).unwrap().release();
    assert_eq!(content(folder.path()), before);
    assert_eq!(names(folder.path()), ["commit", "lock", "sled"]);
    assert!(check(folder.path(), false).unwrap().is_sound());
    let store = open(folder.path());
    assert_eq!(claim(&store, 100, at(0), at(1)).await.len(), 50);
    store.close().await.unwrap();
}

/// No room for a copy: the store is opened all the same.
#[tokio::test]
async fn a_failed_compaction_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fill(path).await;
    let before = content(path);
    let database = Database::open(path, &options()).unwrap();
    // A folder where the file of the copy has to be.
    fs::create_dir_all(path.join("sled.new/db")).unwrap();
    compact(database, &options()).unwrap().release();
    assert_eq!(content(path), before);
    assert_eq!(names(path), ["commit", "lock", "sled"]);
}

#[tokio::test]
async fn every_interrupted_compaction_ends_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fill(path).await;
    let before = content(path);
    let (current, new, old) = (path.join("sled"), path.join("sled.new"), path.join("sled.old"));
    let garbage = || {
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("db"), b"half a copy").unwrap();
    };

    garbage();
    assert_eq!(content(path), before, "while copying");

    garbage();
    fs::rename(&current, &old).unwrap();
    assert_eq!(content(path), before, "between the renames");

    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("db"), b"half removed").unwrap();
    assert_eq!(content(path), before, "while removing the old data");

    assert_eq!(names(path), ["commit", "lock", "sled"]);
}

/// The size on the medium is watched by what the operations say, not by counting: the two must agree.
#[tokio::test]
async fn live_bytes_are_about_right() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    for number in 0..200 {
        let sample = Sample::new(number).keyed(&format!("k{number}"), 1).collapsing(&format!("c{number}"));
        sample.on_two_channels().due(i64::from(number) * 10).accepted_by(&store).await;
        let (early, late) = (i64::from(number) * 10, i64::from(number) * 10 + 5);
        match number % 4 {
            0 => cancel(&store, &Sample::new(number), at(early)).await,
            1 => drop(attempt(&store, Channel::Sms, at(early), sent).await),
            2 => drop(attempt(&store, Channel::Sms, at(early), failed).await),
            _ => {
                let claimed = claim_one(&store, at(early), at(3_600_000_000)).await;
                begin_claimed(&store, &claimed, at(late), at(3_600_000_000)).await;
            }
        }
        let receipt = delivered(Sample::new(number + 1_000).delivery_id(Channel::Email), at(late));
        store.receive(vec![receipt]).await.unwrap();
    }
    store.close().await.unwrap();
    let database = Database::open(path, &options()).unwrap();
    let believed = database.progress().unwrap().live_bytes;
    database.release();
    let counted = check(path, false).unwrap().live_bytes;
    assert!(believed.abs_diff(counted) < 1_000, "{believed} believed, {counted} counted");
}

/// A store that was large and is nearly empty is compacted by being opened.
#[tokio::test]
async fn opening_compacts_what_is_worth_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let database = Database::open(path, &options()).unwrap();
    database.record(&database.progress().unwrap()).unwrap();
    for round in 0..12u8 {
        let mut batch = sled::Batch::default();
        for number in 0..128u8 {
            batch.insert(&[0xfe, round, number], vec![round; 64 * 1024]);
        }
        database.tree().apply_batch(batch).unwrap();
    }
    database.sync().unwrap();
    for key in database.tree().scan_prefix([0xfe]).keys() {
        database.tree().remove(key.unwrap()).unwrap();
    }
    database.sync().unwrap();
    let before = database.file_bytes().unwrap();
    database.release();
    assert!(before > 64 * MIB, "{before}");

    let store = SledStore::open(path, options()).unwrap();
    drop(store);
    let database = Database::open(path, &options()).unwrap();
    let after = database.file_bytes().unwrap();
    database.release();
    assert!(after <= 16 * MIB, "{before} -> {after}");
}
