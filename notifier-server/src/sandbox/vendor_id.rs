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

    /// 32 hexadecimal digits.
    pub(super) fn hex(&self) -> String {
        format!("{:032x}", self.next())
    }

    /// In the shape of a random UUID (RFC 9562, section 5.4).
    pub(super) fn uuid(&self) -> String {
        let id = self.next() & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let id = format!("{id:032x}");
        [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-")
    }

    /// 60 characters, as `0100018d5f3c2a1b-0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f0-000000`.
    pub(super) fn ses(&self) -> String {
        format!("{:016x}-{}-000000", self.next() >> 64, self.uuid())
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
