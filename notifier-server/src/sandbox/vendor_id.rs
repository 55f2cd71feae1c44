//! Message ids in the vendors' shapes: unique within and across runs, and without randomness, which only the engine's
//! entropy adapter may draw.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A sequence of 128-bit ids that look random.
#[derive(Debug)]
pub(super) struct VendorIds {
    seed: u64,
    issued: AtomicU64,
}

impl VendorIds {
    /// `started_at` sets the ids of this run apart from those of other runs.
    pub(super) fn new(started_at: jiff::Timestamp) -> Self {
        let [low, high] = [0, 64].map(|shift| (started_at.as_nanosecond() >> shift) as u64);
        Self { seed: scramble(low ^ scramble(high)), issued: AtomicU64::new(0) }
    }

    /// 34 characters, as `SM` and 32 hexadecimal digits.
    pub(super) fn twilio(&self, prefix: &str) -> String {
        format!("{prefix}{:032x}", self.next())
    }

    /// 22 characters of URL-safe base64.
    pub(super) fn sendgrid(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.next().to_be_bytes())
    }

    /// 36 characters, as UUIDs are written.
    pub(super) fn uuid(&self) -> String {
        let digits = self.hex();
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    }

    /// 32 hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        format!("{:032x}", self.next())
    }

    fn next(&self) -> u128 {
        let number = self.issued.fetch_add(1, Relaxed);
        // A bijection of the number, so that the upper half alone is unique within a run.
        let upper = scramble(self.seed.wrapping_add(number));
        u128::from(upper) << 64 | u128::from(scramble(upper ^ self.seed))
    }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
fn scramble(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
