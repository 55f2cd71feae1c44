//! One message: `POST /v2/email/outbound-emails`, and what the answer means.

use notifier_plugin_sdk::{Content, Context, Message, Problem, Receipt, Request, Response, SendError};
use serde_json::Value;

use crate::errors::{DAILY_QUOTA, DAILY_QUOTA_WAIT_MS, NOT_VERIFIED, REQUEST_ERRORS};
use crate::mail;
use crate::settings::Settings;

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Email(email) = message.content else {
        return Err(SendError::wrong_channel("email"));
    };
    let body = mail::body(settings, email, &context)?;
    let request = Request::post(format!("{}/v2/email/outbound-emails", settings.base_url()))
        .aws_sigv4("ses", &settings.region, settings.session_token)
        .body("application/json", body);
    let response = request.send()?;
    if !response.is_success() {
        return Err(refusal(&response));
    }
    // The status accepts the message. What cannot be read of the body costs its id at most: asking again would send it twice.
    Ok(Receipt { provider_message_id: text(&answer(&response), &["MessageId"]), attributes: vec![] })
}

fn refusal(response: &Response) -> SendError {
    let body = answer(response);
    let code = error_type(response, &body);
    let said = text(&body, &["message", "Message"]);
    let problem = match (&code, &said) {
        (None, None) => Problem::of_response(response),
        _ => Problem {
            code: code.clone(),
            message: said.clone().unwrap_or_else(|| format!("HTTP {} without a message", response.status)),
        },
    };
    let says = |words: &str| said.as_deref().is_some_and(|said| said.contains(words));
    if code.as_deref() == Some("MessageRejected") && says(NOT_VERIFIED) {
        return SendError::provider(code.as_deref(), problem.message);
    }
    match REQUEST_ERRORS.classify(response, problem) {
        SendError::RateLimited(mut wait) if says(DAILY_QUOTA) => {
            wait.retry_after_ms = wait.retry_after_ms.or(Some(DAILY_QUOTA_WAIT_MS));
            SendError::RateLimited(wait)
        }
        error => error,
    }
}

/// The name of the error, which stands in a header or in the body, and may have a namespace before it and an address after it
/// (<https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization>).
fn error_type(response: &Response, body: &Value) -> Option<String> {
    let header = response.header("x-amzn-errortype").map(str::to_owned);
    let named = header.or_else(|| text(body, &["__type", "code"]))?;
    let name = named.split([':', ',']).next()?;
    let name = name.rsplit('#').next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The answer as JSON, null where it is none. Its fields are read one by one: one of an unexpected type costs no other.
fn answer(response: &Response) -> Value {
    response.json().unwrap_or_default()
}

fn text(body: &Value, fields: &[&str]) -> Option<String> {
    let texts = fields.iter().filter_map(|field| body.get(field)?.as_str());
    texts.filter(|text| !text.is_empty()).map(Into::into).next()
}
