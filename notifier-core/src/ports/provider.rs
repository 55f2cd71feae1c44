//! A provider: someone who takes a message and brings it to a person.

use std::time::Duration;

use async_trait::async_trait;

use crate::domain::channel::Channel;
use crate::domain::message::Message;
use crate::domain::outcome::Outcome;

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
}
