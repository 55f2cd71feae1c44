//! The JSON of an email: names and types of postmarkapp.com/developer/api/email-api and of `Message` in
//! github.com/ActiveCampaign/postmark.js.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;

use super::answers::PostmarkError;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Email<'a> {
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) cc: Option<String>,
    pub(super) bcc: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) html_body: Option<String>,
    pub(super) text_body: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) headers: Option<Vec<Header>>,
    #[serde(rename = "TrackOpens")]
    _track_opens: Option<bool>,
    #[serde(rename = "TrackLinks")]
    _track_links: Option<TrackLinks>,
    pub(super) metadata: Option<BTreeMap<String, String>>,
    #[serde(borrow)]
    pub(super) attachments: Option<Vec<File<'a>>>,
    pub(super) message_stream: Option<String>,
}

#[derive(Deserialize, Debug)]
enum TrackLinks {
    None,
    HtmlAndText,
    HtmlOnly,
    TextOnly,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct File<'a> {
    pub(super) name: String,
    /// Base64; borrowed from the body, since it may be 10 MB.
    #[serde(borrow)]
    pub(super) content: Cow<'a, str>,
    pub(super) content_type: String,
    #[serde(rename = "ContentID")]
    pub(super) content_id: Option<String>,
}

impl<'a> Email<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, PostmarkError> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let email = serde_path_to_error::deserialize(&mut json).map_err(|error| match error.inner().is_data() {
            true => PostmarkError::coded(403).telling(format!("Invalid request field(s): '{}'.", error.path())),
            false => PostmarkError::coded(402),
        })?;
        json.end().map_err(|_| PostmarkError::coded(402))?;
        Ok(email)
    }
}
