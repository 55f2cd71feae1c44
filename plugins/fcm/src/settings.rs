//! The operator's settings of a Firebase project.

use notifier_plugin_sdk::{SettingProblem, check_base_url};
use serde::{Deserialize, Serialize};

/// The schema of [`Settings`]; a test compares the two.
pub(crate) const SCHEMA: &str = include_str!("settings.schema.json");

/// Name of the secret that holds the service account's key file.
pub(crate) const SERVICE_ACCOUNT: &str = "service_account";

/// Four weeks, in seconds: FCM keeps no message for longer (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>).
pub(crate) const TTL_S_MAX: u32 = 2_419_200;

/// "The value of this key must not exceed 64 bytes"
/// (<https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>).
const COLLAPSE_ID_BYTES_MAX: usize = 64;

/// RFC 8030, section 5.4.
const TOPIC_CHARS_MAX: usize = 32;

/// Through which project, and how messages are delivered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// As `my-app-1a2b3`, or the project's number.
    pub project_id: String,
    /// The API's root. Plain HTTP for loopback only.
    #[serde(default = "default_base_url")]
    pub base_url: String,
    /// Where the service account's assertion is exchanged for an access token.
    #[serde(default = "default_token_url")]
    pub token_url: String,
    /// FCM checks messages and delivers none.
    #[serde(default)]
    pub validate_only: bool,
    /// How long a message is kept for a device that is offline, on all platforms. 0: now or never.
    pub ttl_s: Option<u32>,
    /// What Android devices are told.
    #[serde(default)]
    pub android: Android,
    /// What Apple's devices are told.
    #[serde(default)]
    pub apns: Apns,
    /// What browsers are told.
    #[serde(default)]
    pub webpush: Webpush,
}

/// Options of messages to Android.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Android {
    /// Whether a sleeping device is woken.
    pub priority: Option<AndroidPriority>,
    /// Of the messages with one key that wait for a device, the last is delivered.
    pub collapse_key: Option<String>,
    /// The app's notification channel.
    pub channel_id: Option<String>,
    /// Name of a drawable of the app.
    pub icon: Option<String>,
    /// Of the icon, as `#rrggbb`.
    pub color: Option<String>,
    /// `default`, or a sound of the app.
    pub sound: Option<String>,
    /// What a tap opens: the action of an intent filter of the app.
    pub click_action: Option<String>,
}

/// Whether a sleeping device is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "lowercase", serialize = "UPPERCASE"))]
pub enum AndroidPriority {
    /// It is not.
    Normal,
    /// It is.
    High,
}

/// Options of messages to Apple's devices.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apns {
    /// 10: at once; 5: as the device's power allows; 1: without waking it.
    pub priority: Option<u8>,
    /// Messages with one id are shown as one.
    pub collapse_id: Option<String>,
    /// `default`, or a sound of the app. Silent without.
    pub sound: Option<String>,
}

/// Options of messages to browsers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webpush {
    /// RFC 8030, section 5.3.
    pub urgency: Option<Urgency>,
    /// Of the messages with one topic that wait for a browser, the last is delivered (RFC 8030, section 5.4).
    pub topic: Option<String>,
    /// What a click opens.
    pub link: Option<String>,
}

/// RFC 8030, section 5.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// On power and Wi-Fi.
    VeryLow,
    /// On either power or Wi-Fi.
    Low,
    /// On neither.
    Normal,
    /// Low battery.
    High,
}

impl Urgency {
    /// As in the header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VeryLow => "very-low",
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

fn default_base_url() -> String {
    "https://fcm.googleapis.com".into()
}

fn default_token_url() -> String {
    "https://oauth2.googleapis.com/token".into()
}

impl Settings {
    pub(crate) fn problems(&self) -> Vec<SettingProblem> {
        let mut problems = Vec::new();
        let mut report = |setting: &str, problem: Option<String>| {
            problems.extend(problem.map(|problem| SettingProblem { setting: setting.into(), problem }));
        };
        report("project_id", check_project_id(&self.project_id));
        report("base_url", check_base_url(&self.base_url).err());
        report("token_url", check_base_url(&self.token_url).err());
        report("ttl_s", self.ttl_s.and_then(check_ttl));
        let Android { priority: _, collapse_key, channel_id, icon, color, sound, click_action } = &self.android;
        for (setting, value) in [
            ("android.collapse_key", collapse_key),
            ("android.channel_id", channel_id),
            ("android.icon", icon),
            ("android.sound", sound),
            ("android.click_action", click_action),
            ("apns.sound", &self.apns.sound),
        ] {
            report(setting, (value.as_deref() == Some("")).then(|| "is empty: leave it out, or name one".into()));
        }
        report("android.color", color.as_deref().and_then(check_color));
        report("apns.priority", self.apns.priority.and_then(check_apns_priority));
        report("apns.collapse_id", self.apns.collapse_id.as_deref().and_then(check_collapse_id));
        report("webpush.topic", self.webpush.topic.as_deref().and_then(check_topic));
        report("webpush.link", self.webpush.link.as_deref().and_then(check_link));
        problems
    }
}

/// Lower-case letters, digits and hyphens; projects of a domain begin with `example.com:`
/// (<https://cloud.google.com/resource-manager/docs/creating-managing-projects>).
fn check_project_id(id: &str) -> Option<String> {
    let right = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b':');
    (id.is_empty() || !id.bytes().all(right))
        .then(|| format!("`{id}` is not the id or the number of a project: want it as my-app-1a2b3"))
}

fn check_ttl(ttl_s: u32) -> Option<String> {
    (ttl_s > TTL_S_MAX).then(|| format!("{ttl_s} is more than four weeks: FCM takes {TTL_S_MAX} seconds"))
}

/// "expressed in #rrggbb format" (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#AndroidNotification>).
fn check_color(color: &str) -> Option<String> {
    let digits = color.strip_prefix('#').unwrap_or_default();
    let right = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    (!right).then(|| format!("`{color}` is not a colour: want it as #36a64f"))
}

/// <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>.
fn check_apns_priority(priority: u8) -> Option<String> {
    (!matches!(priority, 1 | 5 | 10)).then(|| format!("{priority} is not a priority of APNs: want 10, 5 or 1"))
}

fn check_collapse_id(id: &str) -> Option<String> {
    let right = (1..=COLLAPSE_ID_BYTES_MAX).contains(&id.len()) && !id.contains(char::is_control);
    (!right).then(|| format!("`{id}` has {} bytes: APNs takes 1 to {COLLAPSE_ID_BYTES_MAX}", id.len()))
}

fn check_topic(topic: &str) -> Option<String> {
    let right = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let right = (1..=TOPIC_CHARS_MAX).contains(&topic.len()) && topic.bytes().all(right);
    (!right).then(|| format!("`{topic}` is no topic: want 1 to {TOPIC_CHARS_MAX} letters, digits, `-` or `_`"))
}

/// "For all URL values, HTTPS is required"
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#WebpushFcmOptions>).
fn check_link(link: &str) -> Option<String> {
    (!link.starts_with("https://")).then(|| format!("`{link}` is not a link that FCM takes: want https://…"))
}
