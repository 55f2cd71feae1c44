//! The operator's settings of a SendGrid account.

use notifier_plugin_sdk::{SettingProblem, check_base_url, webhook::from_base64};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the API key. It needs the permission "Mail Send" and no other.
pub(crate) const API_KEY: &str = "api_key";

/// SendGrid takes no more categories per message.
pub(crate) const CATEGORIES_MAX: usize = 10;

/// SendGrid takes no longer categories, in characters.
pub(crate) const CATEGORY_CHARS_MAX: usize = 255;

/// How mail is handed over and how events are checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The API's root. `https://api.eu.sendgrid.com` for accounts of the EU region. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// SendGrid checks the message and does not send it; no event follows.
    #[serde(default)]
    pub sandbox_mode: bool,
    /// Categories of every message, beside the notification's own: SendGrid's statistics are kept by them.
    #[serde(default)]
    pub categories: Vec<String>,
    /// The "verification key" of the signed event webhook: base64 of a DER public key. Without it no event is believed.
    pub webhook_public_key: Option<String>,
    /// Events signed longer ago than this are refused.
    #[serde(default = "default_webhook_max_age_s")]
    pub webhook_max_age_s: u64,
}

fn default_base_url() -> String {
    "https://api.sendgrid.com".into()
}

/// SendGrid posts events again for 24 hours until we take them
/// (<https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>), and does not say that it signs anew. A
/// bounce refused for its age is lost for good, while one played back is dropped by its `sg_event_id`: so a day, and an
/// hour for good measure.
fn default_webhook_max_age_s() -> u64 {
    25 * 60 * 60
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: String, problem: String| problems.push(SettingProblem { setting, problem });
        if let Err(problem) = check_base_url(&self.base_url) {
            report("base_url".into(), problem);
        }
        // One place is left for the category of the notification.
        if self.categories.len() >= CATEGORIES_MAX {
            let count = self.categories.len();
            let problem =
                format!("{count} categories: SendGrid takes {CATEGORIES_MAX}, and one is the notification's own");
            report("categories".into(), problem);
        }
        for (index, category) in self.categories.iter().enumerate() {
            if category.is_empty() || category.chars().count() > CATEGORY_CHARS_MAX {
                report(format!("categories[{index}]"), format!("want 1 to {CATEGORY_CHARS_MAX} characters"));
            }
        }
        if self.webhook_public_key.is_some() && self.public_key_der().is_none() {
            let problem = "is not base64: copy the verification key from Settings, Mail Settings, Event Webhook";
            report("webhook_public_key".into(), problem.into());
        }
        problems
    }

    pub(crate) fn public_key_der(&self) -> Option<Vec<u8>> {
        from_base64(self.webhook_public_key.as_ref()?).filter(|der| !der.is_empty())
    }
}
