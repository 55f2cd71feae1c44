//! More reports about nothing known than are kept.

use super::*;
use crate::adapters::sled::check;
use crate::domain::receipt::ReceiptStatus;
use crate::ports::store::Received;
use crate::testing::store_conformance::early_receipts::of_too_many_the_latest_are_kept;
use crate::testing::store_conformance::sample::{at, report};

fn open_keeping(path: &Path, unmatched_receipts_max: usize) -> Arc<dyn Store> {
    Arc::new(SledStore::open(path, SledOptions { unmatched_receipts_max, ..options() }).unwrap())
}

#[tokio::test]
async fn of_too_many_early_reports_the_latest_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_keeping(folder.path(), 3);
    of_too_many_the_latest_are_kept(Arc::clone(&store)).await;
    store.close().await.unwrap();
    let report = check(folder.path(), false).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.counts["unmatched receipt"], 3);
}

/// Which is the oldest is known again after a restart, and a smaller limit is reached by and by.
#[tokio::test]
async fn the_oldest_go_first_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = |name: &str, ms| report("twilio", name, ReceiptStatus::Bounced, at(ms));
    let store = open_keeping(folder.path(), 3);
    store.receive(vec![foreign("SM-b", 2), foreign("SM-c", 1), foreign("SM-a", 3)]).await.unwrap();
    store.close().await.unwrap();
    let store = open_keeping(folder.path(), 3);
    assert_eq!(store.receive(vec![foreign("SM-d", 4)]).await.unwrap(), [Received::Displaced], "of SM-c");
    let known = [Received::Kept, Received::Kept, Received::Kept];
    let again = vec![foreign("SM-a", 3), foreign("SM-b", 2), foreign("SM-d", 4)];
    assert_eq!(store.receive(again).await.unwrap(), known);
    store.close().await.unwrap();
    let store = open_keeping(folder.path(), 1);
    assert_eq!(store.receive(vec![foreign("SM-e", 5)]).await.unwrap(), [Received::Displaced]);
    assert_eq!(store.counts().await.unwrap().unmatched_receipts, 1);
    assert_eq!(store.receive(vec![foreign("SM-e", 5)]).await.unwrap(), [Received::Kept]);
}
