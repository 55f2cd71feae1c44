//! One message: `POST /emails`, and what the answer means.

use notifier_plugin_sdk::{
    Class, Content, Context, Message, Problem, Receipt, Request, Response, SendError, Wait, clock,
};
use serde_json::Value;

use crate::errors::{DAILY_QUOTA, ERRORS, FIELDS};
use crate::mail;
use crate::settings::{API_KEY, Settings};

/// Resend refuses longer keys, and keeps one for 24 hours
/// (<https://resend.com/docs/dashboard/emails/idempotency-keys>).
pub(crate) const IDEMPOTENCY_KEY_CHARS_MAX: usize = 256;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Email(email) = message.content else {
        return Err(SendError::wrong_channel("email"));
    };
    let key_chars = context.idempotency_key.chars().count();
    if !(1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key_chars) {
        let text =
            format!("the idempotency key has {key_chars} characters, Resend takes 1 to {IDEMPOTENCY_KEY_CHARS_MAX}");
        return Err(SendError::message(Some("invalid_idempotency_key"), text));
    }
    let body = mail::body(settings, &email, &context)?;
    // Attachments can be most of a plugin's memory, and the body holds them by now.
    drop(email);
    let request = Request::post(format!("{}/emails", settings.base_url))
        .bearer(API_KEY)
        .header("idempotency-key", context.idempotency_key)
        .body("application/json", body);
    read_answer(&request.send()?)
}

fn read_answer(response: &Response) -> Result<Receipt, SendError> {
    let body: Value = response.json().unwrap_or_default();
    if !response.is_success() {
        return Err(refusal(response, &body));
    }
    // The status accepts the message. What cannot be read of the body costs a receipt at most, not the message.
    Ok(Receipt { provider_message_id: text(&body, "id").map(Into::into), attributes: vec![] })
}

/// `{"statusCode", "name", "message"}`.
fn refusal(response: &Response, body: &Value) -> SendError {
    let (code, message) = (text(body, "name"), text(body, "message"));
    let problem = match (code, message) {
        (None, None) => Problem::of_response(response),
        (code, message) => Problem {
            code: code.map(Into::into),
            message: message.map_or_else(|| format!("HTTP {} without a message", response.status), Into::into),
        },
    };
    match (code, message.and_then(class_of_field)) {
        (Some(DAILY_QUOTA), _) => {
            let until_midnight_ms = DAY_MS - clock::now_ms() % DAY_MS;
            SendError::RateLimited(Wait { retry_after_ms: Some(until_midnight_ms), problem })
        }
        (Some("validation_error"), Some(class)) if matches!(response.status, 400 | 422) => {
            class.into_error(None, problem)
        }
        _ => ERRORS.classify(response, problem),
    }
}

fn class_of_field(message: &str) -> Option<Class> {
    FIELDS.iter().find(|(start, _)| message.starts_with(start)).map(|(_, class)| *class)
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str().filter(|text| !text.is_empty())
}
