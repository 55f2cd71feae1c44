//! What nobody would ever look at again is found by the sweep.

use std::sync::Arc;

use super::{cancel, open, options, tamper};
use crate::adapters::sled::check;
use crate::adapters::sled::keys::QueueEntry;
use crate::adapters::sled::open::Database;
use crate::domain::receipt::ReceiptStatus;
use crate::ports::store::Store;
use crate::testing::store_conformance::sample::{Sample, at, begin_claimed, claim, claim_one, next_due, report, sent};

const DAY_MS: i64 = 24 * 3_600_000;

fn entry(sample: &Sample) -> Vec<u8> {
    QueueEntry::of(&sample.notification().first_deliveries()[0]).key()
}

/// Sweeps to the end; how many were put right.
async fn sweep(store: &Arc<dyn Store>, limit: usize) -> usize {
    let (mut after, mut repaired) = (None, 0);
    loop {
        let swept = store.sweep(after, limit).await.unwrap();
        repaired += swept.repaired;
        match swept.next {
            Some(next) => after = Some(next),
            None => return repaired,
        }
    }
}

#[tokio::test]
async fn an_entry_that_is_gone_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let samples: Vec<_> = (0..9).map(|number| Sample::new(number).of(["a", "bb", "b"][number as usize % 3])).collect();
    let store = open(path);
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    store.close().await.unwrap();
    tamper(path, |tree| {
        for sample in [&samples[1], &samples[8]] {
            tree.remove(entry(sample)).unwrap().unwrap();
        }
    });
    let store = open(path);
    assert_eq!(claim(&store, 99, at(0), at(1_000)).await.len(), 7);
    assert_eq!(sweep(&store, 2).await, 2);
    assert_eq!(claim(&store, 99, at(0), at(1_000)).await.len(), 2);
    assert_eq!(sweep(&store, 2).await, 0);
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

/// Nobody is known to send it, as when the count of those that were being sent is wrong.
#[tokio::test]
async fn what_is_being_sent_by_nobody_can_be_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    Sample::new(1).accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(0), at(1_000)).await;
    store.close().await.unwrap();
    let database = Database::open(path, &options()).unwrap();
    let mut progress = database.progress().unwrap();
    progress.counts.sending = 0;
    database.record(&progress).unwrap();
    database.release();
    let store = open(path);
    assert!(store.reclaim(at(5_000), 9, at(9_000)).await.unwrap().is_empty());
    assert_eq!(sweep(&store, 9).await, 1);
    let reclaimed = store.reclaim(at(5_000), 9, at(9_000)).await.unwrap();
    assert_eq!(reclaimed[0].delivery, sending);
    store.settle(reclaimed[0].lease, sent(&sending, at(6_000))).await.unwrap();
    assert_eq!(sweep(&store, 9).await, 0);
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_entry_of_what_has_ended_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let store = open(path);
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    cancel(&store, &sample, at(1)).await;
    store.close().await.unwrap();
    tamper(path, |tree| drop(tree.insert(entry(&sample), b"").unwrap()));
    let store = open(path);
    assert_eq!(sweep(&store, 9).await, 1);
    assert_eq!(next_due(&store).await, None);
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert!(report.is_sound() && report.quarantined == 0, "{report:?}");
}

/// A message that was not sent within days will not be.
#[tokio::test]
async fn reports_about_nothing_known_are_kept_for_three_days() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let early = |name: &str, ms| report("twilio", name, ReceiptStatus::Delivered, at(ms));
    store.receive(vec![early("old", 0), early("newer", DAY_MS)]).await.unwrap();
    let kept = async || store.counts().await.unwrap().unmatched_receipts;
    Sample::new(1).created(3 * DAY_MS).accepted_by(&store).await;
    sweep(&store, 9).await;
    assert_eq!(kept().await, 2, "three days are not over yet");
    Sample::new(2).created(3 * DAY_MS + 1).accepted_by(&store).await;
    sweep(&store, 9).await;
    assert_eq!(kept().await, 1);
    store.receive(vec![early("newest", 4 * DAY_MS + 1)]).await.unwrap();
    sweep(&store, 9).await;
    assert_eq!(kept().await, 1);
    store.close().await.unwrap();
    let report = check(folder.path(), false).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.counts["unmatched receipt"], 1);
}
