//! The operator's settings of a Resend account.

use std::collections::BTreeMap;

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

use crate::tags;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the API key. It needs "Sending access" and no more.
pub(crate) const API_KEY: &str = "api_key";

/// Name of the secret that holds the webhook's signing secret, `whsec_` and base64.
pub(crate) const WEBHOOK_SECRET: &str = "webhook_secret";

/// How mail is handed over and how events are checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The API's root. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Tags of every message, beside the notification's own `category`, `tenant` and `notifier_key`.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The topic that every message belongs to: Resend leaves out contacts that opted out of it.
    pub topic_id: Option<String>,
    /// Events signed longer ago than this are refused.
    #[serde(default = "default_webhook_max_age_s")]
    pub webhook_max_age_s: u64,
}

fn default_base_url() -> String {
    "https://api.resend.com".into()
}

/// What the libraries of Svix, who send Resend's webhooks, allow. A webhook that is posted again is signed anew
/// (<https://docs.svix.com/receiving/verifying-payloads/why>).
fn default_webhook_max_age_s() -> u64 {
    5 * 60
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: String, problem: String| problems.push(SettingProblem { setting, problem });
        if let Err(problem) = check_base_url(&self.base_url) {
            report("base_url".into(), problem);
        }
        for (name, value) in &self.tags {
            if tags::OWN.contains(&name.as_str()) {
                report(format!("tags.{name}"), "is the notification's own: choose another name".into());
            } else if !tags::fits(name) || !tags::fits(value) {
                let max = tags::CHARS_MAX;
                let problem = format!("want a name and a value of 1 to {max} ASCII letters, digits, `_` and `-`");
                report(format!("tags.{name}"), problem);
            }
        }
        if self.topic_id.as_deref() == Some("") {
            report("topic_id".into(), "is empty: leave it out, or copy the topic's id".into());
        }
        if self.webhook_max_age_s == 0 {
            report("webhook_max_age_s".into(), "is 0, which refuses every event: want seconds, as 300".into());
        }
        problems
    }
}
