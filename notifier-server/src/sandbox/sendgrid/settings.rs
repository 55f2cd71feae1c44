//! The settings objects of a mail: read for their names and types, of which only the sandbox mode has an effect here.

#![expect(dead_code, reason = "most fields are declared so that unknown ones and wrong types are refused")]

use serde::Deserialize;

use super::schema::not_null;

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct MailSettings {
    #[serde(default, deserialize_with = "not_null")]
    bypass_list_management: Option<Switch>,
    #[serde(default, deserialize_with = "not_null")]
    bypass_spam_management: Option<Switch>,
    #[serde(default, deserialize_with = "not_null")]
    bypass_bounce_management: Option<Switch>,
    #[serde(default, deserialize_with = "not_null")]
    bypass_unsubscribe_management: Option<Switch>,
    #[serde(default, deserialize_with = "not_null")]
    footer: Option<Footer>,
    #[serde(default, deserialize_with = "not_null")]
    sandbox_mode: Option<Switch>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Switch {
    #[serde(default, deserialize_with = "not_null")]
    enable: Option<bool>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Footer {
    #[serde(default, deserialize_with = "not_null")]
    enable: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    text: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    html: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct TrackingSettings {
    #[serde(default, deserialize_with = "not_null")]
    click_tracking: Option<ClickTracking>,
    #[serde(default, deserialize_with = "not_null")]
    open_tracking: Option<OpenTracking>,
    #[serde(default, deserialize_with = "not_null")]
    subscription_tracking: Option<SubscriptionTracking>,
    #[serde(default, deserialize_with = "not_null")]
    ganalytics: Option<GoogleAnalytics>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct ClickTracking {
    #[serde(default, deserialize_with = "not_null")]
    enable: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    enable_text: Option<bool>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct OpenTracking {
    #[serde(default, deserialize_with = "not_null")]
    enable: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    substitution_tag: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct SubscriptionTracking {
    #[serde(default, deserialize_with = "not_null")]
    enable: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    text: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    html: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    substitution_tag: Option<String>,
}

#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct GoogleAnalytics {
    #[serde(default, deserialize_with = "not_null")]
    enable: Option<bool>,
    #[serde(default, deserialize_with = "not_null")]
    utm_source: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    utm_medium: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    utm_term: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    utm_content: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    utm_campaign: Option<String>,
}

impl MailSettings {
    /// Whether the mail is only to be checked.
    pub(super) fn is_sandboxed(&self) -> bool {
        self.sandbox_mode.as_ref().is_some_and(|switch| switch.enable == Some(true))
    }
}
