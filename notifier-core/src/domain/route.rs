//! Which provider a delivery goes to.

use std::collections::BTreeMap;

use super::channel::Channel;
use super::id::ProviderName;
use super::timeline::Reason;

/// For each channel, its provider.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes {
    /// The provider of each channel that has one.
    pub by_channel: BTreeMap<Channel, ProviderName>,
}

/// The chosen provider, and why it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The provider.
    pub provider: ProviderName,
    /// Why it.
    pub reason: Reason,
}

impl Routes {
    /// The provider for this channel, if there is a route.
    #[must_use]
    pub fn choose(&self, channel: Channel) -> Option<Choice> {
        let provider = self.by_channel.get(&channel)?.clone();
        let reason = Reason::new("route.channel", format!("{channel} is routed to `{provider}`"));
        Some(Choice { provider, reason })
    }
}
