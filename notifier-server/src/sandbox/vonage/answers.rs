//! Vonage's answers: a list of messages, each with a status of its own.

use std::borrow::Cow;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::vendor;
use super::parameters::Sms;

/// Why a message is not taken: the status, and words about it.
#[derive(Debug)]
pub(super) struct SmsError {
    status: u32,
    text: Cow<'static, str>,
}

impl SmsError {
    pub(super) fn new(status: u32, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into() }
    }

    /// Words as in the example of the description: "Missing to param".
    pub(super) fn missing(name: &str) -> Self {
        Self::new(2, format!("Missing {name} param"))
    }

    pub(super) fn invalid(name: &str) -> Self {
        Self::new(3, format!("Invalid value for param: {name}"))
    }

    pub(super) fn throttled() -> Self {
        Self::new(1, "Throughput Rate Exceeded - please wait [ 1000 ] and retry")
    }

    /// The error that a number stands for (`x-errors` of the description).
    pub(super) fn magic(status: u32) -> Option<Self> {
        let text = match status {
            1 => return Some(Self::throttled()),
            2 => "Missing Parameters",
            3 => "Invalid Parameters",
            4 => "Bad Credentials",
            5 => "Internal Error",
            6 => "Unroutable message - rejected",
            7 => "Number Barred",
            8 => "Partner Account Barred",
            9 => "Partner Quota Violation",
            10 => "Too Many Existing Binds",
            11 => "Account Not Enabled For HTTP",
            12 => "Message Too Long",
            14 => "Invalid Signature",
            15 => "Invalid Sender Address",
            22 => "Invalid Network Code",
            23 => "Invalid Callback Url",
            29 => "Non White-listed Destination - rejected",
            32 => "Signature And API Secret Disallowed",
            33 => "Number De-activated",
            _ => return None,
        };
        Some(Self::new(status, text))
    }

    pub(super) fn render(&self) -> Response {
        list(&[json!({ "status": self.status.to_string(), "error-text": self.text })])
    }
}

/// One entry for each part of a text that is too long for one SMS.
pub(super) fn accepted(sms: &Sms, ids: &[String]) -> Response {
    let entry = |id: &String| {
        let mut entry = json!({
            "to": sms.to, "message-id": id, "status": "0", "remaining-balance": "3.14159265",
            "message-price": "0.03330000", "network": "12345",
        });
        for (name, value) in [("client-ref", &sms.client_ref), ("account-ref", &sms.account_ref)] {
            if let Some(value) = value {
                entry[name] = json!(value);
            }
        }
        entry
    };
    list(&ids.iter().map(entry).collect::<Vec<_>>())
}

fn list(messages: &[Value]) -> Response {
    vendor::json(StatusCode::OK, &json!({ "message-count": messages.len().to_string(), "messages": messages }))
}
