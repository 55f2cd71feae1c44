//! The event webhook (<https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>).

use notifier_plugin_sdk::json::{scalar, text};
use notifier_plugin_sdk::webhook::{check_age, is_signed};
use notifier_plugin_sdk::{
    Algorithm, Attributes, Class, Key, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook, log,
};
use serde_json::Value;

use crate::settings::Settings;

const SIGNATURE: &str = "X-Twilio-Email-Event-Webhook-Signature";
const TIMESTAMP: &str = "X-Twilio-Email-Event-Webhook-Timestamp";

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

/// What each event means. `deferred` is no end: SendGrid goes on trying for 72 hours.
pub(crate) const EVENTS: &[(&str, ReceiptStatus)] = &[
    ("processed", ReceiptStatus::Accepted),
    ("deferred", ReceiptStatus::Other),
    ("delivered", ReceiptStatus::Delivered),
    ("bounce", ReceiptStatus::Bounced),
    ("dropped", ReceiptStatus::Failed),
    ("spamreport", ReceiptStatus::Complained),
    ("unsubscribe", ReceiptStatus::Unsubscribed),
    ("group_unsubscribe", ReceiptStatus::Unsubscribed),
    ("group_resubscribe", ReceiptStatus::Other),
    ("open", ReceiptStatus::Opened),
    ("click", ReceiptStatus::Clicked),
];

/// Why SendGrid drops a message before it tries, as its `reason` begins, and what that says: that the address takes none, that
/// the recipient wants none, or about this message alone. The first that fits counts.
pub(crate) const DROPS: &[(&str, Class, ReceiptStatus)] = &[
    ("Bounced Address", Class::Suppressed, ReceiptStatus::Bounced),
    ("Unsubscribed Address", Class::Suppressed, ReceiptStatus::Unsubscribed),
    ("Spam Reporting Address", Class::Suppressed, ReceiptStatus::Complained),
    // Not the address: a header of the mail.
    ("Invalid SMTPAPI", Class::Message, ReceiptStatus::Failed),
    ("Invalid", Class::Recipient, ReceiptStatus::Bounced),
    ("Spam Content", Class::Message, ReceiptStatus::Failed),
    ("Recipient List over Package Quota", Class::Provider, ReceiptStatus::Failed),
];

/// Why a mailbox provider refused a mail, in SendGrid's words, and whose fault that is
/// (<https://www.twilio.com/docs/sendgrid/ui/analytics-and-reporting/bounce-and-block-classifications>).
#[rustfmt::skip]
pub(crate) const CLASSIFICATIONS: &[(&str, Class)] = &[
    ("Content", Class::Message),                          // filtered
    ("Frequency or Volume Too High", Class::RateLimited), // of the sender's addresses
    ("Invalid Address", Class::Recipient),                // no such mailbox
    ("Mailbox Unavailable", Class::Recipient),            // full, or closed for now
    ("Reputation", Class::Provider),                      // of the sender's addresses or domain
    ("Technical Failure", Class::Unavailable),            // of a server or of DNS
    ("Unclassified", Class::Message),                     // nothing known
];

/// Fields that come back as attributes, for a person who reads the timeline.
const TOLD: &[&str] = &[
    "event",
    "type",
    "status",
    "bounce_classification",
    "response",
    "attempt",
    "url",
    "sg_machine_open",
    "asm_group_id",
    "notifier_key",
];

pub(crate) fn receive(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    verify(settings, webhook)?;
    let events: Vec<Value> = serde_json::from_slice(&webhook.body)
        .map_err(|error| ReceiveError::Malformed(format!("not a JSON array of events: {error}")))?;
    // One event that cannot be read must not cost the others: SendGrid would post the whole batch again for a day.
    Ok(events.iter().flat_map(read).collect())
}

/// ECDSA over the timestamp and the raw body, to the last line break
/// (<https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>).
fn verify(settings: &Settings, webhook: &Webhook) -> Result<(), ReceiveError> {
    let unverified = |reason: &str| ReceiveError::Unverified(reason.into());
    let Some(key) = settings.public_key_der() else {
        return Err(unverified("`webhook_public_key` is not set, or is not base64: events cannot be verified"));
    };
    let signature = webhook.signed_header(SIGNATURE)?;
    let timestamp = webhook.signed_header(TIMESTAMP)?;
    let payload = [timestamp.as_bytes(), &webhook.body].concat();
    if !is_signed(Algorithm::EcdsaP256Sha256, &Key::Public(key), &payload, signature)? {
        return Err(unverified("the signature does not fit the body, the timestamp or `webhook_public_key`"));
    }
    let timestamp_s = timestamp.parse().map_err(|_| unverified("the timestamp is not a number of seconds"))?;
    check_age(timestamp_s, settings.webhook_max_age_s)
}

/// What one event says. A mail that was dropped because its recipient wants none says two things: it did not arrive either.
fn read(event: &Value) -> Vec<ReceiptEvent> {
    let (Some(name), Some(message_id)) = (text(event, "event"), message_id(event)) else {
        log_left_out(event);
        return Vec::new();
    };
    let failure = failure(name, event);
    let mut attributes: Attributes =
        TOLD.iter().filter_map(|field| Some(((*field).to_owned(), scalar(event, field)?))).collect();
    attributes.extend(failure.as_ref().map(|(_, class, _)| ("class".to_owned(), class.name().to_owned())));
    let status = failure.as_ref().map_or_else(|| status_of(name, event), |(status, ..)| *status);
    let told = ReceiptEvent {
        event_id: text(event, "sg_event_id").map(Into::into),
        provider_message_id: message_id.to_owned(),
        status,
        recipient: text(event, "email").map(Into::into),
        occurred_at_ms: event.get("timestamp").and_then(Value::as_u64).map(|seconds| seconds.saturating_mul(1000)),
        problem: failure.map(|(_, _, problem)| problem),
        attributes,
    };
    if name == "dropped" && matches!(status, ReceiptStatus::Unsubscribed | ReceiptStatus::Complained) {
        let lost = ReceiptEvent { status: ReceiptStatus::Failed, ..told.clone() };
        let event_id = told.event_id.as_ref().map(|id| format!("{id}:suppressed"));
        return vec![lost, ReceiptEvent { event_id, ..told }];
    }
    vec![told]
}

/// The `X-Message-Id` that the request was answered with: the start of `sg_message_id`. A bounce that arrives after the mail was
/// taken has none, but the start of its `smtp-id` is the same
/// (<https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event>).
fn message_id(event: &Value) -> Option<&str> {
    let of_smtp = || text(event, "smtp-id")?.strip_prefix('<')?.split_once('@').map(|(id, _)| id);
    text(event, "sg_message_id").map(x_message_id).or_else(of_smtp)
}

fn log_left_out(event: &Value) {
    match (text(event, "event"), text(event, "type")) {
        // Of no message: the account as a whole was suspended, deactivated or banned, or is in order again.
        (Some("account_status_change"), status) => {
            log::error(&format!(
                "the status of the SendGrid account changed: {}",
                status.unwrap_or("not said to what")
            ));
        }
        _ => log::warn("an event without `event` or `sg_message_id` was left out"),
    }
}

fn status_of(name: &str, event: &Value) -> ReceiptStatus {
    // Apple's mail fetches every picture ahead, whether or not anybody looks at the mail.
    if name == "open" && event["sg_machine_open"] == true {
        return ReceiptStatus::Other;
    }
    EVENTS.iter().find(|(known, _)| *known == name).map_or(ReceiptStatus::Other, |(_, status)| *status)
}

fn failure(name: &str, event: &Value) -> Option<(ReceiptStatus, Class, Problem)> {
    let reason = text(event, "reason").or_else(|| text(event, "response"));
    let (status, class) = match (name, text(event, "type")) {
        // The mailbox provider refused this mail and not the address, which SendGrid does not suppress either.
        ("bounce", Some("blocked")) => (ReceiptStatus::Failed, class_of_block(event)),
        ("bounce", _) => (ReceiptStatus::Bounced, Class::Recipient),
        ("dropped", _) => drop_for(reason.unwrap_or_default()),
        ("deferred", _) => (ReceiptStatus::Other, Class::Unavailable),
        _ => return None,
    };
    let message = reason.map_or_else(|| name.to_owned(), |reason| format!("{name}: {reason}"));
    Some((status, class, Problem { code: text(event, "status").map(Into::into), message }))
}

fn class_of_block(event: &Value) -> Class {
    let classification = text(event, "bounce_classification").unwrap_or_default();
    CLASSIFICATIONS.iter().find(|(known, _)| *known == classification).map_or(Class::Message, |(_, class)| *class)
}

fn drop_for(reason: &str) -> (ReceiptStatus, Class) {
    let known = DROPS.iter().find(|(start, ..)| reason.starts_with(start));
    known.map_or((ReceiptStatus::Failed, Class::Message), |(_, class, status)| (*status, *class))
}

/// In events and in the Email Activity Feed SendGrid appends the machines that handled the mail to its id, as `.filterdrecv-…` or
/// `.recvd-…`.
pub(crate) fn x_message_id(sg_message_id: &str) -> &str {
    let end = [".filter", ".recv"].iter().filter_map(|marker| sg_message_id.find(marker)).min();
    let end = end.or_else(|| sg_message_id.find('.')).unwrap_or(sg_message_id.len());
    &sg_message_id[..end]
}
