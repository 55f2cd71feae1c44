//! Whether Postmark has a message: it can be asked for messages with certain metadata, and every message has its key there
//! (<https://postmarkapp.com/support/article/1125-custom-metadata-faq>,
//! <https://postmarkapp.com/developer/api/messages-api#outbound-message-search>).

use notifier_plugin_sdk::{Finding, Problem, Request, SendError, Sought};
use serde_json::Value;

use crate::mail::KEY;
use crate::send::{TOKEN_HEADER, error_code, problem, text};
use crate::settings::{SERVER_TOKEN, Settings};

/// A message is listed some time after it was taken, so one that is not listed may have been taken all the same.
pub(crate) fn look_up(settings: &Settings, sought: &Sought) -> Finding {
    let key = percent_encoded(&sought.idempotency_key);
    let stream = settings.message_stream.as_deref().map(|id| format!("&messagestream={}", percent_encoded(id)));
    let url = format!(
        "{}/messages/outbound?count=1&offset=0&metadata_{KEY}={key}{}",
        settings.base_url,
        stream.unwrap_or_default()
    );
    let request = Request::get(url).secret_header(TOKEN_HEADER, SERVER_TOKEN).header("accept", "application/json");
    let response = match request.send() {
        Ok(response) => response,
        Err(error) => return Finding::Unclear(problem_of(error.into())),
    };
    let body: Value = response.json().unwrap_or_default();
    let code = error_code(&body);
    if !response.is_success() || code.is_some() {
        return Finding::Unclear(problem(&response, code, text(&body, "Message")));
    }
    let listed = body.get("Messages").and_then(Value::as_array).into_iter().flatten();
    // Asked for a part of the metadata that it did not know, Postmark would list any message.
    let found = listed.into_iter().find(|message| {
        message.get("Metadata").and_then(|metadata| text(metadata, KEY)) == Some(sought.idempotency_key.as_str())
    });
    match found {
        Some(message) => Finding::Found(text(message, "MessageID").map(Into::into)),
        None => {
            Finding::Unclear(Problem { code: None, message: "Postmark does not list the message, or not yet".into() })
        }
    }
}

fn problem_of(error: SendError) -> Problem {
    match error {
        SendError::RateLimited(wait) | SendError::Unavailable(wait) => wait.problem,
        SendError::Rejected(rejection) => rejection.problem,
        SendError::Unknown(problem) => problem,
    }
}

/// RFC 3986, 2.1: whatever is not unreserved.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
