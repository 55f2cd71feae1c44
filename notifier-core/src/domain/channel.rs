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
    /// Message to a device or a browser.
    Push,
    /// Message to a person or a room in a chat.
    Chat,
    /// Event that is posted to a server of the recipient's.
    Webhook,
}

impl Channel {
    /// Every channel, in order.
    pub const ALL: [Channel; 5] = [Channel::Email, Channel::Sms, Channel::Push, Channel::Chat, Channel::Webhook];

    /// The name used in requests, configuration, records and identifiers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Channel::Email => "email",
            Channel::Sms => "sms",
            Channel::Push => "push",
            Channel::Chat => "chat",
            Channel::Webhook => "webhook",
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
#[error("`{0}` is not a channel: use `email`, `sms`, `push`, `chat` or `webhook`")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_channels() {
        for channel in Channel::ALL {
            assert_eq!(channel.name().parse(), Ok(channel));
        }
        assert!(Channel::ALL.is_sorted());
        for unknown in ["", "fax", "Email", "push "] {
            let problem = unknown.parse::<Channel>().unwrap_err().to_string();
            assert!(Channel::ALL.iter().all(|channel| problem.contains(channel.name())), "{problem}");
        }
    }
}
