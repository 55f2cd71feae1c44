//! What a recipient wants.

use std::collections::BTreeMap;

use notifier_core::{Channel, FieldError, Preferences, RecipientId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ChannelName;

/// What a recipient wants.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PreferencesRequest)]
#[schema(example = json!({"channels": {"email": true, "sms": false}, "interests": {"location": "Seattle"}}))]
pub(crate) struct PreferencesBody {
    /// Channels switched on or off. One that is not listed is on.
    // Names are text here and channels below: serde cannot say which key of a map it could not read.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, bool>)]
    pub(crate) channels: BTreeMap<String, bool>,
    /// Free-form, for the applications that ask.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) interests: Map<String, Value>,
}

/// What a recipient wants, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Preferences)]
pub(crate) struct PreferencesView {
    /// The recipient.
    #[schema(example = "2")]
    pub(crate) recipient_id: String,
    /// Channels switched on or off. One that is not listed is on.
    #[schema(value_type = std::collections::HashMap<String, bool>)]
    pub(crate) channels: BTreeMap<ChannelName, bool>,
    /// Free-form, for the applications that ask.
    #[schema(value_type = Object)]
    pub(crate) interests: Map<String, Value>,
}

impl PreferencesBody {
    /// What it means to the engine, or which channels there are not.
    pub(crate) fn into_preferences(self) -> Result<Preferences, Vec<FieldError>> {
        let mut preferences = Preferences { interests: self.interests, ..Preferences::default() };
        let mut errors = Vec::new();
        // More than there are: one error says so, whatever else they are.
        if self.channels.len() > Channel::ALL.len() {
            let problem =
                format!("{} channels; there are {}", self.channels.len(), Channel::ALL.map(Channel::name).join(", "));
            return Err(vec![FieldError::new("channels", problem)]);
        }
        for (name, on) in self.channels {
            match name.parse::<Channel>() {
                Ok(channel) => drop(preferences.channels.insert(channel, on)),
                Err(error) => {
                    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
                    errors.push(FieldError::new(format!("channels.{shown}"), error.to_string()));
                }
            }
        }
        if errors.is_empty() { Ok(preferences) } else { Err(errors) }
    }
}

impl PreferencesView {
    pub(crate) fn new(recipient: &RecipientId, preferences: Preferences) -> Self {
        let channels = preferences.channels.into_iter();
        Self {
            recipient_id: recipient.to_string(),
            channels: channels.filter_map(|(channel, on)| Some((ChannelName::of(channel)?, on))).collect(),
            interests: preferences.interests,
        }
    }
}
