//! Decisions about the deliveries of samples, as the flow would make them.

use jiff::Timestamp;

use super::sample::at;
use crate::domain::category::{Category, UnknownPolicy};
use crate::domain::channel::Channel;
use crate::domain::delivery::{Attempt, Change, Delivery, Settling};
use crate::domain::id::{DeliveryId, ProviderName};
use crate::domain::outcome::{Outcome, Problem, RejectionKind};
use crate::domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::domain::timeline::{FactKind, Reason};

/// The address that the attempt on that channel goes to.
#[must_use]
pub fn address(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "Ada@Example.com",
        Channel::Sms => "+14155550101",
        Channel::Push => r#"{"endpoint":"https://push.example.com/7"}"#,
        Channel::Chat => "C0123ADA",
        Channel::Webhook => "https://example.com/hooks/7",
    }
}

/// The decision to call a provider, with one consulted rule before it.
#[must_use]
pub fn begin(delivery: &Delivery, now: Timestamp) -> Change {
    begin_through(delivery, "twilio", now)
}

/// The decision to call that provider.
#[must_use]
pub fn begin_through(delivery: &Delivery, provider: &str, now: Timestamp) -> Change {
    let attempt = Attempt {
        number: delivery.attempts + 1,
        provider: ProviderName::new(provider).unwrap(),
        started_at: now,
        send_at: now,
        address: address(delivery.id.channel).into(),
        sender: Some("+14155550199".into()),
        content: "inline".into(),
        content_sha256: "00".repeat(32),
        provider_message_id: None,
        problem: None,
    };
    let pending = Delivery { reason: Reason::new("preference.default", "on by default"), ..delivery.clone() };
    delivery.begin(attempt, vec![pending.fact(FactKind::Checked, now)], now).unwrap()
}

/// The provider's identifier of the message that [`sent`] speaks of.
#[must_use]
pub fn message_id(delivery: DeliveryId) -> String {
    format!("SM-{delivery}")
}

/// The decision after the provider took it.
#[must_use]
pub fn sent(delivery: &Delivery, now: Timestamp) -> Change {
    sent_as(delivery, &message_id(delivery.id), now)
}

/// The decision after the provider took it and called it so.
#[must_use]
pub fn sent_as(delivery: &Delivery, message_id: &str, now: Timestamp) -> Change {
    settled(delivery, &Outcome::Accepted { provider_message_id: Some(message_id.into()) }, now)
}

/// The decision after the provider was down; the next attempt is due a few seconds later.
#[must_use]
pub fn retry(delivery: &Delivery, now: Timestamp) -> Change {
    settled(delivery, &Outcome::Unavailable { retry_after_ms: None, problem: Problem::coded("503", "down") }, now)
}

/// The decision after the provider refused the message: a dead letter.
#[must_use]
pub fn failed(delivery: &Delivery, now: Timestamp) -> Change {
    settled(delivery, &Outcome::Rejected { kind: RejectionKind::Message, problem: Problem::coded("400", "no") }, now)
}

/// The decision after the provider said that the recipient wants no more: a dead letter, and the address on the list.
#[must_use]
pub fn opted_out(delivery: &Delivery, now: Timestamp) -> Change {
    let problem = Problem::coded("21610", "STOP");
    settled(delivery, &Outcome::Rejected { kind: RejectionKind::Suppressed, problem }, now)
}

/// The decision after a call without a clear answer: another attempt a few seconds later.
#[must_use]
pub fn doubtful(delivery: &Delivery, now: Timestamp) -> Change {
    settled(delivery, &Outcome::Unknown { problem: Problem::plain("timeout") }, now)
}

/// The decision after a call without a clear answer, where a miss is better than a duplicate: a dead letter.
#[must_use]
pub fn held(delivery: &Delivery, now: Timestamp) -> Change {
    let category = Category { unknown_policy: UnknownPolicy::Hold, ..Category::default() };
    delivery.settle(&Outcome::Unknown { problem: Problem::plain("timeout") }, settling(&category, now)).unwrap()
}

/// The decision to wait.
#[must_use]
pub fn deferred(delivery: &Delivery, now: Timestamp) -> Change {
    let reason = Reason::new("directory.unavailable", "the directory is down");
    delivery.defer(reason, settling(&Category::default(), now)).unwrap()
}

fn settled(delivery: &Delivery, outcome: &Outcome, now: Timestamp) -> Change {
    delivery.settle(outcome, settling(&Category::default(), now)).unwrap()
}

fn settling(category: &Category, now: Timestamp) -> Settling<'_> {
    let expires_at = at(30 * 24 * 3_600_000);
    Settling {
        category,
        retry: &category.retry,
        expires_at,
        has_alternative: false,
        may_ask_again: true,
        is_anyone_left: true,
        is_another_left: false,
        now,
        random: 7,
    }
}

/// What that provider reports at that time about the message of that identifier.
#[must_use]
pub fn report(provider: &str, message_id: &str, status: ReceiptStatus, received_at: Timestamp) -> Receipt {
    Receipt {
        provider: ProviderName::new(provider).unwrap(),
        delivery: None,
        event: ReceiptEvent {
            event_id: None,
            provider_message_id: message_id.into(),
            status,
            recipient: None,
            occurred_at_ms: Some(1_760_000_000_000),
            problem: None,
            attributes: vec![("carrier".into(), "Example".into())],
        },
        received_at,
    }
}

/// What is reported about the message that [`sent`] speaks of, by its identifier alone.
#[must_use]
pub fn reported(delivery: DeliveryId, status: ReceiptStatus, received_at: Timestamp) -> Receipt {
    report("twilio", &message_id(delivery), status, received_at)
}

/// That the message arrived that [`sent`] speaks of.
#[must_use]
pub fn delivered(delivery: DeliveryId, received_at: Timestamp) -> Receipt {
    reported(delivery, ReceiptStatus::Delivered, received_at)
}
