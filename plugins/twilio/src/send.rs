//! One message: `POST /2010-04-01/Accounts/{AccountSid}/Messages.json`
//! (<https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource>).

use notifier_plugin_sdk::{Content, Context, Form, Message, Problem, Receipt, Request, Response, SendError, Sms};
use serde::Deserialize;

use crate::errors::REQUEST_ERRORS;
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
    Ok(form.with_some("StatusCallback", settings.status_callback.clone().or(context.receipt_url)))
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
    Ok(())
}

#[derive(Deserialize)]
struct Created {
    sid: Option<String>,
    status: Option<String>,
    num_segments: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    code: Option<u64>,
    message: Option<String>,
}

fn read_answer(response: &Response) -> Result<Receipt, SendError> {
    if !response.is_success() {
        return Err(REQUEST_ERRORS.classify(response, problem(response)));
    }
    // The status accepts the message. A body that cannot be read costs the receipts, not the message: asking again would
    // send it twice.
    let created = response.json().unwrap_or(Created { sid: None, status: None, num_segments: None });
    let attributes = [("status", created.status), ("segments", created.num_segments)];
    Ok(Receipt {
        provider_message_id: created.sid.filter(|sid| !sid.is_empty()),
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
    })
}

fn problem(response: &Response) -> Problem {
    match response.json::<Refused>() {
        Some(Refused { code, message }) if code.is_some() || message.is_some() => Problem {
            code: code.map(|code| code.to_string()),
            message: message.unwrap_or_else(|| format!("HTTP {} without a message", response.status)),
        },
        _ => Problem::of_response(response),
    }
}
