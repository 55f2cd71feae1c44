//! When to ask again: exponential backoff with full jitter, bounded in number and in age.
//!
//! The jitter follows "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): a uniformly random share of a
//! window that doubles, so that many deliveries that failed together do not come back together.

/// How often and how far apart a delivery is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Calls of providers in all, the first included; in a provider's own policy, calls of that one. At least 1.
    pub attempts_max: u32,
    /// The shortest wait, in milliseconds.
    pub delay_min_ms: u64,
    /// The window of the first wait, in milliseconds; it doubles with every round.
    pub delay_base_ms: u64,
    /// The largest window, in milliseconds.
    pub delay_max_ms: u64,
    /// The longest wait that a vendor may ask for, in milliseconds.
    pub retry_after_max_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 20,
            delay_min_ms: 500,
            delay_base_ms: 2_000,
            delay_max_ms: 3_600_000,
            retry_after_max_ms: 24 * 3_600_000,
        }
    }
}

impl RetryPolicy {
    /// The largest wait that may follow the `round`th round, without a wish of the vendor.
    #[must_use]
    pub fn window_ms(&self, round: u32) -> u64 {
        let doublings = round.saturating_sub(1).min(63);
        let window = self.delay_base_ms.saturating_mul(1u64 << doublings);
        window.min(self.delay_max_ms).max(self.delay_min_ms)
    }

    /// How long to wait after the `round`th round of attempts without success; each doubles the window.
    ///
    /// `random` is a uniformly random number; the same number gives the same wait. A vendor's `retry_after_ms` is a floor:
    /// the result is never below it (up to `retry_after_max_ms`).
    #[must_use]
    pub fn wait_ms(&self, round: u32, retry_after_ms: Option<u64>, random: u64) -> u64 {
        let window = self.window_ms(round);
        let jittered = self.delay_min_ms + share(window.saturating_sub(self.delay_min_ms), random);
        match retry_after_ms.map(|wish| wish.min(self.retry_after_max_ms)) {
            // Some spread, so that everything that was told to wait does not return in the same millisecond.
            Some(wish) if wish >= jittered => wish + share(self.delay_min_ms, random),
            _ => jittered,
        }
    }
}

/// `random`, scaled to `0..=range`.
fn share(range: u64, random: u64) -> u64 {
    let scaled = (u128::from(random) * (u128::from(range) + 1)) >> 64;
    u64::try_from(scaled).unwrap_or(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> RetryPolicy {
        RetryPolicy {
            attempts_max: 5,
            delay_min_ms: 100,
            delay_base_ms: 1_000,
            delay_max_ms: 3_000,
            retry_after_max_ms: 60_000,
        }
    }

    #[test]
    fn the_window_doubles_up_to_its_limit() {
        let windows: Vec<u64> = (1..=5).map(|n| policy().window_ms(n)).collect();
        assert_eq!(windows, [1_000, 2_000, 3_000, 3_000, 3_000]);
    }

    #[test]
    fn delays() {
        let cases: &[(u32, Option<u64>, u64, u64)] = &[
            (1, None, 0, 100),
            (1, None, u64::MAX, 1_000),
            (1, None, u64::MAX / 2, 550),
            (2, None, u64::MAX, 2_000),
            (4, None, u64::MAX, 3_000),
            (1, Some(5_000), 0, 5_000),
            (1, Some(5_000), u64::MAX, 5_100),
            (1, Some(10), u64::MAX, 1_000),
            (1, Some(u64::MAX), 0, 60_000),
        ];
        for (round, retry_after, random, expected) in cases {
            let actual = policy().wait_ms(*round, *retry_after, *random);
            assert_eq!(actual, *expected, "round {round}, retry-after {retry_after:?}, random {random}");
        }
    }

    proptest! {
        #[test]
        fn never_before_the_vendor_allows(round in 1u32..100, wish in 0u64..60_000, random: u64) {
            prop_assert!(policy().wait_ms(round, Some(wish), random) >= wish);
        }

        #[test]
        fn within_the_window(round in 1u32..200, random: u64, base in 1u64..u64::MAX, max in 1u64..u64::MAX) {
            let policy = RetryPolicy { attempts_max: 1_000, delay_min_ms: 1, delay_base_ms: base, delay_max_ms: max, ..policy() };
            let wait = policy.wait_ms(round, None, random);
            prop_assert!(wait >= 1 && wait <= policy.window_ms(round));
        }
    }
}
