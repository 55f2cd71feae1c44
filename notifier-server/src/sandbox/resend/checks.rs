//! What Resend checks once names and types are right: resend.com/docs/api-reference/emails/send-email. It complains
//! about the first thing only. Where its documentation does not tell its words, they are the fake's own in the form of
//! the rest.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;

use super::{
    super::{Attachment, Channel, Message, Service, file_type, mailbox},
    answers::ResendError,
    schema::{Email, File, OneOrMany, Tag},
};

const RECIPIENTS_MAX: usize = 50;
const TAG_MAX: usize = 256;
const CONTENT_ID_MAX: usize = 128;

/// Headers that Resend writes itself, from fields of their own.
const WRITTEN_HEADERS: [&str; 9] =
    ["from", "to", "cc", "bcc", "subject", "reply-to", "mime-version", "content-type", "content-transfer-encoding"];

/// Checks an email; returns the message that its recipients would get.
pub(super) fn check(email: Email, id: String) -> Result<Message, ResendError> {
    let mut message = Message::new(Service::Resend, Channel::Email, id);
    let from = filled(email.from).ok_or_else(|| ResendError::missing("from"))?;
    let from = mailbox::parse(&from).ok_or_else(|| ResendError::address("from"))?;
    (message.from, message.from_name) = (Some(from.address), from.name);
    message.to = addresses("to", email.to)?;
    message.cc = addresses("cc", email.cc)?;
    message.bcc = addresses("bcc", email.bcc)?;
    message.reply_to = addresses("reply_to", email.reply_to)?;
    if message.to.is_empty() {
        return Err(ResendError::missing("to"));
    }
    for (field, list) in [("to", &message.to), ("cc", &message.cc), ("bcc", &message.bcc)] {
        if list.len() > RECIPIENTS_MAX {
            let told = format!("The `{field}` field has at most {RECIPIENTS_MAX} addresses.");
            return Err(ResendError::validation(told));
        }
    }
    if let Some(template) = email.template {
        let told = format!("The template `{}` does not exist.", template.id);
        return Err(ResendError::validation(told));
    }
    let subject = filled(email.subject).ok_or_else(|| ResendError::missing("subject"))?;
    if subject.contains(['\r', '\n']) {
        return Err(ResendError::validation("The `\\n` is not allowed in the `subject` field."));
    }
    message.subject = Some(subject);
    (message.text, message.html) = (filled(email.text), filled(email.html));
    if message.text.is_none() && message.html.is_none() {
        return Err(ResendError::validation("Missing `html` or `text` field."));
    }
    message.headers = headers(email.headers.unwrap_or_default())?;
    message.custom_args = tags(email.tags.unwrap_or_default())?;
    if let Some(at) = email.scheduled_at
        && at.parse::<Timestamp>().is_err()
    {
        return Err(ResendError::validation("Invalid `scheduled_at` field. It needs to be in ISO 8601 format."));
    }
    for file in email.attachments.unwrap_or_default() {
        match (&file.content, &file.path) {
            (Some(content), None) => message.attachments.push(attachment(&file, content)?),
            (None, Some(path)) => message.media_urls.push(path.clone()),
            _ => return Err(ResendError::named("invalid_attachment")),
        }
    }
    Ok(message)
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn addresses(field: &str, list: Option<OneOrMany>) -> Result<Vec<String>, ResendError> {
    let list = list.map(OneOrMany::into_vec).unwrap_or_default();
    let read = |text: &String| mailbox::parse(text).map(|mailbox| mailbox.address);
    list.iter().map(|text| read(text).ok_or_else(|| ResendError::address(field))).collect()
}

fn headers(headers: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ResendError> {
    for (name, value) in &headers {
        let is_written = WRITTEN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
        if is_written || !mailbox::is_header_name(name) || value.contains(['\r', '\n']) {
            return Err(ResendError::validation(format!("Invalid `headers` field: `{name}` is no header to be set.")));
        }
    }
    Ok(headers)
}

fn tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, ResendError> {
    let mut read = BTreeMap::new();
    for tag in tags {
        for part in [&tag.name, &tag.value] {
            if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
                let told = "Tags should only contain ASCII letters, numbers, underscores, or dashes.";
                return Err(ResendError::validation(told));
            }
            if !(1..=TAG_MAX).contains(&part.len()) {
                return Err(ResendError::validation(format!("Tags should contain 1 to {TAG_MAX} characters.")));
            }
        }
        if read.insert(tag.name.clone(), tag.value).is_some() {
            return Err(ResendError::validation(format!("The tag `{}` stands twice.", tag.name)));
        }
    }
    Ok(read)
}

fn attachment(file: &File, content: &str) -> Result<Attachment, ResendError> {
    let invalid = |told: &str| ResendError::named("invalid_attachment").telling(told);
    let content = STANDARD.decode(content).map_err(|_| invalid("The attachment's `content` is not base64."))?;
    let name = file.filename.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| invalid("The attachment has no `filename`."))?;
    if file_type::is_unsupported(name) {
        return Err(invalid(&format!("The attachment `{name}` is of a type that is not supported.")));
    }
    for value in [Some(name), file.content_type.as_deref(), file.content_id.as_deref()].into_iter().flatten() {
        if value.contains(['\r', '\n']) {
            return Err(invalid("The attachment holds a line break where none can be."));
        }
    }
    if file.content_id.as_ref().is_some_and(|id| id.len() >= CONTENT_ID_MAX) {
        return Err(invalid("The attachment's `content_id` must be less than 128 characters."));
    }
    Ok(Attachment {
        content_type: file.content_type.clone(),
        // What the text refers to is shown in it.
        disposition: if file.content_id.is_some() { "inline" } else { "attachment" },
        content_id: file.content_id.clone(),
        ..Attachment::of(name, &content)
    })
}
