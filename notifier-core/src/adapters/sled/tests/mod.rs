//! What holds for this store beyond what holds for every store.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::{SledOptions, SledStore};
use crate::ports::store::Store;

/// A new store, in a folder that goes away with the test.
async fn make() -> (TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(open(folder.path()));
    (folder, store)
}

fn open(path: &Path) -> SledStore {
    let options = SledOptions { cache_bytes: 8 * 1024 * 1024, ..SledOptions::default() };
    SledStore::open(path, options).unwrap()
}

crate::store_conformance!(make);
