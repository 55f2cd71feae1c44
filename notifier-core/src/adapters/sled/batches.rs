//! Many changes that need not happen at once: in batches of bounded size, each on the medium before the next begins.
//!
//! So the work on a store of any size takes bounded memory, and whatever cuts it short leaves no more unsynced than the
//! committer would.

use super::sync::DataSync;

/// Changes in one batch, as the committer has it.
pub(super) const BATCH_CHANGES_MAX: usize = 384;
/// Bytes of changes after which a batch is closed.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

pub(super) struct Batches<'t> {
    tree: &'t sled::Tree,
    sync: Box<dyn DataSync>,
    changes_max: usize,
    batch: sled::Batch,
    changes: usize,
    bytes: usize,
}

impl<'t> Batches<'t> {
    /// Of at most so many changes each; what is to be together may take one over that.
    pub(super) fn new(tree: &'t sled::Tree, sync: Box<dyn DataSync>, changes_max: usize) -> Self {
        Self { tree, sync, changes_max, batch: sled::Batch::default(), changes: 0, bytes: 0 }
    }

    /// The next so many changes go into one batch.
    pub(super) fn together(&mut self, changes: usize) -> Result<(), sled::Error> {
        if self.changes + changes > self.changes_max || self.bytes > BATCH_BYTES_MAX { self.finish() } else { Ok(()) }
    }

    /// Stores a value, in the same batch as the change before.
    pub(super) fn insert(&mut self, key: &[u8], value: impl Into<sled::IVec>) {
        let value = value.into();
        self.bytes += key.len() + value.len();
        self.changes += 1;
        self.batch.insert(key, value);
    }

    /// Removes a key, in the same batch as the change before.
    pub(super) fn remove(&mut self, key: &[u8]) {
        self.bytes += key.len();
        self.changes += 1;
        self.batch.remove(key);
    }

    /// Everything up to here is on the medium when this returns.
    pub(super) fn finish(&mut self) -> Result<(), sled::Error> {
        if self.changes == 0 {
            return Ok(());
        }
        self.changes = 0;
        self.bytes = 0;
        self.tree.apply_batch(std::mem::take(&mut self.batch))?;
        self.tree.flush()?;
        self.sync.sync().map_err(sled::Error::Io)
    }
}
