//! The operator's settings of a Vonage account.

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the account's API secret.
pub(crate) const API_SECRET: &str = "api_secret";

/// Name of the secret that holds the account's signature secret.
pub(crate) const SIGNATURE_SECRET: &str = "signature_secret";

/// Vonage refuses a longer `callback` with status 23.
pub(crate) const CALLBACK_CHARS_MAX: usize = 100;

/// How long delivery may be attempted, in milliseconds.
pub(crate) const TTL_MS: std::ops::RangeInclusive<u64> = 20_000..=604_800_000;

/// Who sends, and through which account. The parameters are those of Vonage's OpenAPI description of the SMS API, version 1.2.0
/// (<https://developer.vonage.com/en/api/sms>).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The account: 8 characters. Not a secret.
    pub api_key: String,
    /// Sender of messages that name none: a number, or an alphanumeric sender where the country takes one.
    pub from: Option<String>,
    /// Where Vonage posts delivery receipts, instead of the URL that the host gives.
    pub callback: Option<String>,
    /// Whether a receipt is asked for. Vonage asks for one when this is missing.
    pub status_report: Option<bool>,
    /// How long delivery is attempted. 72 hours when this is missing; carriers give up after 24 to 48.
    pub ttl_ms: Option<u64>,
    /// Separates accounts on one bill. Vonage has to enable it.
    pub account_ref: Option<String>,
    /// The sender's registration where a country wants one, as India does.
    pub entity_id: Option<String>,
    /// The text's registration where a country wants one, as India does.
    pub content_id: Option<String>,
    /// The API's root. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Receipts signed longer ago than this are refused.
    #[serde(default = "default_webhook_max_age_s")]
    pub webhook_max_age_s: u64,
}

fn default_base_url() -> String {
    "https://rest.nexmo.com".into()
}

/// Vonage posts what is not taken again for 24 hours (<https://developer.vonage.com/messaging/sms/guides/inbound-sms>), and does
/// not say that it signs anew. A receipt refused for its age is lost, while one played back is dropped by its event id: so a
/// day, and an hour for good measure.
fn default_webhook_max_age_s() -> u64 {
    25 * 60 * 60
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: Option<String>| {
            problems.extend(problem.map(|problem| SettingProblem { setting: setting.into(), problem }));
        };
        report("api_key", check_api_key(&self.api_key));
        for (setting, value) in [
            ("from", &self.from),
            ("account_ref", &self.account_ref),
            ("entity_id", &self.entity_id),
            ("content_id", &self.content_id),
        ] {
            let is_empty = value.as_deref().is_some_and(|value| value.trim().is_empty());
            report(setting, is_empty.then(|| "is empty: leave it out".into()));
        }
        report("callback", self.callback.as_deref().and_then(check_callback));
        if let Some(ttl_ms) = self.ttl_ms.filter(|ttl_ms| !TTL_MS.contains(ttl_ms)) {
            let (least, most) = (TTL_MS.start(), TTL_MS.end());
            report("ttl_ms", Some(format!("is {ttl_ms}: Vonage takes {least} to {most} milliseconds")));
        }
        report("base_url", check_base_url(&self.base_url).err());
        problems
    }
}

fn check_api_key(key: &str) -> Option<String> {
    let right = key.len() == 8 && key.bytes().all(|b| b.is_ascii_alphanumeric());
    (!right).then(|| format!("`{key}` is not an API key: want 8 letters and digits"))
}

fn check_callback(url: &str) -> Option<String> {
    let count = url.chars().count();
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Some("is not a URL that Vonage can call: want https://…".into());
    }
    if url.contains(['?', '#']) {
        return Some("has a query or a fragment: Vonage's parameters would be mixed with it".into());
    }
    (count > CALLBACK_CHARS_MAX).then(|| format!("has {count} characters, Vonage takes {CALLBACK_CHARS_MAX}"))
}
