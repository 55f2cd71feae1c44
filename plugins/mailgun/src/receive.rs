//! Webhooks (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads>).
//!
//! The signature covers a time and a random token, and not the event: whoever saw one webhook can write another with its
//! signature until that is stale. A plugin keeps nothing between calls, so the host remembers with which body a signature came;
//! this refuses one that is missing, wrong or older than Mailgun's own repetitions.

use notifier_plugin_sdk::webhook::{check_age, is_signed_hex};
use notifier_plugin_sdk::{
    Algorithm, Attributes, Class, Key, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook, log,
};
use serde_json::Value;

use crate::errors::{self, REQUEST_ERRORS};
use crate::mail::KEY_VARIABLE;
use crate::send::message_id;
use crate::settings::{Settings, WEBHOOK_SIGNING_KEY};

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Accepted,
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Complained,
    ReceiptStatus::Unsubscribed,
    ReceiptStatus::Opened,
    ReceiptStatus::Clicked,
    ReceiptStatus::Other,
];

/// What each event means (<https://documentation.mailgun.com/docs/mailgun/user-manual/events/event-types>), except that a
/// failure has its reasons.
pub(crate) const EVENTS: &[(&str, ReceiptStatus)] = &[
    ("accepted", ReceiptStatus::Accepted),
    ("rejected", ReceiptStatus::Failed),
    ("delivered", ReceiptStatus::Delivered),
    ("failed", ReceiptStatus::Failed),
    ("opened", ReceiptStatus::Opened),
    ("clicked", ReceiptStatus::Clicked),
    ("unsubscribed", ReceiptStatus::Unsubscribed),
    ("complained", ReceiptStatus::Complained),
    // Mail that came in.
    ("stored", ReceiptStatus::Other),
];

/// Why Mailgun gave up: the `code` of the delivery, or else the `reason` of the event. The codes of the suppression lists are
/// those that Mailgun's own tools look for
/// (<https://github.com/mailgun/mailgun-mcp-server/blob/main/src/custom-tools/investigate-message-delivery.ts>), the reasons
/// those of its statistics and examples.
#[rustfmt::skip]
pub(crate) const FAILURES: &[(&str, Class, ReceiptStatus)] = &[
    // On a list of the domain, so nothing was tried.
    ("605", Class::Suppressed, ReceiptStatus::Bounced),
    ("606", Class::Suppressed, ReceiptStatus::Unsubscribed),
    ("607", Class::Suppressed, ReceiptStatus::Complained),
    ("suppress-bounce", Class::Suppressed, ReceiptStatus::Bounced),
    ("suppress-unsubscribe", Class::Suppressed, ReceiptStatus::Unsubscribed),
    ("suppress-complaint", Class::Suppressed, ReceiptStatus::Complained),
    ("bounce", Class::Recipient, ReceiptStatus::Bounced),
    // The mail server took the mail and sent it back later.
    ("delayed-bounce", Class::Recipient, ReceiptStatus::Bounced),
    // The recipient's mail server could not be reached for 8 hours: nobody's fault, and the address may be good.
    ("old", Class::Recipient, ReceiptStatus::Failed),
    // The mailbox provider refused this mail, and not the address.
    ("espblock", Class::Message, ReceiptStatus::Failed),
    ("generic", Class::Message, ReceiptStatus::Failed),
];

pub(crate) fn receive(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    let body: Value = serde_json::from_slice(&webhook.body)
        .map_err(|error| ReceiveError::Unverified(format!("no signature: the body is not JSON: {error}")))?;
    verify(settings, &body["signature"])?;
    let event = &body["event-data"];
    let Some(name) = text(event, "event") else {
        return Err(ReceiveError::Malformed("want `event-data` with an `event`".into()));
    };
    match event["message"]["headers"]["message-id"].as_str().and_then(message_id) {
        Some(message_id) => Ok(read(name, message_id, event)),
        None => {
            log::warn("an event without a message id was left out: it is about a list or about an address");
            Ok(vec![])
        }
    }
}

/// HMAC-SHA256 over the timestamp and the token; for events of a subaccount once more with the key of the account above it
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>).
fn verify(settings: &Settings, signature: &Value) -> Result<(), ReceiveError> {
    let unverified = |reason: &str| ReceiveError::Unverified(reason.into());
    let timestamp = text_or_number(&signature["timestamp"]);
    let (Some(timestamp), Some(token)) = (timestamp, text(signature, "token")) else {
        return Err(unverified("want `signature` with `timestamp`, `token` and `signature`"));
    };
    let payload = format!("{timestamp}{token}");
    let key = Key::Secret(WEBHOOK_SIGNING_KEY.into());
    for signature in ["signature", "parent-signature"].iter().filter_map(|field| text(signature, field)) {
        if is_signed_hex(Algorithm::HmacSha256, &key, payload.as_bytes(), signature)? {
            let timestamp_s = timestamp.parse().map_err(|_| unverified("the timestamp is not a number of seconds"))?;
            return check_age(timestamp_s, settings.webhook_max_age_s);
        }
    }
    Err(unverified("the signature is missing, or does not fit the timestamp, the token or `webhook_signing_key`"))
}

/// What one event says. Mail to somebody who wants none says two things: it did not arrive either.
fn read(name: &str, message_id: String, event: &Value) -> Vec<ReceiptEvent> {
    let failure = Failure::read(name, event);
    let told = ReceiptEvent {
        event_id: event_id(event),
        provider_message_id: message_id,
        status: failure.as_ref().map_or_else(|| status_of(name), |failure| failure.status),
        recipient: text(event, "recipient").map(Into::into),
        occurred_at_ms: occurred_at_ms(event),
        attributes: attributes(event, failure.as_ref()),
        problem: failure.map(|failure| failure.problem),
    };
    if name == "failed" && matches!(told.status, ReceiptStatus::Unsubscribed | ReceiptStatus::Complained) {
        let lost = ReceiptEvent { status: ReceiptStatus::Failed, ..told.clone() };
        let event_id = told.event_id.as_ref().map(|id| format!("{id}:suppressed"));
        return vec![lost, ReceiptEvent { event_id, ..told }];
    }
    vec![told]
}

fn status_of(name: &str) -> ReceiptStatus {
    EVENTS.iter().find(|(known, _)| *known == name).map_or(ReceiptStatus::Other, |(_, status)| *status)
}

struct Failure {
    status: ReceiptStatus,
    class: Class,
    problem: Problem,
}

impl Failure {
    fn read(name: &str, event: &Value) -> Option<Self> {
        match name {
            "failed" => Some(Self::of_delivery(event)),
            "rejected" => Some(Self::of_rejection(&event["reject"])),
            _ => None,
        }
    }

    fn of_delivery(event: &Value) -> Self {
        let status = &event["delivery-status"];
        let code = text_or_number(&status["code"]).filter(|code| code != "0");
        let reason = text(event, "reason");
        // The mail server's words, else Mailgun's.
        let said = text(status, "message").or_else(|| text(status, "description")).or(reason);
        let known = [code.as_deref(), reason].into_iter().flatten().find_map(failure);
        let (class, status) = match text(event, "severity") {
            // No end: Mailgun goes on trying.
            Some("temporary") => (Class::Unavailable, ReceiptStatus::Other),
            _ => known.unwrap_or((Class::Message, ReceiptStatus::Failed)),
        };
        let message = said.map_or_else(|| "failed".into(), |said| format!("failed: {said}"));
        Self { status, class, problem: Problem { code, message } }
    }

    /// Mailgun took the request and then refused the message.
    fn of_rejection(reject: &Value) -> Self {
        let said: Vec<_> = ["reason", "description"].iter().filter_map(|field| text(reject, field)).collect();
        let code = errors::code(&said.join(" "));
        let known = REQUEST_ERRORS.codes.iter().find(|(phrase, _)| Some(*phrase) == code);
        let message = if said.is_empty() { "rejected".into() } else { format!("rejected: {}", said.join(": ")) };
        Self {
            status: ReceiptStatus::Failed,
            class: known.map_or(Class::Message, |(_, class)| *class),
            problem: Problem { code: code.map(Into::into), message },
        }
    }
}

fn failure(key: &str) -> Option<(Class, ReceiptStatus)> {
    FAILURES.iter().find(|(known, ..)| *known == key).map(|(_, class, status)| (*class, *status))
}

/// Mailgun's event ids are unique within a day, so the time belongs to them.
fn event_id(event: &Value) -> Option<String> {
    let id = text(event, "id")?;
    Some(match occurred_at_ms(event) {
        Some(occurred_at_ms) => format!("{id}@{}", occurred_at_ms / 1000),
        None => id.to_owned(),
    })
}

/// Seconds with a fraction.
fn occurred_at_ms(event: &Value) -> Option<u64> {
    let milliseconds = event["timestamp"].as_f64()? * 1000.0;
    // A time that long ago or ahead is none, and a cast of anything else keeps its value.
    (0.0..1e15).contains(&milliseconds).then_some(milliseconds.round() as u64)
}

/// For a person who reads the timeline.
fn attributes(event: &Value, failure: Option<&Failure>) -> Attributes {
    let told = ["event", "severity", "reason", "url"].map(|field| (field, text(event, field)));
    let key = (KEY_VARIABLE, event["user-variables"][KEY_VARIABLE].as_str());
    let class = ("class", failure.map(|failure| failure.class.name()));
    let all = told.into_iter().chain([key, class]);
    all.filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect()
}

fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str().filter(|text| !text.is_empty())
}

fn text_or_number(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
