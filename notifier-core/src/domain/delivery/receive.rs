//! What a report of a provider means for a delivery.
//!
//! Reports come late, twice and in any order. So each is told once, one that says less than what is known changes nothing
//! but the timeline, and one that says more outranks what we believed.

use super::{Change, Delivery};
use crate::domain::lifecycle::{DeliveryEvent, DeliveryState, transition};
use crate::domain::receipt::{Receipt, ReceiptStatus};
use crate::domain::timeline::{Fact, FactKind, Reason};

/// Reports that the timeline of one delivery keeps: a newsletter is opened again and again.
const RECEIPTS_KEPT_MAX: usize = 100;

impl Delivery {
    /// What a report changes; `None` when it was told before, is about something that was never sent, or one too many.
    ///
    /// `told` are the facts so far.
    #[must_use]
    pub fn receive(&self, receipt: &Receipt, told: &[Fact]) -> Option<Change> {
        let identity = receipt.identity();
        let earlier: Vec<_> = told.iter().filter_map(|fact| fact.detail("receipt")).collect();
        let was_never_sent = self.attempts == 0;
        // However full the timeline is: that somebody wants no more is never lost.
        let is_full = earlier.len() >= RECEIPTS_KEPT_MAX && receipt.event.status.suppresses().is_none();
        if was_never_sent || earlier.contains(&identity.as_str()) || is_full {
            return None;
        }
        let event = &receipt.event;
        let reason = reason(receipt);
        let now = receipt.received_at;
        let moved = self.event_of(receipt).and_then(|event| self.moved(event, reason.clone(), now).ok());
        let changed = moved.is_some();
        let mut delivery = moved.unwrap_or_else(|| Delivery { updated_at: self.updated_at.max(now), ..self.clone() });
        if changed && let Some(attempt) = &mut delivery.last_attempt {
            attempt.problem.clone_from(&event.problem);
            if attempt.provider == receipt.provider && attempt.provider_message_id.is_none() {
                attempt.provider_message_id = Some(event.provider_message_id.clone());
            }
        }
        let kind = if changed { kind(delivery.state) } else { FactKind::Receipt };
        let mut fact = Fact { reason, ..delivery.fact(kind, now) }
            .with("provider", receipt.provider.as_str())
            .with("provider_message_id", event.provider_message_id.clone())
            .with("status", event.status.name())
            .with("receipt", identity);
        if let Some(at) = event.occurred_at_ms.and_then(|ms| i64::try_from(ms).ok()) {
            let at = jiff::Timestamp::from_millisecond(at).map(|at| at.to_string()).unwrap_or_default();
            fact = fact.with("occurred_at", at);
        }
        if let Some(code) = event.problem.as_ref().and_then(|problem| problem.code.clone()) {
            fact = fact.with("vendor_code", code);
        }
        let cause = event.status.suppresses();
        let suppression = cause.and_then(|cause| {
            delivery.suppression(cause, &receipt.provider, event.recipient.as_ref(), event.problem.as_ref(), now)
        });
        Some(Change { facts: vec![fact], suppression, ..Change::to(delivery) })
    }

    /// Whether the latest attempt is known to be another message than the reported one.
    fn is_of_an_earlier_attempt(&self, receipt: &Receipt) -> bool {
        self.last_attempt.as_ref().is_some_and(|attempt| {
            let other_id = |id: &String| *id != receipt.event.provider_message_id;
            attempt.provider != receipt.provider || attempt.provider_message_id.as_ref().is_some_and(other_id)
        })
    }

    /// What a report moves, if it says more than what is known.
    fn event_of(&self, receipt: &Receipt) -> Option<DeliveryEvent> {
        let is_waiting = self.state == DeliveryState::Pending;
        let is_being_sent = self.state == DeliveryState::Sending;
        let event = match receipt.event.status {
            // What waits for a retry after a failure that is certain was not taken: an "accepted" says too little against that.
            ReceiptStatus::Accepted if is_waiting && self.doubtful_attempts == 0 => return None,
            ReceiptStatus::Accepted => DeliveryEvent::Accept,
            // Somebody read it: it arrived.
            ReceiptStatus::Delivered | ReceiptStatus::Opened | ReceiptStatus::Clicked => DeliveryEvent::Confirm,
            // Bad news of an earlier attempt says nothing about the one that is under way or yet to come. Where none before it can
            // have been taken, it is of the one under way: a vendor may be quicker with it than with its answer.
            ReceiptStatus::Bounced | ReceiptStatus::Failed
                if (is_being_sent && self.doubtful_attempts > 0) || self.is_of_an_earlier_attempt(receipt) =>
            {
                return None;
            }
            ReceiptStatus::Failed if is_waiting => return None,
            ReceiptStatus::Bounced => DeliveryEvent::Bounce,
            ReceiptStatus::Failed => DeliveryEvent::Fail,
            ReceiptStatus::Complained | ReceiptStatus::Unsubscribed | ReceiptStatus::Other => return None,
        };
        let next = transition(self.state, event).ok()?;
        (next != self.state).then_some(event)
    }
}

fn kind(state: DeliveryState) -> FactKind {
    match state {
        DeliveryState::Delivered => FactKind::Delivered,
        DeliveryState::Bounced => FactKind::Bounced,
        DeliveryState::Failed => FactKind::Failed,
        _ => FactKind::Sent,
    }
}

fn reason(receipt: &Receipt) -> Reason {
    let provider = &receipt.provider;
    let said = receipt.event.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
    let (code, text) = match receipt.event.status {
        ReceiptStatus::Accepted => ("receipt.accepted", "reports that it took the message"),
        ReceiptStatus::Delivered => ("receipt.delivered", "reports that it arrived"),
        ReceiptStatus::Failed => ("receipt.failed", "reports that it will not arrive"),
        ReceiptStatus::Bounced => ("receipt.bounced", "reports that the address does not take it"),
        ReceiptStatus::Complained => ("receipt.complained", "reports that the recipient called it spam"),
        ReceiptStatus::Unsubscribed => ("receipt.unsubscribed", "reports that the recipient wants no more"),
        ReceiptStatus::Opened => ("receipt.opened", "reports that it was opened"),
        ReceiptStatus::Clicked => ("receipt.clicked", "reports that a link in it was followed"),
        ReceiptStatus::Other => ("receipt.other", "reports something"),
    };
    Reason::new(code, format!("`{provider}` {text}{said}"))
}
