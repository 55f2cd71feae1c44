//! The four outside services that the sandbox plays, by the names used in its routes and answers.

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
}

impl Service {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Twilio, Self::SendGrid, Self::Directory, Self::Catalog];

    /// The name in routes and JSON, as `twilio`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Twilio => "twilio",
            Self::SendGrid => "sendgrid",
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
        matches!(self, Self::Twilio | Self::SendGrid)
    }

    /// Its place in [`Service::ALL`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Twilio => 0,
            Self::SendGrid => 1,
            Self::Directory => 2,
            Self::Catalog => 3,
        }
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
