//! Memory of all calls together: what one call may use is little, what hundreds may use at the same time is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Memory that several calls draw from.
pub(super) struct MemoryPool {
    bytes_max: usize,
    bytes: AtomicUsize,
    /// What is taken here is taken there as well.
    whole: Option<Arc<MemoryPool>>,
}

impl MemoryPool {
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes_max, bytes: AtomicUsize::new(0), whole: None })
    }

    /// The part that one provider may use: half, so that no provider can take from all others what they need.
    pub(super) fn half(whole: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self { bytes_max: whole.bytes_max / 2, bytes: AtomicUsize::new(0), whole: Some(Arc::clone(whole)) })
    }

    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Takes that much, or nothing.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let within = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.bytes_max);
        if self.bytes.fetch_update(SeqCst, SeqCst, within).is_err() {
            return false;
        }
        let is_taken = self.whole.as_ref().is_none_or(|whole| whole.take(bytes));
        if !is_taken {
            self.bytes.fetch_sub(bytes, SeqCst);
        }
        is_taken
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, SeqCst);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }
}
