//! What a recipient wants.

use serde::{Deserialize, Serialize};

use super::json::{self, JsonV1};
use super::numbers;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::preference::Preferences;

/// The newest version.
pub(in crate::adapters::sled) type PreferencesRecord = PreferencesV1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct PreferencesV1 {
    channels: Vec<(u8, bool)>,
    interests: Vec<(String, JsonV1)>,
}

impl Record for PreferencesV1 {
    const KIND: Kind = Kind::Preferences;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<PreferencesV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<&Preferences> for PreferencesV1 {
    fn from(preferences: &Preferences) -> Self {
        let channels = preferences.channels.iter().map(|(channel, on)| (numbers::channel(*channel), *on));
        Self { channels: channels.collect(), interests: json::from_map(&preferences.interests) }
    }
}

impl TryFrom<PreferencesV1> for Preferences {
    type Error = Unreadable;

    fn try_from(record: PreferencesV1) -> Result<Self, Unreadable> {
        let channels = record.channels.into_iter().map(|(channel, on)| Ok((numbers::parse_channel(channel)?, on)));
        Ok(Self { channels: channels.collect::<Result<_, _>>()?, interests: json::to_map(record.interests) })
    }
}
