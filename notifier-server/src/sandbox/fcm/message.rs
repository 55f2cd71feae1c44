//! What Firebase Cloud Messaging checks once names and types are right.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{answers::FcmError, schema};

/// "4096 bytes for most messages, or 2048 bytes in the case of messages to topics. This includes both the keys and the
/// values" (ErrorCode, "Message too big").
const PAYLOAD_BYTES_MAX: usize = 4_096;
const TOPIC_PAYLOAD_BYTES_MAX: usize = 2_048;

/// "Invalid TTL": four weeks.
const TTL_MAX_S: f64 = 2_419_200.0;

/// A valid request.
#[derive(Debug)]
pub(super) struct SendRequest {
    pub(super) validate_only: bool,
    /// A registration token, or a topic or condition.
    pub(super) target: String,
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) data: BTreeMap<String, String>,
    /// All of it, with the names of the proto.
    pub(super) message: Value,
}

impl SendRequest {
    /// Reads and checks a request.
    pub(super) fn parse(body: &[u8]) -> Result<Self, FcmError> {
        let mut request = schema::read(body)?;
        let validate_only = request.get("validate_only") == Some(&Value::Bool(true));
        let Some(Value::Object(message)) = request.remove("message") else {
            let description = "Invalid value at 'message', it is required".to_owned();
            return Err(FcmError::bad_request(&[("message".to_owned(), description)]));
        };
        let (target, bytes_max) = target(&message)?;
        check_data(&message)?;
        check_ttl(&message)?;
        if payload_bytes(&message) > bytes_max {
            return Err(FcmError::too_big());
        }
        let text = |name: &str| Some(message.get("notification")?.get(name)?.as_str()?.to_owned());
        let (title, body) = (text("title"), text("body"));
        let data = texts(&message).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(Self { validate_only, target, title, body, data, message: Value::Object(message) })
    }
}

/// Exactly one of `token`, `topic` and `condition`; with the most bytes that its payload may have.
fn target(message: &Map<String, Value>) -> Result<(String, usize), FcmError> {
    let mut targets = ["token", "topic", "condition"]
        .into_iter()
        .filter_map(|name| Some((name, message.get(name)?.as_str()?)))
        .filter(|(_, value)| !value.is_empty());
    let Some((name, value)) = targets.next() else {
        return Err(FcmError::invalid_argument("Recipient of the message is not set."));
    };
    if let Some((second, _)) = targets.next() {
        let description =
            format!("Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set '{second}'");
        return Err(FcmError::bad_request(&[("message".to_owned(), description)]));
    }
    let in_token = |b: u8| b.is_ascii_alphanumeric() || b"_-:".contains(&b);
    match name {
        "token" => match FcmError::magic(value) {
            Some(error) => Err(error),
            None if value.bytes().all(in_token) => Ok((value.to_owned(), PAYLOAD_BYTES_MAX)),
            None => Err(FcmError::bad_token()),
        },
        // "/topics/" prefix should not be provided.
        "topic" if !value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b)) => {
            Err(FcmError::invalid_argument("Invalid topic name"))
        }
        "topic" => Ok((format!("/topics/{value}"), TOPIC_PAYLOAD_BYTES_MAX)),
        _ if !value.contains(" in topics") => Err(FcmError::invalid_argument("Invalid condition expression")),
        _ => Ok((value.to_owned(), TOPIC_PAYLOAD_BYTES_MAX)),
    }
}

/// `"from"`, `"message_type"`, or any word starting with `"google"` or `"gcm"` is reserved (Message, `data`).
fn check_data(message: &Map<String, Value>) -> Result<(), FcmError> {
    let is_reserved =
        |name: &str| matches!(name, "from" | "message_type") || name.starts_with("google") || name.starts_with("gcm");
    match texts(message).find(|(name, _)| is_reserved(name)) {
        Some((name, _)) => Err(FcmError::invalid_argument(format!("Invalid data payload key: {name}"))),
        None => Ok(()),
    }
}

fn check_ttl(message: &Map<String, Value>) -> Result<(), FcmError> {
    let ttl = message.get("android").and_then(|android| android.get("ttl")?.as_str());
    match ttl.and_then(schema::seconds) {
        Some(seconds) if !(0.0..=TTL_MAX_S).contains(&seconds) => {
            Err(FcmError::invalid_argument(format!("Invalid value for ttl: {seconds}s")))
        }
        _ => Ok(()),
    }
}

fn texts(message: &Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    let data = message.get("data").and_then(Value::as_object);
    data.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// Keys and values of the data and of the notification.
fn payload_bytes(message: &Map<String, Value>) -> usize {
    let notification = message.get("notification").and_then(Value::as_object);
    let notification =
        notification.into_iter().flatten().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    texts(message).chain(notification).map(|(name, value)| name.len() + value.len()).sum()
}
