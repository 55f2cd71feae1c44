//! One due delivery, from claim to outcome: plan, record the intent, call the provider, record what came of it.

use std::sync::Arc;

use super::{Connected, Flow};
use crate::domain::delivery::{Change, Settling};
use crate::domain::message::Message;
use crate::domain::outcome::{Outcome, Problem};
use crate::ports::clock::within;
use crate::ports::provider::{Provider, SendContext};
use crate::ports::store::{Claimed, Lease, StoreError};

impl Flow {
    /// Works on one claimed delivery until it is settled.
    pub(crate) async fn dispatch(&self, claimed: Claimed) {
        let Claimed { lease, delivery, notification } = claimed;
        let done = match self.plan(&delivery, &notification).await {
            Ok(super::planner::Plan::Stop(change)) => self.record(lease, *change).await,
            Ok(super::planner::Plan::Send { change, message, provider }) => {
                self.attempt(lease, *change, *message, provider, &notification).await
            }
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => {}
            // Cancelled meanwhile, or taken over: somebody else has the say.
            Err(StoreError::LeaseLost(_)) => tracing::debug!(delivery = %lease.delivery, "lease lost"),
            // Not given back: that would have it tried again at once, in a circle. The lease ends by itself.
            Err(error) => tracing::error!(delivery = %lease.delivery, %error, "delivery left until its lease ends"),
        }
    }

    async fn attempt(
        &self,
        lease: Lease,
        change: Change,
        message: Message,
        provider: Arc<Connected>,
        notification: &crate::domain::notification::Notification,
    ) -> Result<(), StoreError> {
        let sending = change.delivery.clone();
        // Before the intent is recorded: what waits when the process ends has certainly not been sent. Never closed.
        let _place = provider.places.acquire().await;
        self.store.begin(lease, change, self.lease_until(self.clock.now())).await?;
        self.signals.announce(lease.delivery);
        let outcome = self.call(&*provider.provider, &message, sending.attempts).await;
        let category = self.category(&notification.category);
        let settling = Settling {
            category: &category,
            expires_at: notification.expires_at,
            now: self.clock.now(),
            random: self.entropy.number(),
        };
        match sending.settle(&outcome, settling) {
            Ok(change) => self.record(lease, change).await,
            Err(error) => {
                tracing::error!(delivery = %lease.delivery, %error, "an outcome did not fit");
                Ok(())
            }
        }
    }

    /// One call, bounded in time: a provider that does not come back may have sent the message.
    async fn call(&self, provider: &dyn Provider, message: &Message, attempt: u32) -> Outcome {
        let timeout = self.options.attempt_timeout;
        let context = SendContext { attempt, ..SendContext::new(message.delivery.to_string(), timeout) };
        // The provider keeps the time itself and knows better what happened; this is for one that does not.
        let patience = timeout + self.options.lease_margin / 3;
        within(&*self.clock, patience, provider.send(message, &context)).await.unwrap_or_else(|_| Outcome::Unknown {
            problem: Problem::coded("attempt.timeout", "the provider did not come back in time"),
        })
    }

    pub(super) async fn record(&self, lease: Lease, change: Change) -> Result<(), StoreError> {
        let again_at = (!change.delivery.state.is_final()).then_some(change.delivery.due_at);
        self.store.settle(lease, change).await?;
        if let Some(due_at) = again_at {
            self.signals.alarm().stored(due_at);
        }
        self.signals.announce(lease.delivery);
        Ok(())
    }
}
