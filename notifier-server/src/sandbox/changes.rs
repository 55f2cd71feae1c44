//! One signal for "something here changed": the inbox and the faults ring it, live views and waiting tests hear it.
//!
//! It carries no content. Whoever hears it reads the state, so a slow listener skips intermediate states instead of
//! queueing them, and nobody does any work while nobody listens.

use std::sync::Arc;

use tokio::sync::watch;

/// The bell. Clones ring and hear the same one.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    version: Arc<watch::Sender<u64>>,
}

impl Changes {
    pub(super) fn new() -> Self {
        Self { version: Arc::new(watch::Sender::new(0)) }
    }

    /// To be called after the change is visible to readers.
    pub(super) fn ring(&self) {
        self.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Hears every change from now on, several at once possibly as one.
    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
