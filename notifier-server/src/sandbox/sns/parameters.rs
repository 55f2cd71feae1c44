//! The form of a `Publish` request, checked as Amazon SNS checks it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;

use super::super::form;
use super::answers::SnsError;

const VERSION: &str = "2010-03-31";

/// "The total size limit for a single SMS `Publish` action is 1,600 characters" (API_Publish).
const TEXT_CHARS_MAX: usize = 1_600;

const PREFIX: &str = "MessageAttributes.entry.";

/// Parameters that exist, and that have a meaning for topics only.
const FOR_TOPICS: [&str; 4] = ["Subject", "MessageStructure", "MessageDeduplicationId", "MessageGroupId"];

/// A valid request.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) target: Target,
    pub(super) text: String,
    /// The sender id or origination number.
    pub(super) sender: Option<String>,
    pub(super) attributes: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(super) enum Target {
    Phone(String),
    /// Amazon says nothing of it in its answer.
    OptedOut,
}

#[derive(Debug, Default)]
struct Attribute {
    name: Option<String>,
    kind: Option<String>,
    text: Option<String>,
    binary: Option<String>,
}

impl Publish {
    /// Reads and checks a form.
    pub(super) fn parse(form: &[u8]) -> Result<Self, SnsError> {
        let mut given = read(form)?;
        check_action(&mut given)?;
        let attributes = attributes(&mut given)?;
        let (number, text) = (given.remove("PhoneNumber"), given.remove("Message"));
        let topic = ["TopicArn", "TargetArn"].into_iter().find(|name| given.remove(*name).is_some());
        for name in FOR_TOPICS {
            given.remove(name);
        }
        if let Some(unknown) = given.into_keys().next() {
            return Err(SnsError::invalid(format!("Invalid parameter: {unknown}")));
        }
        let text = checked_text(text)?;
        let target = match (number, topic) {
            (Some(number), None) => checked_number(number)?,
            (Some(_), Some(topic)) => {
                let message = format!("Invalid parameter: {topic} Reason: a PhoneNumber is given as well");
                return Err(SnsError::invalid(message));
            }
            (None, Some(_)) => {
                return Err(SnsError::new(StatusCode::NOT_FOUND, "NotFound", "Topic does not exist"));
            }
            (None, None) => {
                let message = "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter";
                return Err(SnsError::invalid(message));
            }
        };
        let sender = ["AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber"];
        let sender = sender.into_iter().find_map(|name| attributes.get(name).cloned());
        Ok(Self { target, text, sender, attributes })
    }
}

fn read(form: &[u8]) -> Result<BTreeMap<String, String>, SnsError> {
    let mut given = BTreeMap::new();
    for pair in form::pairs(form) {
        let (name, value) = pair.map_err(|error| {
            let message = format!("The query string contains a syntax error: {error}");
            SnsError::new(StatusCode::NOT_FOUND, "MalformedQueryString", message)
        })?;
        if given.contains_key(&name) {
            return Err(SnsError::invalid(format!("Invalid parameter: {name} Reason: it is given more than once")));
        }
        given.insert(name, value);
    }
    Ok(given)
}

fn check_action(given: &mut BTreeMap<String, String>) -> Result<(), SnsError> {
    let bad = |code, message: String| Err(SnsError::new(StatusCode::BAD_REQUEST, code, message));
    let Some(action) = given.remove("Action") else {
        let message = "The request is missing an action or a required parameter.";
        return bad("MissingAction", message.to_owned());
    };
    if action != "Publish" {
        return bad("InvalidAction", format!("The action {action} is not valid for this web service."));
    }
    match given.remove("Version") {
        Some(version) if version == VERSION => Ok(()),
        Some(version) => bad("NoSuchVersion", format!("The requested version ( {version} ) is not valid.")),
        None => bad("NoSuchVersion", "The requested version ( ) is not valid.".to_owned()),
    }
}

fn checked_text(text: Option<String>) -> Result<String, SnsError> {
    let Some(text) = text else {
        let message = "1 validation error detected: Value null at 'message' failed to satisfy constraint: Member must not be \
                       null";
        return Err(SnsError::new(StatusCode::BAD_REQUEST, "ValidationError", message));
    };
    match text.chars().count() {
        0 => Err(SnsError::invalid("Invalid parameter: Empty message")),
        1..=TEXT_CHARS_MAX => Ok(text),
        _ => Err(SnsError::invalid("Invalid parameter: Message too long")),
    }
}

fn checked_number(number: String) -> Result<Target, SnsError> {
    let digits = number.strip_prefix('+').unwrap_or_default();
    let is_e164 =
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    match number.strip_prefix("+1500555") {
        Some("0002") => Err(SnsError::new(StatusCode::TOO_MANY_REQUESTS, "Throttled", "Rate exceeded")),
        Some("0003") => {
            let message = format!("User is not authorized to perform: SNS:Publish on resource: {number}");
            Err(SnsError::new(StatusCode::FORBIDDEN, "AuthorizationError", message))
        }
        Some("0004") => Ok(Target::OptedOut),
        Some("0005") => {
            let message = "An internal error occurred";
            Err(SnsError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", message))
        }
        suffix if suffix == Some("0001") || !is_e164 => {
            let message = format!("Invalid parameter: PhoneNumber Reason: {number} is not valid to publish to");
            Err(SnsError::invalid(message))
        }
        _ => Ok(Target::Phone(number)),
    }
}

/// Takes the entries out of the form. They are counted from 1.
fn attributes(given: &mut BTreeMap<String, String>) -> Result<BTreeMap<String, String>, SnsError> {
    let names: Vec<String> = given.keys().filter(|name| name.starts_with(PREFIX)).cloned().collect();
    let mut entries: BTreeMap<u32, Attribute> = BTreeMap::new();
    for name in names {
        let value = given.remove(&name).unwrap_or_default();
        let malformed = || SnsError::invalid(format!("Invalid parameter: {name}"));
        let (number, field) = name[PREFIX.len()..].split_once('.').ok_or_else(malformed)?;
        let entry = entries.entry(number.parse().map_err(|_| malformed())?).or_default();
        let slot = match field {
            "Name" => &mut entry.name,
            "Value.DataType" => &mut entry.kind,
            "Value.StringValue" => &mut entry.text,
            "Value.BinaryValue" => &mut entry.binary,
            _ => return Err(malformed()),
        };
        *slot = Some(value);
    }
    if !entries.keys().copied().eq((1..).take(entries.len())) {
        return Err(SnsError::invalid("Invalid parameter: MessageAttributes Reason: entries are numbered from 1"));
    }
    let mut checked = BTreeMap::new();
    for attribute in entries.into_values() {
        let (name, value) = attribute.check()?;
        if checked.contains_key(&name) {
            return Err(bad_value(format!("The message attribute '{name}' is given more than once.")));
        }
        checked.insert(name, value);
    }
    Ok(checked)
}

impl Attribute {
    /// docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html.
    fn check(self) -> Result<(String, String), SnsError> {
        let name = self.name.unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
        let badly_dotted = name.starts_with('.') || name.ends_with('.') || name.contains("..");
        if name.is_empty() || name.len() > 256 || !name.bytes().all(allowed) || badly_dotted {
            return Err(bad_value(format!("The message attribute name '{name}' is invalid.")));
        }
        let kind = self.kind.unwrap_or_default();
        let value = match (kind.as_str(), self.text, self.binary) {
            ("String" | "String.Array" | "Number", Some(text), None) if !text.is_empty() => text,
            ("Binary", None, Some(binary)) if STANDARD.decode(&binary).is_ok_and(|bytes| !bytes.is_empty()) => binary,
            ("String" | "String.Array" | "Number" | "Binary", ..) => {
                let message = format!("The message attribute '{name}' must contain non-empty message attribute value.");
                return Err(bad_value(message));
            }
            _ => {
                return Err(bad_value(format!(
                    "The message attribute '{name}' has an invalid message attribute type, the set of supported type \
                     prefixes is Binary, Number, and String."
                )));
            }
        };
        if kind == "Number" && value.parse::<f64>().is_err() {
            return Err(bad_value(format!("Could not cast message attribute '{name}' value to number.")));
        }
        check_sms_attribute(&name, &kind, &value)?;
        Ok((name, value))
    }
}

fn bad_value(message: String) -> SnsError {
    SnsError::new(StatusCode::BAD_REQUEST, "ParameterValueInvalid", message)
}

/// The attributes that direct how an SMS is sent; others travel along without a meaning.
fn check_sms_attribute(name: &str, kind: &str, value: &str) -> Result<(), SnsError> {
    let letters_and_digits = |b: u8| b.is_ascii_alphanumeric();
    let is_right = match name {
        // "1–11 alphanumeric characters including at least one letter and no spaces"; hyphens are allowed.
        "AWS.SNS.SMS.SenderID" => {
            (1..=11).contains(&value.len())
                && value.bytes().all(|b| letters_and_digits(b) || b == b'-')
                && value.bytes().any(|b| b.is_ascii_alphabetic())
        }
        "AWS.SNS.SMS.SMSType" => matches!(value, "Promotional" | "Transactional"),
        "AWS.SNS.SMS.MaxPrice" => value.parse::<f64>().is_ok_and(|price| price >= 0.0),
        // "5–14 numbers, including the country calling code", with or without the plus.
        "AWS.MM.SMS.OriginationNumber" => {
            let digits = value.strip_prefix('+').unwrap_or(value);
            (5..=14).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
        }
        "AWS.MM.SMS.EntityId" | "AWS.MM.SMS.TemplateId" => (1..=50).contains(&value.chars().count()),
        unknown => !unknown.starts_with("AWS."),
    };
    let kind_is_right = match name {
        "AWS.SNS.SMS.MaxPrice" => matches!(kind, "Number" | "String"),
        name if name.starts_with("AWS.") => kind == "String",
        _ => true,
    };
    if is_right && kind_is_right {
        Ok(())
    } else {
        Err(SnsError::invalid(format!("Invalid parameter: {name} Reason: {value} of type {kind} is not valid")))
    }
}
