//! Sleeps until something is due, claims it, and hands each delivery to a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::{Flow, Stage, after};
use crate::ports::store::StoreError;

/// How long to leave a store alone that could not answer.
const STORE_FAULT_PAUSE: Duration = Duration::from_secs(1);

impl Flow {
    /// Runs until the end is asked for.
    pub(crate) async fn schedule(self: Arc<Self>) {
        loop {
            let room = tokio::select! {
                () = self.signals.reached(Stage::Stopping) => return,
                room = self.room() => room,
            };
            let Some(room) = room else { return };
            self.signals.alarm().wake_up();
            let pause = match self.start_what_is_due(room).await {
                Ok(Left::Perhaps) => continue,
                Ok(Left::Nothing) => self.wait_until_due().await,
                Err(error) => Err(error),
            };
            match pause {
                Ok(()) => {}
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, "the scheduler could not ask the store");
                    tokio::select! {
                        () = self.signals.reached(Stage::Stopping) => return,
                        () = self.clock.sleep_until(after(self.clock.now(), STORE_FAULT_PAUSE)) => {}
                    }
                }
            }
        }
    }

    /// Waits for room for at least one delivery and takes what there is, up to a batch.
    async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let in_flight = &self.signals.in_flight;
        // Closed only when the engine is gone.
        let mut room = Arc::clone(in_flight).acquire_owned().await.ok()?;
        let more = in_flight.available_permits().min(self.options.claim_batch_max.saturating_sub(1));
        if let Ok(more) = u32::try_from(more)
            && let Ok(more) = Arc::clone(in_flight).try_acquire_many_owned(more)
        {
            room.merge(more);
        }
        Some(room)
    }

    /// Claims as much as there is room for, and starts it. Never dropped half-way: a claim that nobody knows of would keep
    /// its delivery waiting until the lease ends.
    async fn start_what_is_due(self: &Arc<Self>, mut room: OwnedSemaphorePermit) -> Result<Left, StoreError> {
        let now = self.clock.now();
        let asked = room.num_permits();
        let claimed = self.store.claim(now, asked, self.lease_until(now)).await?;
        let left = if claimed.len() < asked { Left::Nothing } else { Left::Perhaps };
        for delivery in claimed {
            let permit = room.split(1).filter(|_| !self.signals.is_stopping());
            let Some(permit) = permit else {
                self.store.release(delivery.lease).await?;
                continue;
            };
            let flow = Arc::clone(self);
            tokio::spawn(async move {
                tokio::select! {
                    () = flow.dispatch(delivery) => {}
                    () = flow.signals.reached(Stage::Abandoned) => {}
                }
                drop(permit);
            });
        }
        Ok(left)
    }

    /// Returns when something is due, may be due, or the end is asked for.
    async fn wait_until_due(&self) -> Result<(), StoreError> {
        let next = self.store.next_due().await?;
        let due = async {
            match next {
                Some(due_at) => self.clock.sleep_until(due_at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.signals.reached(Stage::Stopping) => {}
            () = self.signals.alarm().rings_before(next) => {}
            () = due => {}
        }
        Ok(())
    }
}

/// Whether more may be due than was claimed.
enum Left {
    Nothing,
    Perhaps,
}
