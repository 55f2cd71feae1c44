//! The operations, one at a time: what the committer's thread runs.
//!
//! Each reads through the [`Staging`], so that it sees what the operations before it did, whether or not that is durable
//! yet, and either changes everything it has to or nothing.

mod accept;
mod changes;
mod claims;
mod receipts;
mod revisions;
mod settings;
mod start;
mod sweep;

pub(super) use self::changes::{death, message_of};
use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::envelope::{Record, Unreadable};
use super::holders::{Holders, Holding};
use super::keys::{self, QueueEntry};
use super::queues::Queues;
use super::staging::Staging;
use super::stored::{Size, Source, Trouble, fetch, measure};
use super::suppressed::Suppressed;
use super::unmatched::Unmatched;
use crate::domain::id::{DeliveryId, TenantId};
use crate::ports::store::{Room, StoreCounts, StoreError};

pub(super) struct Engine {
    staging: Staging,
    holders: Holders,
    queues: Queues,
    /// What the running operation means for claims and queues, if it succeeds.
    effects: Vec<Effect>,
    /// Days of which there are idempotency keys.
    key_days: BTreeSet<u32>,
    /// Everybody who has a notification.
    tenants: BTreeSet<TenantId>,
    unmatched: Unmatched,
    suppressed: Suppressed,
    /// The latest time that a stored acceptance brought: past days of idempotency keys are past by this.
    latest: Timestamp,
    /// The latest time that an acceptance or a report brought: what is kept too long is too old by this.
    latest_heard: Timestamp,
    /// After which report the last sweep stopped.
    swept_unmatched: Option<Vec<u8>>,
    /// Deliveries that were being sent and cannot be read: nobody can take them over.
    unusable: HashSet<DeliveryId>,
    /// How many operations have run.
    ran: usize,
}

/// What an operation means for what is kept in memory. It waits until the operation has succeeded.
#[derive(Debug)]
enum Effect {
    /// Nobody holds the delivery any longer.
    Dropped(DeliveryId),
    /// The delivery is being sent, and nobody does it.
    Orphaned(Holding),
    /// The delivery has a record of its own from now on.
    Recorded(DeliveryId),
    /// There is nothing to claim at that place any longer.
    Taken(QueueEntry),
    /// There is something to claim at that place, unless somebody holds it.
    Freed(QueueEntry),
    /// A report is kept that came in then.
    Kept(Vec<u8>, Timestamp),
    /// A report is kept no longer.
    Unkept(Vec<u8>),
}

impl Engine {
    /// Runs one operation: wholly, or not at all.
    ///
    /// [`StoreError::Failed`] means that the medium fails, and nothing more can be promised.
    pub(super) fn run<T>(&mut self, operation: impl FnOnce(&mut Self) -> Result<T, Trouble>) -> Result<T, StoreError> {
        self.ran += 1;
        match operation(self) {
            Ok(value) => {
                self.staging.keep().map_err(failed)?;
                self.take_effect();
                Ok(value)
            }
            Err(trouble) => {
                self.staging.discard();
                self.effects.clear();
                match trouble {
                    Trouble::Refused(error) => Err(error),
                    Trouble::Medium(error) => Err(failed(error)),
                    Trouble::Damaged { key, problem } => {
                        self.quarantine(&key, &problem).map_err(failed)?;
                        self.staging.keep().map_err(failed)?;
                        Err(damaged(&key, &problem))
                    }
                }
            }
        }
    }

    fn take_effect(&mut self) {
        let mut freed = Vec::new();
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Dropped(id) => self.holders.drop(id),
                Effect::Orphaned(holding) => self.holders.orphan(holding),
                Effect::Taken(entry) => {
                    freed.retain(|other| *other != entry);
                    self.queues.taken(&entry);
                }
                Effect::Recorded(id) => self.holders.recorded(id),
                Effect::Freed(entry) => freed.push(entry),
                Effect::Kept(key, received_at) => self.unmatched.insert(key, received_at),
                Effect::Unkept(key) => self.unmatched.remove(&key),
            }
        }
        // Last, when it is known who holds what.
        for entry in freed.iter().filter(|entry| self.holders.is_free(entry.id())) {
            self.queues.freed(entry);
        }
    }

    /// How many operations have run since the store was opened.
    pub(super) fn ran(&self) -> usize {
        self.ran
    }

    pub(super) fn counts(&self) -> StoreCounts {
        let counts = self.staging.counts();
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let [urgent, normal, bulk] = counts.pending.map(number);
        StoreCounts {
            pending: Room { urgent, normal, bulk },
            sending: number(counts.sending),
            dead: number(counts.dead),
            unmatched_receipts: number(counts.unmatched),
        }
    }

    /// Keeps a copy of a value that cannot be read, and raises the alarm. The original stays where it is.
    pub(super) fn quarantine(&mut self, key: &[u8], problem: &Unreadable) -> Result<(), sled::Error> {
        tracing::error!(key = keys::printable(key), %problem, "a record is damaged; a copy is kept in quarantine");
        let parts = (0..).map(|number| keys::part(key, number));
        for key in std::iter::once(key.to_vec()).chain(parts) {
            let Some(value) = self.staging.value(&key)? else { break };
            let copy = keys::quarantine(&key);
            let previous = self.staging.value(&copy)?;
            if previous.as_ref() != Some(&value) {
                let size = previous.map_or(Size::default(), |old| Size { bytes: copy.len() + old.len(), parts: 0 });
                self.staging.put(copy, value.to_vec(), size);
            }
        }
        Ok(())
    }

    /// What another record than the one that is written says. One that cannot be read is kept in quarantine and passed over:
    /// what happened to this delivery is written down all the same.
    fn readable<T>(&mut self, found: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
        match found {
            Err(Trouble::Damaged { key, problem }) => {
                self.quarantine(&key, &problem)?;
                Ok(None)
            }
            found => found.map(Some),
        }
    }

    /// Ends a group: everything is in the tree, nothing is durable yet.
    pub(super) fn finish_group(&mut self) -> Result<(), sled::Error> {
        self.forget_past_keys()?;
        self.staging.keep()?;
        self.staging.apply()
    }

    pub(super) fn staging(&self) -> &Staging {
        &self.staging
    }

    /// The group is on the medium.
    pub(super) fn synced(&mut self) {
        self.staging.synced();
    }

    fn fetch<R: Record>(&self, key: &[u8]) -> Result<Option<(R, Size)>, Trouble> {
        fetch(&self.staging, key)
    }

    /// Moves an index entry aside that leads nowhere, so that it is in nobody's way.
    fn set_aside(&mut self, key: &[u8], why: &str) -> Result<(), sled::Error> {
        tracing::error!(key = keys::printable(key), why, "an index entry is moved aside: run the store's check");
        let size = measure(&self.staging, key)?;
        let parts = (0..size.parts).map(|number| keys::part(key, number));
        for key in std::iter::once(key.to_vec()).chain(parts) {
            if let Some(value) = self.staging.value(&key)? {
                self.staging.insert(keys::quarantine(&key), value.to_vec());
            }
        }
        self.staging.erase(key, size);
        Ok(())
    }
}

/// What is said to whoever wanted the damaged record.
pub(super) fn damaged(key: &[u8], problem: &Unreadable) -> StoreError {
    StoreError::Damaged { key: keys::printable(key), problem: problem.to_string() }
}

pub(super) fn failed(error: sled::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}
