//! Which addresses may be on the list of those that nothing may be sent to.
//!
//! Nearly no address is, and everybody asks: so the answer "not on the list" costs no look into the tree. Kept are hashes of
//! the keys. One that is too many, as of an address that was taken off the list, costs a look; one too few there never is.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use super::keys;

#[derive(Debug, Clone, Default)]
pub(super) struct Suppressed {
    hasher: RandomState,
    hashes: Arc<RwLock<HashSet<u64>>>,
}

impl Suppressed {
    /// Those of the store.
    pub(super) fn of(tree: &sled::Tree) -> Result<Self, sled::Error> {
        let suppressed = Self::default();
        for key in tree.scan_prefix([keys::SUPPRESSION]).keys() {
            suppressed.add(&key?);
        }
        Ok(suppressed)
    }

    /// The address with that key may be on the list from now on.
    pub(super) fn add(&self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        self.hashes.write().unwrap_or_else(PoisonError::into_inner).insert(hash);
    }

    /// Whether the address with that key may be on the list.
    pub(super) fn may_hold(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash_one(key);
        self.hashes.read().unwrap_or_else(PoisonError::into_inner).contains(&hash)
    }
}
