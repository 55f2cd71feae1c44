//! Takes over deliveries whose holder ended between recording the intent and recording the outcome.
//!
//! Nobody knows whether such a message was sent: it is settled like any other attempt without a clear answer.

use std::sync::Arc;

use super::{Flow, Stage, after};
use crate::domain::delivery::Settling;
use crate::domain::outcome::{Outcome, Problem};
use crate::ports::store::{Claimed, StoreError};

/// Deliveries taken over at once.
const BATCH_MAX: usize = 256;

impl Flow {
    /// Runs until the end is asked for.
    pub(crate) async fn recover(self: Arc<Self>) {
        loop {
            let pause_until = match self.take_over().await {
                Ok(BATCH_MAX..) => continue,
                Ok(_) => self.next_lease_end().await,
                Err(error) => Err(error),
            };
            let now = self.clock.now();
            // A lease that does not exist yet cannot end before one lease length from now.
            let lease_length_later = self.lease_until(now);
            let until = match pause_until {
                Ok(Some(lease_end)) => lease_end.min(lease_length_later),
                Ok(None) => lease_length_later,
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, "recovery could not ask the store");
                    after(now, self.options.lease_margin)
                }
            };
            tokio::select! {
                () = self.signals.reached(Stage::Stopping) => return,
                () = self.clock.sleep_until(until) => {}
            }
        }
    }

    async fn next_lease_end(&self) -> Result<Option<jiff::Timestamp>, StoreError> {
        self.store.next_lease_end().await
    }

    /// Settles what is found; how many there were.
    async fn take_over(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let found = self.store.reclaim(now, BATCH_MAX, self.lease_until(now)).await?;
        let count = found.len();
        if count > 0 {
            tracing::warn!(count, "settling attempts that were interrupted");
        }
        for Claimed { lease, delivery, notification } in found {
            let category = self.category(&notification.category);
            let settling = Settling {
                category: &category,
                expires_at: notification.expires_at,
                now: self.clock.now(),
                random: self.entropy.number(),
            };
            let problem =
                Problem::coded("attempt.interrupted", "the process ended while the provider was being called");
            match delivery.settle(&Outcome::Unknown { problem }, settling) {
                Ok(change) => match self.record(lease, change).await {
                    Ok(()) | Err(StoreError::LeaseLost(_)) => {}
                    Err(error) => return Err(error),
                },
                Err(error) => {
                    tracing::error!(delivery = %delivery.id, %error, "a lease on a delivery that is not being sent")
                }
            }
        }
        Ok(count)
    }
}
