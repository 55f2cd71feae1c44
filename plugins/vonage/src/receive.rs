//! Delivery receipts (<https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts>): JSON, a form or a query, as the
//! account is set.

use notifier_plugin_sdk::{Class, Form, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook};
use serde_json::{Map, Value};

use crate::errors;
use crate::settings::Settings;
use crate::signature;

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Accepted,
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Unsubscribed,
    ReceiptStatus::Other,
];

/// What each status means, where a failure has no code that says more.
pub(crate) const STATES: &[(&str, ReceiptStatus)] = &[
    ("accepted", ReceiptStatus::Accepted),
    // Waits at the carrier.
    ("buffered", ReceiptStatus::Accepted),
    ("delivered", ReceiptStatus::Delivered),
    ("expired", ReceiptStatus::Failed),
    ("failed", ReceiptStatus::Failed),
    ("rejected", ReceiptStatus::Failed),
    ("undelivered", ReceiptStatus::Failed),
    // <https://api.support.vonage.com/hc/en-us/articles/360018438551-DLR-Statuses>
    ("deleted", ReceiptStatus::Failed),
    ("unknown", ReceiptStatus::Other),
];

/// Parameters that come back as attributes, for a person who reads the timeline.
const TOLD: &[&str] = &["status", "client-ref", "network-code", "price"];

/// By this name the host looks for its own key, and finds the delivery also where it never learned Vonage's id: the connection
/// ended before the answer to the request.
const KEY: &str = "notifier_key";

/// The digits of a UUID in its text form (RFC 9562, 4).
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

pub(crate) fn receive(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    let parameters = parameters(webhook)?;
    let timestamp_s = signature::verify(settings, &parameters)?;
    let (Some(id), Some(status)) = (parameters.first("messageId"), parameters.first("status")) else {
        return Err(ReceiveError::Malformed("want `messageId` and `status`: not a delivery receipt".into()));
    };
    Ok(events(id, &status.to_ascii_lowercase(), timestamp_s, &parameters))
}

/// What cannot be read has no signature, so nobody knows who sent it.
fn parameters(webhook: &Webhook) -> Result<Form, ReceiveError> {
    let is_json = webhook.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("json"));
    match webhook.body.trim_ascii().first() {
        None => Ok(webhook.query()),
        Some(_) if is_json => json_parameters(&webhook.body),
        Some(b'{') => json_parameters(&webhook.body),
        Some(_) => Ok(Form::parse(&webhook.body)),
    }
}

/// The texts and numbers of a JSON object, as a form would hold them.
fn json_parameters(body: &[u8]) -> Result<Form, ReceiveError> {
    let object: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| ReceiveError::Unverified(format!("no signature: the body is not a JSON object: {error}")))?;
    Ok(object.into_iter().fold(Form::new(), |form, (name, value)| match value {
        Value::String(text) => form.with(&name, text),
        Value::Number(number) => form.with(&name, number.to_string()),
        _ => form,
    }))
}

/// What one receipt says. Where the recipient wants no more that is two things, for it did not arrive either.
fn events(id: &str, status: &str, timestamp_s: u64, parameters: &Form) -> Vec<ReceiptEvent> {
    let says = STATES.iter().find(|(known, _)| *known == status).map_or(ReceiptStatus::Other, |(_, says)| *says);
    let failure = (says == ReceiptStatus::Failed).then(|| Failure::read(status, parameters));
    let code = parameters.first("err-code").unwrap_or("0");
    let event = |name: &str, says| {
        let told = TOLD.iter().filter_map(|name| Some(((*name).to_owned(), parameters.first(name)?.to_owned())));
        let class = failure.as_ref().map(|failure| ("class".to_owned(), failure.class.name().to_owned()));
        let key = parameters.first("client-ref").filter(|reference| is_key(reference));
        let key = key.map(|key| (KEY.to_owned(), key.to_owned()));
        ReceiptEvent {
            // Vonage numbers no receipts, but a message takes each state for one reason once.
            event_id: Some(format!("{id}:{name}:{code}")),
            provider_message_id: id.to_owned(),
            status: says,
            recipient: parameters.first("msisdn").map(e164),
            // When Vonage posted it, which is soon after.
            occurred_at_ms: Some(timestamp_s.saturating_mul(1000)),
            problem: failure.as_ref().map(|failure| failure.problem.clone()),
            attributes: told.chain(key).chain(class).collect(),
        }
    };
    match failure.as_ref().map(|failure| failure.says) {
        None => vec![event(status, says)],
        Some(ReceiptStatus::Unsubscribed) => {
            vec![event(status, ReceiptStatus::Failed), event("unsubscribed", ReceiptStatus::Unsubscribed)]
        }
        Some(says) => vec![event(status, says)],
    }
}

/// Whether a reference is the key of a delivery: a UUID and a channel, as `0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms`. Whoever
/// else sends with the account gives references of their own.
fn is_key(reference: &str) -> bool {
    let Some((uuid, channel)) = reference.split_once('.') else { return false };
    let is_group =
        |(group, digits): (&str, usize)| group.len() == digits && group.bytes().all(|b| b.is_ascii_hexdigit());
    uuid.split('-').count() == UUID_GROUPS.len()
        && uuid.split('-').zip(UUID_GROUPS).all(is_group)
        && !channel.is_empty()
        && channel.bytes().all(|b| b.is_ascii_lowercase())
}

/// Vonage writes numbers without their plus sign.
fn e164(number: &str) -> String {
    match number.bytes().all(|b| b.is_ascii_digit()) {
        true => format!("+{number}"),
        false => number.to_owned(),
    }
}

struct Failure {
    class: Class,
    says: ReceiptStatus,
    problem: Problem,
}

impl Failure {
    fn read(status: &str, parameters: &Form) -> Self {
        let code = parameters.first("err-code").filter(|code| !code.is_empty() && *code != "0");
        let known = code.and_then(errors::receipt_error);
        let message = known.map_or_else(|| status.to_owned(), |known| format!("{status}: {}", known.meaning));
        Self {
            // What is not listed says nothing about the account or the number.
            class: known.map_or(Class::Message, |known| known.class),
            says: known.map_or(ReceiptStatus::Failed, |known| known.says),
            problem: Problem { code: code.map(Into::into), message },
        }
    }
}
