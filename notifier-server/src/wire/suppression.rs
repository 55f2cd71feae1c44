//! Addresses that nothing may be sent to.

use notifier_core::Suppression;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address that nothing may be sent to, whatever the category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Suppression)]
pub(crate) struct SuppressionBody {
    /// On which channel.
    #[schema(value_type = super::ChannelName)]
    pub(crate) channel: String,
    /// The address; of email in lower case.
    #[schema(example = "ana@example.com")]
    pub(crate) address: String,
    /// Why: `bounced`, `complained`, `unsubscribed` or `manual`.
    #[schema(example = "bounced")]
    pub(crate) cause: String,
    /// What was said about it, for a person.
    pub(crate) note: String,
    /// Who said so, when it was a provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "sendgrid")]
    pub(crate) provider: Option<String>,
    /// About which delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery_id: Option<String>,
    /// Since when.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
}

/// Why an address is put on the list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SuppressionRequest)]
pub(crate) struct SuppressionRequestBody {
    /// For a person: at most 500 characters, without line breaks.
    #[serde(default)]
    #[schema(example = "asked for it on the phone", max_length = 500)]
    pub(crate) note: String,
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct SuppressionPage {
    /// The addresses, by channel and address.
    pub(crate) items: Vec<SuppressionBody>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl From<&Suppression> for SuppressionBody {
    fn from(suppression: &Suppression) -> Self {
        Self {
            channel: suppression.channel.name().to_owned(),
            address: suppression.address.clone(),
            cause: suppression.cause.name().to_owned(),
            note: suppression.note.clone(),
            provider: suppression.provider.as_ref().map(ToString::to_string),
            delivery_id: suppression.delivery.map(|id| id.to_string()),
            created_at: suppression.created_at.to_string(),
        }
    }
}
