//! What vendors report later, as a plugin read it.

use crate::domain::outcome::Problem;

/// A request that a vendor made to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// As `POST`.
    pub method: String,
    /// As the vendor called it, with scheme, host and query: signatures cover it.
    pub url: String,
    /// As received.
    pub headers: Vec<(String, String)>,
    /// As received.
    pub body: Vec<u8>,
}

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

/// One event in a webhook.
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

/// Why a webhook was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The signature is missing, wrong or stale: the vendor did not send this.
    #[error("not verified: {0}")]
    Unverified(String),
    /// The vendor sent something that the plugin cannot read.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The plugin failed. The vendor should send it again.
    #[error("{0}")]
    Fault(Problem),
}
