//! Randomness that can be repeated.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ports::entropy::Entropy;

/// The same numbers for the same seed (SplitMix64; Steele, Lea, Flood 2014). For tests: it can be guessed.
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// The numbers of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        for chunk in buffer.chunks_mut(8) {
            let mut number = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
            number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            number ^= number >> 31;
            chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
        }
    }
}
