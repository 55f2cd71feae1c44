//! The JSON of SendEmail: names and types of `sesv2/2019-09-27/service-2.json` in github.com/boto/botocore.
//!
//! AWS skips members that it does not know. The fake refuses them: what is misspelt would be lost in silence.

#![expect(dead_code, reason = "some members are declared so that unknown ones and wrong types are refused")]

use std::borrow::Cow;

use http::StatusCode;
use serde::Deserialize;

use super::answers::AwsError;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct SendEmail<'a> {
    pub(super) from_email_address: Option<String>,
    from_email_address_identity_arn: Option<String>,
    #[serde(default)]
    pub(super) destination: Option<Destination>,
    pub(super) reply_to_addresses: Option<Vec<String>>,
    pub(super) feedback_forwarding_email_address: Option<String>,
    feedback_forwarding_email_address_identity_arn: Option<String>,
    #[serde(borrow)]
    pub(super) content: Option<EmailContent<'a>>,
    pub(super) email_tags: Option<Vec<Tag>>,
    configuration_set_name: Option<String>,
    endpoint_id: Option<String>,
    tenant_name: Option<String>,
    list_management_options: Option<ListManagementOptions>,
    configuration_overrides: Option<ConfigurationOverrides>,
}

#[derive(Deserialize, Debug, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Destination {
    pub(super) to_addresses: Option<Vec<String>>,
    pub(super) cc_addresses: Option<Vec<String>>,
    pub(super) bcc_addresses: Option<Vec<String>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct EmailContent<'a> {
    #[serde(borrow)]
    pub(super) simple: Option<Simple<'a>>,
    #[serde(borrow)]
    pub(super) raw: Option<Raw<'a>>,
    #[serde(borrow)]
    pub(super) template: Option<Template<'a>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Simple<'a> {
    pub(super) subject: Option<Content>,
    pub(super) body: Option<Body>,
    pub(super) headers: Option<Vec<Header>>,
    #[serde(borrow)]
    pub(super) attachments: Option<Vec<File<'a>>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Body {
    pub(super) text: Option<Content>,
    pub(super) html: Option<Content>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Content {
    pub(super) data: Option<String>,
    pub(super) charset: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Header {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct File<'a> {
    /// Base64; borrowed from the body, since it may be 40 MB.
    #[serde(borrow)]
    pub(super) raw_content: Option<Cow<'a, str>>,
    pub(super) content_disposition: Option<String>,
    pub(super) file_name: Option<String>,
    pub(super) content_description: Option<String>,
    pub(super) content_id: Option<String>,
    pub(super) content_transfer_encoding: Option<String>,
    pub(super) content_type: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Raw<'a> {
    /// Base64.
    #[serde(borrow)]
    pub(super) data: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Template<'a> {
    pub(super) template_name: Option<String>,
    pub(super) template_arn: Option<String>,
    template_content: Option<TemplateContent>,
    template_data: Option<String>,
    headers: Option<Vec<Header>>,
    #[serde(borrow)]
    attachments: Option<Vec<File<'a>>>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct TemplateContent {
    subject: Option<String>,
    text: Option<String>,
    html: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Tag {
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListManagementOptions {
    contact_list_name: String,
    topic_name: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ConfigurationOverrides {
    tracking: Option<Tracking>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Tracking {
    open_tracking_enabled: Option<FeatureStatus>,
    click_tracking_enabled: Option<FeatureStatus>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "UPPERCASE")]
enum FeatureStatus {
    Enabled,
    Disabled,
}

impl<'a> SendEmail<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, AwsError> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let refused = |told: String| AwsError::new(StatusCode::BAD_REQUEST, "SerializationException", told);
        let request = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| refused(format!("{}: {}", error.path(), error.inner())))?;
        json.end().map_err(|error| refused(error.to_string()))?;
        Ok(request)
    }
}
