//! What every handler works with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use notifier_core::{Clock, Entropy, Notifier};
use tokio::sync::{Semaphore, watch};

use crate::config::ServerSettings;

/// The application, shared by all connections.
pub(crate) type SharedApp = Arc<App>;

/// What every handler works with.
pub(crate) struct App {
    pub(crate) notifier: Notifier,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) request_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) body_bytes_max: usize,
    pub(crate) batch_bytes_max: usize,
    /// Bytes of bodies that there is room for.
    pub(crate) bodies: Arc<Semaphore>,
    pub(crate) public_url: Option<String>,
    stopping: watch::Sender<bool>,
    request_ids: RequestIds,
}

impl App {
    pub(crate) fn new(
        notifier: Notifier,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        settings: &ServerSettings,
    ) -> Self {
        Self {
            notifier,
            clock,
            request_timeout: settings.request_timeout,
            body_timeout: settings.body_timeout,
            body_bytes_max: settings.body_bytes_max,
            batch_bytes_max: settings.batch_bytes_max,
            bodies: Arc::new(Semaphore::new(settings.bodies_bytes_max)),
            public_url: settings.public_url.clone(),
            stopping: watch::Sender::new(false),
            request_ids: RequestIds { process: entropy.number(), next: AtomicU64::new(0) },
        }
    }

    /// From now on the server says that it is not ready, and nobody waits for anything.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Returns once the server stops.
    pub(crate) async fn stopped(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// How long a caller may wait for a notification: somewhat less than an answer may take, so that there is one.
    pub(crate) fn wait_max(&self) -> Duration {
        self.request_timeout - self.request_timeout / 10
    }

    pub(crate) fn next_request_id(&self) -> String {
        self.request_ids.next()
    }
}

/// Ids that no other process and no other request has: a random number for the process, and a count.
struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    fn next(&self) -> String {
        format!("{:016x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
