//! The facts of a notification, in order, each with its reason.

use std::borrow::Cow;

use jiff::Timestamp;

use super::channel::Channel;
use super::lifecycle::DeliveryState;

/// Why something is as it is: a code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Stable, dotted, as `preference.channel_off`.
    pub code: Cow<'static, str>,
    /// One sentence.
    pub text: String,
}

impl Reason {
    /// A reason.
    #[must_use]
    pub fn new(code: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self { code: code.into(), text: text.into() }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// What kind of thing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactKind {
    /// The request was stored.
    Accepted,
    /// A rule was consulted and let the delivery pass.
    Checked,
    /// The words were made.
    Rendered,
    /// The intent to call a provider was recorded.
    Attempting,
    /// A provider took it.
    Sent,
    /// It waits for another try.
    Retrying,
    /// It waits for something other than a provider.
    Deferred,
    /// A rule or preference said no.
    Suppressed,
    /// The caller took it back.
    Cancelled,
    /// The caller wants it back while it is being sent: it is not tried again.
    CancelAsked,
    /// Its time ran out.
    Expired,
    /// It could not be sent.
    Failed,
    /// Nobody knows whether an attempt was processed.
    Unknown,
    /// A receipt says that it arrived.
    Delivered,
    /// A receipt says that it came back.
    Bounced,
    /// A receipt says something that moves nothing, as that it was opened.
    Receipt,
    /// Somebody confirmed to have taken note.
    Acknowledged,
    /// Somebody wants it at another time.
    Rescheduled,
    /// Somebody wants another try.
    Replayed,
}

impl FactKind {
    /// Every kind.
    pub const ALL: [FactKind; 19] = [
        Self::Accepted,
        Self::Checked,
        Self::Rendered,
        Self::Attempting,
        Self::Sent,
        Self::Retrying,
        Self::Deferred,
        Self::Suppressed,
        Self::Cancelled,
        Self::CancelAsked,
        Self::Expired,
        Self::Failed,
        Self::Unknown,
        Self::Delivered,
        Self::Bounced,
        Self::Receipt,
        Self::Acknowledged,
        Self::Rescheduled,
        Self::Replayed,
    ];

    /// The name used in the API and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Checked => "checked",
            Self::Rendered => "rendered",
            Self::Attempting => "attempting",
            Self::Sent => "sent",
            Self::Retrying => "retrying",
            Self::Deferred => "deferred",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::CancelAsked => "cancel_asked",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Receipt => "receipt",
            Self::Acknowledged => "acknowledged",
            Self::Rescheduled => "rescheduled",
            Self::Replayed => "replayed",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// When, by our clock.
    pub at: Timestamp,
    /// To which delivery; `None` for the notification as a whole.
    pub channel: Option<Channel>,
    /// What.
    pub kind: FactKind,
    /// Why.
    pub reason: Reason,
    /// Where the delivery stood afterwards.
    pub state: DeliveryState,
    /// Particulars, as `provider`, `attempt`, `due_at`, `provider_message_id`, `vendor_code`, `template`.
    pub details: Vec<(Cow<'static, str>, String)>,
}

impl Fact {
    /// Adds a particular.
    #[must_use]
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }

    /// The particular of that name.
    #[must_use]
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
