//! What a message of a webhook and one of the Web API have in common.

use serde_json::{Map, Value};

use super::blocks;

/// "Provide no more than 40,000 characters or risk truncation" (`text` of chat.postMessage).
const TEXT_CHARS_MAX: usize = 40_000;

/// "Limit this field to 12,000 characters" (`markdown_text` of chat.postMessage).
const MARKDOWN_CHARS_MAX: usize = 12_000;

/// "A maximum of 100 attachments are allowed on a message" (`too_many_attachments`).
const ATTACHMENTS_MAX: usize = 100;

/// What is wrong with a message; webhooks and the Web API have words of their own for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Neither text nor blocks nor attachments.
    Empty,
    TooLong,
    Attachments,
    /// The complaints about the layout.
    Blocks(Vec<String>),
    /// An argument of another type or value.
    Argument(String),
}

pub(super) fn check(message: &Map<String, Value>) -> Result<(), Fault> {
    check_types(message)?;
    let chars = |name: &str| message.get(name).and_then(Value::as_str).map_or(0, |text| text.chars().count());
    if chars("text") > TEXT_CHARS_MAX || chars("markdown_text") > MARKDOWN_CHARS_MAX {
        return Err(Fault::TooLong);
    }
    let list = |name: &str| message.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (blocks, attachments) = (list("blocks"), list("attachments"));
    if chars("text") + chars("markdown_text") + blocks.len() + attachments.len() == 0 {
        return Err(Fault::Empty);
    }
    if attachments.len() > ATTACHMENTS_MAX {
        return Err(Fault::Attachments);
    }
    let mut complaints = blocks::check(blocks, "/blocks");
    for (index, attachment) in attachments.iter().enumerate() {
        match attachment {
            Value::Object(fields) => {
                let blocks = fields.get("blocks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                complaints.extend(blocks::check(blocks, &format!("/attachments/{index}/blocks")));
            }
            _ => return Err(Fault::Argument(format!("must be an object [json-pointer:/attachments/{index}]"))),
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(Fault::Blocks(complaints)) }
}

fn check_types(message: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in message {
        let (is_right, kind) = match name.as_str() {
            "blocks" | "attachments" => (value.is_array(), "an array"),
            "metadata" => (value.is_object(), "an object"),
            "as_user" | "link_names" | "mrkdwn" | "reply_broadcast" | "unfurl_links" | "unfurl_media" => {
                (value.is_boolean(), "a boolean")
            }
            "parse" => (matches!(value.as_str(), Some("none" | "full")), "`none` or `full`"),
            "thread_ts" => (value.as_str().is_some_and(is_timestamp), "a timestamp, as `1503435956.000247`"),
            _ => (value.is_string(), "a string"),
        };
        if !is_right {
            return Err(Fault::Argument(format!("must be {kind} [json-pointer:/{name}]")));
        }
    }
    Ok(())
}

fn is_timestamp(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, rest)| digits(seconds) && digits(rest) && rest.len() == 6)
}
