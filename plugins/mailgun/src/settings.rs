//! The operator's settings of a Mailgun domain.

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the API key.
pub(crate) const API_KEY: &str = "api_key";

/// Name of the secret that holds the HTTP webhook signing key.
pub(crate) const WEBHOOK_SIGNING_KEY: &str = "webhook_signing_key";

/// Mailgun takes no more tags per message (<https://help.mailgun.com/hc/en-us/articles/34389096824219-Tags>).
pub(crate) const TAGS_MAX: usize = 10;

/// Mailgun takes no longer tags, and ASCII only
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/tracking-messages/track-tagging>).
pub(crate) const TAG_CHARS_MAX: usize = 128;

/// From which domain mail goes out, with which options, and how webhooks are checked. The options are described at
/// <https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages>; one that is not set is left to the
/// settings of the domain.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The sending domain, as it is registered with Mailgun.
    pub domain: String,
    /// The API's root. `https://api.eu.mailgun.net` for domains of the EU region. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Mailgun takes the message and its events follow, but nothing is delivered. Counted and billed as if it were.
    #[serde(default)]
    pub test_mode: bool,
    /// Tags of every message, beside the notification's own category.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Clicks and openings.
    pub tracking: Option<Tracking>,
    /// Clicks; wins over `tracking`.
    pub tracking_clicks: Option<Tracking>,
    /// Openings; wins over `tracking`.
    pub tracking_opens: Option<bool>,
    /// The tracking pixel at the top of the HTML and not at its end.
    pub tracking_pixel_top: Option<bool>,
    /// Whether Mailgun signs with DKIM.
    pub dkim: Option<bool>,
    /// Deliver over TLS or not at all.
    pub require_tls: Option<bool>,
    /// Do not check the certificate and host name of the recipient's mail server.
    pub skip_verification: Option<bool>,
    /// One of the account's own addresses to send from.
    pub sending_ip: Option<String>,
    /// One of the account's pools of addresses to send from.
    pub sending_ip_pool: Option<String>,
    /// `X-Mailgun-…` headers that are taken out of delivered mail, separated by commas, or `all`.
    pub suppress_headers: Option<String>,
    /// Webhooks signed longer ago than this are refused.
    #[serde(default = "default_webhook_max_age_s")]
    pub webhook_max_age_s: u64,
}

/// Whether links are replaced by ones that Mailgun counts.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tracking {
    /// In all parts.
    Yes,
    /// In none.
    No,
    /// In the HTML only.
    HtmlOnly,
}

impl Tracking {
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::HtmlOnly => "htmlonly",
        }
    }
}

fn default_base_url() -> String {
    "https://api.mailgun.net".into()
}

/// Mailgun posts an event again for 8 hours until we take it
/// (<https://help.mailgun.com/hc/en-us/articles/202236504-Webhooks>), and does not say that it signs anew. A bounce refused for
/// its age is lost, so 8 hours, and one for good measure. Not more: the signature does not cover the event.
fn default_webhook_max_age_s() -> u64 {
    9 * 60 * 60
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: String, problem: String| problems.push(SettingProblem { setting, problem });
        if !is_domain(&self.domain) {
            report("domain".into(), format!("`{}` is not a domain: want one as mg.example.com", self.domain));
        }
        if let Err(problem) = check_base_url(&self.base_url) {
            report("base_url".into(), problem);
        } else if self.base_url.ends_with("/v3") {
            report(
                "base_url".into(),
                format!("`{}` names a version, which would be doubled: leave it out", self.base_url),
            );
        }
        // One place is left for the category of the notification.
        if self.tags.len() >= TAGS_MAX {
            let count = self.tags.len();
            report("tags".into(), format!("{count} tags: Mailgun takes {TAGS_MAX}, and one is the notification's own"));
        }
        for (index, tag) in self.tags.iter().enumerate() {
            if !is_tag(tag) {
                report(format!("tags[{index}]"), format!("want 1 to {TAG_CHARS_MAX} printable ASCII characters"));
            }
        }
        for (setting, value) in [
            ("sending_ip", &self.sending_ip),
            ("sending_ip_pool", &self.sending_ip_pool),
            ("suppress_headers", &self.suppress_headers),
        ] {
            if value.as_deref() == Some("") {
                report(setting.into(), "is empty: leave it out".into());
            }
        }
        problems
    }
}

/// Letters, digits, dots and hyphens, for it becomes part of a path: for another path Mailgun answers 200 and sends nothing.
fn is_domain(domain: &str) -> bool {
    domain.contains('.')
        && domain.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

/// Whether Mailgun takes it as a tag.
pub(crate) fn is_tag(tag: &str) -> bool {
    (1..=TAG_CHARS_MAX).contains(&tag.len()) && tag.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
}
