//! The operator's settings of an SES account.

use std::collections::BTreeMap;

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

use crate::endpoint;
use crate::tags::{self, TAG_CHARS_MAX};

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// How mail is handed over and how events are checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// As `eu-central-1`.
    pub region: String,
    /// The API's root, instead of the region's. Plain HTTP for loopback only.
    pub base_url: Option<String>,
    /// Whether the credentials are temporary, with a session token beside the key.
    #[serde(default)]
    pub session_token: bool,
    /// The configuration set of every message: its event destinations publish what becomes of them.
    pub configuration_set: Option<String>,
    /// Tags of every message, beside ours.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The tenant of SES through which mail is sent. Not one of ours.
    pub tenant_name: Option<String>,
    /// ARN of the identity whose owner authorized us to send.
    pub from_identity_arn: Option<String>,
    /// Where SES sends bounces and complaints as mail.
    pub feedback_address: Option<String>,
    /// ARN of the identity of `feedback_address`, where another account owns it.
    pub feedback_identity_arn: Option<String>,
    /// The contact list by which SES manages who unsubscribed.
    pub contact_list: Option<String>,
    /// The topic of that list.
    pub contact_list_topic: Option<String>,
    /// Whether opens are tracked, instead of what the configuration set says.
    pub open_tracking: Option<bool>,
    /// Whether clicks are tracked, instead of what the configuration set says.
    pub click_tracking: Option<bool>,
    /// ARN of the SNS topic that posts events. Without it no event is believed.
    pub topic_arn: Option<String>,
    /// Root of an SNS on loopback, for tests: certificates and confirmations are then asked there.
    pub sns_base_url: Option<String>,
    /// Events published longer ago than this are refused.
    #[serde(default = "default_webhook_max_age_s")]
    pub webhook_max_age_s: u64,
}

/// SNS posts for an hour until we take it, without signing anew
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>), and clocks differ by some minutes.
fn default_webhook_max_age_s() -> u64 {
    65 * 60
}

impl Settings {
    pub(crate) fn base_url(&self) -> String {
        self.base_url.clone().unwrap_or_else(|| format!("https://{}", endpoint::host("email", &self.region)))
    }

    /// The root of the SNS that posts events: that of the topic's region, so that a certificate of another one is worth nothing.
    pub(crate) fn sns_base_url(&self, topic_region: &str) -> String {
        self.sns_base_url.clone().unwrap_or_else(|| format!("https://{}", endpoint::host("sns", topic_region)))
    }

    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: Option<String>| {
            problems.extend(problem.map(|problem| SettingProblem { setting: setting.into(), problem }));
        };
        if !endpoint::is_region(&self.region) {
            report("region", Some(format!("`{}` is not a region: want one as `eu-central-1`", self.region)));
        }
        report("base_url", self.base_url.as_deref().and_then(|url| check_base_url(url).err()));
        for (setting, value) in [
            ("configuration_set", &self.configuration_set),
            ("tenant_name", &self.tenant_name),
            ("contact_list", &self.contact_list),
            ("contact_list_topic", &self.contact_list_topic),
        ] {
            report(setting, value.as_deref().and_then(check_name));
        }
        if self.contact_list_topic.is_some() && self.contact_list.is_none() {
            report("contact_list_topic", Some("needs the list that it is a topic of: set `contact_list`".into()));
        }
        for (name, value) in &self.tags {
            report(&format!("tags.{name}"), check_tag(name, value));
        }
        for (setting, arn) in
            [("from_identity_arn", &self.from_identity_arn), ("feedback_identity_arn", &self.feedback_identity_arn)]
        {
            report(setting, arn.as_deref().and_then(check_identity_arn));
        }
        if self.feedback_address.as_deref().is_some_and(|address| !address.is_ascii() || !address.contains('@')) {
            report("feedback_address", Some("is not an address in ASCII: want one as `bounces@example.com`".into()));
        }
        if let Some(arn) = self.topic_arn.as_deref().filter(|arn| endpoint::region_of_topic(arn).is_none()) {
            let wanted = "want one as `arn:aws:sns:eu-central-1:123456789012:ses-events`";
            report("topic_arn", Some(format!("`{arn}` is not the ARN of a topic: {wanted}")));
        }
        report("sns_base_url", self.sns_base_url.as_deref().and_then(check_loopback));
        problems
    }
}

/// Names of configuration sets, tenants, contact lists and topics
/// (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateConfigurationSet.html>).
fn check_name(name: &str) -> Option<String> {
    let right = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    (!right).then(|| format!("`{name}` is not a name in SES: want 1 to 64 letters, digits, `-` and `_`"))
}

fn check_tag(name: &str, value: &str) -> Option<String> {
    if [tags::CATEGORY, tags::TENANT, tags::KEY].contains(&name) {
        return Some("every message has this tag already: choose another name".into());
    }
    let right = tags::is_tag(name) && tags::is_tag(value);
    (!right).then(|| format!("want 1 to {TAG_CHARS_MAX} letters, digits, `-` and `_` as name and as value"))
}

fn check_identity_arn(arn: &str) -> Option<String> {
    let right = arn.starts_with("arn:aws") && arn.contains(":ses:") && arn.contains(":identity/");
    let wanted = "want one as `arn:aws:ses:eu-central-1:123456789012:identity/example.com`";
    (!right).then(|| format!("`{arn}` is not the ARN of an identity: {wanted}"))
}

/// Whoever could move the certificates to a host of his own could sign what he likes, so nothing but loopback will do.
fn check_loopback(url: &str) -> Option<String> {
    if let Err(problem) = check_base_url(url) {
        return Some(problem);
    }
    // Plain HTTP passes the check above for loopback only.
    (!url.starts_with("http://")).then(|| "is for tests on loopback only, as `http://127.0.0.1:8080`".into())
}
