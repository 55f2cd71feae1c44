//! Message tags, which come back in every event of a configuration set
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html>).

use std::collections::BTreeMap;
use std::fmt::Write;

use notifier_plugin_sdk::Context;
use serde::Serialize;

/// Names and values have no more characters.
pub(crate) const TAG_CHARS_MAX: usize = 256;

/// The notification's category and tenant, by which an operator may split his metrics.
pub(crate) const CATEGORY: &str = "category";
pub(crate) const TENANT: &str = "tenant";
/// The delivery, written so that it can be read back: an event that names it needs no message id to be matched.
pub(crate) const KEY: &str = "notifier_key";

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tag {
    name: String,
    value: String,
}

/// Ours first, then the operator's. A tag that SES would refuse is left out: statistics are not worth a message.
pub(crate) fn tags(context: &Context, own: &BTreeMap<String, String>) -> Vec<Tag> {
    let ours = [
        (CATEGORY, readable(&context.category)),
        (TENANT, readable(&context.tenant)),
        (KEY, escaped(&context.idempotency_key)),
    ];
    let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value));
    let all = ours.chain(own.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.filter(|(_, value)| is_tag(value)).map(|(name, value)| Tag { name, value }).collect()
}

/// Whether SES takes it as name or value of a tag.
pub(crate) fn is_tag(text: &str) -> bool {
    (1..=TAG_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| is_plain(b) || b == b'_')
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// With `_` for every character that a tag cannot have.
fn readable(text: &str) -> String {
    text.chars().map(|c| if u8::try_from(c).is_ok_and(is_plain) { c } else { '_' }).collect()
}

/// With `_` and two hexadecimal digits for every byte that a tag cannot have, and for `_` itself.
pub(crate) fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if is_plain(byte) {
            escaped.push(char::from(byte));
        } else {
            let _infallible = write!(escaped, "_{byte:02x}");
        }
        escaped
    })
}

/// What [`escaped`] wrote. None where it is not that.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('_') {
        bytes.extend_from_slice(plain.as_bytes());
        bytes.push(u8::from_str_radix(escape.get(..2)?, 16).ok()?);
        rest = escape.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
