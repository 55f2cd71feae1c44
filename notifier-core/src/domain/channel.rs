//! The ways in which a person can be told something.

use std::fmt;
use std::str::FromStr;

/// A way to reach a person. The order is the order in which a notification's deliveries are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Channel {
    /// Electronic mail.
    Email,
    /// Text message to a phone number.
    Sms,
}

impl Channel {
    /// Every channel, in order.
    pub const ALL: [Channel; 2] = [Channel::Email, Channel::Sms];

    /// The name used in requests, configuration, records and identifiers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a channel: use `email` or `sms`")]
pub struct UnknownChannel(pub String);

impl FromStr for Channel {
    type Err = UnknownChannel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Channel::ALL
            .into_iter()
            .find(|channel| channel.name() == text)
            .ok_or_else(|| UnknownChannel(text.chars().take(64).collect()))
    }
}
