//! Addresses that nothing may be sent to any more, and why.

use jiff::Timestamp;

use super::channel::Channel;
use super::id::{DeliveryId, ProviderName, TenantId};
use super::recipient::PushToken;
use super::timeline::Reason;

/// A longer address is no address. In bytes: of all, tokens of push messages may be the longest.
pub const ADDRESS_BYTES_MAX: usize = 4 * PushToken::CHARS_MAX;
/// Longer addresses need not stand in the key of a store themselves, but by their hash. Where addresses have an order, these
/// come last, in an order of the store's own.
pub const KEYED_BYTES_MAX: usize = 1_024;

/// Why nothing may be sent to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuppressionCause {
    /// A message came back for good: the address does not take any.
    Bounced,
    /// The recipient called a message spam.
    Complained,
    /// The recipient wants no more.
    Unsubscribed,
    /// Somebody put it on the list by hand.
    Manual,
}

impl SuppressionCause {
    /// Every cause.
    pub const ALL: [SuppressionCause; 4] = [Self::Bounced, Self::Complained, Self::Unsubscribed, Self::Manual];

    /// The name used in the API and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::Manual => "manual",
        }
    }
}

/// An address that nothing may be sent to. It holds for every category, mandatory ones too: a vendor that is made to send
/// there would end up refusing everybody else's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Whose list.
    pub tenant: TenantId,
    /// On which channel.
    pub channel: Channel,
    /// The address, see [`normalized`].
    pub address: String,
    /// Why.
    pub cause: SuppressionCause,
    /// What was said about it, for a person.
    pub note: String,
    /// Who said so, when it was a vendor.
    pub provider: Option<ProviderName>,
    /// About which delivery.
    pub delivery: Option<DeliveryId>,
    /// Since when.
    pub created_at: Timestamp,
}

impl Suppression {
    /// Why a delivery to that address stops.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let said = if self.note.is_empty() { String::new() } else { format!(": {}", self.note) };
        let day = self.created_at.strftime("%Y-%m-%d");
        Reason::new(
            "suppression.listed",
            format!("the address is suppressed ({}) since {day}{said}", self.cause.name()),
        )
    }
}

/// An address as the list has it: mail providers take upper and lower case for the same mailbox. All others are as they
/// were written: in tokens and paths the case of a letter makes a difference.
#[must_use]
pub fn normalized(channel: Channel, address: &str) -> String {
    match channel {
        Channel::Email => address.to_lowercase(),
        Channel::Sms | Channel::Push | Channel::Chat | Channel::Webhook => address.to_owned(),
    }
}
