//! The body of a message: `SendMessageRequest`
//! (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>).
//!
//! Only devices are addressed. FCM could send to topics and conditions as well, but tokens come from apps in the hands of people:
//! one must never name what everybody reads. `token` takes a Firebase installation ID too.

use std::collections::BTreeMap;

use notifier_plugin_sdk::{Context, Push, SendError, clock};
use serde::Serialize;
use serde_json::{Value, json};

use crate::settings::{AndroidPriority, Settings};

/// "4096 bytes for most messages … This includes both the keys and the values"
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>). What FCM adds for each platform is not documented: a
/// message just below may still be refused, and then by FCM.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 4096;

/// `^[a-zA-Z0-9-_.~%]{1,50}$` (<https://firebase.google.com/docs/cloud-messaging/understand-delivery#adding-analytics-labels-to-messages>).
const ANALYTICS_LABEL_CHARS_MAX: usize = 50;

/// Apple's devices take no higher one for messages of data only
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#Message>, `data`).
const DATA_ONLY_APNS_PRIORITY_MAX: u8 = 5;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    validate_only: Option<bool>,
    message: Message<'a>,
}

#[derive(Serialize)]
struct Message<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<Notification<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    android: Option<Android<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apns: Option<Apns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webpush: Option<Webpush<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fcm_options: Option<FcmOptions<'a>>,
}

#[derive(Serialize)]
struct Notification<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    body: &'a str,
}

#[derive(Default, PartialEq, Serialize)]
struct Android<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<AndroidPriority>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<AndroidNotification<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
struct AndroidNotification<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_action: Option<&'a str>,
}

#[derive(Default, PartialEq, Serialize)]
struct Apns {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
}

#[derive(Default, PartialEq, Serialize)]
struct Webpush<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fcm_options: Option<WebpushOptions<'a>>,
}

#[derive(PartialEq, Serialize)]
struct WebpushOptions<'a> {
    link: &'a str,
}

#[derive(Serialize)]
struct FcmOptions<'a> {
    analytics_label: &'a str,
}

/// The body, or why FCM would refuse it.
pub(crate) fn body(settings: &Settings, push: &Push, context: &Context) -> Result<Vec<u8>, SendError> {
    if push.token.is_empty() {
        return Err(SendError::recipient(Some("INVALID_ARGUMENT"), "the registration token is empty"));
    }
    let data = data(push)?;
    let is_shown = !push.title.is_empty() || !push.body.is_empty();
    if !is_shown && data.is_empty() {
        return Err(refused("the message has neither title, body nor data".into()));
    }
    check_size(push)?;
    let body = Body {
        validate_only: settings.validate_only.then_some(true),
        message: Message {
            token: &push.token,
            notification: is_shown.then_some(Notification { title: &push.title, body: &push.body }),
            data,
            android: some(android(settings, is_shown)),
            apns: some(apns(settings, is_shown)),
            webpush: some(webpush(settings)),
            fcm_options: analytics_label(&context.category),
        },
    };
    serde_json::to_vec(&body)
        .map_err(|error| SendError::message(None, format!("the message cannot be written as JSON: {error}")))
}

/// FCM knows no other code for what is wrong with a message.
fn refused(problem: String) -> SendError {
    SendError::message(Some("INVALID_ARGUMENT"), problem)
}

fn data(push: &Push) -> Result<BTreeMap<&str, &str>, SendError> {
    let mut data = BTreeMap::new();
    for (key, value) in &push.data {
        if is_reserved(key) {
            return Err(refused(format!("the key `{key}` of the data is FCM's own and cannot be set")));
        }
        if data.insert(key.as_str(), value.as_str()).is_some() {
            return Err(refused(format!("the key `{key}` of the data is given twice")));
        }
    }
    Ok(data)
}

/// "The key should not be a reserved word ("from", "message_type", or any word starting with "google." or "gcm.notification.")"
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#Message>), and "from, or gcm, or any value prefixed
/// by google" (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>): of the two, what no app can mean to use.
pub(crate) fn is_reserved(key: &str) -> bool {
    matches!(key, "from" | "message_type" | "gcm" | "google") || key.starts_with("gcm.") || key.starts_with("google.")
}

fn check_size(push: &Push) -> Result<(), SendError> {
    let shown = [("title", &push.title), ("body", &push.body)].into_iter().filter(|(_, value)| !value.is_empty());
    let shown: usize = shown.map(|(key, value)| key.len() + value.len()).sum();
    let bytes = shown + push.data.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
    if bytes > PAYLOAD_BYTES_MAX {
        return Err(refused(format!(
            "title, body and data have {bytes} bytes, FCM takes {PAYLOAD_BYTES_MAX}: shorten the template, or let the app fetch \
             the rest"
        )));
    }
    Ok(())
}

/// A section that says something.
fn some<T: Default + PartialEq>(section: T) -> Option<T> {
    (section != T::default()).then_some(section)
}

fn android(settings: &Settings, is_shown: bool) -> Android<'_> {
    let android = &settings.android;
    let notification = AndroidNotification {
        channel_id: android.channel_id.as_deref(),
        icon: android.icon.as_deref(),
        color: android.color.as_deref(),
        sound: android.sound.as_deref(),
        click_action: android.click_action.as_deref(),
    };
    Android {
        priority: android.priority,
        ttl: settings.ttl_s.map(|ttl_s| format!("{ttl_s}s")),
        collapse_key: android.collapse_key.as_deref(),
        notification: if is_shown { some(notification) } else { None },
    }
}

/// The headers of APNs
/// (<https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>).
fn apns(settings: &Settings, is_shown: bool) -> Apns {
    let apns = &settings.apns;
    let mut headers = BTreeMap::new();
    if let Some(priority) = apns.priority {
        let priority = if is_shown { priority } else { priority.min(DATA_ONLY_APNS_PRIORITY_MAX) };
        headers.insert("apns-priority", priority.to_string());
    }
    if let Some(ttl_s) = settings.ttl_s {
        // A moment, and 0 for one attempt.
        let expiration = if ttl_s == 0 { 0 } else { clock::now_ms() / 1000 + u64::from(ttl_s) };
        headers.insert("apns-expiration", expiration.to_string());
    }
    if let Some(id) = &apns.collapse_id {
        headers.insert("apns-collapse-id", id.clone());
    }
    let payload = apns.sound.as_ref().filter(|_| is_shown).map(|sound| json!({"aps": {"sound": sound}}));
    Apns { headers, payload }
}

/// The headers of RFC 8030, sections 5.2 to 5.4.
fn webpush(settings: &Settings) -> Webpush<'_> {
    let webpush = &settings.webpush;
    let headers = [
        ("TTL", settings.ttl_s.map(|ttl_s| ttl_s.to_string())),
        ("Urgency", webpush.urgency.map(|urgency| urgency.name().to_owned())),
        ("Topic", webpush.topic.clone()),
    ];
    Webpush {
        headers: headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(),
        fcm_options: webpush.link.as_deref().map(|link| WebpushOptions { link }),
    }
}

/// The notification's category, where FCM takes it: statistics are not worth a message.
fn analytics_label(category: &str) -> Option<FcmOptions<'_>> {
    let right = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'%');
    let fits = (1..=ANALYTICS_LABEL_CHARS_MAX).contains(&category.len()) && category.bytes().all(right);
    fits.then_some(FcmOptions { analytics_label: category })
}
