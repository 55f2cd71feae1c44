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
//! Intake stores and answers. Each channel has a scheduler, which sleeps until shortly before something is due and hands it
//! to a task. That plans it with what is true by then, records the intent, waits for the due time, calls the provider and
//! records the outcome. Recovery takes over what a process that ended left behind, receipts tell what became of what was
//! sent, revisions are what people change, and the sweeper looks for what should not exist.

pub(crate) mod admission;
pub(crate) mod alarm;
pub(crate) mod comeback;
pub(crate) mod connected;
pub(crate) mod depth;
pub(crate) mod dispatcher;
pub(crate) mod explain;
pub(crate) mod in_hand;
pub(crate) mod intake;
pub(crate) mod line;
pub(crate) mod look_up;
pub(crate) mod pace;
pub(crate) mod places;
pub(crate) mod planner;
pub(crate) mod receipts;
pub(crate) mod recovery;
pub(crate) mod replays;
pub(crate) mod revisions;
pub(crate) mod scheduler;
pub(crate) mod sweeper;
pub(crate) mod templates;
pub(crate) mod undropped;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, broadcast, watch};

use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::id::{CategoryName, DeliveryId, ProviderName};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::limits::Limits;
use crate::domain::message::Senders;
use crate::domain::route::Routes;
use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::directory::Directory;
use crate::ports::entropy::Entropy;
use crate::ports::store::Store;
use alarm::Alarm;
use connected::Connected;
use depth::Depth;
use in_hand::InHand;
use replays::Replays;
use templates::Templates;

/// How the engine paces itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlowOptions {
    /// Deliveries worked on at the same time in the urgent lane of one channel; the normal lane has three quarters of it, the
    /// bulk lane half.
    pub in_flight_max: usize,
    /// Deliveries of one lane claimed at once.
    pub claim_batch_max: usize,
    /// How long before its due time a delivery is prepared and its intent recorded, so that nothing but the call is left to do
    /// then. It is never sent earlier than due.
    pub claim_ahead: Duration,
    /// How long one call of a provider may take.
    pub attempt_timeout: Duration,
    /// How much longer than the call the lease lasts: the time for planning and for storing the outcome.
    pub lease_margin: Duration,
    /// How long an idempotency key is remembered, at least: until its notification expires it is remembered anyway.
    pub key_retention: Duration,
    /// Deliveries that may wait; with more, nothing is accepted.
    pub pending_max: usize,
    /// Notifications that may be on their way to the disk; with more, nothing is accepted.
    pub accepting_max: usize,
    /// How often the store is searched for deliveries that nobody would look at again.
    pub sweep_interval: Duration,
    /// Where vendors reach this engine, as `https://notify.example.com`; without it they are not asked for receipts.
    pub public_url: Option<String>,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            in_flight_max: 256,
            claim_batch_max: 256,
            claim_ahead: Duration::from_millis(100),
            attempt_timeout: Duration::from_secs(30),
            lease_margin: Duration::from_secs(30),
            key_retention: Duration::from_secs(24 * 3_600),
            pending_max: 10_000_000,
            accepting_max: 20_000,
            sweep_interval: Duration::from_secs(15 * 60),
            public_url: None,
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
    pub(crate) replays: Replays,
    pub(crate) tally: Tally,
    pub(crate) depth: Depth,
    pub(crate) in_hand: InHand,
    /// One sweep at a time: the store remembers one place.
    pub(crate) sweeping: tokio::sync::Mutex<()>,
    /// Changes with everything that the configuration says about who is told what how.
    pub(crate) rules_version: String,
}

/// What happened since the start, in numbers.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: Count,
    pub(crate) refused: Count,
    pub(crate) attempts: Count,
    pub(crate) sent: Count,
    pub(crate) failed: Count,
    pub(crate) unknown: Count,
    pub(crate) receipts: Count,
    pub(crate) receipts_forgotten: Count,
    pub(crate) repaired: Count,
}

impl Tally {
    /// A delivery came to this.
    pub(crate) fn count(&self, state: DeliveryState) {
        match state {
            DeliveryState::Sent | DeliveryState::Delivered => self.sent.add(1),
            DeliveryState::Failed => self.failed.add(1),
            DeliveryState::Unknown => self.unknown.add(1),
            _ => {}
        }
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
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
    channels: BTreeMap<Channel, ChannelSignals>,
    /// One permit for each notification that may be on its way to the disk.
    pub(crate) accepting: Arc<Semaphore>,
    /// Only ever goes on.
    pub(crate) stage: watch::Sender<Stage>,
    /// Every delivery that changed, for those who wait for one.
    pub(crate) changed: broadcast::Sender<DeliveryId>,
}

/// The alarm of a channel's scheduler, and the room in each lane.
struct ChannelSignals {
    alarm: Alarm,
    rooms: [Arc<Semaphore>; 3],
}

impl Signals {
    pub(crate) fn new(options: &FlowOptions) -> Self {
        let room = |lane: Lane| Arc::new(Semaphore::new(lane.share(options.in_flight_max)));
        let channel = |channel| (channel, ChannelSignals { alarm: Alarm::new(), rooms: Lane::ALL.map(room) });
        Self {
            channels: Channel::ALL.into_iter().map(channel).collect(),
            accepting: Arc::new(Semaphore::new(options.accepting_max)),
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

    /// When a channel's scheduler sleeps, and what wakes it.
    pub(crate) fn alarm(&self, channel: Channel) -> &Alarm {
        &self.channel(channel).alarm
    }

    /// One permit for each delivery that may be in flight on that channel in that lane.
    pub(crate) fn room(&self, channel: Channel, lane: Lane) -> &Arc<Semaphore> {
        let [urgent, normal, bulk] = &self.channel(channel).rooms;
        match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        }
    }

    #[expect(clippy::expect_used, reason = "made with an entry for every channel")]
    fn channel(&self, channel: Channel) -> &ChannelSignals {
        self.channels.get(&channel).expect("every channel has its signals")
    }

    /// Something on these channels is now stored that is due at that time.
    pub(crate) fn stored(&self, channels: &[Channel], due_at: Timestamp) {
        for channel in channels {
            self.alarm(*channel).stored(due_at);
        }
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

    /// Returns when nothing is in flight any more; nothing is started after that.
    pub(crate) async fn drained(&self) {
        for channel in Channel::ALL {
            for lane in Lane::ALL {
                let everything = u32::try_from(lane.share(self.options.in_flight_max)).unwrap_or(u32::MAX);
                // Never closed; kept until the engine is gone.
                if let Ok(room) = self.signals.room(channel, lane).acquire_many(everything).await {
                    room.forget();
                }
            }
        }
    }

    /// The end of a lease that begins now.
    pub(crate) fn lease_until(&self, now: Timestamp) -> Timestamp {
        after(now, self.options.claim_ahead + self.options.attempt_timeout + self.options.lease_margin)
    }
}

/// `wait` after `now`; the end of time where that overflows.
pub(crate) fn after(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
