//! What a provider reports later about a message that it took.

use jiff::Timestamp;

use super::id::{DeliveryId, ProviderName};
use super::outcome::Problem;
use super::suppression::SuppressionCause;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiptStatus {
    /// The next station took it.
    Accepted,
    /// It arrived.
    Delivered,
    /// It will not arrive.
    Failed,
    /// The address does not take it.
    Bounced,
    /// The recipient called it spam.
    Complained,
    /// The recipient wants no more.
    Unsubscribed,
    /// It was opened.
    Opened,
    /// A link in it was followed.
    Clicked,
    /// Something else.
    Other,
}

impl ReceiptStatus {
    /// Every status.
    pub const ALL: [ReceiptStatus; 9] = [
        Self::Accepted,
        Self::Delivered,
        Self::Failed,
        Self::Bounced,
        Self::Complained,
        Self::Unsubscribed,
        Self::Opened,
        Self::Clicked,
        Self::Other,
    ];

    /// The name used in the API and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Other => "other",
        }
    }

    /// Why nothing more may be sent to the address after this.
    #[must_use]
    pub fn suppresses(self) -> Option<SuppressionCause> {
        match self {
            Self::Bounced => Some(SuppressionCause::Bounced),
            Self::Complained => Some(SuppressionCause::Complained),
            Self::Unsubscribed => Some(SuppressionCause::Unsubscribed),
            _ => None,
        }
    }
}

/// One event in a webhook, as a plugin read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptEvent {
    /// Unique per event where the vendor has such an id: repeats are dropped by it.
    pub event_id: Option<String>,
    /// The vendor's id of the message.
    pub provider_message_id: String,
    /// What became of it.
    pub status: ReceiptStatus,
    /// The address, when the vendor says it.
    pub recipient: Option<String>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub occurred_at_ms: Option<u64>,
    /// What went wrong, if anything did.
    pub problem: Option<Problem>,
    /// What else the vendor said.
    pub attributes: Vec<(String, String)>,
}

/// An event on its way to the delivery that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who reports.
    pub provider: ProviderName,
    /// The delivery, when the report names it: our idempotency key, or the address at which the vendor called us. Then the
    /// vendor's id of the message need not be known.
    pub delivery: Option<DeliveryId>,
    /// What is reported.
    pub event: ReceiptEvent,
    /// When it came in.
    pub received_at: Timestamp,
}

impl Receipt {
    /// What tells this event from every other one about the same message: repeats are known by it.
    #[must_use]
    pub fn identity(&self) -> String {
        let ReceiptEvent { event_id, provider_message_id, status, occurred_at_ms, .. } = &self.event;
        match event_id {
            Some(event_id) => format!("{}:{event_id}", self.provider),
            None => {
                let at = occurred_at_ms.map(|ms| ms.to_string()).unwrap_or_default();
                format!("{}:{provider_message_id}:{}:{at}", self.provider, status.name())
            }
        }
    }
}
