//! The body of `POST /email` (<https://postmarkapp.com/developer/api/email-api#send-a-single-email>). Its limits are described at
//! <https://postmarkapp.com/developer/user-guide/send-email-with-api>.

use std::collections::{BTreeMap, BTreeSet};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use notifier_plugin_sdk::{Attachment, Context, Email, SendError};
use serde::{Serialize, Serializer};

use crate::settings::{Settings, TrackLinks};

/// Recipients of one message.
pub(crate) const RECIPIENTS_MAX: usize = 50;

/// The text, and the HTML
/// (<https://postmarkapp.com/support/article/1056-what-are-the-attachment-and-email-size-limits>).
pub(crate) const PART_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The whole message with its attachments, as they are encoded (the same page).
pub(crate) const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Of a tag (<https://postmarkapp.com/developer/user-guide/send-email-with-smtp>).
const TAG_CHARS_MAX: usize = 1000;

/// Fields of metadata, and the characters of their names and values
/// (<https://postmarkapp.com/support/article/1125-custom-metadata-faq>).
pub(crate) const METADATA_MAX: usize = 10;
pub(crate) const METADATA_NAME_CHARS_MAX: usize = 20;
pub(crate) const METADATA_VALUE_CHARS_MAX: usize = 80;

/// Whose notification it is.
pub(crate) const TENANT: &str = "tenant";

/// The idempotency key: by it an event finds its delivery, and a search the message, even when the answer to the request, and
/// with it the message's id, was lost.
pub(crate) const KEY: &str = "notifier_key";

/// Names that an operator cannot give.
pub(crate) const OWN_METADATA: &[&str] = &[TENANT, KEY];

/// Room in the body for everything but texts and attachments.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// Endings of files that Postmark refuses with code 411
/// (<https://postmarkapp.com/developer/user-guide/send-email-with-api#attachments>).
pub(crate) const FORBIDDEN_ENDINGS: &[&str] = &[
    "vbs", "exe", "bin", "bat", "chm", "com", "cpl", "crt", "hlp", "hta", "inf", "ins", "isp", "jse", "lnk", "mdb",
    "pcd", "pif", "reg", "scr", "sct", "shs", "vbe", "vba", "wsf", "wsh", "wsl", "msc", "msi", "msp", "mst",
];

/// Headers that have a field of their own, or that Postmark writes: those that its own library for Ruby leaves out
/// (<https://github.com/ActiveCampaign/postmark-gem>, `message_extensions/mail.rb`).
pub(crate) const RESERVED_HEADERS: &[&str] = &[
    "bcc",
    "cc",
    "content-type",
    "date",
    "from",
    "received",
    "reply-to",
    "return-path",
    "sender",
    "subject",
    "to",
    "x-pm-rcpt",
];

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Mail<'a> {
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html_body: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<Header<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    metadata: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_opens: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    track_links: Option<TrackLinks>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct File<'a> {
    name: &'a str,
    #[serde(serialize_with = "as_base64")]
    content: &'a [u8],
    content_type: &'a str,
    /// `cid:` and the id. With one the file stands in the HTML, and not beside it.
    #[serde(rename = "ContentID", skip_serializing_if = "Option::is_none")]
    content_id: Option<String>,
}

/// The body, or why Postmark would refuse it.
pub(crate) fn body(settings: &Settings, email: &Email, context: &Context) -> Result<Vec<u8>, SendError> {
    let size = size_estimate(email);
    check_limits(email, size)?;
    let of_recipient = |problem| SendError::recipient(Some("300"), problem);
    let of_message = |problem| SendError::message(Some("300"), problem);
    let of_sender = |problem| SendError::provider(Some("300"), problem);
    let recipients = email.recipients.iter().map(|recipient| recipient.name_addr().map_err(of_recipient));
    let mail = Mail {
        from: email.sender.name_addr().map_err(of_sender)?,
        to: recipients.collect::<Result<Vec<_>, _>>()?.join(", "),
        reply_to: email.reply_to.as_ref().map(|mailbox| mailbox.name_addr().map_err(of_message)).transpose()?,
        subject: &email.subject,
        text_body: part(email.text.as_deref()),
        html_body: part(email.html.as_deref()),
        headers: headers(email)?,
        attachments: email.attachments.iter().map(file).collect::<Result<_, _>>()?,
        // A tag that Postmark would refuse is left out: statistics are not worth a message.
        tag: Some(context.category.as_str()).filter(|tag| fits(tag, TAG_CHARS_MAX)),
        metadata: metadata(settings, context),
        message_stream: settings.message_stream.as_deref(),
        track_opens: settings.track_opens,
        track_links: settings.track_links,
    };
    // Allocated once: growing by doubling would not fit a plugin's memory with a large attachment.
    let mut body = Vec::with_capacity(size + ENVELOPE_BYTES);
    serde_json::to_writer(&mut body, &mail)
        .map_err(|error| SendError::message(None, format!("the message cannot be written as JSON: {error}")))?;
    Ok(body)
}

fn part(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn fits(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= chars_max
}

fn size_estimate(email: &Email) -> usize {
    let texts = [&email.text, &email.html].into_iter().flatten().map(String::len).sum::<usize>();
    texts + email.attachments.iter().map(|file| file.data.len().div_ceil(3) * 4).sum::<usize>()
}

fn check_limits(email: &Email, size: usize) -> Result<(), SendError> {
    let refuse = |problem: String| Err(SendError::message(Some("300"), problem));
    match email.recipients.len() {
        0 => return refuse("the message has no recipient".into()),
        count if count > RECIPIENTS_MAX => {
            return refuse(format!("the message has {count} recipients, Postmark takes {RECIPIENTS_MAX}"));
        }
        _ => {}
    }
    let parts = [("text", part(email.text.as_deref())), ("HTML", part(email.html.as_deref()))];
    if parts.iter().all(|(_, part)| part.is_none()) {
        return refuse("the message has neither text nor HTML".into());
    }
    for (name, part) in parts {
        let bytes = part.map_or(0, str::len);
        if bytes > PART_BYTES_MAX {
            return refuse(format!("the {name} has {bytes} bytes, Postmark takes {PART_BYTES_MAX}"));
        }
    }
    if size > MESSAGE_BYTES_MAX {
        return refuse(format!(
            "texts and encoded attachments have {size} bytes, Postmark takes {MESSAGE_BYTES_MAX}: link to large files"
        ));
    }
    Ok(())
}

fn headers(email: &Email) -> Result<Vec<Header<'_>>, SendError> {
    let mut seen = BTreeSet::new();
    let mut headers = Vec::new();
    for (name, value) in &email.headers {
        let lower = name.to_ascii_lowercase();
        if RESERVED_HEADERS.contains(&lower.as_str()) {
            let text = format!("the header `{name}` is Postmark's own and cannot be set");
            return Err(SendError::message(Some("300"), text));
        }
        if !seen.insert(lower) {
            let text = format!("the header `{name}` is given twice, want it once");
            return Err(SendError::message(Some("300"), text));
        }
        headers.push(Header { name, value });
    }
    Ok(headers)
}

fn file(attachment: &Attachment) -> Result<File<'_>, SendError> {
    let Attachment { filename, content_type, content_id, data } = attachment;
    if filename.is_empty() {
        return Err(SendError::message(Some("300"), "an attachment has no file name, Postmark wants one"));
    }
    let ending = filename.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    if FORBIDDEN_ENDINGS.contains(&ending.as_str()) {
        let text = format!("the attachment `{filename}` ends in `.{ending}`, which Postmark does not take: link to it");
        return Err(SendError::message(Some("411"), text));
    }
    let content_id = content_id.as_deref().map(|id| format!("cid:{id}"));
    Ok(File { name: filename, content: data, content_type, content_id })
}

/// One that Postmark would refuse is left out, as with tags.
fn metadata<'a>(settings: &'a Settings, context: &'a Context) -> BTreeMap<&'a str, &'a str> {
    let own = [(TENANT, context.tenant.as_str()), (KEY, context.idempotency_key.as_str())];
    let own = own.into_iter().filter(|(_, value)| fits(value, METADATA_VALUE_CHARS_MAX));
    settings.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(own).collect()
}

/// Encoded on the way into the body, not before: a plugin has no memory for both.
fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(bytes, &STANDARD))
}
