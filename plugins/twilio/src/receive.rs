//! Status callbacks (<https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>).

use notifier_plugin_sdk::{Class, Form, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook};
use serde_json::{Map, Value};

use crate::errors::{self, ReceiptError};
use crate::signature;

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Accepted,
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Unsubscribed,
    ReceiptStatus::Opened,
];

pub(crate) fn receive(webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    let fields = match signature::verify(webhook)? {
        signature::Body::Form(form) => form,
        signature::Body::Json => json_fields(&webhook.body)?,
    };
    // Older callbacks have the names that begin with `Sms`, and Twilio still sends both.
    let sid = fields.first("MessageSid").or_else(|| fields.first("SmsSid"));
    let status = fields.first("MessageStatus").or_else(|| fields.first("SmsStatus"));
    let (Some(sid), Some(status)) = (sid, status) else {
        return Err(ReceiveError::Malformed("want `MessageSid` and `MessageStatus`: not a status callback".into()));
    };
    Ok(events(sid, &status.to_ascii_lowercase(), &fields))
}

/// What one callback says. Where the recipient wants no more that is two things, for it did not arrive either.
fn events(sid: &str, status: &str, fields: &Form) -> Vec<ReceiptEvent> {
    let failure = matches!(status, "failed" | "undelivered" | "canceled").then(|| Failure::read(status, fields));
    let event = |name: &str, says| {
        let mut attributes = vec![("status".to_owned(), status.to_owned())];
        attributes.extend(failure.as_ref().map(|failure| ("class".to_owned(), failure.class.name().to_owned())));
        ReceiptEvent {
            // Twilio numbers no events, but a message takes each status once.
            event_id: Some(format!("{sid}:{name}")),
            provider_message_id: sid.to_owned(),
            status: says,
            // With `address_retention` its last digits are not told.
            recipient: fields.first("To").filter(|to| !is_obfuscated(to)).map(Into::into),
            // Callbacks hold no time of the event.
            occurred_at_ms: None,
            problem: failure.as_ref().map(|failure| failure.problem.clone()),
            attributes,
        }
    };
    match failure.as_ref().map(|failure| failure.says) {
        None => vec![event(status, progress(status))],
        Some(ReceiptStatus::Unsubscribed) => {
            vec![event(status, ReceiptStatus::Failed), event("unsubscribed", ReceiptStatus::Unsubscribed)]
        }
        Some(says) => vec![event(status, says)],
    }
}

fn is_obfuscated(number: &str) -> bool {
    number.starts_with('+') && !number[1..].bytes().all(|b| b.is_ascii_digit())
}

fn progress(status: &str) -> ReceiptStatus {
    match status {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Opened,
        _ => ReceiptStatus::Other,
    }
}

struct Failure {
    class: Class,
    says: ReceiptStatus,
    problem: Problem,
}

impl Failure {
    fn read(status: &str, fields: &Form) -> Self {
        let code = fields.first("ErrorCode").filter(|code| !code.is_empty() && *code != "0");
        let known = code.and_then(errors::receipt_error);
        let meaning = known.map(|ReceiptError { meaning, .. }| *meaning);
        let said = fields.first("ErrorMessage").filter(|message| !message.is_empty());
        Self {
            class: match (known, code) {
                (Some(known), _) => known.class,
                (None, Some(code)) => errors::class_of_late_answer(code),
                (None, None) => Class::Message,
            },
            says: known.map_or(ReceiptStatus::Failed, |known| known.says),
            problem: Problem {
                code: code.map(Into::into),
                message: match said.or(meaning) {
                    Some(text) => format!("{status}: {text}"),
                    None => status.to_owned(),
                },
            },
        }
    }
}

/// The texts and numbers of a JSON object, as a form would hold them.
fn json_fields(body: &[u8]) -> Result<Form, ReceiveError> {
    let object: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| ReceiveError::Malformed(format!("not a JSON object: {error}")))?;
    Ok(object.into_iter().fold(Form::new(), |form, (name, value)| match value {
        Value::String(text) => form.with(&name, text),
        Value::Number(number) => form.with(&name, number.to_string()),
        _ => form,
    }))
}
