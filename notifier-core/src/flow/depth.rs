//! How many deliveries wait, asked of the store now and then: nothing is accepted when there are too many.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use jiff::Timestamp;

use crate::ports::store::{Room, Store, StoreError};

/// How old an answer may be, in milliseconds. What is accepted meanwhile may go over the limit by that much.
const KEPT_MS: i64 = 200;

#[derive(Debug)]
pub(crate) struct Depth {
    pending: AtomicUsize,
    /// Milliseconds since 1970.
    asked_at: AtomicI64,
}

impl Depth {
    pub(crate) fn new() -> Self {
        Self { pending: AtomicUsize::new(0), asked_at: AtomicI64::new(i64::MIN) }
    }

    pub(crate) async fn is_full(
        &self,
        store: &dyn Store,
        pending_max: usize,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let now_ms = now.as_millisecond();
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        // Also when the clock was set back.
        let is_old = now_ms < asked_at || now_ms.saturating_sub(asked_at) >= KEPT_MS;
        let is_ours = || self.asked_at.compare_exchange(asked_at, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_old && is_ours() {
            let Room { urgent, normal, bulk } = store.counts().await?.pending;
            self.pending.store(urgent + normal + bulk, Ordering::Relaxed);
        }
        Ok(self.pending.load(Ordering::Relaxed) >= pending_max)
    }
}
