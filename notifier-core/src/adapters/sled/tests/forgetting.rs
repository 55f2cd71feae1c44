//! When idempotency keys are forgotten.

use std::sync::Arc;

use super::open;
use crate::adapters::sled::check;
use crate::ports::store::{Store, StoreError};
use crate::testing::store_conformance::sample::Sample;

const DAY_MS: i64 = 24 * 3_600_000;

/// What is past follows from what is stored, so that a check comes to the same: a request that was refused moves no time.
#[tokio::test]
async fn only_what_is_stored_says_which_keys_are_past() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = open(folder.path());
    Sample::new(1).keyed("a", 1).accepted_by(&store).await;
    let unknown = Sample::new(7).id();
    let refused = Sample::new(2).created(9 * DAY_MS).replacing(unknown);
    assert_eq!(store.accept(refused.acceptance()).await, Err(StoreError::TooLate(unknown)));
    for number in 10..14 {
        Sample::new(number).accepted_by(&store).await;
    }
    store.close().await.unwrap();
    let report = check(folder.path(), false).unwrap();
    assert!(report.is_sound(), "{report:?}");
}
