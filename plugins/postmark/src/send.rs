//! One message: `POST /email`, and what the answer means.

use notifier_plugin_sdk::{Class, Content, Context, Message, Problem, Receipt, Request, Response, SendError};
use serde_json::Value;

use crate::errors::{ADDRESSES, ERRORS};
use crate::mail;
use crate::settings::{SERVER_TOKEN, Settings};

pub(crate) const TOKEN_HEADER: &str = "X-Postmark-Server-Token";

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Email(email) = message.content else {
        return Err(SendError::wrong_channel("email"));
    };
    let body = mail::body(settings, &email, &context)?;
    // Attachments can be most of a plugin's memory, and the body holds them by now.
    drop(email);
    let request = Request::post(format!("{}/email", settings.base_url))
        .secret_header(TOKEN_HEADER, SERVER_TOKEN)
        .header("accept", "application/json")
        .body("application/json", body);
    read_answer(&request.send()?)
}

fn read_answer(response: &Response) -> Result<Receipt, SendError> {
    let body: Value = response.json().unwrap_or_default();
    let code = error_code(&body);
    if !response.is_success() || code.is_some() {
        return Err(refusal(response, code, &body));
    }
    // The status accepts the message. What cannot be read of the body costs a receipt at most, not the message: asking
    // again would send it twice.
    let remark = text(&body, "Message").filter(|message| *message != "OK");
    Ok(Receipt {
        provider_message_id: text(&body, "MessageID").map(Into::into),
        // That some of several recipients are inactive, or that it may take longer.
        attributes: remark.map(|remark| ("message".to_owned(), remark.to_owned())).into_iter().collect(),
    })
}

fn refusal(response: &Response, code: Option<String>, body: &Value) -> SendError {
    let message = text(body, "Message");
    let class = message.filter(|_| code.as_deref() == Some("300")).and_then(class_of_address);
    let problem = problem(response, code, message);
    match class {
        Some(class) => class.into_error(None, problem),
        None => ERRORS.classify(response, problem),
    }
}

/// What an answer says went wrong.
pub(crate) fn problem(response: &Response, code: Option<String>, message: Option<&str>) -> Problem {
    match (code, message) {
        (None, None) => Problem::of_response(response),
        (code, message) => Problem {
            code,
            message: message.map_or_else(|| format!("HTTP {} without a message", response.status), Into::into),
        },
    }
}

fn class_of_address(message: &str) -> Option<Class> {
    ADDRESSES.iter().find(|(start, _)| message.starts_with(start)).map(|(_, class)| *class)
}

/// `ErrorCode`, unless it is 0, which says that all is well; whether it is written as a number or as text.
pub(crate) fn error_code(body: &Value) -> Option<String> {
    let code = match body.get("ErrorCode")? {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    (code.bytes().all(|b| b.is_ascii_digit()) && code.bytes().any(|b| b != b'0')).then_some(code)
}

pub(crate) fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str().filter(|text| !text.is_empty())
}
