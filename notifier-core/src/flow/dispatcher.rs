//! One due delivery, from claim to outcome: plan, wait for a place, record the intent, wait for the due time, call the
//! provider, record what came of it.

use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;

use super::connected::{Admission, Connected, Wait};
use super::places::Place;
use super::planner::{Plan, Sending};
use super::{Flow, after};
use crate::domain::delivery::{Change, Delivery};
use crate::domain::health::{Sight, Standing};
use crate::domain::id::{DeliveryId, ProviderName};
use crate::domain::lane::Lane;
use crate::domain::message::Message;
use crate::domain::notification::Notification;
use crate::domain::outcome::{Outcome, Problem};
use crate::domain::timeline::Reason;
use crate::planted::planted;
use crate::ports::provider::SendContext;
use crate::ports::store::{Claimed, Lease, StoreError};

/// How often a provider is chosen anew because the chosen one takes no calls by the time that it is its turn.
const CHOICES_MAX: usize = 4;
/// After waiting so long for a place, everything is looked at once more: it may have expired, or be wanted no longer.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What came of waiting for a provider.
enum Admitted {
    /// The call can be made.
    In(Place),
    /// It can, but it took so long that everything is to be looked at once more.
    LookAgain(Place),
    /// It takes no calls any more: another choice is to be made.
    ChooseAgain,
    /// It will, at a time that is known.
    Later(Wait),
}

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
        // What was put off depends on what is true when it is due; only what nothing has happened to yet is prepared ahead.
        if !delivery.is_untouched() {
            self.wait_for_the_moment(delivery.due_at).await;
        }
        let mut held = None;
        for _ in 0..CHOICES_MAX {
            let sending = match self.plan(&delivery, &notification, preferences.as_ref()).await? {
                Plan::Stop(change) => return self.record(lease, *change, &notification).await,
                Plan::Send(sending) => sending,
            };
            match self.admit(&sending, delivery.lane, held.take()).await? {
                Admitted::In(place) => return self.attempt(lease, *sending, place, &notification).await,
                Admitted::LookAgain(place) => held = Some((sending.provider.name.clone(), place)),
                Admitted::ChooseAgain => {}
                Admitted::Later(wait) => return self.wait(lease, &delivery, &notification, wait).await,
            }
        }
        let reason = Reason::new("route.unsteady", "its providers change too fast: a moment later");
        let wait = Wait { until: after(self.clock.now(), Duration::from_millis(500)), reason };
        self.wait(lease, &delivery, &notification, wait).await
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

    /// Waits for a place at the provider and for its pace. Before the intent is recorded: what waits when the process ends has
    /// certainly not been sent.
    async fn admit(
        &self,
        sending: &Sending,
        lane: Lane,
        held: Option<(ProviderName, Place)>,
    ) -> Result<Admitted, StoreError> {
        let connected = &sending.provider;
        let place = match held.filter(|(name, _)| *name == connected.name) {
            Some((_, place)) => place,
            None => {
                let asked_at = self.clock.now();
                let Some(place) = self.place(sending, lane).await else { return Ok(Admitted::ChooseAgain) };
                // Much may have changed meanwhile; a clock that was set back says that nobody knows.
                let now = self.clock.now();
                if now < asked_at || now > after(asked_at, LOOK_AGAIN_AFTER) {
                    return Ok(Admitted::LookAgain(place));
                }
                place
            }
        };
        if connected.has_pace() {
            // Turns are counted when the calls are made, and not when they are prepared.
            let attempt = sending.change.delivery.last_attempt.as_ref();
            self.wait_for_the_moment(attempt.map_or(Timestamp::MIN, |attempt| attempt.send_at)).await;
        }
        loop {
            if !self.is_as_chosen(sending) {
                return Ok(Admitted::ChooseAgain);
            }
            match connected.pace(lane, &*self.clock) {
                Admission::Go => break,
                Admission::Soon(wait) => self.clock.sleep(wait).await,
                Admission::Later(wait) => return Ok(Admitted::Later(wait)),
            }
        }
        match self.reserve_call(connected).await? {
            Ok(()) => Ok(Admitted::In(place)),
            Err(wait) => Ok(Admitted::Later(wait)),
        }
    }

    /// A place at the provider; `None` when it takes no calls any more before there is one.
    async fn place(&self, sending: &Sending, lane: Lane) -> Option<Place> {
        let connected = &sending.provider;
        let mut place = pin!(connected.place(lane));
        let mut changes = connected.changes();
        loop {
            tokio::select! {
                biased;
                place = &mut place => return place,
                _ = changes.recv() => if !self.is_as_chosen(sending) {
                    return None;
                },
            }
        }
    }

    /// Whether the provider still takes the call for which it was chosen.
    fn is_as_chosen(&self, sending: &Sending) -> bool {
        match sending.provider.standing(self.clock.now()) {
            Standing::Takes { .. } => !sending.is_probe,
            Standing::Probe => sending.is_probe,
            Standing::Refuses { .. } => false,
        }
    }

    async fn attempt(
        &self,
        lease: Lease,
        sending: Sending,
        place: Place,
        notification: &Notification,
    ) -> Result<(), StoreError> {
        let Sending { change, message, provider, is_probe } = sending;
        let probe = if is_probe { self.begin_probe(&provider) } else { None };
        if is_probe && probe.is_none() {
            // Somebody else asks it already.
            self.store.release(lease).await?;
            self.signals.alarm(lease.delivery.channel).stored(Timestamp::MIN);
            return Ok(());
        }
        let begun = change.delivery.clone();
        if planted!(CallsBeforeTheIntent) {
            self.wait_for_the_moment(begun.due_at).await;
            let outcome = self.call(&provider, &message, begun.attempts, is_probe).await;
            self.store.begin(lease, change, self.lease_until(self.clock.now())).await?;
            return self.settle(lease, &begun, &outcome, &provider, notification).await;
        }
        self.store.begin(lease, change, self.lease_until(self.clock.now())).await?;
        let holding = self.in_hand.take(lease);
        self.signals.announce(lease.delivery);
        self.tally.attempts.add(1);
        if let Some(attempt) = begun.last_attempt.as_ref().filter(|_| !planted!(CallsAheadOfTime)) {
            self.wait_for_the_moment(attempt.send_at).await;
        }
        let outcome = self.call(&provider, &message, begun.attempts, is_probe).await;
        drop((place, probe));
        self.settle(holding.lease(), &begun, &outcome, &provider, notification).await
    }

    async fn settle(
        &self,
        lease: Lease,
        begun: &Delivery,
        outcome: &Outcome,
        provider: &Connected,
        notification: &Notification,
    ) -> Result<(), StoreError> {
        let category = self.category(&notification.category);
        let mut settling = self.settling(&category, notification, Some(provider));
        let address = begun.last_attempt.as_ref().map_or("", |attempt| &attempt.address);
        let route = self.routes.find(lease.delivery.channel, &notification.tenant, &notification.category, address);
        settling.has_alternative =
            route.is_some_and(|route| route.has_alternative(&provider.name, &begun.tried, |name| self.standing(name)));
        match begun.settle(outcome, settling) {
            Ok(change) => self.record(lease, change, notification).await,
            Err(error) => {
                tracing::error!(delivery = %lease.delivery, %error, "an outcome did not fit");
                Ok(())
            }
        }
    }

    pub(super) fn standing(&self, name: &ProviderName) -> Standing {
        let now = self.clock.now();
        let connected = self.providers.get(name);
        connected.map_or(Standing::Refuses { until: now }, |connected| connected.standing(now))
    }

    /// Until the due time: the intent is recorded ahead of it.
    async fn wait_for_the_moment(&self, send_at: Timestamp) {
        if send_at > self.clock.now() {
            self.clock.sleep_until(send_at).await;
        }
    }

    /// One call, bounded in time: a provider that does not come back may have sent the message. What it was like is noted,
    /// and that it is slow already while it is.
    async fn call(&self, connected: &Connected, message: &Message, attempt: u32, is_probe: bool) -> Outcome {
        let timeout = self.options.attempt_timeout;
        let receipt_url = self.receipt_url(connected, message.delivery);
        let context = SendContext { attempt, receipt_url, ..SendContext::new(message.delivery.to_string(), timeout) };
        // The provider keeps the time itself and knows better what happened; this is for one that does not.
        let patience = timeout + self.options.lease_margin / 3;
        let slow = Duration::from_millis(connected.policy.health.slow_ms).min(patience);
        let mut sending = pin!(connected.provider.send(message, &context));
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
                self.observe(connected, Sight::Bad, is_probe).await;
                tokio::select! {
                    biased;
                    outcome = sending => Some(outcome),
                    () = given_up => None,
                }
            }
        };
        let outcome = outcome.unwrap_or_else(|| Outcome::Unknown {
            problem: Problem::coded("attempt.timeout", "the provider did not come back in time"),
        });
        if let Outcome::RateLimited { retry_after_ms: Some(wish), .. }
        | Outcome::Unavailable { retry_after_ms: Some(wish), .. } = &outcome
        {
            self.rest(connected, *wish);
        }
        if !was_slow && let Some(sight) = Sight::of(&outcome) {
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
