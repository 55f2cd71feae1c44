//! Whether Mailgun has a message whose attempt ended without an answer: the domain's event log
//! (<https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/events/get-v3-domain_name-events>).
//!
//! The log cannot be searched by variable, but by recipient, and every event holds the variables of its message: one with our
//! key is ours. It says nothing that a message is missing, for events are listed with a delay.

use notifier_plugin_sdk::{Finding, Problem, Request, Response, SendError, Sought};
use serde_json::Value;

use crate::errors;
use crate::mail::KEY_VARIABLE;
use crate::send::message_id;
use crate::settings::{API_KEY, Settings};

/// Mailgun gives no longer pages.
const EVENTS_MAX: u32 = 300;

/// Mailgun's clock may be behind ours.
const CLOCK_SKEW_S: u64 = 5 * 60;

pub(crate) fn look_up(settings: &Settings, sought: &Sought) -> Finding {
    let begin_s = (sought.called_at_ms / 1000).saturating_sub(CLOCK_SKEW_S);
    let url = format!(
        "{}/v3/{}/events?begin={begin_s}&ascending=yes&limit={EVENTS_MAX}&event=accepted&recipient={}",
        settings.base_url,
        settings.domain,
        encoded(&sought.recipient),
    );
    match Request::get(url).basic("api", API_KEY).send().map_err(SendError::from) {
        Ok(response) if response.is_success() && !errors::is_wrong_url(&response) => read(&response, sought),
        Ok(response) => unclear(errors::refusal(response)),
        Err(error) => unclear(error),
    }
}

fn read(response: &Response, sought: &Sought) -> Finding {
    let page: Value = response.json().unwrap_or_default();
    let events = page.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let key = |event: &&Value| event["user-variables"][KEY_VARIABLE].as_str() == Some(&sought.idempotency_key);
    match events.iter().find(key) {
        Some(event) => Finding::Found(event["message"]["headers"]["message-id"].as_str().and_then(message_id)),
        None => {
            let message = "the event log does not list the message, and it may do so later".into();
            Finding::Unclear(Problem { code: None, message })
        }
    }
}

fn unclear(error: SendError) -> Finding {
    Finding::Unclear(match error {
        SendError::RateLimited(wait) | SendError::Unavailable(wait) => wait.problem,
        SendError::Rejected(rejection) => rejection.problem,
        SendError::Unknown(problem) => problem,
    })
}

/// Percent-encoded for a query (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            encoded + char::from(byte).encode_utf8(&mut [0; 4])
        }
        _ => encoded + &format!("%{byte:02X}"),
    })
}
