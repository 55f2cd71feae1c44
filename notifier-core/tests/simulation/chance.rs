//! What the seed decides.

use notifier_core::Entropy;
use notifier_core::testing::SeededEntropy;

/// A stream of decisions.
pub(crate) struct Chance(SeededEntropy);

impl Chance {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(SeededEntropy::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ (stream << 48)))
    }

    /// A number below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        ((u128::from(self.0.number()) * u128::from(end)) >> 64) as u64
    }

    pub(crate) fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one_of<'a, T>(&self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}
