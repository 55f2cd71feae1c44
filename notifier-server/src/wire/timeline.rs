//! What happened to a notification.

use std::collections::BTreeMap;

use notifier_core::{Fact, NotificationId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReasonBody;

/// What happened to a notification and why, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Timeline)]
pub(crate) struct TimelineBody {
    /// The notification.
    pub(crate) id: String,
    /// The facts.
    pub(crate) facts: Vec<FactBody>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Fact)]
pub(crate) struct FactBody {
    /// When.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// To which delivery; absent for the notification as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::ChannelName>)]
    pub(crate) channel: Option<String>,
    /// What: `accepted`, `checked`, `rendered`, `attempting`, `sent`, `retrying`, `deferred`, `suppressed`, `cancelled`,
    /// `expired`, `failed`, `unknown`, `delivered`, `bounced`, `receipt`, `acknowledged`, `rescheduled`, `replayed` or
    /// `cancel_asked`.
    #[schema(example = "sent")]
    pub(crate) kind: String,
    /// Why.
    pub(crate) reason: ReasonBody,
    /// Where the delivery stood afterwards.
    #[schema(example = "sent")]
    pub(crate) state: String,
    /// Particulars, as `provider`, `attempt`, `due_at`, `provider_message_id`, `vendor_code`, `template`.
    pub(crate) details: BTreeMap<String, String>,
}

impl TimelineBody {
    pub(crate) fn new(id: NotificationId, facts: &[Fact]) -> Self {
        Self { id: id.to_string(), facts: facts.iter().map(Into::into).collect() }
    }
}

impl From<&Fact> for FactBody {
    fn from(fact: &Fact) -> Self {
        Self {
            at: fact.at.to_string(),
            channel: fact.channel.map(|channel| channel.name().to_owned()),
            kind: fact.kind.name().to_owned(),
            reason: (&fact.reason).into(),
            state: fact.state.name().to_owned(),
            details: fact.details.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        }
    }
}
