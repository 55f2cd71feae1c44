//! One message: `POST {base_url}/messages`.

use notifier_plugin_sdk::{
    Class, Content, Context, ErrorTable, Message, Problem, Receipt, Request, Response, SendError,
};
use serde_json::{Value, json};

use crate::Settings;

/// What Acme's codes mean. One that is missing here means what its HTTP status means.
#[rustfmt::skip]
pub(crate) const ERRORS: ErrorTable = ErrorTable {
    codes: &[
        ("NO_SUCH_NUMBER", Class::Recipient),
        ("OPTED_OUT", Class::Suppressed),
        ("BAD_TOKEN", Class::Provider),
        ("QUOTA", Class::RateLimited),
    ],
    statuses: &[],
};

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Sms(sms) = message.content else {
        return Err(SendError::wrong_channel("SMS"));
    };
    if !sms.media_urls.is_empty() {
        return Err(SendError::message(None, "Acme takes text only, and the message has media"));
    }
    let mut body = json!({"to": sms.recipient, "text": sms.text});
    if let Some(from) = sms.sender.as_ref().or(settings.from.as_ref()) {
        body["from"] = json!(from);
    }
    let response = Request::post(format!("{}/messages", settings.base_url))
        .bearer("token")
        .header("idempotency-key", context.idempotency_key)
        .json(&body)
        .send()?;
    if !response.is_success() {
        return Err(ERRORS.classify(&response, problem(&response)));
    }
    // The status accepts the message. Without an id its receipts cannot be told apart, but asking again would send it twice.
    Ok(Receipt { provider_message_id: response.header("x-message-id").map(Into::into), attributes: vec![] })
}

fn problem(response: &Response) -> Problem {
    let body: Value = response.json().unwrap_or_default();
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    let Problem { message, .. } = Problem::of_response(response);
    Problem { code: text("code"), message: text("message").unwrap_or(message) }
}
