//! The body of `POST /emails` (<https://resend.com/docs/api-reference/emails/send-email>, and `SendEmailRequest` of
//! <https://github.com/resend/resend-openapi>).

use std::collections::{BTreeMap, BTreeSet};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use notifier_plugin_sdk::{Attachment, Context, Email, SendError};
use serde::{Serialize, Serializer};

use crate::settings::Settings;
use crate::tags;

/// Recipients of one message.
pub(crate) const RECIPIENTS_MAX: usize = 50;

/// The whole message with its attachments, as they are encoded
/// (<https://resend.com/docs/dashboard/emails/attachments#attachment-limitations>).
pub(crate) const MESSAGE_BYTES_MAX: usize = 40 * 1024 * 1024;

/// "Must be less than 128 characters" (<https://resend.com/docs/dashboard/emails/embed-inline-images>).
pub(crate) const CONTENT_ID_CHARS_MAX: usize = 127;

/// Room in the body for everything but texts and attachments.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// Headers that have a field of their own, or that Resend has to write for the message that it makes.
pub(crate) const RESERVED_HEADERS: &[&str] =
    &["bcc", "cc", "content-transfer-encoding", "content-type", "from", "mime-version", "reply-to", "subject", "to"];

#[derive(Serialize)]
struct Mail<'a> {
    from: String,
    to: Vec<String>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_id: Option<&'a str>,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(serialize_with = "as_base64")]
    content: &'a [u8],
    filename: &'a str,
    content_type: &'a str,
    /// With one the file stands in the HTML, and not beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Tag<'a> {
    name: &'a str,
    value: String,
}

/// The body, or why Resend would refuse it.
pub(crate) fn body(settings: &Settings, email: &Email, context: &Context) -> Result<Vec<u8>, SendError> {
    let size = size_estimate(email);
    check_limits(email, size)?;
    let of_recipient = |problem| SendError::recipient(Some("validation_error"), problem);
    let of_message = |problem| SendError::message(Some("validation_error"), problem);
    let of_sender = |problem| SendError::provider(Some("invalid_from_address"), problem);
    let recipients = email.recipients.iter().map(|recipient| recipient.name_addr().map_err(of_recipient));
    let mail = Mail {
        from: email.sender.name_addr().map_err(of_sender)?,
        to: recipients.collect::<Result<_, _>>()?,
        subject: &email.subject,
        reply_to: email.reply_to.as_ref().map(|mailbox| mailbox.name_addr().map_err(of_message)).transpose()?,
        text: part(email.text.as_deref()),
        html: part(email.html.as_deref()),
        headers: headers(email)?,
        attachments: email.attachments.iter().map(file).collect::<Result<_, _>>()?,
        tags: tags_of(settings, context),
        topic_id: settings.topic_id.as_deref(),
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

fn size_estimate(email: &Email) -> usize {
    let texts = [&email.text, &email.html].into_iter().flatten().map(String::len).sum::<usize>();
    texts + email.attachments.iter().map(|file| file.data.len().div_ceil(3) * 4).sum::<usize>()
}

fn check_limits(email: &Email, size: usize) -> Result<(), SendError> {
    let refuse = |code: &str, problem: String| Err(SendError::message(Some(code), problem));
    match email.recipients.len() {
        0 => return refuse("missing_required_field", "the message has no recipient".into()),
        count if count > RECIPIENTS_MAX => {
            let text = format!("the message has {count} recipients, Resend takes {RECIPIENTS_MAX}");
            return refuse("validation_error", text);
        }
        _ => {}
    }
    if email.subject.is_empty() {
        return refuse("missing_required_field", "the message has no subject, Resend wants one".into());
    }
    if part(email.text.as_deref()).or(part(email.html.as_deref())).is_none() {
        return refuse("missing_required_field", "the message has neither text nor HTML".into());
    }
    if size > MESSAGE_BYTES_MAX {
        let text = format!(
            "texts and encoded attachments have {size} bytes, Resend takes {MESSAGE_BYTES_MAX}: link to large files"
        );
        return refuse("validation_error", text);
    }
    Ok(())
}

fn headers(email: &Email) -> Result<BTreeMap<&str, &str>, SendError> {
    let mut headers = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (name, value) in &email.headers {
        let lower = name.to_ascii_lowercase();
        if RESERVED_HEADERS.contains(&lower.as_str()) {
            return Err(SendError::message(None, format!("the header `{name}` is Resend's own and cannot be set")));
        }
        if !seen.insert(lower) {
            return Err(SendError::message(None, format!("the header `{name}` is given twice, Resend takes one")));
        }
        headers.insert(name.as_str(), value.as_str());
    }
    Ok(headers)
}

fn file(attachment: &Attachment) -> Result<File<'_>, SendError> {
    let Attachment { filename, content_type, content_id, data } = attachment;
    let refuse = |problem: String| Err(SendError::message(Some("invalid_attachment"), problem));
    if filename.is_empty() {
        return refuse("an attachment has no file name, which Resend takes and then does not send".into());
    }
    let id_chars = content_id.as_deref().map_or(0, |id| id.chars().count());
    if id_chars > CONTENT_ID_CHARS_MAX {
        return refuse(format!(
            "the content id of `{filename}` has {id_chars} characters, Resend takes {CONTENT_ID_CHARS_MAX}"
        ));
    }
    Ok(File { content: data, filename, content_type, content_id: content_id.as_deref() })
}

/// The notification's own tags first, then the operator's. One that Resend would refuse is left out: statistics are not worth
/// a message.
fn tags_of<'a>(settings: &'a Settings, context: &Context) -> Vec<Tag<'a>> {
    let own = [
        (tags::CATEGORY, tags::readable(&context.category)),
        (tags::TENANT, tags::readable(&context.tenant)),
        (tags::KEY, tags::encoded(&context.idempotency_key)),
    ];
    let own = own.into_iter().filter_map(|(name, value)| Some(Tag { name, value: value? }));
    own.chain(settings.tags.iter().map(|(name, value)| Tag { name, value: value.clone() })).collect()
}

/// Encoded on the way into the body, not before: a plugin has no memory for both.
fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(bytes, &STANDARD))
}
