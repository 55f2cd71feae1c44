//! The JSON of a mail. Names and types are checked by reading it; everything else is left to the checks, so that
//! required fields are optional here.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_path_to_error::Segment;

use super::{
    answers::Rejection,
    settings::{MailSettings, TrackingSettings},
};

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Mail<'a> {
    #[serde(default, deserialize_with = "not_null")]
    pub(super) personalizations: Option<Vec<Personalization>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) from: Option<Mailbox>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) reply_to: Option<Mailbox>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) reply_to_list: Option<Vec<Mailbox>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) subject: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) content: Option<Vec<Content>>,
    #[serde(default, deserialize_with = "not_null", borrow)]
    pub(super) attachments: Option<Vec<File<'a>>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) template_id: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) headers: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) categories: Option<Vec<String>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) custom_args: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) send_at: Option<i64>,
    #[serde(default, deserialize_with = "not_null", rename = "batch_id")]
    _batch_id: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) asm: Option<UnsubscribeGroups>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) ip_pool_name: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    mail_settings: Option<MailSettings>,
    #[serde(default, deserialize_with = "not_null", rename = "tracking_settings")]
    _tracking_settings: Option<TrackingSettings>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Personalization {
    #[serde(default, deserialize_with = "not_null")]
    pub(super) from: Option<Mailbox>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) to: Option<Vec<Mailbox>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) cc: Option<Vec<Mailbox>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) bcc: Option<Vec<Mailbox>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) subject: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) headers: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "not_null", rename = "substitutions")]
    _substitutions: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "not_null", rename = "dynamic_template_data")]
    _dynamic_template_data: Option<BTreeMap<String, IgnoredAny>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) custom_args: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) send_at: Option<i64>,
}

#[derive(Clone, Deserialize, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Mailbox {
    #[serde(default, deserialize_with = "not_null")]
    pub(super) email: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) name: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    #[serde(default, deserialize_with = "not_null", rename = "type")]
    pub(super) media_type: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) value: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct File<'a> {
    /// Borrowed from the body: it may be 30 MB.
    #[serde(default, deserialize_with = "not_null_text", borrow)]
    pub(super) content: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "not_null", rename = "type")]
    pub(super) media_type: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) filename: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) disposition: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) content_id: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct UnsubscribeGroups {
    #[serde(default, deserialize_with = "not_null")]
    pub(super) group_id: Option<i64>,
    #[serde(default, deserialize_with = "not_null")]
    pub(super) groups_to_display: Option<Vec<i64>>,
}

impl<'a> Mail<'a> {
    /// Reads a mail.
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Rejection> {
        // Tracking the path costs time, so that it is done only for a mail that failed without.
        serde_json::from_slice(body)
            .map_err(|error| if error.is_data() { locate(body) } else { Rejection::bad_request() })
    }

    /// Whether it is only to be checked.
    pub(super) fn is_sandboxed(&self) -> bool {
        self.mail_settings.as_ref().is_some_and(MailSettings::is_sandboxed)
    }
}

/// The error of a mail whose names or types are wrong, with the path as SendGrid writes it: `personalizations.0.to`.
fn locate(body: &[u8]) -> Rejection {
    let mut json = serde_json::Deserializer::from_slice(body);
    let Err(error) = serde_path_to_error::deserialize::<_, Mail>(&mut json) else {
        return Rejection::bad_request();
    };
    let names = error.path().iter().map(|segment| match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".to_owned(),
    });
    let field = names.collect::<Vec<_>>().join(".");
    let message = error.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    Rejection::of_field(&field, message)
}

/// Unlike serde, SendGrid tells `null` from an absent field, and refuses it.
pub(super) fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Borrows where the JSON holds no escape, which [`not_null`] would not.
fn not_null_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    Text::deserialize(deserializer).map(|text| Some(text.0))
}
