//! How events are wrapped, signed and sent.

use std::collections::BTreeMap;

use notifier_plugin_sdk::SettingProblem;
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that signs.
pub(crate) const SIGNING_SECRET: &str = "signing_secret";

/// Name of the secret that signed before it.
pub(crate) const SIGNING_SECRET_PREVIOUS: &str = "signing_secret_previous";

/// Headers that are not the operator's to set: those of the specification and of HTTP's framing, and those that have
/// a setting of their own.
pub(crate) const RESERVED_HEADERS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// Headers whose values are secrets, which settings are not.
pub(crate) const SECRET_HEADERS: &[&str] = &["authorization", "cookie", "proxy-authorization"];

/// More than this is no longer a few static headers.
const HEADERS_MAX: usize = 32;
const HEADER_BYTES_MAX: usize = 1024;

/// The specification wants payloads "usually smaller than 20kb".
const BODY_BYTES_MAX: u32 = 20 * 1024;
const BODY_BYTES_LIMITS: std::ops::RangeInclusive<u32> = 1024..=1024 * 1024;

/// The specification recommends 15 to 30 seconds.
const TIMEOUT_MS: u32 = 20_000;
const TIMEOUT_MS_LIMITS: std::ops::RangeInclusive<u32> = 1_000..=30_000;

/// What the body is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Envelope {
    /// `{"type", "timestamp", "data"}`, the payload as `data`: what receivers of Standard Webhooks read.
    #[default]
    Standard,
    /// The payload, byte for byte.
    None,
}

/// How events are wrapped, signed and sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the body is.
    #[serde(default)]
    pub envelope: Envelope,
    /// Signs with the secret `signing_secret_previous` as well, so that receivers can change over in their own time.
    #[serde(default)]
    pub sign_with_previous: bool,
    /// The same for every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// By which a receiver knows who calls.
    #[serde(default = "default_user_agent")]
    pub user_agent: String,
    /// Larger bodies are refused before they are sent.
    #[serde(default = "default_body_bytes_max")]
    pub body_bytes_max: u32,
    /// How long the endpoint may take to answer.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u32,
}

fn default_user_agent() -> String {
    "notifier".into()
}

fn default_body_bytes_max() -> u32 {
    BODY_BYTES_MAX
}

fn default_timeout_ms() -> u32 {
    TIMEOUT_MS
}

impl Settings {
    /// The names of the secrets that sign, the current one first.
    pub(crate) fn secrets(&self) -> &'static [&'static str] {
        if self.sign_with_previous { &[SIGNING_SECRET, SIGNING_SECRET_PREVIOUS] } else { &[SIGNING_SECRET] }
    }

    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: String, problem: String| problems.push(SettingProblem { setting, problem });
        if self.headers.len() > HEADERS_MAX {
            report("headers".into(), format!("{} headers, at most {HEADERS_MAX} are sent", self.headers.len()));
        }
        let mut seen = Vec::new();
        for (name, value) in &self.headers {
            let lower = name.to_ascii_lowercase();
            let problem = check_header_name(&lower).or_else(|| check_header_value(value));
            let problem = problem.or_else(|| seen.contains(&lower).then(|| "is set twice, in another case".into()));
            if let Some(problem) = problem {
                report(format!("headers.{name}"), problem);
            }
            seen.push(lower);
        }
        if let Some(problem) = check_header_value(&self.user_agent) {
            report("user_agent".into(), problem);
        }
        if !BODY_BYTES_LIMITS.contains(&self.body_bytes_max) {
            let (least, most) = (BODY_BYTES_LIMITS.start(), BODY_BYTES_LIMITS.end());
            report("body_bytes_max".into(), format!("{}: want {least} to {most}", self.body_bytes_max));
        }
        if !TIMEOUT_MS_LIMITS.contains(&self.timeout_ms) {
            let (least, most) = (TIMEOUT_MS_LIMITS.start(), TIMEOUT_MS_LIMITS.end());
            report("timeout_ms".into(), format!("{}: want {least} to {most}", self.timeout_ms));
        }
        problems
    }
}

/// A token (RFC 9110, 5.6.2) that is not taken.
fn check_header_name(lower: &str) -> Option<String> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if lower.is_empty() || !lower.bytes().all(is_token) {
        return Some("is not a header name".into());
    }
    if RESERVED_HEADERS.contains(&lower) {
        return Some("is not yours to set: it is part of every request, or has a setting of its own".into());
    }
    SECRET_HEADERS
        .contains(&lower)
        .then(|| "holds a secret, and settings are none: receivers verify the signature".into())
}

/// Visible characters, with spaces between them (RFC 9110, 5.5).
fn check_header_value(value: &str) -> Option<String> {
    let is_visible = !value.is_empty() && value.trim() == value && value.bytes().all(|b| (b' '..=b'~').contains(&b));
    (!is_visible || value.len() > HEADER_BYTES_MAX)
        .then(|| format!("want 1 to {HEADER_BYTES_MAX} visible ASCII characters, with spaces only between them"))
}
