//! Which reports wait for the message that they are about, and for how long: so many and no more.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::keys;
use super::records::ReceiptRecord;
use super::stored::{Trouble, fetch};
use crate::domain::receipt::Receipt;

/// How many go at once at most: one operation is not to grow with what an operator allowed before.
const EXCESS_MAX: usize = 16;

/// The keys of reports that are kept.
#[derive(Debug)]
pub(super) struct Unmatched {
    /// When each came in.
    kept: BTreeMap<Vec<u8>, Timestamp>,
    by_age: BTreeSet<(Timestamp, Vec<u8>)>,
    count_max: usize,
}

impl Unmatched {
    /// Those of the store.
    pub(super) fn of(tree: &sled::Tree, count_max: usize) -> Result<Self, sled::Error> {
        let mut unmatched = Self { kept: BTreeMap::new(), by_age: BTreeSet::new(), count_max };
        for key in tree.scan_prefix([keys::UNMATCHED]).keys() {
            let key = key?;
            let received_at = match fetch::<ReceiptRecord>(tree, &key) {
                Ok(found) => {
                    found.and_then(|(record, _)| Receipt::try_from(record).ok()).map(|found| found.received_at)
                }
                Err(Trouble::Medium(error)) => return Err(error),
                Err(_) => None,
            };
            // One that cannot be read stays as long as can be, for whoever can read it.
            unmatched.insert(key.to_vec(), received_at.unwrap_or(Timestamp::MAX));
        }
        Ok(unmatched)
    }

    pub(super) fn insert(&mut self, key: Vec<u8>, received_at: Timestamp) {
        self.remove(&key);
        self.by_age.insert((received_at, key.clone()));
        self.kept.insert(key, received_at);
    }

    pub(super) fn remove(&mut self, key: &[u8]) {
        if let Some((key, received_at)) = self.kept.remove_entry(key) {
            self.by_age.remove(&(received_at, key));
        }
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.kept.contains_key(key)
    }

    /// Those that have to go so that there is room for another one: the oldest first.
    pub(super) fn in_excess(&self) -> Vec<Vec<u8>> {
        let excess = (self.kept.len() + 1).saturating_sub(self.count_max.max(1));
        self.by_age.iter().take(excess.min(EXCESS_MAX)).map(|(_, key)| key.clone()).collect()
    }

    /// In their order, from there on.
    pub(super) fn range(&self, from: std::ops::Bound<&[u8]>) -> impl Iterator<Item = &Vec<u8>> {
        self.kept.range::<[u8], _>((from, std::ops::Bound::Unbounded)).map(|(key, _)| key)
    }
}
