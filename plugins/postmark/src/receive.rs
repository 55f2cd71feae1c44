//! Webhooks (<https://postmarkapp.com/developer/webhooks/webhooks-overview>), one event each. Postmark does not sign them. It sends
//! along what it was told to: a user and a password, or headers. They say that Postmark is calling, and nothing of when.

use notifier_plugin_sdk::time::rfc3339_ms;
use notifier_plugin_sdk::webhook::is_secret;
use notifier_plugin_sdk::{Attributes, Class, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook};
use serde_json::{Map, Value};

use crate::mail::KEY;
use crate::settings::{Settings, WEBHOOK_PASSWORD};

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Complained,
    ReceiptStatus::Unsubscribed,
    ReceiptStatus::Opened,
    ReceiptStatus::Clicked,
    ReceiptStatus::Other,
];

/// What each kind of event says, if its details say no more.
pub(crate) const RECORDS: &[(&str, ReceiptStatus)] = &[
    ("Delivery", ReceiptStatus::Delivered),
    ("Bounce", ReceiptStatus::Failed),
    ("SpamComplaint", ReceiptStatus::Complained),
    ("Open", ReceiptStatus::Opened),
    ("Click", ReceiptStatus::Clicked),
    ("SubscriptionChange", ReceiptStatus::Other),
];

/// A type of bounce.
#[derive(Debug)]
pub(crate) struct BounceType {
    pub(crate) type_code: u64,
    pub(crate) name: &'static str,
    pub(crate) says: ReceiptStatus,
    /// Whose fault it is; none where nothing went wrong.
    pub(crate) class: Option<Class>,
}

const fn bounce(type_code: u64, name: &'static str, says: ReceiptStatus, class: Option<Class>) -> BounceType {
    BounceType { type_code, name, says, class }
}

/// <https://postmarkapp.com/developer/api/bounce-api#bounce-types>. Not all are bounces: Postmark calls so whatever comes back.
#[rustfmt::skip]
pub(crate) const BOUNCE_TYPES: &[BounceType] = &[
    bounce(1, "HardBounce", ReceiptStatus::Bounced, Some(Class::Recipient)),
    bounce(2, "Transient", ReceiptStatus::Other, Some(Class::Unavailable)),           // delayed; Postmark goes on trying
    bounce(16, "Unsubscribe", ReceiptStatus::Unsubscribed, None),                     // the recipient asks to be removed
    bounce(32, "Subscribe", ReceiptStatus::Other, None),
    bounce(64, "AutoResponder", ReceiptStatus::Other, None),                          // as "out of office"
    bounce(128, "AddressChange", ReceiptStatus::Other, None),                         // the recipient tells another address
    bounce(256, "DnsError", ReceiptStatus::Other, Some(Class::Unavailable)),          // temporary
    bounce(512, "SpamNotification", ReceiptStatus::Failed, Some(Class::Message)),     // their server took it for spam
    bounce(1024, "OpenRelayTest", ReceiptStatus::Other, None),                        // their server tests Postmark
    bounce(2048, "Unknown", ReceiptStatus::Failed, Some(Class::Message)),             // it came back, for no known reason
    bounce(4096, "SoftBounce", ReceiptStatus::Failed, Some(Class::Recipient)),        // as with a mailbox that is full
    bounce(8192, "VirusNotification", ReceiptStatus::Failed, Some(Class::Message)),
    bounce(16384, "ChallengeVerification", ReceiptStatus::Other, Some(Class::Message)), // asks whether we really sent it
    bounce(100_000, "BadEmailAddress", ReceiptStatus::Bounced, Some(Class::Recipient)),
    bounce(100_001, "SpamComplaint", ReceiptStatus::Complained, None),
    bounce(100_002, "ManuallyDeactivated", ReceiptStatus::Failed, Some(Class::Suppressed)),
    bounce(100_003, "Unconfirmed", ReceiptStatus::Failed, Some(Class::Suppressed)),   // never confirmed a subscription
    bounce(100_006, "Blocked", ReceiptStatus::Failed, Some(Class::Message)),          // for its content, or a block list
    bounce(100_007, "SMTPApiError", ReceiptStatus::Failed, Some(Class::Message)),     // was handed over by SMTP: not ours
    bounce(100_008, "InboundError", ReceiptStatus::Other, None),                      // about mail to us
    bounce(100_009, "DMARCPolicy", ReceiptStatus::Failed, Some(Class::Provider)),     // the sender's domain forbids it
    bounce(100_010, "TemplateRenderingFailed", ReceiptStatus::Failed, Some(Class::Message)),
];

/// Why an address takes no more (`SuppressionReason`), and what that says.
pub(crate) const SUPPRESSIONS: &[(&str, ReceiptStatus)] = &[
    ("HardBounce", ReceiptStatus::Bounced),
    ("SpamComplaint", ReceiptStatus::Complained),
    ("ManualSuppression", ReceiptStatus::Unsubscribed),
];

/// Details that come back as attributes, for a person who reads the timeline.
const TOLD: &[(&str, &str)] = &[
    ("event", "RecordType"),
    ("type", "Type"),
    ("stream", "MessageStream"),
    ("url", "OriginalLink"),
    ("origin", "Origin"),
    ("reason", "SuppressionReason"),
    ("response", "Details"),
];

pub(crate) fn receive(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    verify(settings, webhook)?;
    let event: Map<String, Value> = serde_json::from_slice(&webhook.body)
        .map_err(|error| ReceiveError::Malformed(format!("not a JSON object: {error}")))?;
    // Somebody suppressed an address by hand, or mail to us: about no message of ours. To refuse it would keep Postmark from
    // taking the webhook for verified.
    let (Some(record), Some(message_id)) = (text(&event, "RecordType"), text(&event, "MessageID")) else {
        return Ok(Vec::new());
    };
    Ok(vec![read(webhook, record, message_id, &event)])
}

/// <https://postmarkapp.com/developer/webhooks/webhooks-overview#protecting-your-webhook>, and `HttpHeaders` of
/// <https://postmarkapp.com/developer/api/webhooks-api>.
fn verify(settings: &Settings, webhook: &Webhook) -> Result<(), ReceiveError> {
    let unverified = |reason: String| Err(ReceiveError::Unverified(reason));
    let (place, password) = match &settings.webhook_header {
        Some(name) => (format!("the header `{name}`"), webhook.signed_header(name)?.to_owned()),
        None => match webhook.basic_auth() {
            Some((_, password)) => ("the password of basic authentication".to_owned(), password),
            None => return unverified("the webhook comes without basic authentication: set it in Postmark".into()),
        },
    };
    if !is_secret(WEBHOOK_PASSWORD, &password)? {
        return unverified(format!("{place} is not the secret `{WEBHOOK_PASSWORD}`"));
    }
    Ok(())
}

fn read(webhook: &Webhook, record: &str, message_id: &str, event: &Map<String, Value>) -> ReceiptEvent {
    let (says, class) = meaning(record, event);
    let recipient = text(event, "Recipient").or_else(|| text(event, "Email"));
    let time = ["DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt"].iter().find_map(|field| text(event, field));
    let told = TOLD.iter().filter_map(|(name, field)| Some(((*name).to_owned(), text(event, field)?.to_owned())));
    let mut attributes: Attributes = told.collect();
    attributes.extend(class.map(|class| ("class".to_owned(), class.name().to_owned())));
    let key = event.get("Metadata").and_then(Value::as_object).and_then(|metadata| text(metadata, KEY));
    attributes.extend(key.map(|key| (KEY.to_owned(), key.to_owned())));
    ReceiptEvent {
        event_id: event_id(webhook, record, message_id, recipient, time, event),
        provider_message_id: message_id.to_owned(),
        status: says,
        recipient: recipient.map(Into::into),
        occurred_at_ms: time.and_then(rfc3339_ms),
        problem: class.map(|_| problem(event)),
        attributes,
    }
}

/// Bounces and complaints are numbered. Of the others message, recipient and time tell repeats, as Postmark advises for each
/// kind; without a time the number under which it posts something again.
fn event_id(
    webhook: &Webhook,
    record: &str,
    message_id: &str,
    recipient: Option<&str>,
    time: Option<&str>,
    event: &Map<String, Value>,
) -> Option<String> {
    if let Some(id) = event.get("ID").and_then(Value::as_u64) {
        return Some(format!("{record}:{id}"));
    }
    match time {
        Some(time) => Some(format!("{record}:{message_id}:{}:{time}", recipient.unwrap_or_default())),
        None => webhook.header("x-pm-webhook-trace-id").map(Into::into),
    }
}

fn meaning(record: &str, event: &Map<String, Value>) -> (ReceiptStatus, Option<Class>) {
    let general = RECORDS.iter().find(|(known, _)| *known == record).map_or(ReceiptStatus::Other, |(_, says)| *says);
    match record {
        "Bounce" => {
            let (name, type_code) = (text(event, "Type"), event.get("TypeCode").and_then(Value::as_u64));
            let known = BOUNCE_TYPES.iter().find(|known| Some(known.name) == name);
            let known = known.or_else(|| BOUNCE_TYPES.iter().find(|known| Some(known.type_code) == type_code));
            let Some(known) = known else { return (general, Some(Class::Message)) };
            // After some soft bounces Postmark takes nothing more for the address, and says so here.
            let is_inactive = event.get("Inactive").and_then(Value::as_bool) == Some(true);
            let says = match (known.says, known.class) {
                (ReceiptStatus::Failed, Some(Class::Recipient)) if is_inactive => ReceiptStatus::Bounced,
                (says, _) => says,
            };
            (says, known.class)
        }
        "SubscriptionChange" if event.get("SuppressSending").and_then(Value::as_bool) == Some(true) => {
            let reason = text(event, "SuppressionReason").unwrap_or_default();
            let known = SUPPRESSIONS.iter().find(|(known, _)| *known == reason);
            (known.map_or(general, |(_, says)| *says), None)
        }
        _ => (general, None),
    }
}

fn problem(event: &Map<String, Value>) -> Problem {
    let name = text(event, "Type").unwrap_or("Bounce");
    let words = [text(event, "Description"), text(event, "Details")];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let message = if words.is_empty() { name.to_owned() } else { format!("{name}: {words}") };
    Problem { code: text(event, "Type").map(Into::into), message }
}

fn text<'a>(event: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    event.get(field)?.as_str().filter(|text| !text.is_empty())
}
