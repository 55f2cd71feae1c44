//! Webhooks (<https://resend.com/docs/webhooks/event-types>, and the schemas of their payloads in
//! <https://github.com/resend/resend-openapi>).

use notifier_plugin_sdk::time::rfc3339_ms;
use notifier_plugin_sdk::{Attributes, Class, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook};
use serde_json::Value;

use crate::settings::Settings;
use crate::{signature, tags};

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Accepted,
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Complained,
    ReceiptStatus::Opened,
    ReceiptStatus::Clicked,
    ReceiptStatus::Other,
];

/// What each event about a message says, if its details say no more. `email.delivery_delayed` is no end: Resend goes on trying.
pub(crate) const EVENTS: &[(&str, ReceiptStatus)] = &[
    ("email.scheduled", ReceiptStatus::Accepted),
    ("email.sent", ReceiptStatus::Accepted),
    ("email.delivered", ReceiptStatus::Delivered),
    ("email.delivery_delayed", ReceiptStatus::Other),
    ("email.bounced", ReceiptStatus::Failed),
    ("email.failed", ReceiptStatus::Failed),
    ("email.suppressed", ReceiptStatus::Failed),
    ("email.complained", ReceiptStatus::Complained),
    ("email.opened", ReceiptStatus::Opened),
    ("email.clicked", ReceiptStatus::Clicked),
];

/// Mail that somebody sent to us: no message of ours.
const INBOUND: &str = "email.received";

/// Type and subtype of a bounce (`WebhookEventBounce`), and what that says. A bounce that is not permanent has ended as well,
/// and says nothing against the address or us. The first that fits counts; an empty subtype fits each.
pub(crate) const BOUNCES: &[(&str, &str, Class, ReceiptStatus)] = &[
    // Refused before it was sent. Suppressions have an event of their own by now.
    ("Permanent", "Suppressed", Class::Suppressed, ReceiptStatus::Bounced),
    ("Permanent", "OnAccountSuppressionList", Class::Suppressed, ReceiptStatus::Bounced),
    ("Permanent", "", Class::Recipient, ReceiptStatus::Bounced),
    ("Transient", "ContentRejected", Class::Message, ReceiptStatus::Failed),
    ("Transient", "AttachmentRejected", Class::Message, ReceiptStatus::Failed),
    ("Transient", "MessageTooLarge", Class::Message, ReceiptStatus::Failed),
    ("Transient", "MailboxFull", Class::Recipient, ReceiptStatus::Failed),
    ("Transient", "", Class::Recipient, ReceiptStatus::Failed),
    ("Undetermined", "", Class::Recipient, ReceiptStatus::Failed),
];

/// Why Resend did not send at all (`WebhookEventFailed`, which documents one reason). What is not listed is about the message.
pub(crate) const FAILURES: &[(&str, Class)] = &[("reached_daily_quota", Class::RateLimited)];

/// Why an address is on Resend's suppression list (`WebhookEventSuppressed`), and what that says of it beside that this message
/// is lost. A reason that is not listed leaves the address alone.
pub(crate) const SUPPRESSIONS: &[(&str, ReceiptStatus)] =
    &[("previous_bounce", ReceiptStatus::Bounced), ("previous_complaint", ReceiptStatus::Complained)];

/// Details that come back as attributes, for a person who reads the timeline.
const TOLD: &[(&str, &str)] = &[
    ("bounce_type", "/bounce/type"),
    ("bounce_subtype", "/bounce/subType"),
    ("diagnostic", "/bounce/diagnosticCode/0"),
    ("diagnostic", "/suppressed/diagnosticCode/0"),
    ("url", "/click/link"),
    ("message_id", "/message_id"),
];

pub(crate) fn receive(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    let event_id = signature::verify(settings, webhook)?;
    let event: Value = serde_json::from_slice(&webhook.body)
        .map_err(|error| ReceiveError::Malformed(format!("not a JSON object: {error}")))?;
    let Some(name) = text(&event, "/type") else {
        return Err(ReceiveError::Malformed("want `type`: not an event of Resend's".into()));
    };
    // Contacts, domains and the like: signed, and about no message.
    if !name.starts_with("email.") || name == INBOUND {
        return Ok(Vec::new());
    }
    match text(&event, "/data/email_id") {
        Some(message_id) => Ok(read(event_id, name, message_id, &event)),
        None => Err(ReceiveError::Malformed(format!("want `data.email_id` in `{name}`"))),
    }
}

/// What one event says. A message that was suppressed for an earlier complaint says two things: it did not arrive either.
fn read(event_id: &str, name: &str, message_id: &str, event: &Value) -> Vec<ReceiptEvent> {
    let data = event.get("data").unwrap_or(&Value::Null);
    let failure = failure(name, data);
    let mut attributes: Attributes = vec![("event".into(), name.into())];
    let told = TOLD.iter().filter_map(|(name, pointer)| Some(((*name).into(), text(data, pointer)?.into())));
    attributes.extend(told);
    attributes.extend(failure.as_ref().map(|failure| ("class".into(), failure.class.name().into())));
    let key = data.get("tags").and_then(|tags| text(tags, "/notifier_key")).and_then(tags::decoded);
    attributes.extend(key.map(|key| (tags::KEY.into(), key)));
    let said = ReceiptEvent {
        event_id: Some(event_id.to_owned()),
        provider_message_id: message_id.to_owned(),
        status: failure.as_ref().map_or_else(|| status_of(name), |failure| failure.says),
        recipient: recipient(data),
        // `data.created_at` is when the message was made.
        occurred_at_ms: text(event, "/created_at").and_then(rfc3339_ms),
        problem: failure.map(|failure| failure.problem),
        attributes,
    };
    if name == "email.suppressed" && said.status == ReceiptStatus::Complained {
        let lost = ReceiptEvent { status: ReceiptStatus::Failed, ..said.clone() };
        return vec![lost, ReceiptEvent { event_id: Some(format!("{event_id}:suppressed")), ..said }];
    }
    vec![said]
}

fn status_of(name: &str) -> ReceiptStatus {
    EVENTS.iter().find(|(known, _)| *known == name).map_or(ReceiptStatus::Other, |(_, status)| *status)
}

struct Failure {
    says: ReceiptStatus,
    class: Class,
    problem: Problem,
}

/// What went wrong, with the vendor's word for it as code.
fn failure(name: &str, data: &Value) -> Option<Failure> {
    let (says, class, code, message) = match name {
        "email.bounced" => {
            let kind = text(data, "/bounce/type").unwrap_or_default();
            let subtype = text(data, "/bounce/subType").unwrap_or_default();
            let known = BOUNCES.iter().find(|known| known.0 == kind && (known.1.is_empty() || known.1 == subtype));
            let (class, says) =
                known.map_or((Class::Message, ReceiptStatus::Failed), |(_, _, class, says)| (*class, *says));
            let code = [kind, subtype].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join("/");
            (says, class, code, text(data, "/bounce/message"))
        }
        "email.failed" => {
            let reason = text(data, "/failed/reason").unwrap_or_default();
            let known = FAILURES.iter().find(|(known, _)| *known == reason);
            let class = known.map_or(Class::Message, |(_, class)| *class);
            (ReceiptStatus::Failed, class, reason.to_owned(), None)
        }
        "email.suppressed" => {
            let reason = text(data, "/suppressed/reason").unwrap_or_default();
            let known = SUPPRESSIONS.iter().find(|(known, _)| *known == reason);
            let says = known.map_or(ReceiptStatus::Failed, |(_, says)| *says);
            (says, Class::Suppressed, reason.to_owned(), text(data, "/suppressed/message"))
        }
        "email.delivery_delayed" => (ReceiptStatus::Other, Class::Unavailable, String::new(), None),
        _ => return None,
    };
    let word = name.trim_start_matches("email.");
    let message = match (message, code.as_str()) {
        (Some(message), _) => format!("{word}: {message}"),
        (None, "") => word.to_owned(),
        (None, code) => format!("{word}: {code}"),
    };
    Some(Failure { says, class, problem: Problem { code: (!code.is_empty()).then_some(code), message } })
}

/// Each event is about one recipient, and names all: of several it is not known which.
fn recipient(data: &Value) -> Option<String> {
    let [Value::String(mailbox)] = data.get("to")?.as_array()?.as_slice() else { return None };
    let address = mailbox.rsplit_once('<').map_or(mailbox.as_str(), |(_, address)| address.trim_end_matches('>'));
    Some(address.trim().to_owned()).filter(|address| !address.is_empty())
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}
