//! One message: `POST /sms/json` (<https://developer.vonage.com/en/api/sms>). The answer is 200 whatever became of it: its
//! `messages` tell, one for each part of the text.

use notifier_plugin_sdk::{
    Attributes, Content, Context, Form, Message, Problem, Receipt, Request, Response, SendError, Sms, log,
};
use serde_json::Value;

use crate::errors::{REQUEST_ERRORS, SENDER_OF_ANOTHER_DESTINATION, TAKEN};
use crate::gsm;
use crate::settings::{API_SECRET, CALLBACK_CHARS_MAX, Settings};

/// Vonage takes no longer texts
/// (<https://developer.vonage.com/en/messaging/sms/guides/concatenation-and-encoding>); more of them are refused with status 12.
pub(crate) const TEXT_CHARS_MAX: usize = 3200;

/// Vonage takes no longer references. The keys of deliveries have 40 characters.
pub(crate) const CLIENT_REF_CHARS_MAX: usize = 100;

/// What the reference of a text in several parts ends with.
const SEVERAL_PARTS: &str = ":parts";

pub(crate) fn send(settings: &Settings, message: Message, context: &Context) -> Result<Receipt, SendError> {
    let Content::Sms(sms) = message.content else {
        return Err(SendError::wrong_channel("SMS"));
    };
    let form = form(settings, &sms, context)?;
    let url = format!("{}/sms/json", settings.base_url);
    let request = Request::post(url).header("accept", "application/json").form(form);
    read_answer(&request.secret_form_field("api_secret", API_SECRET).send()?)
}

fn form(settings: &Settings, sms: &Sms, context: &Context) -> Result<Form, SendError> {
    check_limits(sms)?;
    let Some(sender) = sms.sender.as_ref().or(settings.from.as_ref()) else {
        let problem = "no sender: the message names none, and `from` is not set";
        return Err(SendError::provider(Some("2"), problem));
    };
    let number = |value: u64| value.to_string();
    Ok(Form::new()
        .with("api_key", &settings.api_key)
        .with("from", without_plus(sender))
        .with("to", recipient(&sms.recipient)?)
        .with("text", &sms.text)
        .with("type", if gsm::fits(&sms.text) { "text" } else { "unicode" })
        .with_some("ttl", settings.ttl_ms.map(number))
        .with_some("status-report-req", settings.status_report.map(|wanted| wanted.to_string()))
        .with_some("callback", callback(settings, context))
        // Comes back in the answer and in receipts.
        .with("client-ref", reference(&sms.text, context))
        .with_some("account-ref", settings.account_ref.as_ref())
        .with_some("entity-id", settings.entity_id.as_ref())
        .with_some("content-id", settings.content_id.as_ref()))
}

/// The key, by which a receipt finds its delivery. Of a text in several parts each has receipts, all with this reference, and
/// one part says nothing about the whole: there the reference is marked, so that it is nobody's key, and the first part's id
/// counts.
fn reference(text: &str, context: &Context) -> String {
    let mark = if gsm::fits_one_part(text) { "" } else { SEVERAL_PARTS };
    context.idempotency_key.chars().take(CLIENT_REF_CHARS_MAX - mark.len()).chain(mark.chars()).collect()
}

/// What Vonage would refuse is not worth a request.
fn check_limits(sms: &Sms) -> Result<(), SendError> {
    let chars = sms.text.chars().count();
    if chars > TEXT_CHARS_MAX {
        let text = format!("the text has {chars} characters, Vonage takes {TEXT_CHARS_MAX}: shorten the template");
        return Err(SendError::message(Some("12"), text));
    }
    if !sms.media_urls.is_empty() {
        let text = format!("the message has {} media, which Vonage's SMS API does not take", sms.media_urls.len());
        return Err(SendError::message(None, text));
    }
    if sms.text.is_empty() {
        return Err(SendError::message(Some("2"), "the message has no text"));
    }
    Ok(())
}

/// 7 to 15 digits: E.164 without its plus sign.
fn recipient(number: &str) -> Result<&str, SendError> {
    let digits = without_plus(number);
    if (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(digits);
    }
    Err(SendError::recipient(Some("3"), format!("`{number}` is not a number: want 7 to 15 digits, as +14155550100")))
}

fn without_plus(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

/// The host's URL goes without its query: Vonage does not support one beside its own parameters
/// (<https://developer.vonage.com/en/getting-started/concepts/signing-messages>), does not sign it, and has no room for it. A URL
/// that is too long even so is left out, and receipts go to the account's own: they are not worth a message.
fn callback(settings: &Settings, context: &Context) -> Option<String> {
    let given = context.receipt_url.as_deref().map(|url| url.split(['?', '#']).next().unwrap_or(url));
    let url = settings.callback.as_deref().or(given)?;
    let count = url.chars().count();
    if count > CALLBACK_CHARS_MAX {
        log::warn(&format!(
            "the receipt URL has {count} characters, Vonage takes {CALLBACK_CHARS_MAX}: it was left out"
        ));
        return None;
    }
    Some(url.to_owned())
}

fn read_answer(response: &Response) -> Result<Receipt, SendError> {
    let body: Value = response.json().unwrap_or_default();
    let parts = body.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let (taken, refused): (Vec<&Value>, Vec<&Value>) =
        parts.iter().partition(|part| text_or_number(part, "status").as_deref() == Some(TAKEN));
    if let (true, Some(first)) = (response.is_success(), taken.first()) {
        return Ok(Receipt {
            provider_message_id: text_or_number(first, "message-id"),
            attributes: attributes(&taken, &refused),
        });
    }
    let problem = refused.iter().find_map(|part| problem(part));
    match problem {
        Some(problem) => Err(REQUEST_ERRORS.classify(response, problem)),
        // 200 says nothing by itself, so an answer that cannot be read leaves it open whether the message was taken.
        None if response.is_success() => Err(SendError::Unknown(Problem::of_response(response))),
        None => Err(REQUEST_ERRORS.classify(response, Problem::of_response(response))),
    }
}

/// The part with a status tells what was wrong.
fn problem(part: &Value) -> Option<Problem> {
    let code = text_or_number(part, "status")?;
    let mut message = text_or_number(part, "error-text").unwrap_or_else(|| format!("status {code} without a text"));
    if code == SENDER_OF_ANOTHER_DESTINATION {
        message.push_str(" (the sender is wrong for this destination, and perhaps for others)");
    }
    Some(Problem { code: Some(code), message })
}

/// A text of several parts has a message id for each. Receipts are matched by the first; the others are told here. Parts that
/// were refused beside others that were taken are told as well: asking again would send the others twice.
fn attributes(taken: &[&Value], refused: &[&Value]) -> Attributes {
    let ids = |parts: &[&Value]| parts.iter().filter_map(|part| text_or_number(part, "message-id")).collect::<Vec<_>>();
    let others = ids(taken.get(1..).unwrap_or_default()).join(" ");
    let problems: Vec<_> = refused.iter().filter_map(|part| problem(part)).map(|problem| problem.message).collect();
    let network = taken.first().and_then(|part| text_or_number(part, "network"));
    let told = [
        ("segments", Some((taken.len() + refused.len()).to_string())),
        ("network", network),
        ("further_message_ids", Some(others).filter(|others| !others.is_empty())),
        ("refused_segments", (!refused.is_empty()).then(|| refused.len().to_string())),
        ("refused_because", (!problems.is_empty()).then(|| problems.join("; "))),
    ];
    told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn text_or_number(object: &Value, field: &str) -> Option<String> {
    match object.get(field)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
