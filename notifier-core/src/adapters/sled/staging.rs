//! The changes of a group of operations on their way into the tree.
//!
//! An operation writes into a set of its own, which joins the batch only when it succeeds: a refused operation leaves
//! no trace. The batch goes into the tree atomically, whole operations at a time and not too many, because sled keeps
//! every replaced page until a batch is in. What is read here is the tree as it will be with all of that.

use std::collections::HashMap;

use sled::IVec;

use super::envelope::{self, Record};
use super::keys;
use super::records::{Counts, ProgressRecord};
use super::stored::{RECORD_BYTES_MAX, Size, Source, Trouble, split};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::ports::store::StoreError;

/// Changes in one atomic batch; measured in the notes on sled: more costs memory, fewer costs time.
const BATCH_CHANGES_MAX: usize = 384;

pub(super) struct Staging {
    tree: sled::Tree,
    /// Of the operation that runs.
    operation: HashMap<Vec<u8>, Option<Vec<u8>>>,
    /// Of the operations before it that are not in the tree yet.
    batch: HashMap<Vec<u8>, Option<Vec<u8>>>,
    progress: ProgressRecord,
    /// What the running operation adds to (or takes from) the live bytes.
    growth: i64,
    /// What it adds to (or takes from) the counts.
    tally: Tally,
    /// Put into the tree since the last sync.
    unsynced_bytes: usize,
}

/// What an operation adds to (or takes from) the counts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pending: [i64; 3],
    sending: i64,
    pub(super) dead: i64,
    pub(super) unmatched: i64,
}

impl Tally {
    /// A delivery of that lane and state comes (1) or goes (-1).
    pub(super) fn delivery(&mut self, lane: Lane, state: DeliveryState, by: i64) {
        match state {
            DeliveryState::Pending => self.pending[place_of(lane)] += by,
            DeliveryState::Sending => self.sending += by,
            other if other.is_dead() => self.dead += by,
            _ => {}
        }
    }

    /// The counts with that.
    pub(super) fn added_to(&self, counts: &Counts) -> Counts {
        let mut pending = counts.pending;
        for (count, by) in pending.iter_mut().zip(self.pending) {
            *count = count.saturating_add_signed(by);
        }
        Counts {
            pending,
            sending: counts.sending.saturating_add_signed(self.sending),
            dead: counts.dead.saturating_add_signed(self.dead),
            unmatched: counts.unmatched.saturating_add_signed(self.unmatched),
        }
    }
}

/// Where a lane is counted.
pub(super) fn place_of(lane: Lane) -> usize {
    match lane {
        Lane::Urgent => 0,
        Lane::Normal => 1,
        Lane::Bulk => 2,
    }
}

impl Staging {
    pub(super) fn new(tree: sled::Tree, progress: ProgressRecord) -> Self {
        let (operation, batch) = (HashMap::new(), HashMap::new());
        Self { tree, operation, batch, progress, growth: 0, tally: Tally::default(), unsynced_bytes: 0 }
    }

    /// What is in the tree: everything up to the last [`Self::apply`].
    pub(super) fn tree(&self) -> &sled::Tree {
        &self.tree
    }

    /// How many of what there is, with all operations before this one.
    pub(super) fn counts(&self) -> &Counts {
        &self.progress.counts
    }

    /// What the running operation adds to the counts.
    pub(super) fn tally(&mut self) -> &mut Tally {
        &mut self.tally
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
        self.drop_parts(key, count, previous);
        self.growth -= signed(previous.bytes);
        self.insert(key.to_vec(), head);
        Ok(())
    }

    /// Stores a small plain value where `previous` was.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>, previous: Size) {
        self.drop_parts(&key, 0, previous);
        self.growth -= signed(previous.bytes);
        self.insert(key, value);
    }

    /// Removes what is under that key, with all its parts.
    pub(super) fn erase(&mut self, key: &[u8], previous: Size) {
        self.drop_parts(key, 0, previous);
        self.growth -= signed(previous.bytes);
        self.operation.insert(key.to_vec(), None);
    }

    fn drop_parts(&mut self, key: &[u8], from: u32, previous: Size) {
        for surplus in from..previous.parts {
            self.operation.insert(keys::part(key, surplus), None);
        }
    }

    /// Stores a plain value under a key that is new.
    pub(super) fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.growth += signed(key.len() + value.len());
        self.operation.insert(key, Some(value));
    }

    /// Removes a key whose value had that many bytes.
    pub(super) fn remove(&mut self, key: &[u8], value_bytes: usize) {
        self.growth -= signed(key.len() + value_bytes);
        self.operation.insert(key.to_vec(), None);
    }

    /// Ends the operation: its changes count.
    pub(super) fn keep(&mut self) -> Result<(), sled::Error> {
        let growth = std::mem::take(&mut self.growth);
        let tally = std::mem::take(&mut self.tally);
        if self.operation.is_empty() {
            return Ok(());
        }
        if self.batch.len() + self.operation.len() > BATCH_CHANGES_MAX {
            self.apply()?;
        }
        self.progress.operations += 1;
        self.progress.live_bytes = self.progress.live_bytes.saturating_add_signed(growth);
        self.progress.counts = tally.added_to(&self.progress.counts);
        for (key, value) in self.operation.drain() {
            self.unsynced_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            self.batch.insert(key, value);
        }
        Ok(())
    }

    /// Ends the operation: it never happened.
    pub(super) fn discard(&mut self) {
        self.operation.clear();
        self.growth = 0;
        self.tally = Tally::default();
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

    /// Everything from that key on that is before the other, in order, as [`Self::scan`].
    pub(super) fn range(&mut self, from: &[u8], to: &[u8]) -> Result<sled::Iter, sled::Error> {
        self.apply()?;
        Ok(self.tree.range(from..to))
    }
}

impl Source for Staging {
    fn value(&self, key: &[u8]) -> Result<Option<IVec>, sled::Error> {
        match self.operation.get(key).or_else(|| self.batch.get(key)) {
            Some(value) => Ok(value.as_deref().map(IVec::from)),
            None => self.tree.get(key),
        }
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
