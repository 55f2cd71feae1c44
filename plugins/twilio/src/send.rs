//! One message: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`
//! (<https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>).

use notifier_plugin_sdk::json::{scalar, text};
use notifier_plugin_sdk::{Content, Context, Form, Message, Problem, Receipt, Request, Response, SendError, Sms};
use serde_json::Value;

use crate::errors::{REQUEST_ERRORS, SENDER_OF_ANOTHER_DESTINATION};
use crate::settings::{API_KEY_SECRET, AUTH_TOKEN, Settings};

/// Twilio refuses longer bodies with code 21617.
pub(crate) const BODY_CHARS_MAX: usize = 1600;

/// Twilio refuses more media with code 21623.
pub(crate) const MEDIA_MAX: usize = 10;

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Sms(sms) = message.content else {
        return Err(SendError::wrong_channel("SMS"));
    };
    let form = form(settings, sms, context)?;
    let url = format!("{}/2010-04-01/Accounts/{}/Messages.json", settings.base_url, settings.account_sid);
    let request = Request::post(url).header("accept", "application/json").form(form);
    let request = match &settings.api_key_sid {
        Some(key) => request.basic(key, API_KEY_SECRET),
        None => request.basic(&settings.account_sid, AUTH_TOKEN),
    };
    read_answer(&request.send()?)
}

fn form(settings: &Settings, sms: Sms, context: Context) -> Result<Form, SendError> {
    check_limits(&sms)?;
    let sender = sms.sender.as_ref().or(settings.from.as_ref());
    if sender.is_none() && settings.messaging_service_sid.is_none() {
        return Err(SendError::provider(
            None,
            "no sender: the message names none, and neither `from` nor `messaging_service_sid` is set",
        ));
    }
    let form = Form::new()
        .with("To", &sms.recipient)
        .with_some("From", sender)
        .with_some("MessagingServiceSid", settings.messaging_service_sid.as_ref());
    // Twilio wants a body or media; an empty body beside media is left out.
    let form = if sms.text.is_empty() { form } else { form.with("Body", sms.text) };
    let form = sms.media_urls.into_iter().fold(form, |form, url| form.with("MediaUrl", url));
    let form = form.with_some("StatusCallback", settings.status_callback.clone().or(context.receipt_url));
    Ok(with_options(form, settings, context.attempt))
}

/// What is left out means what the account or the messaging service is set to.
fn with_options(form: Form, settings: &Settings, attempt: u32) -> Form {
    form.with_some("ValidityPeriod", settings.validity_period_s.map(|seconds| seconds.to_string()))
        .with_some("SmartEncoded", settings.smart_encoded.map(|is_on| is_on.to_string()))
        .with_some("ShortenUrls", settings.shorten_urls.then_some("true"))
        .with_some("SendAsMms", settings.send_as_mms.then_some("true"))
        .with_some("ContentRetention", settings.content_retention.as_ref())
        .with_some("AddressRetention", settings.address_retention.as_ref())
        .with_some("RiskCheck", settings.risk_check.as_ref())
        // "Total number of attempts made (including this request) to send the message".
        .with_some("Attempt", (attempt > 1).then(|| attempt.to_string()))
}

/// What Twilio would refuse is not worth a request.
fn check_limits(sms: &Sms) -> Result<(), SendError> {
    let chars = sms.text.chars().count();
    if chars > BODY_CHARS_MAX {
        let text = format!("the text has {chars} characters, Twilio takes {BODY_CHARS_MAX}: shorten the template");
        return Err(SendError::message(Some("21617"), text));
    }
    if sms.media_urls.len() > MEDIA_MAX {
        let text = format!("the message has {} media, Twilio takes {MEDIA_MAX}", sms.media_urls.len());
        return Err(SendError::message(Some("21623"), text));
    }
    if sms.text.is_empty() && sms.media_urls.is_empty() {
        return Err(SendError::message(Some("21602"), "the message has neither text nor media"));
    }
    let is_no_web_address = |url: &&String| !url.starts_with("https://") && !url.starts_with("http://");
    if let Some(url) = sms.media_urls.iter().find(is_no_web_address) {
        let text = format!("the media URL `{url}` is not one that Twilio can fetch: want https://…");
        return Err(SendError::message(Some("21620"), text));
    }
    Ok(())
}

fn read_answer(response: &Response) -> Result<Receipt, SendError> {
    if !response.is_success() {
        return Err(REQUEST_ERRORS.classify(response, with_advice(problem(response))));
    }
    // The status accepts the message. What cannot be read of the body costs a receipt at most, not the message: asking
    // again would send it twice.
    let body = body(response);
    let attributes = [("status", "status"), ("segments", "num_segments")];
    Ok(Receipt {
        provider_message_id: text(&body, "sid").map(Into::into),
        attributes: attributes
            .into_iter()
            .filter_map(|(name, field)| Some((name.to_owned(), scalar(&body, field)?)))
            .collect(),
    })
}

fn problem(response: &Response) -> Problem {
    let body = body(response);
    match (code(&body), text(&body, "message")) {
        (None, None) => Problem::of_response(response),
        (code, Some(message)) => Problem { code, message: message.into() },
        (code, None) => Problem { code, message: format!("HTTP {} without a message", response.status) },
    }
}

/// Twilio's words about a sender sound as if it were wrong for every destination.
fn with_advice(problem: Problem) -> Problem {
    match &problem.code {
        Some(code) if SENDER_OF_ANOTHER_DESTINATION.contains(&code.as_str()) => Problem {
            message: format!("{} (the sender is wrong for this destination, and perhaps for others)", problem.message),
            ..problem
        },
        _ => problem,
    }
}

/// The answer as JSON, null where it is none.
fn body(response: &Response) -> Value {
    response.json().unwrap_or_default()
}

/// A number, whether it is written as one or as text.
fn code(body: &Value) -> Option<String> {
    scalar(body, "code").filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
}
