//! One notification on one channel, and every decision that moves it on.
//!
//! Each decision is a pure function from a delivery and what happened to the [`Change`] that the store commits at once:
//! the delivery as it is from then on, and the facts that say why.

use jiff::Timestamp;
use jiff::ToSpan;

use super::category::{Category, UnknownPolicy};
use super::id::{DeliveryId, ProviderName, TenantId};
use super::lifecycle::{DeliveryEvent, DeliveryState, InvalidTransition, transition};
use super::outcome::{Outcome, Problem, RejectionKind};
use super::schedule::ceil_to_millisecond;
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
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it stands there.
    pub reason: Reason,
    /// When it is to be looked at next, while it is pending.
    pub due_at: Timestamp,
    /// Provider calls so far.
    pub attempts: u32,
    /// Those of them of which nobody knows whether the provider processed them.
    pub doubtful_attempts: u32,
    /// How often in a row it had to wait for something other than a provider.
    pub deferrals: u32,
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
}

/// What a settlement depends on besides the outcome.
#[derive(Debug, Clone, Copy)]
pub struct Settling<'a> {
    /// Retry and unknown policies.
    pub category: &'a Category,
    /// No further attempt starts after this.
    pub expires_at: Timestamp,
    /// The time.
    pub now: Timestamp,
    /// A uniformly random number, for jitter.
    pub random: u64,
}

impl Delivery {
    /// Records the intent to call a provider.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn begin(&self, attempt: Attempt, checks: Vec<Fact>, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("attempt.begin", format!("attempt {} through `{}`", attempt.number, attempt.provider));
        let mut delivery = self.moved(DeliveryEvent::Begin, reason, now)?;
        delivery.attempts = attempt.number;
        delivery.deferrals = 0;
        let fact = delivery
            .fact(FactKind::Attempting, now)
            .with("provider", attempt.provider.as_str())
            .with("attempt", attempt.number.to_string())
            .with("idempotency_key", self.id.to_string());
        delivery.last_attempt = Some(attempt);
        let mut facts = checks;
        facts.push(fact);
        Ok(Change { delivery, facts })
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

    /// The caller takes it back.
    ///
    /// # Errors
    /// When the delivery is not pending.
    pub fn cancel(&self, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("cancel.requested", "cancelled before it was sent");
        self.end(DeliveryEvent::Cancel, FactKind::Cancelled, reason, now)
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
        let wait_ms = settling.category.retry.wait_ms(deferrals, None, settling.random);
        let due_at = later(settling.now, wait_ms).min(settling.expires_at.max(settling.now));
        let mut delivery = self.moved(DeliveryEvent::Defer, reason, settling.now)?;
        delivery.deferrals = deferrals;
        delivery.due_at = due_at;
        let fact = delivery.fact(FactKind::Deferred, settling.now).with("due_at", due_at.to_string());
        Ok(Change { delivery, facts: vec![fact] })
    }

    /// What an attempt's outcome means.
    ///
    /// # Errors
    /// When the delivery is not being sent.
    pub fn settle(&self, outcome: &Outcome, settling: Settling<'_>) -> Result<Change, InvalidTransition> {
        match outcome {
            Outcome::Accepted { provider_message_id } => self.accepted(provider_message_id.clone(), settling.now),
            Outcome::RateLimited { retry_after_ms, problem } => {
                let reason = Reason::new("attempt.rate_limited", format!("the provider asked to wait: {problem}"));
                self.again(reason, problem, *retry_after_ms, settling)
            }
            Outcome::Unavailable { retry_after_ms, problem } => {
                let reason = Reason::new("attempt.unavailable", format!("the provider was unavailable: {problem}"));
                self.again(reason, problem, *retry_after_ms, settling)
            }
            // Not the message's fault: once an operator has acted, it passes.
            Outcome::Rejected { kind: RejectionKind::Provider, problem } => {
                let text = format!("the provider refuses everything until an operator acts: {problem}");
                self.again(Reason::new("attempt.rejected.provider", text), problem, None, settling)
            }
            Outcome::Rejected { kind, problem } => {
                let code = match kind {
                    RejectionKind::Message => "attempt.rejected.message",
                    RejectionKind::Recipient => "attempt.rejected.recipient",
                    RejectionKind::Suppressed => "attempt.rejected.suppressed",
                    RejectionKind::Provider => "attempt.rejected.provider",
                    RejectionKind::Plugin => "attempt.rejected.plugin",
                };
                let reason = Reason::new(code, format!("rejected ({}): {problem}", kind.name()));
                self.give_up(reason, problem, settling.now)
            }
            Outcome::Unknown { problem } => self.ambiguous(problem, settling),
        }
    }

    fn accepted(&self, provider_message_id: Option<String>, now: Timestamp) -> Result<Change, InvalidTransition> {
        let provider = self.last_attempt.as_ref().map_or("", |attempt| attempt.provider.as_str());
        let reason = Reason::new("attempt.accepted", format!("`{provider}` took it"));
        let mut delivery = self.moved(DeliveryEvent::Accept, reason, now)?;
        let mut fact = delivery.fact(FactKind::Sent, now).with("attempt", self.attempts.to_string());
        if let Some(id) = &provider_message_id {
            fact = fact.with("provider_message_id", id.clone());
        }
        if let Some(attempt) = &mut delivery.last_attempt {
            attempt.provider_message_id = provider_message_id;
        }
        Ok(Change { delivery, facts: vec![fact] })
    }

    /// Another try if number and time allow, else the dead letters.
    fn again(
        &self,
        reason: Reason,
        problem: &Problem,
        retry_after_ms: Option<u64>,
        settling: Settling<'_>,
    ) -> Result<Change, InvalidTransition> {
        let Settling { category, expires_at, now, random } = settling;
        let Some(delay_ms) = category.retry.delay_ms(self.attempts, retry_after_ms, random) else {
            let text = format!("gave up after {} attempts; the last: {}", self.attempts, reason.text);
            return self.give_up(Reason::new("retry.exhausted", text), problem, now);
        };
        let due_at = later(now, delay_ms);
        if due_at > expires_at {
            let text = format!("the next attempt would be after it expires at {expires_at}; the last: {}", reason.text);
            return self.give_up(Reason::new("retry.expired", text), problem, now);
        }
        let mut delivery = self.moved(DeliveryEvent::Retry, reason, now)?;
        delivery.due_at = due_at;
        let fact = delivery
            .fact(FactKind::Retrying, now)
            .with("attempt", self.attempts.to_string())
            .with("due_at", due_at.to_string());
        Ok(Change { delivery, facts: vec![fact] }.noting(problem))
    }

    /// No further attempt: failed for certain, or unknown if an earlier attempt may have been processed.
    fn give_up(&self, reason: Reason, problem: &Problem, now: Timestamp) -> Result<Change, InvalidTransition> {
        let change = if self.doubtful_attempts == 0 {
            self.end(DeliveryEvent::Fail, FactKind::Failed, reason, now)?
        } else {
            self.end(DeliveryEvent::Hold, FactKind::Unknown, reason, now)?
        };
        Ok(change.noting(problem))
    }

    fn ambiguous(&self, problem: &Problem, settling: Settling<'_>) -> Result<Change, InvalidTransition> {
        let seen = Reason::new("attempt.unknown", format!("it may or may not have been sent: {problem}"));
        let now = settling.now;
        let may_repeat = settling.category.unknown_policy == UnknownPolicy::Resend;
        let delay_ms = settling.category.retry.delay_ms(self.attempts, None, settling.random);
        let due_at = delay_ms.map(|delay_ms| later(now, delay_ms)).filter(|due_at| *due_at <= settling.expires_at);
        let mut fact = Fact { reason: seen, ..self.fact(FactKind::Unknown, now) };
        fact = fact.with("attempt", self.attempts.to_string());
        let (event, reason) = match (may_repeat, due_at) {
            (true, Some(_)) => {
                (DeliveryEvent::Retry, Reason::new("unknown.resend", format!("tried again by policy after: {problem}")))
            }
            (true, None) => (
                DeliveryEvent::Hold,
                Reason::new("unknown.exhausted", format!("no further attempt is allowed after: {problem}")),
            ),
            (false, _) => {
                (DeliveryEvent::Hold, Reason::new("unknown.hold", format!("left alone by policy after: {problem}")))
            }
        };
        let mut delivery = self.moved(event, reason, now)?;
        delivery.doubtful_attempts = self.doubtful_attempts.saturating_add(1);
        fact.state = delivery.state;
        let mut facts = vec![fact];
        if let (DeliveryEvent::Retry, Some(due_at)) = (event, due_at) {
            delivery.due_at = due_at;
            facts.push(delivery.fact(FactKind::Retrying, now).with("due_at", due_at.to_string()));
        } else {
            facts.push(delivery.fact(FactKind::Unknown, now));
        }
        Ok(Change { delivery, facts }.noting(problem))
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
        Ok(Change { delivery, facts: vec![fact] })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::Channel;
    use crate::domain::id::NotificationId;
    use crate::domain::retry::RetryPolicy;

    fn pending() -> Delivery {
        Delivery {
            id: DeliveryId { notification: NotificationId::from_parts(1, [0; 10]), channel: Channel::Sms },
            tenant: TenantId::unnamed(),
            state: DeliveryState::Pending,
            reason: Reason::new("schedule.now", "accepted"),
            due_at: Timestamp::UNIX_EPOCH,
            attempts: 0,
            doubtful_attempts: 0,
            deferrals: 0,
            last_attempt: None,
            updated_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn sending(number: u32) -> Delivery {
        let attempt = Attempt {
            number,
            provider: ProviderName::new("twilio").unwrap(),
            started_at: at(0),
            address: "+14155550101".into(),
            sender: None,
            content: "inline".into(),
            content_sha256: String::new(),
            provider_message_id: None,
            problem: None,
        };
        pending().begin(attempt, Vec::new(), at(0)).unwrap().delivery
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn category(unknown_policy: UnknownPolicy) -> Category {
        let retry = RetryPolicy { attempts_max: 3, delay_min_ms: 100, delay_base_ms: 1_000, ..RetryPolicy::default() };
        Category { unknown_policy, retry, ..Category::default() }
    }

    fn settle(delivery: &Delivery, outcome: &Outcome, policy: UnknownPolicy, expires_ms: i64) -> Change {
        let category = category(policy);
        let settling = Settling { category: &category, expires_at: at(expires_ms), now: at(10), random: 0 };
        delivery.settle(outcome, settling).unwrap()
    }

    fn problem() -> Problem {
        Problem::coded("42", "no")
    }

    #[test]
    fn outcomes_decide() {
        use DeliveryState as S;
        use UnknownPolicy::{Hold, Resend};
        let accepted = Outcome::Accepted { provider_message_id: Some("SM1".into()) };
        let limited = Outcome::RateLimited { retry_after_ms: Some(7_000), problem: problem() };
        let down = Outcome::Unavailable { retry_after_ms: None, problem: problem() };
        let rejected = Outcome::Rejected { kind: RejectionKind::Recipient, problem: problem() };
        let refused = Outcome::Rejected { kind: RejectionKind::Provider, problem: problem() };
        let unknown = Outcome::Unknown { problem: problem() };
        let far = 1_000_000;
        // outcome, attempts so far, policy, expiry -> state, due, code
        let cases = [
            (&accepted, 1, Resend, far, S::Sent, None, "attempt.accepted"),
            (&limited, 1, Resend, far, S::Pending, Some(7_010), "attempt.rate_limited"),
            (&limited, 3, Resend, far, S::Failed, None, "retry.exhausted"),
            (&limited, 1, Resend, 5_000, S::Failed, None, "retry.expired"),
            (&down, 1, Resend, far, S::Pending, Some(110), "attempt.unavailable"),
            (&down, 3, Resend, far, S::Failed, None, "retry.exhausted"),
            (&rejected, 1, Resend, far, S::Failed, None, "attempt.rejected.recipient"),
            (&refused, 1, Resend, far, S::Pending, Some(110), "attempt.rejected.provider"),
            (&refused, 3, Resend, far, S::Failed, None, "retry.exhausted"),
            (&unknown, 1, Resend, far, S::Pending, Some(110), "unknown.resend"),
            (&unknown, 3, Resend, far, S::Unknown, None, "unknown.exhausted"),
            (&unknown, 1, Resend, 50, S::Unknown, None, "unknown.exhausted"),
            (&unknown, 1, Hold, far, S::Unknown, None, "unknown.hold"),
        ];
        for (outcome, attempts, policy, expires_ms, state, due_ms, code) in cases {
            let change = settle(&sending(attempts), outcome, policy, expires_ms);
            let context = format!("{outcome:?} after {attempts}, {policy:?}");
            assert_eq!(change.delivery.state, state, "{context}");
            assert_eq!(change.delivery.reason.code, code, "{context}");
            if let Some(due_ms) = due_ms {
                assert_eq!(change.delivery.due_at, at(due_ms), "{context}");
            }
            let last = change.facts.last().unwrap();
            assert_eq!((last.state, &last.reason), (state, &change.delivery.reason), "{context}");
            if !matches!(outcome, Outcome::Accepted { .. }) {
                assert_eq!(change.facts[0].detail("vendor_code"), Some("42"), "{context}");
            }
        }
    }

    #[test]
    fn what_may_have_been_sent_never_ends_as_if_it_had_not() {
        let unknown = Outcome::Unknown { problem: problem() };
        let doubtful = settle(&sending(1), &unknown, UnknownPolicy::Resend, 1_000_000).delivery;
        assert_eq!((doubtful.state, doubtful.doubtful_attempts), (DeliveryState::Pending, 1));
        let told = |change: Change| {
            assert!(change.delivery.reason.text.ends_with("may have been sent"), "{}", change.delivery.reason.text);
            change.delivery.state
        };
        assert_eq!(told(doubtful.cancel(at(20)).unwrap()), DeliveryState::Cancelled);
        assert_eq!(told(doubtful.expire(at(20), at(20)).unwrap()), DeliveryState::Expired);
        let attempt = Attempt { number: 3, ..doubtful.last_attempt.clone().unwrap() };
        let again = doubtful.begin(attempt, Vec::new(), at(20)).unwrap().delivery;
        for outcome in [
            Outcome::Unavailable { retry_after_ms: None, problem: problem() },
            Outcome::Rejected { kind: RejectionKind::Message, problem: problem() },
        ] {
            let change = settle(&again, &outcome, UnknownPolicy::Resend, 1_000_000);
            assert_eq!(told(change), DeliveryState::Unknown, "{outcome:?}");
        }
        let accepted = Outcome::Accepted { provider_message_id: None };
        let change = settle(&again, &accepted, UnknownPolicy::Resend, 1_000_000);
        assert_eq!(change.delivery.state, DeliveryState::Sent);
    }

    #[test]
    fn an_accepted_attempt_keeps_the_vendors_id() {
        let outcome = Outcome::Accepted { provider_message_id: Some("SM1".into()) };
        let change = settle(&sending(1), &outcome, UnknownPolicy::Resend, 1_000);
        assert_eq!(change.delivery.last_attempt.unwrap().provider_message_id.as_deref(), Some("SM1"));
        assert_eq!(change.facts[0].detail("provider_message_id"), Some("SM1"));
    }

    #[test]
    fn deferring_backs_off_and_ends_at_the_expiry() {
        let category = category(UnknownPolicy::Resend);
        let mut delivery = pending();
        let mut waits = Vec::new();
        for _ in 0..5 {
            let settling = Settling { category: &category, expires_at: at(9_000), now: at(0), random: u64::MAX };
            delivery = delivery.defer(Reason::new("directory.unavailable", "down"), settling).unwrap().delivery;
            waits.push(delivery.due_at.as_millisecond());
        }
        assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 9_000]);
        assert_eq!(delivery.attempts, 0);
    }

    #[test]
    fn what_is_being_sent_cannot_be_cancelled() {
        assert!(pending().cancel(at(1)).is_ok());
        assert!(sending(1).cancel(at(1)).is_err());
        let sent = settle(&sending(1), &Outcome::Accepted { provider_message_id: None }, UnknownPolicy::Hold, 99);
        assert!(sent.delivery.cancel(at(1)).is_err());
        assert!(sent.delivery.expire(at(0), at(1)).is_err());
    }
}
