//! The operator's settings of a Twilio account.

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the account's auth token: the password of requests, and the key of webhook signatures.
pub(crate) const AUTH_TOKEN: &str = "auth_token";

/// Name of the secret that holds the secret of the API key `api_key_sid`.
pub(crate) const API_KEY_SECRET: &str = "api_key_secret";

/// Seconds that a message may wait in Twilio's queue, at most (<https://www.twilio.com/docs/api/errors/90007>).
pub(crate) const VALIDITY_PERIOD_S_MAX: u32 = 36_000;

/// <https://www.twilio.com/docs/messaging/guides/privacy-message-redaction>
pub(crate) const CONTENT_RETENTION: [&str; 2] = ["retain", "discard"];

/// <https://www.twilio.com/docs/messaging/guides/privacy-message-redaction>
pub(crate) const ADDRESS_RETENTION: [&str; 2] = ["retain", "obfuscate"];

/// <https://www.twilio.com/docs/messaging/features/sms-pumping-protection-programmable-messaging>
pub(crate) const RISK_CHECK: [&str; 2] = ["enable", "disable"];

/// Who sends, through which account, and how.
///
/// Of what the API can do besides, `MaxPrice` has no effect since June 2024, `ForceDelivery` is reserved, `ProvideFeedback`
/// announces reports that nobody would send, `ApplicationSid` would take the status callbacks elsewhere, and templates and
/// times are ours (<https://github.com/twilio/twilio-oai>, `CreateMessage`).
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
    /// A message that has waited in Twilio's queue for longer is not sent.
    pub validity_period_s: Option<u32>,
    /// Whether characters that would double the price are replaced by similar ones.
    pub smart_encoded: Option<bool>,
    /// Whether links in the text are shortened; needs a messaging service that is set up for it.
    #[serde(default)]
    pub shorten_urls: bool,
    /// Whether a long text goes out as one MMS.
    #[serde(default)]
    pub send_as_mms: bool,
    /// Whether Twilio keeps the text: `retain` or `discard`.
    pub content_retention: Option<String>,
    /// Whether Twilio keeps the recipient's number: `retain` or `obfuscate`.
    pub address_retention: Option<String>,
    /// Whether messages to a number under suspicion may be blocked: `enable` or `disable`.
    pub risk_check: Option<String>,
    /// The API's root. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
}

fn default_base_url() -> String {
    "https://api.twilio.com".into()
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let checks = [
            ("account_sid", check_sid("AC", Some(&self.account_sid))),
            ("api_key_sid", check_sid("SK", self.api_key_sid.as_ref())),
            ("messaging_service_sid", check_sid("MG", self.messaging_service_sid.as_ref())),
            ("from", self.check_from()),
            ("status_callback", self.status_callback.as_deref().and_then(check_callback)),
            ("validity_period_s", self.validity_period_s.and_then(check_validity_period)),
            ("shorten_urls", self.check_shorten_urls()),
            ("content_retention", check_word(self.content_retention.as_ref(), CONTENT_RETENTION)),
            ("address_retention", check_word(self.address_retention.as_ref(), ADDRESS_RETENTION)),
            ("risk_check", check_word(self.risk_check.as_ref(), RISK_CHECK)),
            ("base_url", check_base_url(&self.base_url).err()),
        ];
        checks.into_iter().filter_map(|(setting, problem)| Some(SettingProblem::new(setting, problem?))).collect()
    }

    fn check_from(&self) -> Option<String> {
        (self.from.as_deref() == Some("")).then(|| "is empty: leave it out, or name a number or sender".into())
    }

    fn check_shorten_urls(&self) -> Option<String> {
        (self.shorten_urls && self.messaging_service_sid.is_none())
            .then(|| "needs `messaging_service_sid`: a service shortens links, when it is set up for that".into())
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

/// <https://www.twilio.com/docs/messaging/api/message-resource> of `StatusCallback`: "must contain a valid hostname and
/// underscores are not allowed".
fn check_callback(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.is_empty() {
        return Some("is not a URL that Twilio can call: want https://…".into());
    }
    host.contains('_').then(|| format!("the host `{host}` has an underscore, which Twilio does not call"))
}

fn check_validity_period(seconds: u32) -> Option<String> {
    (!(1..=VALIDITY_PERIOD_S_MAX).contains(&seconds))
        .then(|| format!("is {seconds}: want 1 to {VALIDITY_PERIOD_S_MAX} seconds"))
}

fn check_word(word: Option<&String>, known: [&str; 2]) -> Option<String> {
    let word = word.filter(|word| !known.contains(&word.as_str()))?;
    Some(format!("is `{word}`: want `{}` or `{}`", known[0], known[1]))
}
