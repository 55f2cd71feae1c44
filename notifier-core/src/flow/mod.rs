//! The road from a request to its timeline: the only place where decisions and the world meet.
//!
//! ```text
//!  intake ---- accept ----> store --- claim ---> scheduler --- one task each ---> planner
//!                             ^                                                      |
//!                             |                              suppress, defer, fail   | send
//!                             +------------------------------------------------------+
//!                             +------ settle ------ dispatcher <--- begin -----------+
//!                             |                         |
//!                          recovery                  provider
//! ```
//!
//! Intake stores and answers. The scheduler sleeps until something is due and hands it to a task, which plans it with
//! what is true by then, records the intent, calls the provider and records the outcome. Recovery takes over what a
//! process that ended left behind.

pub(crate) mod alarm;
pub(crate) mod dispatcher;
pub(crate) mod intake;
pub(crate) mod planner;
pub(crate) mod recovery;
pub(crate) mod scheduler;
pub(crate) mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, broadcast, watch};

use crate::domain::category::Category;
use crate::domain::id::{CategoryName, DeliveryId, ProviderName};
use crate::domain::limits::Limits;
use crate::domain::message::Senders;
use crate::domain::route::Routes;
use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::directory::Directory;
use crate::ports::entropy::Entropy;
use crate::ports::provider::Provider;
use crate::ports::store::Store;
use alarm::Alarm;
use templates::Templates;

/// How the engine paces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowOptions {
    /// Deliveries worked on at the same time.
    pub in_flight_max: usize,
    /// Deliveries claimed at once.
    pub claim_batch_max: usize,
    /// How long one call of a provider may take.
    pub attempt_timeout: Duration,
    /// How much longer than the call the lease lasts: the time for planning and for storing the outcome.
    pub lease_margin: Duration,
    /// How long an idempotency key is remembered.
    pub key_retention: Duration,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            in_flight_max: 256,
            claim_batch_max: 256,
            attempt_timeout: Duration::from_secs(30),
            lease_margin: Duration::from_secs(30),
            key_retention: Duration::from_secs(24 * 3_600),
        }
    }
}

/// Everything that the stages share.
pub(crate) struct Flow {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) catalog: Option<Arc<dyn Catalog>>,
    pub(crate) providers: BTreeMap<ProviderName, Arc<Connected>>,
    pub(crate) routes: Routes,
    pub(crate) categories: BTreeMap<CategoryName, Category>,
    pub(crate) senders: Senders,
    pub(crate) limits: Limits,
    pub(crate) options: FlowOptions,
    pub(crate) templates: Templates,
    pub(crate) signals: Signals,
}

/// A provider, and a place for each call that it takes at the same time.
pub(crate) struct Connected {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) places: Semaphore,
}

impl Connected {
    pub(crate) fn new(provider: Arc<dyn Provider>) -> Self {
        let places = provider.describe().concurrent_calls_max.clamp(1, Semaphore::MAX_PERMITS);
        Self { provider, places: Semaphore::new(places) }
    }
}

/// How far the engine is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It works.
    Working,
    /// Nothing more is accepted or started; what is in flight goes on.
    Stopping,
    /// What is in flight is dropped where it is.
    Abandoned,
}

/// How the stages wake each other.
pub(crate) struct Signals {
    alarm: Alarm,
    /// One permit for each delivery that may be in flight.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Only ever goes on.
    pub(crate) stage: watch::Sender<Stage>,
    /// Every delivery that changed, for those who wait for one.
    pub(crate) changed: broadcast::Sender<DeliveryId>,
}

impl Signals {
    pub(crate) fn new(in_flight_max: usize) -> Self {
        Self {
            alarm: Alarm::new(),
            in_flight: Arc::new(Semaphore::new(in_flight_max)),
            stage: watch::Sender::new(Stage::Working),
            changed: broadcast::Sender::new(4_096),
        }
    }

    /// Goes on to that stage, never back.
    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.send_if_modified(|current| {
            let is_later = stage > *current;
            *current = stage.max(*current);
            is_later
        });
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stage.borrow() >= Stage::Stopping
    }

    /// Returns once that stage is reached.
    pub(crate) async fn reached(&self, stage: Stage) {
        let mut current = self.stage.subscribe();
        // The sender lives in `self`, so waiting cannot fail before the value is seen.
        let _ = current.wait_for(|current| *current >= stage).await;
    }

    /// When the scheduler sleeps, and what wakes it.
    pub(crate) fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// Tells those who wait; nobody may be waiting.
    pub(crate) fn announce(&self, delivery: DeliveryId) {
        let _ = self.changed.send(delivery);
    }
}

impl Flow {
    /// The rules for that category; the defaults for one that is no longer configured.
    pub(crate) fn category(&self, name: &CategoryName) -> Category {
        self.categories.get(name).cloned().unwrap_or_else(|| Category::named(name.clone()))
    }

    /// The end of a lease that begins now.
    pub(crate) fn lease_until(&self, now: Timestamp) -> Timestamp {
        after(now, self.options.attempt_timeout + self.options.lease_margin)
    }
}

/// `wait` after `now`; the end of time where that overflows.
pub(crate) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
