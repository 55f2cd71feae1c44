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
    /// The user database.
    Directory,
    /// The property service.
    Catalog,
}

impl Service {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Twilio,
        Self::SendGrid,
        Self::Ses,
        Self::Resend,
        Self::Mailgun,
        Self::Postmark,
        Self::Directory,
        Self::Catalog,
    ];

    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();

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

    /// The names of those that take messages, for an answer that says which there are.
    pub(super) fn vendor_names() -> String {
        let vendors = Self::ALL.into_iter().filter(|service| service.takes_messages());
        vendors.map(Self::name).collect::<Vec<_>>().join(", ")
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
