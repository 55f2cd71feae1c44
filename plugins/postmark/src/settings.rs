//! The operator's settings of a Postmark server.

use std::collections::{BTreeMap, BTreeSet};

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::{Deserialize, Serialize};

use crate::mail::{METADATA_MAX, METADATA_NAME_CHARS_MAX, METADATA_VALUE_CHARS_MAX, OWN_METADATA};

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the server's API token.
pub(crate) const SERVER_TOKEN: &str = "server_token";

/// Name of the secret that comes along with webhooks.
pub(crate) const WEBHOOK_PASSWORD: &str = "webhook_password";

/// Ids of streams begin with a letter and have no more characters
/// (<https://postmarkapp.com/developer/api/overview#error-codes>, 1227).
const STREAM_CHARS_MAX: usize = 30;

/// How mail is handed over and how events are checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The API's root. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Id of the message stream; `outbound`, the default transactional one, where it is left out.
    pub message_stream: Option<String>,
    /// Whether opens are tracked, instead of what the server is set to.
    pub track_opens: Option<bool>,
    /// Which links are tracked, instead of what the server is set to.
    pub track_links: Option<TrackLinks>,
    /// Metadata of every message, beside the notification's own `tenant` and `notifier_key`.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The header of webhooks that holds the secret, where it is not the password of basic authentication.
    pub webhook_header: Option<String>,
}

/// Where links are tracked (<https://postmarkapp.com/developer/user-guide/tracking-links>).
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub enum TrackLinks {
    /// Nowhere.
    None,
    /// In both parts.
    HtmlAndText,
    /// In the HTML.
    HtmlOnly,
    /// In the text.
    TextOnly,
}

fn default_base_url() -> String {
    "https://api.postmarkapp.com".into()
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: String, problem: String| problems.push(SettingProblem { setting, problem });
        if let Err(problem) = check_base_url(&self.base_url) {
            report("base_url".into(), problem);
        }
        let is_stream =
            |id: &str| id.starts_with(|c: char| c.is_ascii_alphabetic()) && id.chars().count() <= STREAM_CHARS_MAX;
        if self.message_stream.as_deref().is_some_and(|id| !is_stream(id)) {
            let problem = format!("want the id of a stream: a letter first, at most {STREAM_CHARS_MAX} characters");
            report("message_stream".into(), problem);
        }
        let room = METADATA_MAX - OWN_METADATA.len();
        if self.metadata.len() > room {
            let count = self.metadata.len();
            let problem =
                format!("{count} fields: Postmark takes {METADATA_MAX}, and {} are our own", OWN_METADATA.len());
            report("metadata".into(), problem);
        }
        let mut seen: BTreeSet<_> = OWN_METADATA.iter().map(|name| (*name).to_owned()).collect();
        for (name, value) in &self.metadata {
            if !(1..=METADATA_NAME_CHARS_MAX).contains(&name.chars().count()) {
                report(format!("metadata.{name}"), format!("want a name of 1 to {METADATA_NAME_CHARS_MAX} characters"));
            } else if value.chars().count() > METADATA_VALUE_CHARS_MAX {
                let problem = format!("want a value of at most {METADATA_VALUE_CHARS_MAX} characters");
                report(format!("metadata.{name}"), problem);
            } else if !seen.insert(name.to_lowercase()) {
                let problem = "is there already, or is our own: Postmark tells no upper from lower case";
                report(format!("metadata.{name}"), problem.into());
            }
        }
        if self.webhook_header.as_deref().is_some_and(|name| !is_header_name(name)) {
            let problem = "is not the name of a header: want it as X-Webhook-Secret, or leave it out for basic \
                           authentication";
            report("webhook_header".into(), problem.into());
        }
        problems
    }
}

/// RFC 9110, 5.1.
fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
