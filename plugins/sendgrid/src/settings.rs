//! The operator's settings of a SendGrid account.

use std::fmt;

use notifier_plugin_sdk::{SettingProblem, check_base_url, webhook::from_base64};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::tracking;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the API key. It needs the permission "Mail Send" and no other.
pub(crate) const API_KEY: &str = "api_key";

/// SendGrid takes no more categories per message.
pub(crate) const CATEGORIES_MAX: usize = 10;

/// SendGrid takes no longer categories, in characters.
pub(crate) const CATEGORY_CHARS_MAX: usize = 255;

/// Characters that the name of an IP pool has.
pub(crate) const IP_POOL_NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=64;

/// Unsubscribe groups that one mail can show.
pub(crate) const GROUPS_TO_DISPLAY_MAX: usize = 25;

/// How mail is handed over and how events are checked. Names and limits of what is passed on are SendGrid's
/// (<https://github.com/twilio/sendgrid-oai>, `tsg_mail_v3`). Templates, footers, times and batches of times are ours.
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
    /// The pool of dedicated addresses that mail is sent from.
    pub ip_pool_name: Option<String>,
    /// The unsubscribe group of every mail.
    #[serde(default, deserialize_with = "unsubscribe_group")]
    pub asm: Option<UnsubscribeGroup>,
    /// What is tracked, as the API takes it; what is left out is as in the account.
    pub tracking_settings: Option<Map<String, Value>>,
    /// Notification categories whose mail goes to every recipient, whatever they unsubscribed from: for emergencies.
    #[serde(default)]
    pub bypass_list_management: Vec<String>,
    /// Notification categories whose mail goes to recipients who reported spam before.
    #[serde(default)]
    pub bypass_spam_management: Vec<String>,
    /// Notification categories whose mail goes to addresses that bounced before.
    #[serde(default)]
    pub bypass_bounce_management: Vec<String>,
    /// Notification categories whose mail goes to recipients who unsubscribed from everything, but not from its group.
    #[serde(default)]
    pub bypass_unsubscribe_management: Vec<String>,
    /// Whether attempts without a clear answer are looked up in the Email Activity Feed, an addition to the account.
    #[serde(default)]
    pub email_activity: bool,
    /// The "verification key" of the signed event webhook: base64 of a DER public key. Without it no event is believed.
    pub webhook_public_key: Option<String>,
    /// Events signed longer ago than this are refused.
    #[serde(default = "default_webhook_max_age_s")]
    pub webhook_max_age_s: u64,
}

/// "Advanced suppression manager".
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UnsubscribeGroup {
    /// Whoever left this group gets nothing.
    pub group_id: u32,
    /// The groups that the page behind the mail's unsubscribe link shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups_to_display: Vec<u32>,
}

/// A derived struct would take its fields from a list as well, in order.
fn unsubscribe_group<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnsubscribeGroup>, D::Error> {
    struct Group;

    impl<'de> Visitor<'de> for Group {
        type Value = Option<UnsubscribeGroup>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
            UnsubscribeGroup::deserialize(MapAccessDeserializer::new(fields)).map(Some)
        }
    }

    deserializer.deserialize_any(Group)
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
        let mut report = |setting: &str, problem: String| problems.push(SettingProblem::new(setting, problem));
        if let Err(problem) = check_base_url(&self.base_url) {
            report("base_url", problem);
        }
        // One place is left for the category of the notification.
        if self.categories.len() >= CATEGORIES_MAX {
            let count = self.categories.len();
            let problem =
                format!("{count} categories: SendGrid takes {CATEGORIES_MAX}, and one is the notification's own");
            report("categories", problem);
        }
        for (index, category) in self.categories.iter().enumerate() {
            if category.is_empty() || category.chars().count() > CATEGORY_CHARS_MAX {
                report(&format!("categories[{index}]"), format!("want 1 to {CATEGORY_CHARS_MAX} characters"));
            }
        }
        if self.ip_pool_name.as_ref().is_some_and(|name| !IP_POOL_NAME_CHARS.contains(&name.chars().count())) {
            let (least, most) = IP_POOL_NAME_CHARS.into_inner();
            report("ip_pool_name", format!("want {least} to {most} characters"));
        }
        let shown = self.asm.as_ref().map_or(0, |asm| asm.groups_to_display.len());
        if shown > GROUPS_TO_DISPLAY_MAX {
            report("asm.groups_to_display", format!("{shown} groups: SendGrid shows {GROUPS_TO_DISPLAY_MAX}"));
        }
        for (setting, category) in self.combined_bypasses() {
            let problem =
                format!("`{category}` is in `bypass_list_management` as well, which SendGrid combines with no other");
            report(setting, problem);
        }
        problems.extend(self.tracking_settings.iter().flat_map(tracking::problems));
        if self.webhook_public_key.is_some() && self.public_key_der().is_none() {
            let problem = "is not base64: copy the verification key from Settings, Mail Settings, Event Webhook";
            problems.push(SettingProblem::new("webhook_public_key", problem));
        }
        problems
    }

    /// "This filter cannot be combined with any other bypass filters."
    fn combined_bypasses(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let others = [
            ("bypass_spam_management", &self.bypass_spam_management),
            ("bypass_bounce_management", &self.bypass_bounce_management),
            ("bypass_unsubscribe_management", &self.bypass_unsubscribe_management),
        ];
        others.into_iter().flat_map(|(setting, categories)| {
            let both = categories.iter().filter(|category| self.bypass_list_management.contains(category));
            both.map(move |category| (setting, category))
        })
    }

    pub(crate) fn public_key_der(&self) -> Option<Vec<u8>> {
        from_base64(self.webhook_public_key.as_ref()?).filter(|der| !der.is_empty())
    }
}
