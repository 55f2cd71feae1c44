//! Takes over deliveries whose holder ended between recording the intent and recording the outcome.
//!
//! Nobody knows whether such a message was sent: its provider is asked, and it is settled like any other attempt without a
//! clear answer. Only where the moment of the call had not come yet it is known that there was none.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{Flow, Stage, after};
use crate::domain::delivery::was_not_called;
use crate::domain::outcome::{Outcome, Problem};
use crate::planted::planted;
use crate::ports::store::{Claimed, StoreError};

/// Deliveries taken over at once.
const BATCH_MAX: usize = 256;

impl Flow {
    /// Runs until the end is asked for.
    pub(crate) async fn recover(self: Arc<Self>) {
        if planted!(ForgetsWhatWasInFlight) {
            return;
        }
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
                biased;
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
            tracing::warn!(count, "taking over attempts whose leases have ended");
        }
        // At the same time: none waits for what is looked up about another.
        let concluded = join_all(found.into_iter().map(|claimed| self.take_over_one(claimed))).await;
        concluded.into_iter().collect::<Result<(), _>>().map(|()| count)
    }

    async fn take_over_one(&self, claimed: Claimed) -> Result<(), StoreError> {
        let Claimed { lease, delivery, notification, .. } = claimed;
        if self.in_hand.renew(lease) {
            return Ok(());
        }
        let now = self.clock.now();
        let concluded = if was_not_called(&delivery, now) || planted!(TakesInterruptedForNotCalled) {
            self.conclude(lease, &delivery, &notification, |found| found.not_called(now)).await
        } else {
            let problem =
                Problem::coded("attempt.interrupted", "the process ended while the provider was being called");
            let outcome = Outcome::Unknown { problem };
            let said = tokio::select! {
                biased;
                said = self.look_up(&delivery, &outcome) => said,
                // Left as it is, for the next process to ask.
                () = self.signals.reached(Stage::Stopping) => return Ok(()),
            };
            let category = self.category(&notification.category);
            let called = delivery.last_attempt.as_ref().and_then(|attempt| self.providers.get(&attempt.provider));
            let called = called.map(|called| &**called);
            let settling = self.settling_a_failure(&category, &notification, &delivery, called).await;
            self.conclude(lease, &delivery, &notification, |found| found.settle_asked(&outcome, &said, settling)).await
        };
        match concluded {
            Ok(()) | Err(StoreError::LeaseLost(_)) => Ok(()),
            // One that is damaged must not keep the others.
            Err(error @ StoreError::Damaged { .. }) => {
                tracing::error!(delivery = %delivery.id, %error, "an interrupted attempt could not be settled");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
