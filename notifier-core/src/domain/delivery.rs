//! One notification on one channel, and every decision that moves it on.
//!
//! Each decision is a pure function from a delivery and what happened to the [`Change`] that the store commits at once:
//! the delivery as it is from then on, and the facts that say why. What an attempt came to is decided in `settle`, what a
//! provider says about it when it is asked in `look_up`, what it reports later in `receive`.

mod look_up;
mod receive;
mod settle;
#[cfg(test)]
mod tests;

use jiff::{Timestamp, ToSpan};

pub use self::settle::was_not_called;
use super::calls;
use super::category::Category;
use super::id::{DeliveryId, ProviderName, TenantId};
use super::lane::{Lane, Timing};
use super::lifecycle::{DeliveryEvent, DeliveryState, InvalidTransition, transition};
use super::outcome::Problem;
use super::retry::RetryPolicy;
use super::schedule::ceil_to_millisecond;
use super::strategy;
use super::suppression::{ADDRESS_BYTES_MAX, Suppression, SuppressionCause, normalized};
use super::timeline::{Fact, FactKind, Reason};

/// One call of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// Who was called.
    pub provider: ProviderName,
    /// When the intent was recorded.
    pub started_at: Timestamp,
    /// When the provider is called, not earlier: the intent may be recorded ahead of the due time.
    pub send_at: Timestamp,
    /// The address it went to.
    pub address: String,
    /// The address it came from; `None` when the provider picked it.
    pub sender: Option<String>,
    /// Which words, as `rent-reminder v3 (es)` or `inline`.
    pub content: String,
    /// SHA-256 of the rendered message, in hexadecimal: proof of what was said.
    pub content_sha256: String,
    /// The provider's id of the message, once known.
    pub provider_message_id: Option<String>,
    /// What went wrong, if something did.
    pub problem: Option<Problem>,
}

/// One notification on one channel: the unit that is scheduled, leased and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub id: DeliveryId,
    /// Whose.
    pub tenant: TenantId,
    /// What it may not be held up by.
    pub lane: Lane,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it stands there.
    pub reason: Reason,
    /// When it is to be looked at next, while it is pending.
    pub due_at: Timestamp,
    /// Provider calls so far.
    pub attempts: u32,
    /// Those of them that no longer count against the retry policy, because a person asked for more.
    pub attempts_forgiven: u32,
    /// Those of them of which nobody knows whether the provider processed them.
    pub doubtful_attempts: u32,
    /// How often every provider of its route was tried in vain since then.
    pub rounds: u32,
    /// Providers that were tried in vain in this round; after doubt, those that had their second chance as well.
    pub tried: Vec<ProviderName>,
    /// How often in a row it had to wait for something other than a provider.
    pub deferrals: u32,
    /// When its turn began: the moment of its first call, or when it was first put off by something other than its turn. Kept
    /// through retries; `None` until then, and again once it was rescheduled or replayed.
    pub turn_since: Option<Timestamp>,
    /// Why it is not tried again, should the call under way be in vain: somebody took it back meanwhile. Kept until a replay.
    pub cancel_asked: Option<Reason>,
    /// The latest call.
    pub last_attempt: Option<Attempt>,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A decision: what the delivery is from now on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The delivery after the decision.
    pub delivery: Delivery,
    /// What to add to the timeline.
    pub facts: Vec<Fact>,
    /// When to look at the delivery after this one, where they go out one after the other. Committed together, as
    /// [`next_after`](super::notification::Notification::next_after) says: it only ever makes the next one due
    /// earlier. Later than that, nobody but the next one puts itself off.
    pub next_due_at: Option<Timestamp>,
    /// What to put on the list of addresses that nothing may be sent to any more. Committed together.
    pub suppression: Option<Suppression>,
}

/// What a settlement depends on besides the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Settling<'a> {
    /// What to do about doubt.
    pub category: &'a Category,
    /// How far apart: the provider's own policy, else the category's. How often all of them are called in all, only the
    /// category says.
    pub retry: &'a RetryPolicy,
    /// No further attempt starts after this.
    pub expires_at: Timestamp,
    /// Whether the route has another provider that was not tried in this round and takes calls.
    pub has_alternative: bool,
    /// Whether the provider that was called may be called again for this delivery, by its own policy.
    pub may_ask_again: bool,
    /// Whether any provider of the route may be, by its own policy.
    pub is_anyone_left: bool,
    /// Whether any other than the one that was called may be, and did not say that it cannot carry it. It need not take calls
    /// at this moment.
    pub is_another_left: bool,
    /// The time.
    pub now: Timestamp,
    /// A uniformly random number, for jitter.
    pub random: u64,
}

impl Delivery {
    /// A delivery that nothing has happened to yet.
    #[must_use]
    pub fn new(
        id: DeliveryId,
        tenant: TenantId,
        lane: Lane,
        reason: Reason,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant,
            lane,
            state: DeliveryState::Pending,
            reason,
            due_at,
            attempts: 0,
            attempts_forgiven: 0,
            doubtful_attempts: 0,
            rounds: 0,
            tried: Vec::new(),
            deferrals: 0,
            turn_since: None,
            cancel_asked: None,
            last_attempt: None,
            updated_at: now,
        }
    }

    /// Whether it waits for its due time and for nothing else, as since it was accepted or rescheduled.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.attempts == 0 && self.reason.code.starts_with("schedule.")
    }

    /// Which queue of its lane it waits in.
    #[must_use]
    pub fn timing(&self) -> Timing {
        let has_time = matches!(&*self.reason.code, "schedule.at" | "schedule.changed");
        if self.attempts == 0 && has_time { Timing::Scheduled } else { Timing::Prompt }
    }

    /// Who may have taken it without saying so, if it waits to be asked again: the same provider may know the key. Once in a
    /// round: an ill provider could use up all attempts while another stands by.
    #[must_use]
    pub fn asked_in_doubt(&self) -> Option<&ProviderName> {
        let is_in_doubt = self.state == DeliveryState::Pending && self.doubtful_attempts > 0;
        let asked = self.last_attempt.as_ref().map(|attempt| &attempt.provider);
        asked.filter(|asked| is_in_doubt && !self.tried.contains(asked))
    }

    /// Records the intent to call a provider.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn begin(&self, attempt: Attempt, checks: Vec<Fact>, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("attempt.begin", format!("attempt {} through `{}`", attempt.number, attempt.provider));
        let mut delivery = self.moved(DeliveryEvent::Begin, reason, now)?;
        delivery.attempts = attempt.number;
        delivery.deferrals = 0;
        // Asked again, or passed over because it is not well: either way it has had its chance.
        delivery.tried.extend(self.asked_in_doubt().cloned());
        delivery.turn_since.get_or_insert(attempt.send_at);
        let mut fact = delivery
            .fact(FactKind::Attempting, now)
            .with(calls::PROVIDER, attempt.provider.as_str())
            .with("attempt", attempt.number.to_string())
            .with("idempotency_key", self.id.to_string());
        if attempt.send_at > now {
            fact = fact.with("send_at", attempt.send_at.to_string());
        }
        delivery.last_attempt = Some(attempt);
        let mut facts = checks;
        facts.push(fact);
        Ok(Change { facts, ..Change::to(delivery) })
    }

    /// A rule or preference says no.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn suppress(&self, reason: Reason, now: Timestamp) -> Result<Change, InvalidTransition> {
        self.end(DeliveryEvent::Suppress, FactKind::Suppressed, reason, now)
    }

    /// It cannot be sent.
    ///
    /// # Errors
    /// When the delivery is neither pending nor being sent.
    pub fn fail(&self, reason: Reason, now: Timestamp) -> Result<Change, InvalidTransition> {
        self.end(DeliveryEvent::Fail, FactKind::Failed, reason, now)
    }

    /// Somebody takes it back.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn cancel(&self, reason: Reason, now: Timestamp) -> Result<Change, InvalidTransition> {
        self.end(DeliveryEvent::Cancel, FactKind::Cancelled, reason, now)
    }

    /// Somebody takes it back while it is being sent: what is under way cannot be stopped, but nothing is called after it.
    /// `None` when it is not being sent, or that was asked for before.
    #[must_use]
    pub fn ask_to_cancel(&self, reason: Reason, now: Timestamp) -> Option<Change> {
        if self.state != DeliveryState::Sending || self.cancel_asked.is_some() {
            return None;
        }
        let delivery = Delivery { cancel_asked: Some(reason.clone()), updated_at: now, ..self.clone() };
        let fact = Fact { reason, ..delivery.fact(FactKind::CancelAsked, now) };
        Some(Change { facts: vec![fact], ..Change::to(delivery) })
    }

    /// Its time ran out.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn expire(&self, expires_at: Timestamp, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("schedule.expired", format!("could not be sent before it expired at {expires_at}"));
        self.end(DeliveryEvent::Expire, FactKind::Expired, reason, now)
    }

    /// It has to wait for something other than a provider, as long as the category's backoff says. Costs no attempt.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn defer(&self, reason: Reason, settling: Settling<'_>) -> Result<Change, InvalidTransition> {
        let deferrals = self.deferrals.saturating_add(1);
        let wait_ms = settling.retry.wait_ms(deferrals, None, settling.random);
        let due_at = later(settling.now, wait_ms).min(settling.expires_at.max(settling.now));
        let mut change = self.postpone(reason, due_at, settling.now)?;
        change.delivery.deferrals = deferrals;
        Ok(change)
    }

    /// It has to wait until a time that is known. Costs no attempt. The timeline says so once, however often the same reason
    /// holds it up again.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn postpone(&self, reason: Reason, due_at: Timestamp, now: Timestamp) -> Result<Change, InvalidTransition> {
        let is_news = self.reason.code != reason.code;
        let has_its_turn = reason.code != strategy::WAITS;
        let mut delivery = self.moved(DeliveryEvent::Defer, reason, now)?;
        // What is prepared ahead has its turn when it is due.
        let turn_since = has_its_turn.then(|| *delivery.turn_since.get_or_insert(self.due_at.max(now)));
        // Before the first call nothing makes it due before its turn: not even a clock that is set back while it waits.
        let earliest = turn_since.filter(|_| self.attempts == self.attempts_forgiven);
        delivery.due_at = ceil_to_millisecond(earliest.map_or(due_at, |earliest| due_at.max(earliest)));
        let fact = || delivery.fact(FactKind::Deferred, now).with("due_at", delivery.due_at.to_string());
        let facts = if is_news { vec![fact()] } else { Vec::new() };
        Ok(Change { facts, ..Change::to(delivery) })
    }

    /// A person wants it at another time.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn reschedule(&self, due_at: Timestamp, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("schedule.changed", format!("rescheduled from {} to {due_at}", self.due_at));
        let mut delivery = self.moved(DeliveryEvent::Defer, reason, now)?;
        delivery.due_at = due_at;
        delivery.turn_since = None;
        let fact = delivery.fact(FactKind::Rescheduled, now).with("due_at", due_at.to_string());
        Ok(Change { facts: vec![fact], ..Change::to(delivery) })
    }

    /// A person wants another try of what had ended without success: at once, and with all attempts anew.
    ///
    /// # Errors
    /// When it has not ended, or was sent.
    pub fn replay(&self, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("replay.requested", format!("tried again by request; it was {}", self.state));
        let mut delivery = self.moved(DeliveryEvent::Replay, reason, now)?;
        delivery.due_at = ceil_to_millisecond(now);
        delivery.attempts_forgiven = self.attempts;
        delivery.turn_since = None;
        delivery.cancel_asked = None;
        delivery.rounds = 0;
        delivery.deferrals = 0;
        delivery.tried.clear();
        let fact = delivery.fact(FactKind::Replayed, now).with("due_at", delivery.due_at.to_string());
        Ok(Change { facts: vec![fact], ..Change::to(delivery) })
    }

    fn end(
        &self,
        event: DeliveryEvent,
        kind: FactKind,
        mut reason: Reason,
        now: Timestamp,
    ) -> Result<Change, InvalidTransition> {
        if self.doubtful_attempts > 0 {
            reason.text.push_str("; an earlier attempt may have been sent");
        }
        let delivery = self.moved(event, reason, now)?;
        let fact = delivery.fact(kind, now);
        Ok(Change { facts: vec![fact], ..Change::to(delivery) })
    }

    /// The entry of an address that takes nothing any more: `reported` as a provider has it, else where the latest attempt
    /// went.
    fn suppression(
        &self,
        cause: SuppressionCause,
        provider: &ProviderName,
        reported: Option<&String>,
        problem: Option<&Problem>,
        now: Timestamp,
    ) -> Option<Suppression> {
        let attempted = self.last_attempt.as_ref().map(|attempt| &attempt.address);
        let address = reported.filter(|address| address.len() <= ADDRESS_BYTES_MAX).or(attempted)?;
        Some(Suppression {
            tenant: self.tenant.clone(),
            channel: self.id.channel,
            address: normalized(self.id.channel, address),
            cause,
            note: problem.map(ToString::to_string).unwrap_or_default(),
            provider: Some(provider.clone()),
            delivery: Some(self.id),
            created_at: now,
        })
    }

    fn moved(&self, event: DeliveryEvent, reason: Reason, now: Timestamp) -> Result<Delivery, InvalidTransition> {
        let state = transition(self.state, event)?;
        Ok(Delivery { state, reason, updated_at: now, ..self.clone() })
    }

    /// A fact about this delivery as it is, with its own reason.
    #[must_use]
    pub fn fact(&self, kind: FactKind, at: Timestamp) -> Fact {
        Fact {
            at,
            channel: Some(self.id.channel),
            kind,
            reason: self.reason.clone(),
            state: self.state,
            details: Vec::new(),
        }
    }
}

impl Change {
    /// The delivery as it is from now on, with nothing to tell about it.
    #[must_use]
    pub fn to(delivery: Delivery) -> Self {
        Self { delivery, facts: Vec::new(), next_due_at: None, suppression: None }
    }

    /// Why the delivery, as it stands by now, is wanted back, if this was decided without knowing that.
    #[must_use]
    pub fn overlooks<'p>(&self, present: &'p Delivery) -> Option<&'p Reason> {
        present.cancel_asked.as_ref().filter(|_| self.delivery.cancel_asked.is_none())
    }

    /// Adds what the vendor said to the attempt and to the first fact.
    fn noting(mut self, problem: &Problem) -> Self {
        if let Some(attempt) = &mut self.delivery.last_attempt {
            attempt.problem = Some(problem.clone());
        }
        if let (Some(code), Some(first)) = (&problem.code, self.facts.first_mut()) {
            first.details.push(("vendor_code".into(), code.clone()));
        }
        self
    }
}

/// `wait_ms` after `now`, rounded up to whole milliseconds like every due time; the end of time where that overflows.
fn later(now: Timestamp, wait_ms: u64) -> Timestamp {
    let wait_ms = i64::try_from(wait_ms).unwrap_or(i64::MAX).min(100 * 366 * 24 * 3_600_000);
    now.checked_add(wait_ms.milliseconds()).map_or(Timestamp::MAX, ceil_to_millisecond)
}
