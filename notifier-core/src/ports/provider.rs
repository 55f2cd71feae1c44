//! A provider: someone who takes a message and brings it to a person.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::delivery::Attempt;
use crate::domain::health::Called;
use crate::domain::id::DeliveryId;
use crate::domain::message::Message;
use crate::domain::outcome::{LookUp, Outcome, Problem};
use crate::domain::receipt::ReceiptEvent;

/// What a provider says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderDescription {
    /// What it is, as `twilio`.
    pub kind: String,
    /// Which version of it.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Channels that it serves.
    pub channels: Vec<Channel>,
    /// JSON Schema of its settings; empty for native providers.
    pub settings_schema: String,
    /// Hosts that it may call.
    pub hosts: Vec<String>,
    /// Calls that it takes at the same time; more wait, before their intent is recorded. 64 unless it says otherwise.
    pub concurrent_calls_max: usize,
    /// Whose server is called. A vendor's unless it says otherwise.
    pub called: Called,
}

impl ProviderDescription {
    /// A native provider that serves these channels.
    #[must_use]
    pub fn native(kind: impl Into<String>, channels: Vec<Channel>) -> Self {
        Self {
            kind: kind.into(),
            version: String::new(),
            summary: String::new(),
            channels,
            settings_schema: String::new(),
            hosts: Vec::new(),
            concurrent_calls_max: 64,
            called: Called::Vendor,
        }
    }
}

/// Facts about one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendContext {
    /// Counts from 1.
    pub attempt: u32,
    /// The same for every attempt of one delivery.
    pub idempotency_key: String,
    /// The provider must have come back after this long; then it is dropped and the outcome is unknown.
    pub timeout: Duration,
    /// Where receipts should be posted, when the operator made that possible.
    pub receipt_url: Option<String>,
}

impl SendContext {
    /// The context of the first attempt with that key.
    #[must_use]
    pub fn new(idempotency_key: impl Into<String>, timeout: Duration) -> Self {
        Self { attempt: 1, idempotency_key: idempotency_key.into(), timeout, receipt_url: None }
    }
}

/// What is known of an attempt that ended without a clear answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sought {
    /// Which delivery it was for.
    pub delivery: DeliveryId,
    /// As in [`SendContext::idempotency_key`]: the same for every attempt of the delivery.
    pub idempotency_key: String,
    /// As in [`SendContext::attempt`].
    pub attempt: u32,
    /// Which channel it was for.
    pub channel: Channel,
    /// The address that it was to go to.
    pub address: String,
    /// When the provider was called, not earlier, by our clock. After a crash nobody knows whether it was called at all.
    pub called_at: Timestamp,
}

impl Sought {
    /// What is known of that attempt of that delivery.
    #[must_use]
    pub fn about(delivery: DeliveryId, attempt: &Attempt) -> Self {
        Self {
            delivery,
            idempotency_key: delivery.to_string(),
            attempt: attempt.number,
            channel: delivery.channel,
            address: attempt.address.clone(),
            called_at: attempt.send_at.max(attempt.started_at),
        }
    }
}

/// A request that a vendor made to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// As `POST`.
    pub method: String,
    /// As the vendor called it, with scheme, host and query: some vendors' signatures cover it.
    pub url: String,
    /// As received.
    pub headers: Vec<(String, String)>,
    /// As received.
    pub body: Vec<u8>,
}

/// What a webhook says that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// The events in it.
    pub events: Vec<ReceiptEvent>,
    /// Whether the signature covers [`Webhook::url`] as well. Only then the delivery that the address names counts: else
    /// whoever caught a post could send it again about another delivery.
    pub is_url_signed: bool,
}

impl From<Vec<ReceiptEvent>> for Reported {
    /// Of a vendor that signs the body alone.
    fn from(events: Vec<ReceiptEvent>) -> Self {
        Self { events, is_url_signed: false }
    }
}

/// Why a webhook was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiveError {
    /// The signature is missing, wrong or stale: the vendor did not send this.
    #[error("not verified: {0}")]
    Unverified(String),
    /// The vendor sent something that cannot be read.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The provider understands no webhooks.
    #[error("the provider sends no receipts that could be read")]
    NotSupported,
    /// The plugin failed. The vendor should send it again.
    #[error("{0}")]
    Fault(Problem),
}

/// Takes messages.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// What it is and can.
    fn describe(&self) -> &ProviderDescription;

    /// One attempt to hand over one message.
    ///
    /// Never panics, and comes back within `context.timeout`. Says [`Outcome::Unknown`] whenever the message may have
    /// been taken without a clear answer.
    async fn send(&self, message: &Message, context: &SendContext) -> Outcome;

    /// Finds out, within `timeout`, what came of an attempt that ended [`Outcome::Unknown`], or whose answer was lost with the
    /// process. Asked before the category's policy decides; when that lets it be sent again, once more at that time. Without
    /// an answer in time it is dropped, which counts as [`LookUp::Unclear`].
    ///
    /// [`LookUp::Found`] is said of a message that went out or will, of this attempt or of an earlier one under the same key;
    /// not of one of an earlier attempt that bounced or failed since. [`LookUp::NotFound`] has the message sent again, so it
    /// must only be said when the vendor is sure: by its record of idempotency keys, for example, and not by a list that is
    /// complete only after a while, nor while a request that was sent may still be on its way. All of that is
    /// [`LookUp::Unclear`].
    ///
    /// Never panics, and sends nothing. Look-ups take no place and no turn and are not counted among the calls of a day: there
    /// may be as many at once as deliveries are in flight.
    async fn look_up(&self, sought: &Sought, timeout: Duration) -> LookUp {
        let _ = (sought, timeout);
        LookUp::Impossible
    }

    /// Verifies and reads a webhook of the vendor, within `timeout`.
    ///
    /// # Errors
    /// See [`ReceiveError`]; on [`ReceiveError::Fault`] the vendor should be asked to send it again.
    async fn receive(&self, webhook: &Webhook, timeout: Duration) -> Result<Reported, ReceiveError> {
        let _ = (webhook, timeout);
        Err(ReceiveError::NotSupported)
    }
}
