//! The form of a message, checked as Vonage checks it.

use std::{collections::BTreeMap, ops::RangeInclusive};

use http::Uri;

use super::super::{Encoding, Segments, form};
use super::answers::SmsError;

/// "You can optionally include your own reference of up to 100 characters."
const CLIENT_REF_CHARS_MAX: usize = 100;

/// "Max 100 characters" (`callback`).
const CALLBACK_CHARS_MAX: usize = 100;

/// Milliseconds that a message may be tried for.
const TTL_MS: RangeInclusive<u64> = 20_000..=604_800_000;

/// Parameters that exist and that the fake takes without a look.
const UNCHECKED: [&str; 8] =
    ["account-ref", "content-id", "entity-id", "protocol-id", "trusted-number", "udh", "validity", "title"];

/// Parameters by name.
pub(super) type Given = BTreeMap<String, String>;

/// A valid message.
#[derive(Debug)]
pub(super) struct Sms {
    pub(super) to: String,
    pub(super) from: String,
    /// As it arrives.
    pub(super) text: String,
    pub(super) callback: Option<String>,
    pub(super) client_ref: Option<String>,
    pub(super) account_ref: Option<String>,
}

pub(super) fn read(form: &[u8]) -> Result<Given, SmsError> {
    let mut given = Given::new();
    for pair in form::pairs(form) {
        let (name, value) = pair.map_err(|error| SmsError::new(3, format!("Malformed form: {error}")))?;
        if given.contains_key(&name) {
            return Err(SmsError::new(3, format!("Parameter {name} is given more than once")));
        }
        given.insert(name, value);
    }
    Ok(given)
}

impl Sms {
    /// Checks what is left when key and secret are taken out.
    pub(super) fn check(mut given: Given) -> Result<Self, SmsError> {
        let mut take = |name: &str| given.remove(name).filter(|value| !value.is_empty());
        let to = take("to").ok_or_else(|| SmsError::missing("to"))?;
        let from = take("from").ok_or_else(|| SmsError::missing("from"))?;
        let kind = take("type").unwrap_or_else(|| "text".to_owned());
        let text = take("text");
        let (callback, client_ref, account_ref) = (take("callback"), take("client-ref"), take("account-ref"));
        let numbers = [("ttl", take("ttl"), TTL_MS), ("message-class", take("message-class"), 0..=3)];
        let report = take("status-report-req");
        if let Some(unknown) = given.keys().find(|name| !UNCHECKED.contains(&name.as_str())) {
            return Err(SmsError::new(3, format!("Unknown parameter: {unknown}")));
        }
        check_to(&to)?;
        if !is_sender(&from) {
            return Err(SmsError::new(15, "Illegal Sender Address - rejected"));
        }
        for (name, value, range) in numbers {
            if value.is_some_and(|value| !value.parse().is_ok_and(|number| range.contains(&number))) {
                return Err(SmsError::invalid(name));
            }
        }
        if report.is_some_and(|value| !matches!(value.as_str(), "true" | "false" | "0" | "1")) {
            return Err(SmsError::invalid("status-report-req"));
        }
        if client_ref.as_ref().is_some_and(|reference| reference.chars().count() > CLIENT_REF_CHARS_MAX) {
            return Err(SmsError::invalid("client-ref"));
        }
        if callback.as_ref().is_some_and(|url| url.chars().count() > CALLBACK_CHARS_MAX || !is_web_url(url)) {
            return Err(SmsError::new(23, "Invalid Callback Url"));
        }
        let text = arriving(&kind, text)?;
        Ok(Self { to, from, text, callback, client_ref, account_ref })
    }
}

fn check_to(to: &str) -> Result<(), SmsError> {
    let is_right = (7..=15).contains(&to.len()) && !to.starts_with('0') && to.bytes().all(|b| b.is_ascii_digit());
    if !is_right {
        return Err(SmsError::invalid("to"));
    }
    let status = to.strip_prefix("1500555").and_then(|digits| digits.parse().ok());
    status.and_then(SmsError::magic).map_or(Ok(()), Err)
}

/// A number, or letters, digits and spaces: at most 11 of them.
fn is_sender(from: &str) -> bool {
    let is_number = (3..=15).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_digit());
    let is_name = (1..=11).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ');
    is_number || is_name
}

/// What the handset shows: outside GSM-7 only `unicode` brings a text whole
/// (developer.vonage.com/messaging/sms/guides/concatenation-and-encoding).
fn arriving(kind: &str, text: Option<String>) -> Result<String, SmsError> {
    let text = match kind {
        "text" | "unicode" => text.ok_or_else(|| SmsError::missing("text"))?,
        "binary" | "wappush" | "vcal" | "vcard" => return Err(SmsError::new(3, "The sandbox takes texts only")),
        _ => return Err(SmsError::invalid("type")),
    };
    let is_gsm7 = |c: char| Segments::of(c.encode_utf8(&mut [0; 4])).encoding == Encoding::Gsm7;
    Ok(match kind {
        "text" => text.chars().map(|c| if is_gsm7(c) { c } else { '?' }).collect(),
        _ => text,
    })
}

fn is_web_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https")) && uri.host().is_some()
}
