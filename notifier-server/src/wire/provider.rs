//! The configured providers.

use notifier_core::{Channel, ProviderStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The configured providers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProviderList {
    /// The providers, by name.
    pub(crate) items: Vec<ProviderBody>,
}

/// A configured provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderBody {
    /// Its name in the configuration.
    #[schema(example = "twilio")]
    pub(crate) name: String,
    /// What it is.
    #[schema(example = "twilio")]
    pub(crate) kind: String,
    /// Which version of it.
    #[schema(example = "0.1.0")]
    pub(crate) version: String,
    /// One sentence.
    pub(crate) summary: String,
    /// Channels that it serves.
    #[schema(value_type = Vec<super::ChannelName>)]
    pub(crate) channels: Vec<String>,
    /// Channels that are routed to it.
    #[schema(value_type = Vec<super::ChannelName>)]
    pub(crate) routed: Vec<String>,
    /// Hosts that it asks for.
    pub(crate) hosts: Vec<String>,
    /// JSON Schema of its settings; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) settings_schema: Option<Value>,
}

impl From<ProviderStatus> for ProviderBody {
    fn from(status: ProviderStatus) -> Self {
        let names = |channels: &[Channel]| channels.iter().map(|channel| channel.name().to_owned()).collect();
        let description = status.description;
        Self {
            name: status.name.to_string(),
            channels: names(&description.channels),
            routed: names(&status.routed),
            settings_schema: serde_json::from_str(&description.settings_schema).ok(),
            kind: description.kind,
            version: description.version,
            summary: description.summary,
            hosts: description.hosts,
        }
    }
}
