//! Sleeps until something is due, claims it, and hands each delivery to a task of its own.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::{Flow, Stage};
use crate::ports::store::StoreError;

/// How long to leave a store alone that could not answer.
const STORE_FAULT_PAUSE_MS: u64 = 1_000;

impl Flow {
    /// Runs until the end is asked for.
    pub(crate) async fn schedule(self: Arc<Self>) {
        while !self.signals.is_stopping() {
            let step = tokio::select! {
                () = self.signals.reached(Stage::Stopping) => return,
                step = self.start_what_is_due() => step,
            };
            let pause = match step {
                Ok(0) => self.wait_until_due().await,
                Ok(_) => continue,
                Err(error) => Err(error),
            };
            match pause {
                Ok(()) => {}
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, "the scheduler could not ask the store");
                    let until = super::after(self.clock.now(), std::time::Duration::from_millis(STORE_FAULT_PAUSE_MS));
                    tokio::select! {
                        () = self.signals.reached(Stage::Stopping) => return,
                        () = self.clock.sleep_until(until) => {}
                    }
                }
            }
        }
    }

    /// Claims as much as there is room for; how many deliveries were started.
    async fn start_what_is_due(self: &Arc<Self>) -> Result<usize, StoreError> {
        let Some(mut room) = self.room().await else { return Ok(0) };
        let now = self.clock.now();
        let claimed = self.store.claim(now, room.num_permits(), self.lease_until(now)).await?;
        let started = claimed.len();
        for delivery in claimed {
            let Some(permit) = room.split(1) else { break };
            let flow = Arc::clone(self);
            tokio::spawn(async move {
                tokio::select! {
                    () = flow.dispatch(delivery) => {}
                    () = flow.signals.reached(Stage::Abandoned) => {}
                }
                drop(permit);
            });
        }
        Ok(started)
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
            () = self.signals.due.notified() => {}
            () = due => {}
        }
        Ok(())
    }
}
