//! Why a notification is where it is, and what is next.

use notifier_core::{Channel, DeliveryExplanation, DeliveryId, DeliveryState, Explanation, Fact, Prospect, Reason};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReasonBody;
use super::timeline::FactBody;

/// Why a notification is where it is, and what is next; or what would become of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationBody {
    /// Which; absent for one that is only supposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notification_id: Option<String>,
    /// By which rules: changes with the configuration of categories, routes and providers.
    #[schema(example = "5d1f0c2ab7e9")]
    pub(crate) rules_version: String,
    /// One for each channel.
    pub(crate) deliveries: Vec<DeliveryExplanationBody>,
}

/// Why a delivery is where it is, and what is next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeliveryExplanation)]
pub(crate) struct DeliveryExplanationBody {
    /// On which channel.
    #[schema(value_type = super::ChannelName)]
    pub(crate) channel: String,
    /// Which; absent for one that is only supposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Where it stands; absent for one that is only supposed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "pending")]
    pub(crate) state: Option<String>,
    /// All of it in one sentence.
    #[schema(example = "The sms will be sent at 2026-12-24T09:00:00Z through `twilio`: sms goes to `twilio`.")]
    pub(crate) summary: String,
    /// What comes next: `send`, `being_sent`, `wait` (until `next_at`), `retry` (another system does not answer), `suppress`,
    /// `fail`, `expire`, or `ended` when nothing does.
    #[schema(example = "send")]
    pub(crate) prospect: String,
    /// Why that.
    pub(crate) reason: ReasonBody,
    /// When it is sent or looked at again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_at: Option<String>,
    /// Through whom it would be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "twilio")]
    pub(crate) provider: Option<String>,
    /// The rules that were consulted for that and let it pass, in order.
    pub(crate) passed: Vec<ReasonBody>,
    /// What happened so far, oldest first.
    pub(crate) past: Vec<FactBody>,
}

impl From<&Explanation> for ExplanationBody {
    fn from(explanation: &Explanation) -> Self {
        Self {
            notification_id: explanation.notification.map(|id| id.to_string()),
            rules_version: explanation.rules_version.clone(),
            deliveries: explanation.deliveries.iter().map(Into::into).collect(),
        }
    }
}

impl From<&DeliveryExplanation> for DeliveryExplanationBody {
    fn from(delivery: &DeliveryExplanation) -> Self {
        let ahead = Ahead { prospect: &delivery.prospect, reason: &delivery.reason, passed: &delivery.passed };
        ahead.told(delivery.channel, delivery.delivery.zip(delivery.state), &delivery.past)
    }
}

/// What comes next for a delivery, and why.
pub(super) struct Ahead<'e> {
    pub(super) prospect: &'e Prospect,
    pub(super) reason: &'e Reason,
    pub(super) passed: &'e [Reason],
}

impl Ahead<'_> {
    /// With which delivery it is and where it stands, unless it is only supposed, and what happened to it so far.
    pub(super) fn told(
        &self,
        channel: Channel,
        delivery: Option<(DeliveryId, DeliveryState)>,
        past: &[Fact],
    ) -> DeliveryExplanationBody {
        let (next_at, provider) = match self.prospect {
            Prospect::Send { at, provider } => (Some(at.to_string()), Some(provider.to_string())),
            Prospect::Wait { until } => (Some(until.to_string()), None),
            _ => (None, None),
        };
        let what = self.words(delivery.map(|(_, state)| state));
        DeliveryExplanationBody {
            channel: channel.name().to_owned(),
            id: delivery.map(|(id, _)| id.to_string()),
            state: delivery.map(|(_, state)| state.name().to_owned()),
            summary: format!("The {channel} {what}: {}.", self.reason.text.trim_end_matches('.')),
            prospect: self.prospect.name().to_owned(),
            reason: self.reason.into(),
            next_at,
            provider,
            passed: self.passed.iter().map(Into::into).collect(),
            past: past.iter().map(Into::into).collect(),
        }
    }

    fn words(&self, state: Option<DeliveryState>) -> String {
        match self.prospect {
            Prospect::Ended => state.map_or_else(|| "has ended".into(), |state| format!("is {state}")),
            Prospect::BeingSent => "is being sent".into(),
            Prospect::Send { at, provider } => format!("will be sent at {at} through `{provider}`"),
            Prospect::Wait { until } => format!("waits until {until}"),
            Prospect::Retry => "cannot be decided now and will be looked at again".into(),
            Prospect::Suppress => "will be suppressed".into(),
            Prospect::Fail => "will fail".into(),
            Prospect::Expire => "will expire".into(),
            // The engine's prospects may grow; a new one has a name until it has words.
            other => format!("comes to `{}`", other.name()),
        }
    }
}
