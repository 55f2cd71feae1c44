//! A report that is kept until the message that it is about is known.

use serde::{Deserialize, Serialize};

use super::delivery::ProblemV1;
use super::field::{read, time};
use super::numbers;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::id::{DeliveryId, NotificationId, ProviderName};
use crate::domain::receipt::{Receipt, ReceiptEvent};

/// The newest version.
pub(in crate::adapters::sled) type ReceiptRecord = ReceiptV1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct ReceiptV1 {
    provider: String,
    delivery: Option<DeliveryIdV1>,
    event_id: Option<String>,
    provider_message_id: String,
    status: u8,
    recipient: Option<String>,
    occurred_ms: Option<u64>,
    problem: Option<ProblemV1>,
    attributes: Vec<(String, String)>,
    received_micros: i64,
}

/// Which delivery.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct DeliveryIdV1 {
    notification: [u8; 16],
    channel: u8,
}

impl Record for ReceiptV1 {
    const KIND: Kind = Kind::Receipt;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<ReceiptV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<&Receipt> for ReceiptV1 {
    fn from(receipt: &Receipt) -> Self {
        let event = &receipt.event;
        Self {
            provider: receipt.provider.as_str().to_owned(),
            delivery: receipt.delivery.map(DeliveryIdV1::from),
            event_id: event.event_id.clone(),
            provider_message_id: event.provider_message_id.clone(),
            status: numbers::receipt_status(event.status),
            recipient: event.recipient.clone(),
            occurred_ms: event.occurred_at_ms,
            problem: event.problem.as_ref().map(ProblemV1::from),
            attributes: event.attributes.clone(),
            received_micros: receipt.received_at.as_microsecond(),
        }
    }
}

impl TryFrom<ReceiptV1> for Receipt {
    type Error = Unreadable;

    fn try_from(record: ReceiptV1) -> Result<Self, Unreadable> {
        let event = ReceiptEvent {
            event_id: record.event_id,
            provider_message_id: record.provider_message_id,
            status: numbers::parse_receipt_status(record.status)?,
            recipient: record.recipient,
            occurred_at_ms: record.occurred_ms,
            problem: record.problem.map(Into::into),
            attributes: record.attributes,
        };
        Ok(Self {
            provider: read("provider", ProviderName::new(record.provider))?,
            delivery: record.delivery.map(DeliveryId::try_from).transpose()?,
            event,
            received_at: time("received_micros", record.received_micros)?,
        })
    }
}

impl From<DeliveryId> for DeliveryIdV1 {
    fn from(id: DeliveryId) -> Self {
        Self { notification: *id.notification.as_bytes(), channel: numbers::channel(id.channel) }
    }
}

impl TryFrom<DeliveryIdV1> for DeliveryId {
    type Error = Unreadable;

    fn try_from(record: DeliveryIdV1) -> Result<Self, Unreadable> {
        let notification = NotificationId::from_bytes(record.notification);
        Ok(Self { notification, channel: numbers::parse_channel(record.channel)? })
    }
}
