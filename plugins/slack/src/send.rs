//! One message: `POST /api/chat.postMessage` or `POST /services/…`, and what the answer means.

use notifier_plugin_sdk::{Content, Message, Problem, Receipt, Request, Response, SendError};
use serde_json::Value;

use crate::errors::{API_ERRORS, WEBHOOK_ERRORS};
use crate::message;
use crate::settings::{BOT_TOKEN, Mode, Settings, WEBHOOK_PATH};

/// Slack warns of JSON without a character set (`missing_charset`).
const JSON: &str = "application/json; charset=utf-8";

/// Slack's own remarks on what is wrong with a message, of which there can be one for every block.
const REMARKS_MAX: usize = 5;

/// Error codes are words joined by underscores; anything longer or other is a page of a proxy.
const CODE_CHARS_MAX: usize = 64;

pub(crate) fn send(settings: &Settings, message: Message) -> Result<Receipt, SendError> {
    let Content::Chat(chat) = message.content else {
        return Err(SendError::wrong_channel("chat"));
    };
    let body = message::body(settings, &chat)?;
    let base_url = settings.base_url();
    match settings.mode {
        Mode::Api => {
            let request = Request::post(format!("{base_url}/api/chat.postMessage")).bearer(BOT_TOKEN);
            read_api_answer(&request.body(JSON, body).send()?)
        }
        Mode::Webhook => {
            let request = Request::post(format!("{base_url}/services/{{secret}}")).secret_path(WEBHOOK_PATH);
            read_webhook_answer(&request.body(JSON, body).send()?)
        }
    }
}

/// The Web API answers 200 to what it refuses as well: every answer has an `ok` that tells the two apart
/// (<https://docs.slack.dev/apis/web-api/#responses>). One without it is not Slack's, or only half of it, and says nothing.
fn read_api_answer(response: &Response) -> Result<Receipt, SendError> {
    let body: Value = response.json().unwrap_or_default();
    let problem = api_problem(&body).unwrap_or_else(|| Problem::of_response(response));
    match body.get("ok").and_then(Value::as_bool) {
        Some(true) if response.is_success() => Ok(receipt(&body)),
        None if response.is_success() => Err(SendError::Unknown(problem)),
        _ => Err(API_ERRORS.classify(response, problem)),
    }
}

/// A `ts` is unique within its channel only, so the id is both, as `C1H9RESGL:1503435956.000247`.
fn receipt(body: &Value) -> Receipt {
    let (channel, ts) = (text(body, "channel"), text(body, "ts"));
    let attributes = [("channel", channel), ("ts", ts), ("warning", text(body, "warning"))];
    Receipt {
        provider_message_id: channel.zip(ts).map(|(channel, ts)| format!("{channel}:{ts}")),
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into()))).collect(),
    }
}

/// A webhook answers `ok`, or one word that says what is wrong.
fn read_webhook_answer(response: &Response) -> Result<Receipt, SendError> {
    if response.is_success() {
        return Ok(Receipt { provider_message_id: None, attributes: vec![] });
    }
    let word = str::from_utf8(&response.body).map(str::trim).ok().filter(|word| is_code(word));
    let problem = word
        .map(|word| Problem { code: Some(word.into()), message: format!("Slack says {word}") })
        .or_else(|| api_problem(&response.json().unwrap_or_default()))
        .unwrap_or_else(|| Problem::of_response(response));
    Err(WEBHOOK_ERRORS.classify(response, problem))
}

fn is_code(word: &str) -> bool {
    let right = |b: u8| b.is_ascii_lowercase() || b == b'_';
    !word.is_empty() && word.len() <= CODE_CHARS_MAX && word.bytes().all(right)
}

/// `{"ok": false, "error", "errors", "needed", "response_metadata": {"messages"}}`. Its fields are read one by one: one of an
/// unexpected type costs no other.
fn api_problem(body: &Value) -> Option<Problem> {
    let code = text(body, "error")?;
    let strings = |value: Option<&Value>| {
        let values = value.and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut remarks = strings(body.get("errors"));
    remarks.extend(strings(body.pointer("/response_metadata/messages")));
    remarks.extend(text(body, "needed").map(|scope| format!("the token needs the scope {scope}")));
    remarks.truncate(REMARKS_MAX);
    let message = match remarks.is_empty() {
        true => format!("Slack says {code}"),
        false => format!("Slack says {code}: {}", remarks.join("; ")),
    };
    Some(Problem { code: Some(code.into()), message })
}

fn text<'a>(body: &'a Value, field: &str) -> Option<&'a str> {
    body.get(field)?.as_str().filter(|text| !text.is_empty())
}
