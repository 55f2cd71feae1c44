//! Who sends, and how long and how urgently messages are kept for a browser that is away.

use std::collections::BTreeMap;

use notifier_plugin_sdk::{SettingProblem, endpoint};
use serde::Deserialize;

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the private key.
pub(crate) const VAPID_PRIVATE_KEY: &str = "vapid_private_key";

/// Four weeks, the longest that Firebase keeps a message
/// (<https://firebase.google.com/docs/cloud-messaging/customize-messages/setting-message-lifespan>). Others keep them
/// for at least as long, or take a larger number for their own largest.
pub(crate) const TTL_S_MAX: u32 = 28 * 24 * 60 * 60;

/// When a device is woken for a message (RFC 8030, 5.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// On power and Wi-Fi.
    VeryLow,
    /// On power or Wi-Fi.
    Low,
    /// On neither.
    #[default]
    Normal,
    /// Low battery.
    High,
}

impl Urgency {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VeryLow => "very-low",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// Which message that a browser has not fetched yet is replaced by a new one (RFC 8030, 5.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// None. A second attempt of a delivery may then be stored beside the first; its `tag` has it shown once.
    #[default]
    None,
    /// An earlier attempt of the same delivery. Each message has a topic of its own then, and Chrome's push service
    /// keeps no more than four for a browser that is away: the rest are lost
    /// (<https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types>,
    /// <https://github.com/webpush-wg/webpush-protocol/pull/62>).
    Delivery,
    /// The last of the same category, as where only the newest state is of interest.
    Category,
}

/// Who sends, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How a push service reaches the operator: `mailto:` or `https:`.
    pub subject: String,
    /// How long a push service keeps a message for a browser that is away.
    #[serde(default = "default_ttl_s")]
    pub ttl_s: u32,
    /// When a device is woken for it.
    #[serde(default)]
    pub urgency: Urgency,
    /// Which message it replaces.
    #[serde(default)]
    pub topic: Topic,
    /// What is different for messages of some categories.
    #[serde(default)]
    pub categories: BTreeMap<String, OfCategory>,
}

/// What is different for messages of one category.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfCategory {
    /// In place of [`Settings::ttl_s`].
    pub ttl_s: Option<u32>,
    /// In place of [`Settings::urgency`].
    pub urgency: Option<Urgency>,
    /// In place of [`Settings::topic`].
    pub topic: Option<Topic>,
}

/// What holds for one message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) ttl_s: u32,
    pub(crate) urgency: Urgency,
    pub(crate) topic: Topic,
}

fn default_ttl_s() -> u32 {
    TTL_S_MAX
}

impl Settings {
    pub(crate) fn options(&self, category: &str) -> Options {
        let own = self.categories.get(category);
        Options {
            ttl_s: own.and_then(|own| own.ttl_s).unwrap_or(self.ttl_s),
            urgency: own.and_then(|own| own.urgency).unwrap_or(self.urgency),
            topic: own.and_then(|own| own.topic).unwrap_or(self.topic),
        }
    }

    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let subject = check_subject(&self.subject).map(|problem| ("subject".to_owned(), problem));
        let of_categories = self
            .categories
            .iter()
            .filter_map(|(name, own)| Some((format!("categories.{name}.ttl_s"), check_ttl_s(own.ttl_s?)?)));
        let ttl_s = check_ttl_s(self.ttl_s).map(|problem| ("ttl_s".to_owned(), problem));
        let problems = subject.into_iter().chain(ttl_s).chain(of_categories);
        problems.map(|(setting, problem)| SettingProblem { setting, problem }).collect()
    }
}

fn check_ttl_s(ttl_s: u32) -> Option<String> {
    (ttl_s > TTL_S_MAX).then(|| format!("{ttl_s}: no message is kept longer than {TTL_S_MAX} seconds (28 days)"))
}

/// RFC 8292, 2.1: a `mailto:` or an `https:` URI. Apple takes none that nobody could write to, as
/// `mailto:admin@localhost`, and answers 403 `BadJwtToken` (<https://github.com/web-push-libs/web-push/issues/947>).
fn check_subject(subject: &str) -> Option<String> {
    const WANTED: &str = "want `mailto:` and an address, or an https URL, by which a push service can reach you";
    let is_public = |host: &str| host.contains('.') && host != "127.0.0.1" && !host.ends_with(".localhost");
    let is_right = match subject.strip_prefix("mailto:") {
        Some(address) => address.split_once('@').is_some_and(|(local, domain)| {
            let is_plain =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>,@".contains(&b));
            is_plain(local) && is_plain(domain) && is_public(domain)
        }),
        None => {
            let host = subject.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', ':']).next());
            endpoint::check(subject).is_ok() && host.is_some_and(is_public)
        }
    };
    (!is_right).then(|| format!("`{}`: {WANTED}", subject.escape_debug()))
}
