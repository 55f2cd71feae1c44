//! What holds for this store beyond what holds for every store.

mod beside;
mod compaction;
mod crash;
mod damage;
mod differential;
mod durability;
mod forgetting;
mod listing;
mod neighbours;
mod opening;
mod power;
mod sweeping;
mod turns;
mod unmatched;
mod upgrading;

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use tempfile::TempDir;

use super::open::Database;
use super::sync::DataSync;
use super::{SledOptions, SledStore};
use jiff::Timestamp;

use crate::domain::revision::Revision;
use crate::domain::timeline::Reason;
use crate::ports::store::Store;
use crate::testing::store_conformance::sample::Sample;

fn options() -> SledOptions {
    SledOptions { cache_bytes: 8 * 1024 * 1024, ..SledOptions::default() }
}

fn open(path: &Path) -> Arc<dyn Store> {
    Arc::new(SledStore::open(path, options()).unwrap())
}

/// A store that leaves syncing to the system: for tests that end before the power does.
fn open_unsynced(path: &Path) -> Arc<dyn Store> {
    struct Unsynced;
    impl DataSync for Unsynced {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    Arc::new(SledStore::open_with(path, options(), |_| Box::new(Unsynced)).unwrap())
}

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

/// Copies the files of a store as they are, open or not.
fn photograph(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.join("sled/blobs"))?;
    for entry in fs::read_dir(from.join("sled"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join("sled").join(entry.file_name()))?;
        }
    }
    fs::copy(from.join("commit"), to.join("commit")).map(drop)
}

/// Takes the notification back.
async fn cancel(store: &Arc<dyn Store>, sample: &Sample, now: Timestamp) {
    let revision = Revision::Cancel(Reason::new("cancel.requested", "no"));
    store.revise(sample.tenant(), sample.id(), &revision, now).await.unwrap().unwrap();
}

/// A new store, in a folder that goes away with the test.
async fn make() -> (TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    (folder, store)
}

crate::store_conformance!(make);
