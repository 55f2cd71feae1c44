//! The operator's settings of a Twilio account.

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the account's auth token: the password of requests, and the key of webhook signatures.
pub(crate) const AUTH_TOKEN: &str = "auth_token";

/// Name of the secret that holds the secret of the API key `api_key_sid`.
pub(crate) const API_KEY_SECRET: &str = "api_key_secret";

/// Who sends, and through which account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `AC` and 32 hexadecimal digits.
    pub account_sid: String,
    /// `SK` and 32 hexadecimal digits. Requests are then signed with `api_key_secret` and not with `auth_token`.
    pub api_key_sid: Option<String>,
    /// `MG` and 32 hexadecimal digits: Twilio picks the sender from this pool when the message names none.
    pub messaging_service_sid: Option<String>,
    /// Sender of messages that name none: E.164 number, short code or alphanumeric sender.
    pub from: Option<String>,
    /// Where Twilio posts status callbacks, instead of the URL that the host gives.
    pub status_callback: Option<String>,
    /// The API's root. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.twilio.com".into()
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: Option<String>| {
            problems.extend(problem.map(|problem| SettingProblem { setting: setting.into(), problem }));
        };
        report("account_sid", check_sid("AC", Some(&self.account_sid)));
        report("api_key_sid", check_sid("SK", self.api_key_sid.as_ref()));
        report("messaging_service_sid", check_sid("MG", self.messaging_service_sid.as_ref()));
        if self.from.as_deref() == Some("") {
            report("from", Some("is empty: leave it out, or name a number or sender".into()));
        }
        if self
            .status_callback
            .as_deref()
            .is_some_and(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            report("status_callback", Some("is not a URL that Twilio can call: want https://…".into()));
        }
        report("base_url", check_base_url(&self.base_url).err());
        problems
    }
}

/// Twilio's string identifiers: two letters and 32 hexadecimal digits
/// (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
fn check_sid(prefix: &str, sid: Option<&String>) -> Option<String> {
    let sid = sid?;
    let digits = sid.strip_prefix(prefix).unwrap_or_default();
    let right = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    (!right).then(|| format!("`{sid}` is not a SID of this kind: want `{prefix}` and 32 hexadecimal digits"))
}
