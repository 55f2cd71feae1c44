//! The JSON of an email: names and types of `SendEmailRequest` in Resend's OpenAPI description
//! (github.com/resend/resend-openapi, `resend.yaml`).
//!
//! Resend does not say what it does with names that it does not know. The fake refuses them: what is misspelt would be
//! lost in silence.

use std::{borrow::Cow, collections::BTreeMap};

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::answers::ResendError;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Email<'a> {
    pub(super) from: Option<String>,
    pub(super) to: Option<OneOrMany>,
    pub(super) subject: Option<String>,
    pub(super) bcc: Option<OneOrMany>,
    pub(super) cc: Option<OneOrMany>,
    pub(super) reply_to: Option<OneOrMany>,
    pub(super) html: Option<String>,
    pub(super) text: Option<String>,
    pub(super) template: Option<Template>,
    pub(super) headers: Option<BTreeMap<String, String>>,
    pub(super) scheduled_at: Option<String>,
    #[serde(borrow)]
    pub(super) attachments: Option<Vec<File<'a>>>,
    pub(super) tags: Option<Vec<Tag>>,
    #[serde(rename = "topic_id")]
    _topic_id: Option<String>,
}

/// A text, or texts.
#[derive(Deserialize, Debug)]
#[serde(untagged, expecting = "a string or an array of strings")]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Template {
    pub(super) id: String,
    #[serde(rename = "variables")]
    _variables: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct File<'a> {
    /// Base64; borrowed from the body, since it may be 40 MB.
    #[serde(borrow)]
    pub(super) content: Option<Cow<'a, str>>,
    pub(super) filename: Option<String>,
    pub(super) path: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_id: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) value: String,
}

impl OneOrMany {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

impl<'a> Email<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, ResendError> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let refused = |error: serde_path_to_error::Error<serde_json::Error>| match error.inner().is_data() {
            true => ResendError::validation(format!("Invalid `{}` field: {}", error.path(), error.inner())),
            false => ResendError::validation(error.inner().to_string()).with_status(StatusCode::BAD_REQUEST),
        };
        let email = serde_path_to_error::deserialize(&mut json).map_err(refused)?;
        json.end().map_err(|error| ResendError::validation(error.to_string()).with_status(StatusCode::BAD_REQUEST))?;
        Ok(email)
    }
}
