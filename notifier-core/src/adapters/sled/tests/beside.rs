//! Whoever reads while others write sees what was there at one moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{open_unsynced, options};
use crate::adapters::sled::records::ProgressRecord;
use crate::adapters::sled::stored::{Trouble, fetch};
use crate::adapters::sled::{SledStore, envelope, keys, reader};
use crate::domain::revision::Revision;
use crate::ports::store::Store;
use crate::testing::store_conformance::sample::{Sample, at};

/// Two values that are always changed together, with a commit number.
fn change(tree: &sled::Tree, to: u8) -> Result<(), Trouble> {
    let progress = fetch::<ProgressRecord>(tree, keys::PROGRESS)?.map(|(progress, _)| progress).unwrap();
    let progress = ProgressRecord { operations: progress.operations + 1, ..progress };
    let mut batch = sled::Batch::default();
    batch.insert(b"z-one", &[to]);
    batch.insert(b"z-other", &[to]);
    batch.insert(keys::PROGRESS, envelope::seal(&progress));
    Ok(tree.apply_batch(batch)?)
}

fn one(tree: &sled::Tree, key: &str) -> Result<Option<u8>, Trouble> {
    Ok(tree.get(key)?.map(|value| value[0]))
}

#[tokio::test]
async fn what_changed_while_it_was_looked_at_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), options()).unwrap();
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let seen = store.read(move |tree| {
        reader::undisturbed(tree, || {
            let before = one(tree, "z-one")?;
            let looks = counted.fetch_add(1, Ordering::SeqCst);
            if looks < 3 {
                change(tree, u8::try_from(looks).unwrap())?;
            }
            Ok((before, one(tree, "z-other")?))
        })
    });
    assert_eq!(seen.await.unwrap(), (Some(2), Some(2)));
    assert_eq!(looks.load(Ordering::SeqCst), 4, "it is looked at until it stands still, and no longer");
    store.close().await.unwrap();
}

/// Nobody looks for ever.
#[tokio::test]
async fn what_never_stands_still_is_read_by_the_one_who_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), options()).unwrap();
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let seen = store.read(move |tree| {
        reader::undisturbed(tree, || {
            let before = one(tree, "z-one")?;
            let looks = counted.fetch_add(1, Ordering::SeqCst);
            if std::thread::current().name() != Some("notifier-commit") {
                change(tree, u8::try_from(looks).unwrap())?;
            }
            Ok((before, one(tree, "z-other")?))
        })
    });
    let (one, other) = seen.await.unwrap();
    assert_eq!(one, other);
    let looks = looks.load(Ordering::SeqCst);
    assert!(looks < 20, "{looks} looks");
    store.close().await.unwrap();
}

/// Every change moves the notification and both deliveries, so nobody ever sees them apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deliveries_of_a_notification_are_seen_together() {
    const CHANGES: i64 = 40;
    let folder = tempfile::tempdir().unwrap();
    let store = open_unsynced(folder.path());
    let sample = Sample::new(1).on_two_channels().with_attachment(80 * 1024);
    sample.accepted_by(&store).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (read, looked_at, stop) = (Arc::clone(&store), sample.clone(), Arc::clone(&is_over));
    let looking = tokio::spawn(async move {
        let (mut moved, mut last) = (0, at(0));
        while !stop.load(Ordering::Relaxed) {
            let status = looked_at.status_in(&read).await;
            let due: Vec<_> = status.deliveries.iter().map(|delivery| delivery.due_at).collect();
            assert_eq!(due, [status.notification.due_at; 2], "after {moved} moves that were seen");
            moved += usize::from(std::mem::replace(&mut last, due[0]) != due[0]);
        }
        moved
    });
    for ms in 1..=CHANGES {
        let revision = Revision::Reschedule { due_at: at(ms), expires_at: at(90_000) };
        store.revise(sample.tenant(), sample.id(), &revision, at(0)).await.unwrap().unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let moved = looking.await.unwrap();
    assert!(moved > 10, "{moved} moves were seen: too few to show anything");
    store.close().await.unwrap();
}
