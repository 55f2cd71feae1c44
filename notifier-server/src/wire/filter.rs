//! Which notifications or deliveries.

use jiff::Timestamp;
use notifier_core::{DeliveryState, FieldError, Filter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ChannelName;

/// What is said where an instant is expected and something else is there.
pub(crate) const INSTANT_EXPECTED: &str = "must be an instant: RFC 3339 with an offset, as `2026-12-24T09:00:00Z`";

/// The state of that name.
///
/// # Errors
/// Names those that there are.
pub(crate) fn state_named(text: &str) -> Result<DeliveryState, String> {
    DeliveryState::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
        let known = DeliveryState::ALL.map(DeliveryState::name).join("`, `");
        format!("is not a state; there are `{known}`")
    })
}

/// Which of the notifications or deliveries: those that fit everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Filter)]
pub(crate) struct FilterBody {
    /// To this recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1")]
    pub(crate) recipient_id: Option<String>,
    /// Of this category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "rent-reminder")]
    pub(crate) category: Option<String>,
    /// About this subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// With a delivery on this channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<ChannelName>,
    /// With a delivery in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "pending")]
    pub(crate) state: Option<String>,
    /// With a delivery that was last sent through this provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "twilio")]
    pub(crate) provider: Option<String>,
    /// Due at that time or later: RFC 3339 with an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-24T09:00:00Z")]
    pub(crate) due_from: Option<String>,
    /// Due before that time: RFC 3339 with an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-25T09:00:00Z")]
    pub(crate) due_until: Option<String>,
}

impl FilterBody {
    /// The filter as the engine takes it. Errors name fields below `path`.
    ///
    /// # Errors
    /// One for each field that cannot be used.
    pub(crate) fn into_filter(self, path: &str) -> Result<Filter, Vec<FieldError>> {
        let mut errors = Vec::new();
        let filter = Filter {
            recipient: parsed(&mut errors, path, "recipient_id", self.recipient_id, |text| to_problem(text.parse())),
            category: parsed(&mut errors, path, "category", self.category, |text| to_problem(text.parse())),
            subject: parsed(&mut errors, path, "subject", self.subject, |text| to_problem(text.parse())),
            channel: self.channel.map(Into::into),
            state: parsed(&mut errors, path, "state", self.state, state_named),
            provider: parsed(&mut errors, path, "provider", self.provider, |text| to_problem(text.parse())),
            due_from: parsed(&mut errors, path, "due_from", self.due_from, instant),
            due_until: parsed(&mut errors, path, "due_until", self.due_until, instant),
        };
        if errors.is_empty() { Ok(filter) } else { Err(errors) }
    }
}

fn parsed<T>(
    errors: &mut Vec<FieldError>,
    path: &str,
    name: &str,
    text: Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    match parse(text?.as_str()) {
        Ok(value) => Some(value),
        Err(problem) => {
            errors.push(FieldError::new(format!("{path}.{name}"), problem));
            None
        }
    }
}

fn to_problem<T, E: ToString>(parsed: Result<T, E>) -> Result<T, String> {
    parsed.map_err(|error| error.to_string())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| INSTANT_EXPECTED.to_owned())
}

impl From<&Filter> for FilterBody {
    fn from(filter: &Filter) -> Self {
        Self {
            recipient_id: filter.recipient.as_ref().map(ToString::to_string),
            category: filter.category.as_ref().map(ToString::to_string),
            subject: filter.subject.as_ref().map(ToString::to_string),
            channel: filter.channel.and_then(ChannelName::of),
            state: filter.state.map(|state| state.name().to_owned()),
            provider: filter.provider.as_ref().map(ToString::to_string),
            due_from: filter.due_from.map(|at| at.to_string()),
            due_until: filter.due_until.map(|at| at.to_string()),
        }
    }
}
