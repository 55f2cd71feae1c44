//! The outside services that the sandbox plays, by the names used in its routes and answers.

use serde::{Serialize, Serializer};

/// An outside service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Twilio's messaging API: SMS.
    Twilio,
    /// SendGrid's mail API: email.
    SendGrid,
    /// The user database.
    Directory,
    /// The property service.
    Catalog,
    /// Amazon SNS: SMS.
    Sns,
    /// Slack: chat messages, by incoming webhooks and by the Web API.
    Slack,
    /// Firebase Cloud Messaging: push to apps.
    Fcm,
    /// Vonage's SMS API.
    Vonage,
    /// A receiver of Standard Webhooks.
    Webhook,
    /// A web push service together with the browser behind it.
    WebPush,
}

impl Service {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Twilio,
        Self::SendGrid,
        Self::Directory,
        Self::Catalog,
        Self::Sns,
        Self::Slack,
        Self::Fcm,
        Self::Vonage,
        Self::Webhook,
        Self::WebPush,
    ];

    /// How many there are.
    pub(super) const COUNT: usize = 10;

    /// The name in routes and JSON, as `twilio`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::SendGrid => "sendgrid",
            Self::Directory => "directory",
            Self::Catalog => "catalog",
            Self::Sns => "sns",
            Self::Slack => "slack",
            Self::Fcm => "fcm",
            Self::Vonage => "vonage",
            Self::Webhook => "webhook",
            Self::WebPush => "webpush",
        }
    }

    /// The service of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// Whether it takes messages; the others only answer look-ups.
    pub const fn takes_messages(self) -> bool {
        !matches!(self, Self::Directory | Self::Catalog)
    }

    /// Whether it reports later what became of a message.
    pub const fn reports(self) -> bool {
        matches!(self, Self::Twilio | Self::SendGrid | Self::Vonage)
    }

    /// Its place in [`Service::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Twilio => 0,
            Self::SendGrid => 1,
            Self::Directory => 2,
            Self::Catalog => 3,
            Self::Sns => 4,
            Self::Slack => 5,
            Self::Fcm => 6,
            Self::Vonage => 7,
            Self::Webhook => 8,
            Self::WebPush => 9,
        }
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
