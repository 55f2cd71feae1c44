//! Extra headers of a message: which ones SES takes (<https://docs.aws.amazon.com/ses/latest/dg/header-fields.html>), and whether
//! they fit `Simple` content (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageHeader.html>).

use std::collections::BTreeSet;

use notifier_plugin_sdk::{Attributes, SendError, mail_header};

/// Headers of `Simple` content.
pub(crate) const SIMPLE_HEADERS_MAX: usize = 15;
const NAME_CHARS_MAX: usize = 126;
const VALUE_CHARS_MAX: usize = 995;
const NAME_AND_VALUE_CHARS_MAX: usize = 996;

/// A line of a message (RFC 5322, section 2.1.1).
const LINE_CHARS_MAX: usize = 998;

/// Headers that SES or this plugin writes. In `Raw` content they would stand there twice.
pub(crate) const RESERVED: &[&str] = &[
    "bcc",
    "cc",
    "content-disposition",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "reply-to",
    "return-path",
    "subject",
    "to",
];

/// Instructions to SES, as its configuration set: the operator gives those, in settings.
const INSTRUCTIONS: &str = "x-ses-";

/// Headers that may be there once, beside the reserved ones.
#[rustfmt::skip]
pub(crate) const ONCE: &[&str] = &[
    "accept-language", "acceptlanguage", "archived-at", "auto-submitted", "bounces-to", "comments", "content-alternative",
    "content-base", "content-class", "content-description", "content-duration", "content-id", "content-language",
    "content-length", "content-location", "content-md5", "delivered-to", "disposition-notification-options",
    "disposition-notification-to", "dkim-signature", "domainkey-signature", "errors-to", "importance", "in-reply-to",
    "keywords", "list-archive", "list-help", "list-id", "list-owner", "list-post", "list-subscribe", "list-unsubscribe",
    "list-unsubscribe-post", "message-context", "organization", "original-from", "original-message-id",
    "original-recipient", "original-subject", "precedence", "priority", "references", "return-receipt-to", "sender",
    "solicitation", "sensitivity", "thread-index", "thread-topic", "user-agent", "vbr-info",
];

/// What SES would refuse of the headers.
pub(crate) fn check(headers: &Attributes) -> Result<(), SendError> {
    let refuse = |problem: String| Err(SendError::message(None, problem));
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if !is_name(name) {
            return refuse(format!("`{}` is not the name of a header (RFC 5322)", name.escape_debug()));
        }
        if RESERVED.contains(&lower.as_str()) || lower.starts_with(INSTRUCTIONS) {
            return refuse(format!("the header `{name}` is not the message's to set: SES or the settings say it"));
        }
        let longest = value.split(' ').map(str::len).max().unwrap_or_default();
        if value.is_ascii() && name.len() + 2 + longest > LINE_CHARS_MAX {
            return refuse(format!(
                "the header `{name}` has {longest} characters without a space: a line has {LINE_CHARS_MAX} at most"
            ));
        }
        if !seen.insert(lower.clone()) && ONCE.contains(&lower.as_str()) {
            return refuse(format!("the header `{name}` is given twice, SES takes one"));
        }
    }
    Ok(())
}

/// The headers as fields of the API, or none where one does not fit.
pub(crate) fn simple(headers: &Attributes) -> Option<Vec<(&str, String)>> {
    if headers.len() > SIMPLE_HEADERS_MAX {
        return None;
    }
    headers
        .iter()
        .map(|(name, value)| {
            let value = mail_header::unstructured(value);
            let fits = name.len() <= NAME_CHARS_MAX
                && (1..=VALUE_CHARS_MAX).contains(&value.len())
                && name.len() + value.len() <= NAME_AND_VALUE_CHARS_MAX;
            fits.then_some((name.as_str(), value))
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (b'!'..=b'~').contains(&b) && b != b':')
}
