//! The operations, one at a time: what the committer's thread runs.
//!
//! Each reads through the [`Staging`], so that it sees what the operations before it did, whether or not that is durable
//! yet, and either changes everything it has to or nothing.

mod accept;
mod deliveries;
mod settings;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub(super) use self::deliveries::index_key;
use super::envelope::{Record, Unreadable};
use super::holders::Holders;
use super::keys;
use super::records::ProgressRecord;
use super::staging::Staging;
use super::stored::{Size, Source, Trouble, fetch};
use crate::ports::store::StoreError;

pub(super) struct Engine {
    staging: Staging,
    holders: Holders,
    /// Days of which there are idempotency keys.
    key_days: BTreeSet<u32>,
    /// The latest time that an acceptance brought: past days of idempotency keys are past by this.
    latest: Timestamp,
}

impl Engine {
    /// Takes up where the store was left.
    pub(super) fn new(tree: sled::Tree, progress: ProgressRecord) -> Result<Self, sled::Error> {
        let mut holders = Holders::new(progress.opens);
        for entry in tree.scan_prefix([keys::SENDING]) {
            let (key, value) = entry?;
            match (keys::parse_sending(&key), keys::parse_tenant(&value)) {
                (Some(id), Some(tenant)) => holders.orphan(id, tenant),
                _ => tracing::error!(key = keys::printable(&key), "an index entry cannot be read: check the store"),
            }
        }
        let key_days = key_days(&tree)?;
        Ok(Self { staging: Staging::new(tree, progress), holders, key_days, latest: Timestamp::MIN })
    }

    /// Runs one operation: wholly, or not at all.
    ///
    /// [`StoreError::Failed`] means that the medium fails, and nothing more can be promised.
    pub(super) fn run<T>(&mut self, operation: impl FnOnce(&mut Self) -> Result<T, Trouble>) -> Result<T, StoreError> {
        match operation(self) {
            Ok(value) => {
                self.staging.keep().map_err(failed)?;
                Ok(value)
            }
            Err(trouble) => {
                self.staging.discard();
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

    /// Keeps a copy of a value that cannot be read, and raises the alarm. The original stays where it is.
    pub(super) fn quarantine(&mut self, key: &[u8], problem: &Unreadable) -> Result<(), sled::Error> {
        tracing::error!(key = keys::printable(key), %problem, "a record is damaged; a copy is kept in quarantine");
        let parts = (0..).map(|number| keys::part(key, number));
        for key in std::iter::once(key.to_vec()).chain(parts) {
            let Some(value) = self.staging.value(&key)? else { break };
            let copy = keys::quarantine(&key);
            if self.staging.value(&copy)?.as_ref() != Some(&value) {
                self.staging.insert(copy, value.to_vec());
            }
        }
        Ok(())
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
    fn set_aside(&mut self, key: &[u8], value: &[u8], why: &str) {
        tracing::error!(key = keys::printable(key), why, "an index entry is moved aside: run the store's check");
        self.staging.insert(keys::quarantine(key), value.to_vec());
        self.staging.remove(key, value.len());
    }
}

/// What is said to whoever wanted the damaged record.
pub(super) fn damaged(key: &[u8], problem: &Unreadable) -> StoreError {
    StoreError::Damaged { key: keys::printable(key), problem: problem.to_string() }
}

pub(super) fn failed(error: sled::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

fn key_days(tree: &sled::Tree) -> Result<BTreeSet<u32>, sled::Error> {
    let mut days = BTreeSet::new();
    let mut from = keys::idempotency_day(0);
    let end = [keys::IDEMPOTENCY + 1];
    // One look per day, however many keys it has.
    while let Some(entry) = tree.range(from.as_slice()..end.as_slice()).next() {
        let (key, _) = entry?;
        let Some(day) = keys::parse_idempotency_day(&key) else { break };
        days.insert(day);
        let Some(next) = day.checked_add(1) else { break };
        from = keys::idempotency_day(next);
    }
    Ok(days)
}
