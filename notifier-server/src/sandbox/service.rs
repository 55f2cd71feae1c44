//! The outside services that the sandbox plays, by the names used in its routes and answers.

use serde::{Serialize, Serializer};

/// An outside service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Twilio's messaging API: SMS.
    Twilio,
    /// SendGrid's mail API: email.
    SendGrid,
    /// Amazon SES, version 2 of its API: email.
    Ses,
    /// Resend's API: email.
    Resend,
    /// Mailgun's messages API: email.
    Mailgun,
    /// Postmark's email API: email.
    Postmark,
    /// Amazon SNS: SMS.
    Sns,
    /// Vonage's SMS API.
    Vonage,
    /// Slack: chat messages, by incoming webhooks and by the Web API.
    Slack,
    /// Firebase Cloud Messaging: push to apps.
    Fcm,
    /// A web push service together with the browser behind it.
    WebPush,
    /// A receiver of Standard Webhooks.
    Webhook,
    /// The user database.
    Directory,
    /// The property service.
    Catalog,
}

impl Service {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Twilio,
        Self::SendGrid,
        Self::Ses,
        Self::Resend,
        Self::Mailgun,
        Self::Postmark,
        Self::Sns,
        Self::Vonage,
        Self::Slack,
        Self::Fcm,
        Self::WebPush,
        Self::Webhook,
        Self::Directory,
        Self::Catalog,
    ];

    /// How many there are.
    pub(super) const COUNT: usize = 14;

    /// The name in routes and JSON, as `twilio`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::SendGrid => "sendgrid",
            Self::Ses => "ses",
            Self::Resend => "resend",
            Self::Mailgun => "mailgun",
            Self::Postmark => "postmark",
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
        matches!(
            self,
            Self::Twilio | Self::SendGrid | Self::Ses | Self::Resend | Self::Mailgun | Self::Postmark | Self::Vonage
        )
    }

    /// Its place in [`Service::ALL`], which is in the order of the declaration.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
