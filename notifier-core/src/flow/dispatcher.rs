//! One due delivery, from claim to outcome: prepare it ([`Flow::make_ready`]), record the intent, wait for the due time, call
//! the provider, record what came of it. Where nobody knows, the provider is asked first ([`Flow::look_up`]).

use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;

use super::admission::{Admitted, Prepared};
use super::connected::{Connected, Wait};
use super::planner::Sending;
use super::{Flow, Stage};
use crate::domain::delivery::{Change, Delivery};
use crate::domain::health::{Called, Sight};
use crate::domain::id::DeliveryId;
use crate::domain::lifecycle::InvalidTransition;
use crate::domain::message::Message;
use crate::domain::notification::Notification;
use crate::domain::outcome::{LookUp, Outcome, Problem};
use crate::planted::planted;
use crate::ports::provider::SendContext;
use crate::ports::store::{Claimed, Lease, StoreError};

impl Flow {
    /// Works on one claimed delivery until it is settled.
    pub(crate) async fn dispatch(&self, claimed: Claimed) {
        let lease = claimed.lease;
        match self.work_on(claimed).await {
            Ok(()) => {}
            // Cancelled meanwhile, or taken over: somebody else has the say.
            Err(StoreError::LeaseLost(_)) => tracing::debug!(delivery = %lease.delivery, "lease lost"),
            // Not given back: that would have it tried again at once, in a circle. The lease ends by itself.
            Err(error) => tracing::error!(delivery = %lease.delivery, %error, "delivery left until its lease ends"),
        }
    }

    async fn work_on(&self, claimed: Claimed) -> Result<(), StoreError> {
        let Claimed { lease, delivery, notification, preferences } = claimed;
        let in_hands = self.in_hands(&delivery, &notification, preferences.as_ref());
        let preparing = async {
            match self.look_up_again(&delivery).await {
                Some(change) => Ok(Prepared::Stop(Box::new(change))),
                None => self.make_ready(in_hands).await,
            }
        };
        let prepared = tokio::select! {
            biased;
            // Nothing has been done yet: another process takes it up at once.
            () = self.signals.reached(Stage::Stopping) => return self.store.release(lease).await,
            prepared = preparing => prepared?,
        };
        match prepared {
            Prepared::Call(sending, admitted) => self.attempt(lease, *sending, admitted, &notification).await,
            Prepared::Stop(change) => self.record(lease, *change, &notification).await,
            Prepared::Wait(wait) => self.wait(lease, &delivery, &notification, wait).await,
        }
    }

    async fn wait(
        &self,
        lease: Lease,
        delivery: &Delivery,
        notification: &Notification,
        wait: Wait,
    ) -> Result<(), StoreError> {
        match self.put_off(delivery, notification, wait.until, wait.reason) {
            Ok(change) => self.record(lease, change, notification).await,
            Err(error) => {
                tracing::error!(delivery = %lease.delivery, %error, "a claimed delivery was not pending");
                self.store.release(lease).await
            }
        }
    }

    async fn attempt(
        &self,
        lease: Lease,
        sending: Sending,
        admitted: Admitted,
        notification: &Notification,
    ) -> Result<(), StoreError> {
        let Sending { change, message, provider, is_probe } = sending;
        let begun = change.delivery.clone();
        if planted!(CallsBeforeTheIntent) {
            self.wait_for_the_moment(begun.due_at).await;
            let outcome = self.call(&provider, &message, begun.attempts, is_probe).await;
            self.store.begin(lease, change, self.lease_until(self.clock.now())).await?;
            return self.settle(lease, &begun, &outcome, &LookUp::Impossible, &provider, notification).await;
        }
        self.miss_receipt(&change, notification).await?;
        let now = self.clock.now();
        let change = notification.followed_up(change, now);
        let next_at = change.next_due_at;
        self.store.begin(lease, change, self.lease_until(now)).await?;
        let holding = self.in_hand.take(lease);
        if let (Some(due_at), Some(next)) = (next_at, notification.channel_after(lease.delivery.channel)) {
            self.signals.alarm(next).stored(due_at);
        }
        self.signals.announce(lease.delivery);
        self.tally.attempts.add(1);
        if let Some(attempt) = begun.last_attempt.as_ref().filter(|_| !planted!(CallsAheadOfTime)) {
            let is_stopping = async {
                tokio::select! {
                    biased;
                    () = self.wait_for_the_moment(attempt.send_at) => false,
                    () = self.signals.reached(Stage::Stopping) => true,
                }
            };
            if is_stopping.await {
                return self.call_off(holding.lease(), &begun, notification).await;
            }
        }
        let outcome = self.call(&provider, &message, begun.attempts, is_probe).await;
        drop(admitted);
        let said = self.look_up(&begun, &outcome).await;
        self.settle(holding.lease(), &begun, &outcome, &said, &provider, notification).await
    }

    /// Takes back an intent whose call was not made: it is due again at its time, for the next process.
    async fn call_off(&self, lease: Lease, begun: &Delivery, notification: &Notification) -> Result<(), StoreError> {
        self.conclude(lease, begun, notification, |begun| begun.not_called(self.clock.now())).await
    }

    async fn settle(
        &self,
        lease: Lease,
        begun: &Delivery,
        outcome: &Outcome,
        said: &LookUp,
        provider: &Connected,
        notification: &Notification,
    ) -> Result<(), StoreError> {
        let category = self.category(&notification.category);
        let settling = match outcome {
            Outcome::Accepted { .. } => self.settling(&category, notification, Some(provider)),
            _ => self.settling_a_failure(&category, notification, begun, Some(provider)).await,
        };
        self.conclude(lease, begun, notification, |begun| begun.settle_asked(outcome, said, settling)).await
    }

    /// Records what is decided about an attempt: anew, if somebody took the delivery back while it was made.
    pub(super) async fn conclude(
        &self,
        lease: Lease,
        begun: &Delivery,
        notification: &Notification,
        decide: impl Fn(&Delivery) -> Result<Change, InvalidTransition>,
    ) -> Result<(), StoreError> {
        let record = async |begun: &Delivery| match decide(begun) {
            Ok(change) => self.record(lease, change, notification).await,
            Err(error) => {
                tracing::error!(delivery = %lease.delivery, %error, "what came of an attempt did not fit");
                Ok(())
            }
        };
        match record(begun).await {
            Err(StoreError::CancelAsked { reason, .. }) => {
                record(&Delivery { cancel_asked: Some(reason), ..begun.clone() }).await
            }
            recorded => recorded,
        }
    }

    /// Until the due time: the intent is recorded ahead of it.
    pub(super) async fn wait_for_the_moment(&self, send_at: Timestamp) {
        if send_at > self.clock.now() {
            self.clock.sleep_until(send_at).await;
        }
    }

    /// One call, bounded in time: a provider that does not come back may have sent the message. What it was like is noted,
    /// and that it is slow already while it is.
    async fn call(&self, connected: &Connected, message: &Message, attempt: u32, is_probe: bool) -> Outcome {
        let timeout = self.options.attempt_timeout;
        let provider = connected.provider();
        let called = provider.describe().called;
        let receipt_url = self.receipt_url(connected, message.delivery);
        let context = SendContext { attempt, receipt_url, ..SendContext::new(message.delivery.to_string(), timeout) };
        // The provider keeps the time itself and knows better what happened; this is for one that does not.
        let patience = timeout + self.options.lease_margin / 3;
        let slow = Duration::from_millis(connected.policy.health.slow_ms).min(patience);
        let mut sending = pin!(provider.send(message, &context));
        let mut given_up = pin!(self.clock.sleep(patience));
        let in_time = tokio::select! {
            biased;
            outcome = &mut sending => Some(Some(outcome)),
            () = &mut given_up => Some(None),
            () = self.clock.sleep(slow) => None,
        };
        let was_slow = in_time.is_none();
        let outcome = match in_time {
            Some(outcome) => outcome,
            None => {
                let noted = async {
                    if let Some(sight) = Sight::of_slow(called) {
                        self.observe(connected, sight, is_probe).await;
                    }
                };
                let ended = async {
                    tokio::select! {
                        biased;
                        outcome = sending => Some(outcome),
                        () = given_up => None,
                    }
                };
                // Together: a call that nobody polls may hold what others wait for.
                tokio::join!(noted, ended).1
            }
        };
        let outcome = outcome.unwrap_or_else(|| Outcome::Unknown {
            problem: Problem::coded("attempt.timeout", "the provider did not come back in time"),
        });
        if let Outcome::RateLimited { retry_after_ms: Some(wish), .. }
        | Outcome::Unavailable { retry_after_ms: Some(wish), .. } = &outcome
            && called == Called::Vendor
        {
            self.rest(connected, *wish);
        }
        if !was_slow && let Some(sight) = Sight::of(&outcome, called) {
            self.observe(connected, sight, is_probe).await;
        }
        outcome
    }

    /// Where the vendor is to report: it names the delivery, so that a report finds it even when the call ended without an
    /// answer.
    fn receipt_url(&self, connected: &Connected, delivery: DeliveryId) -> Option<String> {
        let base = self.options.public_url.as_deref()?.trim_end_matches('/');
        Some(format!("{base}/v1/receipts/{}?delivery={delivery}", connected.name))
    }

    pub(super) async fn record(
        &self,
        lease: Lease,
        change: Change,
        notification: &Notification,
    ) -> Result<(), StoreError> {
        let change = notification.followed_up(change, self.clock.now());
        let state = change.delivery.state;
        let again_at = (!state.is_final()).then_some(change.delivery.due_at);
        let next_at = change.next_due_at;
        let settled = self.store.settle(lease, change).await;
        // A report that was faster than the answer has the delivery further already; a provider took it all the same.
        if matches!(settled, Ok(()) | Err(StoreError::LeaseLost(_))) {
            self.tally.count(state);
        }
        settled?;
        if let Some(due_at) = again_at {
            self.signals.alarm(lease.delivery.channel).stored(due_at);
        }
        if next_at.is_some() {
            // Reports that came before their message was known may have made it due even earlier.
            self.signals.stored(&notification.channels, self.clock.now());
        }
        self.signals.announce(lease.delivery);
        Ok(())
    }
}
