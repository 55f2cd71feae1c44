//! The shapes of the replaced service's API. Their fields are what its callers send and read; none may change.

use notifier_core::{Attempt, Channel, MessageContent, Preferences};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A message to a user about a property, at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScheduleRequest {
    /// Id in the user database.
    #[schema(example = "1")]
    #[serde(deserialize_with = "text_or_number")]
    pub(super) user_id: String,
    /// Id in the property service.
    #[schema(example = "1")]
    #[serde(deserialize_with = "text_or_number")]
    pub(super) property_id: String,
    /// The words, as they are.
    #[schema(example = "Your viewing is confirmed.")]
    pub(super) message: String,
    /// When, in the future. Without an offset it is UTC.
    #[schema(example = "2026-12-24T09:00:00Z")]
    pub(super) scheduled_time_utc: String,
}

/// One id for each channel that the user has enabled and the server has a provider for, email first, then SMS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct ScheduleAnswer {
    /// The ids; none when the user wants nothing.
    pub(super) notification_ids: Vec<String>,
}

/// A scheduled or sent message on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct CompatNotification {
    /// Its id.
    pub(super) id: String,
    /// To whom.
    pub(super) user_id: String,
    /// About what.
    pub(super) property_id: Option<String>,
    /// `email` or `sms`.
    pub(super) notification_type: String,
    /// When it is or was due.
    pub(super) scheduled_time_utc: String,
    /// Whether a provider took it.
    pub(super) sent: bool,
    /// The provider's id of the message, or what went wrong.
    pub(super) service_response: Option<String>,
    /// The message; null when it cannot be made, for example because the user has no such address, or the user database does
    /// not answer.
    pub(super) details: Option<Details>,
}

/// The message of one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Details {
    /// An email.
    Email {
        /// To whom.
        to_email: String,
        /// Its subject; null when it is not known any more.
        subject: Option<String>,
        /// Its HTML.
        html_body: Option<String>,
        /// Its plain text.
        text_body: Option<String>,
        /// From whom.
        from_email: Option<String>,
    },
    /// A text message.
    Sms {
        /// To whom.
        to_phone_number: String,
        /// From whom; null when the provider picks the number.
        from_phone_number: Option<String>,
        /// The words; null when they are not known any more.
        message: Option<String>,
    },
}

impl Details {
    /// Of a message that was handed to a provider: from and to whom that was, and its words as far as they are known.
    pub(super) fn attempted(channel: Channel, attempt: &Attempt, content: Option<MessageContent>) -> Self {
        let (address, sender) = (attempt.address.clone(), attempt.sender.clone());
        match (channel, content) {
            (Channel::Sms, content) => {
                let message = content.and_then(|content| match content {
                    MessageContent::Sms(sms) => Some(sms.text),
                    _ => None,
                });
                Self::Sms { to_phone_number: address, from_phone_number: sender, message }
            }
            (_, Some(MessageContent::Email(email))) => Self::Email {
                to_email: address,
                subject: Some(email.subject),
                html_body: email.html,
                text_body: email.text,
                from_email: sender,
            },
            _ => Self::Email { to_email: address, subject: None, html_body: None, text_body: None, from_email: sender },
        }
    }
}

impl Details {
    /// Of a message as it would go out; `None` on a channel that these callers do not know.
    pub(super) fn of(content: MessageContent) -> Option<Self> {
        match content {
            MessageContent::Email(email) => Some(Self::Email {
                to_email: email.recipient.address.as_str().to_owned(),
                subject: Some(email.subject),
                html_body: email.html,
                text_body: email.text,
                from_email: Some(email.sender.address.as_str().to_owned()),
            }),
            MessageContent::Sms(sms) => Some(Self::Sms {
                to_phone_number: sms.recipient.as_str().to_owned(),
                from_phone_number: sms.sender,
                message: Some(sms.text),
            }),
            MessageContent::Push(_) | MessageContent::Chat(_) | MessageContent::Webhook(_) => None,
        }
    }
}

/// What a user wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CompatPreferences {
    /// Whether email is wanted.
    #[serde(default = "email_default")]
    #[schema(default = true)]
    pub(super) email_enabled: bool,
    /// Whether SMS is wanted.
    #[serde(default)]
    #[schema(default = false)]
    pub(super) sms_enabled: bool,
    /// Kinds of property of interest.
    #[serde(default)]
    #[schema(example = json!(["apartment", "house"]))]
    pub(super) property_types: Vec<String>,
    /// Place of interest.
    #[serde(default)]
    #[schema(example = "New York")]
    pub(super) location: String,
}

fn email_default() -> bool {
    true
}

/// What a user wants, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct CompatPreferencesView {
    /// Id in the user database.
    pub(super) user_id: String,
    /// Whether email is wanted.
    pub(super) email_enabled: bool,
    /// Whether SMS is wanted.
    pub(super) sms_enabled: bool,
    /// Kinds of property of interest.
    pub(super) property_types: Vec<String>,
    /// Place of interest.
    pub(super) location: String,
}

impl CompatPreferences {
    pub(super) fn into_view(self, user_id: String) -> CompatPreferencesView {
        let Self { email_enabled, sms_enabled, property_types, location } = self;
        CompatPreferencesView { user_id, email_enabled, sms_enabled, property_types, location }
    }

    /// The field to blame when the two that are kept as interests are too large.
    pub(super) fn largest_interest(&self) -> &'static str {
        let property_types: usize = self.property_types.iter().map(String::len).sum();
        let separators = self.property_types.len() * 3;
        if property_types + separators > self.location.len() { "property_types" } else { "location" }
    }
}

impl From<CompatPreferences> for Preferences {
    fn from(preferences: CompatPreferences) -> Self {
        let interests = Map::from_iter([
            ("property_types".to_owned(), json!(preferences.property_types)),
            ("location".to_owned(), json!(preferences.location)),
        ]);
        let channels = [(Channel::Email, preferences.email_enabled), (Channel::Sms, preferences.sms_enabled)];
        Self { channels: channels.into(), interests }
    }
}

impl From<&Preferences> for CompatPreferences {
    /// Preferences may have been stored through `/v1`: what does not fit is left out.
    fn from(preferences: &Preferences) -> Self {
        let texts = |value: &Value| {
            let items = value.as_array().into_iter().flatten();
            items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let location = preferences.interests.get("location").and_then(Value::as_str).unwrap_or_default();
        Self {
            email_enabled: wants(preferences, Channel::Email),
            sms_enabled: wants(preferences, Channel::Sms),
            property_types: preferences.interests.get("property_types").map(texts).unwrap_or_default(),
            location: location.to_owned(),
        }
    }
}

/// Whether the preferences let a channel pass: one that they do not name is on.
pub(super) fn wants(preferences: &Preferences, channel: Channel) -> bool {
    preferences.channels.get(&channel).copied().unwrap_or(true)
}

/// Ids are text to us; older callers write whole numbers.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a string or a whole number")]
    enum Id {
        Text(String),
        Number(u64),
    }
    Ok(match Id::deserialize(deserializer)? {
        Id::Text(text) => text,
        Id::Number(number) => number.to_string(),
    })
}
