//! The changes of a group of operations on their way into the tree.
//!
//! An operation writes into a list of its own, which joins the batch only when it succeeds: a refused operation leaves
//! no trace. The batch goes into the tree atomically, whole operations at a time and not too many, because sled keeps
//! every replaced page until a batch is in. What is read here is the tree as it will be with all of that.

use std::collections::HashMap;

use sled::IVec;

use super::envelope::{self, Record};
use super::keys;
use super::records::ProgressRecord;
use super::stored::{RECORD_BYTES_MAX, Size, Source, Trouble, split};
use crate::ports::store::StoreError;

/// Changes in one atomic batch; measured in the notes on sled: more costs memory, fewer costs time.
const BATCH_CHANGES_MAX: usize = 384;

pub(super) struct Staging {
    tree: sled::Tree,
    /// Of the operation that runs, in order.
    operation: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Of the operations before it that are not in the tree yet.
    batch: HashMap<Vec<u8>, Option<Vec<u8>>>,
    progress: ProgressRecord,
    /// What the running operation adds to (or takes from) the live bytes.
    growth: i64,
    /// Put into the tree since the last sync.
    unsynced_bytes: usize,
}

impl Staging {
    pub(super) fn new(tree: sled::Tree, progress: ProgressRecord) -> Self {
        Self { tree, operation: Vec::new(), batch: HashMap::new(), progress, growth: 0, unsynced_bytes: 0 }
    }

    /// The number of the operation that runs, if it turns out to change something.
    pub(super) fn operation_number(&self) -> u64 {
        self.progress.operations + 1
    }

    /// The commit number: how many operations have changed something.
    pub(super) fn operations(&self) -> u64 {
        self.progress.operations
    }

    /// Bytes of changes since the last [`Self::synced`], in the tree or on the way there.
    pub(super) fn unsynced_bytes(&self) -> usize {
        self.unsynced_bytes
    }

    /// Everything up to here is on the medium.
    pub(super) fn synced(&mut self) {
        self.unsynced_bytes = 0;
    }

    /// Stores a record where `previous` was (the default: nothing).
    pub(super) fn write<R: Record>(&mut self, key: &[u8], record: &R, previous: Size) -> Result<(), Trouble> {
        let sealed = envelope::seal(record);
        if sealed.len() > RECORD_BYTES_MAX {
            let (what, bytes) = (R::KIND.name(), sealed.len());
            return Err(StoreError::TooLarge { what, bytes, bytes_max: RECORD_BYTES_MAX }.into());
        }
        let (head, parts) = split(sealed);
        let mut count = 0;
        for part in parts {
            self.insert(keys::part(key, count), part);
            count += 1;
        }
        for surplus in count..previous.parts {
            self.operation.push((keys::part(key, surplus), None));
        }
        self.growth -= signed(previous.bytes);
        self.insert(key.to_vec(), head);
        Ok(())
    }

    /// Stores a plain value under a key that is new.
    pub(super) fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.growth += signed(key.len() + value.len());
        self.operation.push((key, Some(value)));
    }

    /// Removes a key whose value had that many bytes.
    pub(super) fn remove(&mut self, key: &[u8], value_bytes: usize) {
        self.growth -= signed(key.len() + value_bytes);
        self.operation.push((key.to_vec(), None));
    }

    /// Ends the operation: its changes count.
    pub(super) fn keep(&mut self) -> Result<(), sled::Error> {
        let growth = std::mem::take(&mut self.growth);
        if self.operation.is_empty() {
            return Ok(());
        }
        if self.batch.len() + self.operation.len() > BATCH_CHANGES_MAX {
            self.apply()?;
        }
        self.progress.operations += 1;
        self.progress.live_bytes = self.progress.live_bytes.saturating_add_signed(growth);
        for (key, value) in self.operation.drain(..) {
            self.unsynced_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            self.batch.insert(key, value);
        }
        Ok(())
    }

    /// Ends the operation: it never happened.
    pub(super) fn discard(&mut self) {
        self.operation.clear();
        self.growth = 0;
    }

    /// Puts everything that was kept into the tree, where scans see it. Not yet durable.
    pub(super) fn apply(&mut self) -> Result<(), sled::Error> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut batch = sled::Batch::default();
        for (key, value) in self.batch.drain() {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        batch.insert(keys::PROGRESS, envelope::seal(&self.progress));
        self.tree.apply_batch(batch)
    }

    /// Everything under the prefix, in order, as it is with all operations before this one.
    pub(super) fn scan(&mut self, prefix: &[u8]) -> Result<sled::Iter, sled::Error> {
        self.apply()?;
        Ok(self.tree.scan_prefix(prefix))
    }
}

impl Source for Staging {
    fn value(&self, key: &[u8]) -> Result<Option<IVec>, sled::Error> {
        if let Some((_, value)) = self.operation.iter().rev().find(|(changed, _)| changed == key) {
            return Ok(value.as_deref().map(IVec::from));
        }
        match self.batch.get(key) {
            Some(value) => Ok(value.as_deref().map(IVec::from)),
            None => self.tree.get(key),
        }
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
