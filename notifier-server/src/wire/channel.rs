//! The names of channels.

use notifier_core::Channel;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A way to reach a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Channel)]
pub(crate) enum ChannelName {
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

impl From<ChannelName> for Channel {
    fn from(name: ChannelName) -> Self {
        match name {
            ChannelName::Email => Self::Email,
            ChannelName::Sms => Self::Sms,
            ChannelName::Push => Self::Push,
            ChannelName::Chat => Self::Chat,
            ChannelName::Webhook => Self::Webhook,
        }
    }
}

impl ChannelName {
    /// The name of a channel; `None` for one that this API does not know.
    pub(crate) fn of(channel: Channel) -> Option<Self> {
        match channel {
            Channel::Email => Some(Self::Email),
            Channel::Sms => Some(Self::Sms),
            Channel::Push => Some(Self::Push),
            Channel::Chat => Some(Self::Chat),
            Channel::Webhook => Some(Self::Webhook),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_engines() {
        for channel in Channel::ALL {
            let name = ChannelName::of(channel).unwrap();
            assert_eq!(serde_json::to_value(name).unwrap(), channel.name());
            assert_eq!(Channel::from(name), channel);
        }
    }
}
