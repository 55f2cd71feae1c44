//! Elapsed time, and percentiles of many of them.

use std::time::{Duration, Instant};

/// Runs from its making on.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures elapsed time")]
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Many durations, and how long they took together.
pub(crate) struct Durations {
    sorted: Vec<Duration>,
    together: Duration,
}

impl Durations {
    pub(crate) fn new(mut durations: Vec<Duration>, together: Duration) -> Self {
        durations.sort_unstable();
        Self { sorted: durations, together }
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    pub(crate) fn per_s(&self) -> f64 {
        self.sorted.len() as f64 / self.together.as_secs_f64()
    }

    pub(crate) fn percentile_ms(&self, percent: usize) -> f64 {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get(last * percent / 100).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1_000.0)
    }
}
