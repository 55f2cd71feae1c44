//! What the outcome of an attempt means for a delivery.

use jiff::Timestamp;

use super::{Change, Delivery, Settling, later};
use crate::domain::calls::{NOT_CALLED, UNFIT};
use crate::domain::category::UnknownPolicy;
use crate::domain::lifecycle::{DeliveryEvent, DeliveryState, InvalidTransition};
use crate::domain::outcome::{Outcome, Problem, RejectionKind};
use crate::domain::suppression::{Suppression, SuppressionCause};
use crate::domain::timeline::{Fact, FactKind, Reason};
use crate::domain::wish;
use crate::planted::planted;

/// The reason of what is tried again although it may have been sent.
pub(super) const RESEND: &str = "unknown.resend";

impl Delivery {
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
            // Not the message's fault: another provider may take it, and once an operator has acted, this one does.
            Outcome::Rejected { kind: RejectionKind::Provider, problem } => {
                let text = format!("the provider refuses everything until an operator acts: {problem}");
                self.again(Reason::new("attempt.rejected.provider", text), problem, None, settling)
            }
            Outcome::Rejected { kind: RejectionKind::Unfit, problem } => self.unfit(problem, settling),
            Outcome::Rejected { problem, .. } if planted!(RetriesRejections) => {
                self.again(Reason::new("attempt.rejected.message", "tried again"), problem, None, settling)
            }
            Outcome::Rejected { kind, problem } => {
                let code = match kind {
                    RejectionKind::Message => "attempt.rejected.message",
                    RejectionKind::Recipient => "attempt.rejected.recipient",
                    RejectionKind::Suppressed => "attempt.rejected.suppressed",
                    RejectionKind::Provider => "attempt.rejected.provider",
                    RejectionKind::Unfit => UNFIT,
                    RejectionKind::Plugin => "attempt.rejected.plugin",
                };
                let reason = Reason::new(code, format!("rejected ({}): {problem}", kind.name()));
                let suppression = self.refused_for_good(*kind, problem, settling.now);
                Ok(Change { suppression, ..self.give_up(reason, problem, settling.now)? })
            }
            Outcome::Unknown { problem } => self.ambiguous(problem, settling),
        }
    }

    /// The process ended between the intent and the call: certainly not sent, so it is simply due again.
    ///
    /// # Errors
    /// When the delivery is not being sent.
    pub fn not_called(&self, now: Timestamp) -> Result<Change, InvalidTransition> {
        if let Some(wish) = self.unwanted() {
            let reason = while_sending(wish, "the provider was not called after all");
            let mut change = self.end(DeliveryEvent::Withdraw, FactKind::Cancelled, reason, now)?;
            change.delivery.attempts_forgiven = self.attempts_forgiven.saturating_add(1);
            return Ok(change);
        }
        let reason = Reason::new(NOT_CALLED, "the process ended before the provider was called");
        let mut delivery = self.moved(DeliveryEvent::Retry, reason, now)?;
        delivery.due_at = self.last_attempt.as_ref().map_or(now, |attempt| attempt.send_at);
        // It was never made: it counts neither as an attempt nor as a doubt.
        delivery.attempts_forgiven = delivery.attempts_forgiven.saturating_add(1);
        if let Some(attempt) = self.last_attempt.as_ref().filter(|_| self.doubtful_attempts > 0) {
            // Nor as its second chance.
            delivery.tried.retain(|tried| *tried != attempt.provider);
        }
        let fact = delivery.fact(FactKind::Retrying, now).with("due_at", delivery.due_at.to_string());
        Ok(Change { facts: vec![fact], ..Change::to(delivery) })
    }

    /// Attempts that count against the retry policy.
    fn counted_attempts(&self) -> u32 {
        self.attempts.saturating_sub(self.attempts_forgiven)
    }

    /// Why it is not to be tried again, if somebody took it back while it was being sent.
    fn unwanted(&self) -> Option<&Reason> {
        self.cancel_asked.as_ref().filter(|_| !planted!(ForgetsWhatIsUnwanted))
    }

    /// Whether another attempt is allowed: the category limits all of them together, a provider those through itself.
    fn has_attempts_left(&self, settling: &Settling<'_>) -> bool {
        self.counted_attempts() < settling.category.retry.attempts_max && settling.is_anyone_left
    }

    fn accepted(&self, provider_message_id: Option<String>, now: Timestamp) -> Result<Change, InvalidTransition> {
        let reason = Reason::new("attempt.accepted", format!("`{}` took it", self.called()));
        self.taken(reason, provider_message_id, now)
    }

    /// Who was called last.
    pub(super) fn called(&self) -> &str {
        self.last_attempt.as_ref().map_or("", |attempt| attempt.provider.as_str())
    }

    /// A provider has it, for that reason.
    pub(super) fn taken(
        &self,
        reason: Reason,
        provider_message_id: Option<String>,
        now: Timestamp,
    ) -> Result<Change, InvalidTransition> {
        let mut delivery = self.moved(DeliveryEvent::Accept, reason, now)?;
        let mut fact = delivery.fact(FactKind::Sent, now).with("attempt", self.attempts.to_string());
        if let Some(id) = &provider_message_id {
            fact = fact.with("provider_message_id", id.clone());
        }
        if let Some(attempt) = &mut delivery.last_attempt {
            attempt.provider_message_id = provider_message_id;
        }
        Ok(Change { facts: vec![fact], ..Change::to(delivery) })
    }

    /// Another try if it is still wanted and number and time allow, else the dead letters. With another provider at hand it is
    /// made at once; only when all of them were tried, it waits.
    pub(super) fn again(
        &self,
        reason: Reason,
        problem: &Problem,
        retry_after_ms: Option<u64>,
        settling: Settling<'_>,
    ) -> Result<Change, InvalidTransition> {
        let Settling { retry, expires_at, has_alternative, now, random, .. } = settling;
        if let Some(wish) = self.unwanted() {
            let reason = while_sending(wish, format!("the call under way was in vain: {}", reason.text));
            let change = self.end(DeliveryEvent::Withdraw, FactKind::Cancelled, reason, now)?;
            return Ok(change.noting(problem));
        }
        if !self.has_attempts_left(&settling) {
            let text = format!("gave up after {} attempts; the last: {}", self.counted_attempts(), reason.text);
            return self.give_up(Reason::new("retry.exhausted", text), problem, now);
        }
        let rounds = self.rounds.saturating_add(1);
        let delay_ms = if has_alternative { 0 } else { retry.wait_ms(rounds, retry_after_ms, random) };
        let due_at = later(now, delay_ms);
        if due_at > expires_at {
            let text = format!("the next attempt would be after it expires at {expires_at}; the last: {}", reason.text);
            return self.give_up(Reason::new("retry.expired", text), problem, now);
        }
        let mut delivery = self.moved(DeliveryEvent::Retry, reason, now)?;
        delivery.due_at = due_at;
        let mut fact = delivery
            .fact(FactKind::Retrying, now)
            .with("attempt", self.attempts.to_string())
            .with("due_at", due_at.to_string());
        if let (Some(wish_ms), Some(attempt)) = (retry_after_ms, &self.last_attempt) {
            // Told to this delivery, whatever is done about it: the provider is left alone until then.
            fact = wish::telling(fact, &attempt.provider, later(now, wish_ms.min(retry.retry_after_max_ms)));
        }
        if has_alternative {
            let called = self.last_attempt.as_ref().map(|attempt| attempt.provider.clone());
            delivery.tried.extend(called.filter(|called| !self.tried.contains(called)));
            fact = fact.with("failover", "another provider is tried at once");
        } else {
            delivery.rounds = rounds;
            delivery.tried.clear();
        }
        Ok(Change { facts: vec![fact], ..Change::to(delivery) }.noting(problem))
    }

    /// The provider cannot carry it, and asked nobody to: the others of the route may, and it costs no attempt. Each is asked
    /// once, so that this comes to an end.
    fn unfit(&self, problem: &Problem, settling: Settling<'_>) -> Result<Change, InvalidTransition> {
        let called = self.called();
        if !settling.is_another_left {
            let text = format!("`{called}` cannot carry it, and no other provider is left that may: {problem}");
            return self.give_up(Reason::new(UNFIT, text), problem, settling.now);
        }
        let forgiven = Self { attempts_forgiven: self.attempts_forgiven.saturating_add(1), ..self.clone() };
        let reason = Reason::new(UNFIT, format!("`{called}` cannot carry it, another provider may: {problem}"));
        forgiven.again(reason, problem, None, settling)
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

    /// What goes on the list when the vendor keeps the address on its own: whatever put it there, as a STOP, nobody told us.
    fn refused_for_good(&self, kind: RejectionKind, problem: &Problem, now: Timestamp) -> Option<Suppression> {
        let attempt = self.last_attempt.as_ref().filter(|_| kind == RejectionKind::Suppressed)?;
        self.suppression(SuppressionCause::Unsubscribed, &attempt.provider, None, Some(problem), now)
    }

    /// Nobody knows: by the category's policy, nobody is asked again, or the same provider is (it may know the key). That one
    /// only once: in doubt again, or called as often as it may be, it counts as tried, and another provider is called at once,
    /// where there is one.
    fn ambiguous(&self, problem: &Problem, settling: Settling<'_>) -> Result<Change, InvalidTransition> {
        let now = settling.now;
        let may_repeat = settling.category.unknown_policy == UnknownPolicy::Resend || planted!(ResendsWhatIsToBeHeld);
        let was_asked_again = self.last_attempt.as_ref().is_some_and(|attempt| self.tried.contains(&attempt.provider));
        let fails_over = (was_asked_again || !settling.may_ask_again) && settling.has_alternative;
        let rounds = self.rounds.saturating_add(u32::from(!fails_over));
        let wait_ms = if fails_over { 0 } else { settling.retry.wait_ms(rounds, None, settling.random) };
        let due_at = self
            .has_attempts_left(&settling)
            .then(|| later(now, wait_ms))
            .filter(|due_at| *due_at <= settling.expires_at);
        let (event, reason) = match (may_repeat, due_at) {
            (true, Some(_)) if let Some(wish) = self.unwanted() => (
                DeliveryEvent::Hold,
                Reason::new("unknown.cancelled", format!("{wish}; not tried again after: {problem}")),
            ),
            (true, Some(_)) => {
                (DeliveryEvent::Retry, Reason::new(RESEND, format!("tried again by policy after: {problem}")))
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
        delivery.doubtful_attempts = self.doubtful_attempts.saturating_add(u32::from(!planted!(ForgetsDoubt)));
        delivery.rounds = rounds;
        if was_asked_again && !fails_over {
            delivery.tried.clear();
        }
        let seen = self.seen(problem, delivery.state, now);
        let then = match due_at.filter(|_| event == DeliveryEvent::Retry) {
            Some(due_at) => {
                delivery.due_at = due_at;
                let fact = delivery.fact(FactKind::Retrying, now).with("due_at", due_at.to_string());
                if fails_over { fact.with("failover", "another provider is tried at once") } else { fact }
            }
            None => delivery.fact(FactKind::Unknown, now),
        };
        Ok(Change { facts: vec![seen, then], ..Change::to(delivery) }.noting(problem))
    }

    /// That the attempt ended without a clear answer; where the delivery stands because of it.
    pub(super) fn seen(&self, problem: &Problem, state: DeliveryState, now: Timestamp) -> Fact {
        let reason = Reason::new("attempt.unknown", format!("it may or may not have been sent: {problem}"));
        Fact { reason, state, ..self.fact(FactKind::Unknown, now) }.with("attempt", self.attempts.to_string())
    }
}

/// What came of a wish to have it back that met a call under way.
fn while_sending(wish: &Reason, then: impl std::fmt::Display) -> Reason {
    let (by, _) = wish.code.split_once('.').unwrap_or((&wish.code, ""));
    Reason::new(format!("{by}.while_sending"), format!("{wish}, while it was being sent; {then}"))
}

/// Whether an attempt that was interrupted had certainly not been made yet: it is between the intent and the moment of the
/// call. Before the intent, somebody set the clock back, and nothing is certain.
#[must_use]
pub fn was_not_called(delivery: &Delivery, now: Timestamp) -> bool {
    delivery.last_attempt.as_ref().is_some_and(|attempt| (attempt.started_at..attempt.send_at).contains(&now))
}
