//! One for each channel: sleeps until shortly before something is due, claims it, and hands each delivery to a task of its
//! own. Channels do not wait for each other, and lanes have their own room.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{FutureExt, select_all};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::OwnedSemaphorePermit;

use super::{Flow, Stage, after};
use crate::domain::channel::Channel;
use crate::domain::lane::Lane;
use crate::ports::store::{ClaimQuery, Claimed, Room, StoreError};

/// How long to leave a store alone that could not answer.
const STORE_FAULT_PAUSE: Duration = Duration::from_secs(1);

impl Flow {
    /// Runs until the end is asked for.
    pub(crate) async fn schedule(self: Arc<Self>, channel: Channel) {
        while !self.signals.is_stopping() {
            self.signals.alarm(channel).wake_up();
            let pause = match self.start_what_is_due(channel).await {
                Ok(Left::Perhaps) => continue,
                Ok(Left::Nothing) => self.wait_until_due(channel).await,
                Err(error) => Err(error),
            };
            match pause {
                Ok(()) => {}
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, %channel, "the scheduler could not ask the store");
                    tokio::select! {
                        biased;
                        () = self.signals.reached(Stage::Stopping) => return,
                        () = self.clock.sleep_until(after(self.clock.now(), STORE_FAULT_PAUSE)) => {}
                    }
                }
            }
        }
    }

    /// What there is room for in each lane.
    fn free_room(&self, channel: Channel) -> Room {
        let of = |lane| self.signals.room(channel, lane).available_permits().min(self.options.claim_batch_max);
        Room { urgent: of(Lane::Urgent), normal: of(Lane::Normal), bulk: of(Lane::Bulk) }
    }

    /// Claims as much as there is room for, and starts it. Never dropped half-way: a claim that nobody knows of would keep
    /// its delivery waiting until the lease ends.
    async fn start_what_is_due(self: &Arc<Self>, channel: Channel) -> Result<Left, StoreError> {
        let room = self.free_room(channel);
        if room.is_none() {
            return Ok(Left::Nothing);
        }
        let now = self.clock.now();
        let due_by = after(now, self.options.claim_ahead);
        let query = ClaimQuery { channel, room, due_by, now, lease_until: self.lease_until(now) };
        let claimed = self.store.claim(&query).await?;
        let mut counts = BTreeMap::<Lane, usize>::new();
        for delivery in claimed {
            let lane = delivery.delivery.lane;
            *counts.entry(lane).or_default() += 1;
            // Only this task takes permits of these rooms: what was free is free.
            let permit = Arc::clone(self.signals.room(channel, lane)).try_acquire_owned().ok();
            match permit.filter(|_| !self.signals.is_stopping()) {
                Some(permit) => self.start(delivery, permit),
                None => self.store.release(delivery.lease).await?,
            }
        }
        let is_full = |lane: &Lane| room.of(*lane) > 0 && counts.get(lane).copied().unwrap_or(0) >= room.of(*lane);
        Ok(if Lane::ALL.iter().any(is_full) { Left::Perhaps } else { Left::Nothing })
    }

    fn start(self: &Arc<Self>, delivery: Claimed, permit: OwnedSemaphorePermit) {
        let flow = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = flow.signals.reached(Stage::Abandoned) => {}
                () = flow.dispatch(delivery) => {}
            }
            drop(permit);
        });
    }

    /// Returns when something is nearly due, may be, when a lane that was full has room again, or when the end is asked for.
    async fn wait_until_due(&self, channel: Channel) -> Result<(), StoreError> {
        let (open, full): (Vec<Lane>, Vec<Lane>) =
            Lane::ALL.into_iter().partition(|lane| self.signals.room(channel, *lane).available_permits() > 0);
        let next = self.store.next_due(channel, &open).await?;
        let due = async {
            match next {
                Some(next) => self.clock.sleep_until(self.wake_for(next)).await,
                None => std::future::pending().await,
            }
        };
        let room = async {
            if full.is_empty() {
                return std::future::pending().await;
            }
            let _ = select_all(full.iter().map(|lane| self.signals.room(channel, *lane).acquire().boxed())).await;
        };
        tokio::select! {
            biased;
            () = self.signals.reached(Stage::Stopping) => {}
            () = self.signals.alarm(channel).rings_before(next) => {}
            () = room => {}
            () = due => {}
        }
        Ok(())
    }

    /// A little before that time. Where that is over already, nothing was due by then: what comes at `next` is the end of a
    /// claim, for which nothing can be prepared.
    fn wake_for(&self, next: Timestamp) -> Timestamp {
        let ahead = SignedDuration::try_from(self.options.claim_ahead).unwrap_or_default();
        let before = next.checked_sub(ahead).unwrap_or(Timestamp::MIN);
        if before > self.clock.now() { before } else { next }
    }
}

/// Whether more may be due than was claimed.
enum Left {
    Nothing,
    Perhaps,
}
