//! One message: `POST /v3/{domain}/messages`, and what the answer means.

use notifier_plugin_sdk::{Content, Context, Message, Receipt, Request, SendError};
use serde_json::Value;

use crate::settings::{API_KEY, Settings};
use crate::{errors, mail};

pub(crate) fn send(settings: &Settings, message: Message, context: &Context) -> Result<Receipt, SendError> {
    let Content::Email(email) = message.content else {
        return Err(SendError::wrong_channel("email"));
    };
    let body = mail::body(settings, email, context)?;
    let url = format!("{}/v3/{}/messages", settings.base_url, settings.domain);
    let response = Request::post(url).basic("api", API_KEY).multipart(body).send()?;
    if !response.is_success() || errors::is_wrong_url(&response) {
        return Err(errors::refusal(response));
    }
    // `{"id": "<…@domain>", "message": "Queued. Thank you."}`. What cannot be read of it costs the receipts at most: asking
    // again would send twice.
    let answer: Value = response.json().unwrap_or_default();
    Ok(Receipt {
        provider_message_id: answer.get("id").and_then(Value::as_str).and_then(message_id),
        attributes: if settings.test_mode { vec![("test_mode".into(), "true".into())] } else { vec![] },
    })
}

/// The answer to a request has angle brackets around the id, and events have none.
pub(crate) fn message_id(id: &str) -> Option<String> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    (!id.is_empty()).then(|| id.to_owned())
}
