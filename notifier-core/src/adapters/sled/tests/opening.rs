//! What may stand in the way of opening.

use std::fs;
use std::path::Path;

use super::{open, options};
use crate::adapters::sled::open::Database;
use crate::adapters::sled::records::FormatRecord;
use crate::adapters::sled::{OpenError, SledOptions, SledStore, check, envelope, keys, marker};
use crate::domain::channel::Channel;
use crate::ports::store::{ListQuery, StoreError};
use crate::testing::store_conformance::sample::{Sample, at, begin_claimed, claim_one, next_due};

async fn fill(path: &Path, numbers: std::ops::Range<u32>) {
    let store = open(path);
    for number in numbers {
        Sample::new(number).accepted_by(&store).await;
    }
    store.close().await.unwrap();
}

async fn assert_holds(path: &Path, count: usize) {
    let store = open(path);
    let query = ListQuery::of(Sample::new(0).tenant().clone(), 1_000);
    assert_eq!(store.list(&query).await.unwrap().items.len(), count);
    store.close().await.unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_store_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let second = SledStore::open(folder.path(), options()).unwrap_err();
    assert!(matches!(second, OpenError::Locked { .. }), "{second}");
    store.close().await.unwrap();
    open(folder.path()).close().await.unwrap();
}

/// Without it every later opening fails: the reader takes the half-written file for the newest snapshot.
#[tokio::test]
async fn an_unfinished_snapshot_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 0..10).await;
    let leftover = folder.path().join("sled/snap.FFFFFFFFFFFFFFF0.generating");
    fs::write(&leftover, b"half").unwrap();
    assert_holds(folder.path(), 10).await;
    assert!(!leftover.exists());
    assert!(!folder.path().join("aside").exists(), "and the whole snapshot beside it is still good");
}

#[tokio::test]
async fn a_damaged_snapshot_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 0..10).await;
    fill(folder.path(), 10..20).await;
    let mut damaged = 0;
    for entry in fs::read_dir(folder.path().join("sled")).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with("snap.") {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xff;
            fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0, "there is a snapshot to damage");
    assert_holds(folder.path(), 20).await;
    assert!(fs::read_dir(folder.path().join("aside")).unwrap().next().is_some(), "it is kept");
}

#[tokio::test]
async fn data_behind_its_marker_is_refused_until_the_loss_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fill(path, 0..10).await;
    let old = folder.path().join("backup");
    copy_folder(&path.join("sled"), &old);
    fill(path, 10..20).await;
    fs::remove_dir_all(path.join("sled")).unwrap();
    copy_folder(&old, &path.join("sled"));

    let refused = SledStore::open(path, options()).unwrap_err();
    assert!(matches!(refused, OpenError::Lost { acknowledged: 20, found: 10 }), "{refused}");
    let report = check(path, false).unwrap();
    assert!(report.has_lost() && !report.is_sound(), "{report:?}");
    let accepting = SledOptions { accept_loss: true, ..options() };
    let store: std::sync::Arc<dyn crate::ports::store::Store> =
        std::sync::Arc::new(SledStore::open(path, accepting).unwrap());
    store.close().await.unwrap();
    assert_holds(path, 10).await;
}

#[tokio::test]
async fn repair_accepts_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 0..3).await;
    marker::reset(&folder.path().join("commit"), 1_000).unwrap();
    assert!(matches!(SledStore::open(folder.path(), options()), Err(OpenError::Lost { .. })));
    assert!(check(folder.path(), true).unwrap().has_lost());
    assert_holds(folder.path(), 3).await;
}

/// All data gone, the marker still there: the worst loss is the one that looks like a new store.
#[tokio::test]
async fn an_empty_folder_with_a_marker_is_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 0..3).await;
    fs::remove_dir_all(folder.path().join("sled")).unwrap();
    let refused = SledStore::open(folder.path(), options()).unwrap_err();
    assert!(matches!(refused, OpenError::Lost { acknowledged: 3, found: 0 }), "{refused}");
}

#[tokio::test]
async fn other_peoples_data_and_newer_formats_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    let db = sled::Config::new().path(foreign.join("sled")).segment_size(8 * 1024 * 1024).open().unwrap();
    db.insert("something", "else").unwrap();
    db.flush().unwrap();
    drop(db);
    let refused = SledStore::open(&foreign, options()).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");

    let newer = folder.path().join("newer");
    fill(&newer, 0..1).await;
    let database = Database::open(&newer, &options()).unwrap();
    database.tree().insert(keys::FORMAT, envelope::seal(&FormatRecord { number: 4 })).unwrap();
    database.sync().unwrap();
    database.release();
    let refused = SledStore::open(&newer, options()).unwrap_err();
    assert!(matches!(refused, OpenError::Format { found: 4, newest: 3 }), "{refused}");
}

#[test]
fn there_is_nothing_to_check_where_no_store_is() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(check(folder.path(), false), Err(OpenError::Folder { .. })));
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "looking makes no store");
}

/// A log that sled panics over, or reads only in part, is never opened as if nothing had happened.
#[tokio::test]
async fn a_damaged_log_is_never_opened_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    fill(&whole, 0..300).await;
    let data = fs::read(whole.join("sled/db")).unwrap();
    let written = data.iter().rposition(|byte| *byte != 0).unwrap();
    for (round, (from, to)) in
        [(written / 2, written), (written - 4_096, written), (30, 20_000)].into_iter().enumerate()
    {
        let path = folder.path().join(format!("{round}"));
        copy_folder(&whole, &path);
        let mut damaged = data.clone();
        damaged[from..to].fill(0x5a);
        fs::write(path.join("sled/db"), damaged).unwrap();
        for entry in fs::read_dir(path.join("sled")).unwrap() {
            let file = entry.unwrap().path();
            if file.file_name().unwrap().to_string_lossy().starts_with("snap.") {
                fs::remove_file(file).unwrap();
            }
        }
        match SledStore::open(&path, options()) {
            Err(OpenError::Lost { .. } | OpenError::Damaged { .. } | OpenError::Foreign { .. }) => {}
            Err(error) => panic!("bytes {from}..{to}: {error}"),
            Ok(_) => panic!("bytes {from}..{to}: opened in silence"),
        }
    }
}

#[tokio::test]
async fn a_record_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let large = Sample::new(1).with_attachment(5 * 1024 * 1024);
    let refused = store.accept(large.acceptance()).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { what: "notification", .. }), "{refused}");
    assert_eq!(store.status(large.tenant(), large.id()).await.unwrap(), None);
    assert_eq!(next_due(&store).await, None);
    Sample::new(2).accepted_by(&store).await;
    store.close().await.unwrap();
}

/// What an operation had done before it was refused never happened, in the counts and queues neither.
#[tokio::test]
async fn a_refusal_takes_everything_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let waiting = Sample::new(1).collapsing("level").due(10);
    waiting.accepted_by(&store).await;
    let claimed = claim_one(&store, at(10), at(1_000)).await;
    let before = (store.counts().await.unwrap(), next_due(&store).await);
    let large = Sample::new(2).collapsing("level").due(5).with_attachment(5 * 1024 * 1024);
    let refused = store.accept(large.acceptance()).await.unwrap_err();
    assert!(matches!(refused, StoreError::TooLarge { .. }), "{refused}");
    // Also not by what comes next.
    Sample::new(3).due(500_000).on(&[Channel::Email]).accepted_by(&store).await;
    let mut counts = store.counts().await.unwrap();
    counts.pending.normal -= 1;
    assert_eq!((counts, next_due(&store).await), before);
    begin_claimed(&store, &claimed, at(11), at(1_000)).await;
    store.close().await.unwrap();
    let report = check(folder.path(), false).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

/// A blob is a file of its own, which no sync of the data file covers.
#[tokio::test]
async fn nothing_is_ever_stored_outside_the_data_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let blobs = folder.path().join("sled/blobs");
    for number in 0..60 {
        Sample::new(number).with_attachment(300 * 1024).accepted_by(&store).await;
        assert!(fs::read_dir(&blobs).unwrap().next().is_none(), "after {number}");
    }
    store.close().await.unwrap();
    assert!(fs::read_dir(&blobs).unwrap().next().is_none());
}
