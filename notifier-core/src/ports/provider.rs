//! A provider: someone who takes a message and brings it to a person.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::channel::Channel;
use crate::domain::message::Message;
use crate::domain::outcome::{Outcome, Problem};
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

    /// Verifies and reads a webhook of the vendor, within `timeout`.
    ///
    /// # Errors
    /// See [`ReceiveError`]; on [`ReceiveError::Fault`] the vendor should be asked to send it again.
    async fn receive(&self, webhook: &Webhook, timeout: Duration) -> Result<Reported, ReceiveError> {
        let _ = (webhook, timeout);
        Err(ReceiveError::NotSupported)
    }
}
