//! What Postmark checks once names and types are right. It complains about the first thing only.
//!
//! Limits are those of postmarkapp.com/developer/api/email-api,
//! postmarkapp.com/support/article/1056-what-are-the-attachment-and-email-size-limits and
//! postmarkapp.com/support/article/1125-custom-metadata-faq. Where the documentation does not tell Postmark's words,
//! they are the fake's own in the form of the rest.

use std::collections::{BTreeMap, HashSet};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    super::{Attachment, Channel, Message, Service, mailbox, message::IDEMPOTENCY_KEY},
    answers::PostmarkError,
    schema::{Email, File, Header},
};

const RECIPIENTS_MAX: usize = 50;
/// In UTF-16 code units.
const FROM_MAX: usize = 255;
const SUBJECT_MAX: usize = 2_000;
const TAG_MAX: usize = 1_000;
const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
const METADATA_KEYS_MAX: usize = 10;
const METADATA_KEY_MAX: usize = 20;
const METADATA_VALUE_MAX: usize = 80;

/// The streams of a new server that send: postmarkapp.com/developer/api/message-streams-api.
const STREAMS: [&str; 2] = ["outbound", "broadcast"];

/// File types that Postmark does not send: postmarkapp.com/developer/user-guide/send-email-with-api.
const FORBIDDEN_TYPES: &str = "vbs exe bin bat chm com cpl crt hlp hta inf ins isp jse lnk mdb pcd pif reg scr sct shs vbe vba wsf wsh wsl \
    msc msi msp mst";

/// Checks an email; returns the message that its recipients would get.
pub(super) fn check(email: Email, id: String) -> Result<Message, PostmarkError> {
    let mut message = Message::new(Service::Postmark, Channel::Email, id);
    let from = email.from.unwrap_or_default();
    let invalid_from = || PostmarkError::invalid(format!("Invalid 'From' address: '{from}'."));
    let sender = mailbox::parse(&from).filter(|_| from.encode_utf16().count() <= FROM_MAX).ok_or_else(invalid_from)?;
    (message.from, message.from_name) = (Some(sender.address), sender.name);
    message.to = addresses("To", email.to.as_deref())?;
    message.cc = addresses("Cc", email.cc.as_deref())?;
    message.bcc = addresses("Bcc", email.bcc.as_deref())?;
    message.reply_to = addresses("ReplyTo", email.reply_to.as_deref())?;
    match message.to.len() + message.cc.len() + message.bcc.len() {
        0 => return Err(PostmarkError::invalid("Zero recipients specified")),
        1..=RECIPIENTS_MAX if !message.to.is_empty() => {}
        1..=RECIPIENTS_MAX => return Err(PostmarkError::invalid("Invalid 'To' address: ''.")),
        _ => return Err(PostmarkError::invalid(format!("At most {RECIPIENTS_MAX} recipients, with Cc and Bcc."))),
    }
    for (field, text, max) in [("Subject", &email.subject, SUBJECT_MAX), ("Tag", &email.tag, TAG_MAX)] {
        let fits = |text: &String| text.encode_utf16().count() <= max && !text.contains(['\r', '\n']);
        if !text.as_ref().is_none_or(fits) {
            let told = format!("'{field}' has at most {max} characters and no line break.");
            return Err(PostmarkError::invalid(told));
        }
    }
    (message.subject, message.text, message.html) = (email.subject, filled(email.text_body), filled(email.html_body));
    match (&message.text, &message.html) {
        (None, None) => return Err(PostmarkError::invalid("Provide either email TextBody or HtmlBody or both.")),
        (text, html) if text.iter().chain(html).any(|body| body.len() > BODY_BYTES_MAX) => {
            return Err(PostmarkError::invalid("TextBody and HtmlBody have at most 5 MB each."));
        }
        _ => {}
    }
    let stream = email.message_stream.as_deref().unwrap_or("outbound");
    if !STREAMS.contains(&stream) {
        let told = format!("The stream provided: '{stream}' does not exist on this server.");
        return Err(PostmarkError::coded(1235).telling(told));
    }
    message.headers = headers(email.headers.unwrap_or_default())?;
    message.categories = filled(email.tag).into_iter().collect();
    message.custom_args = metadata(email.metadata.unwrap_or_default())?;
    message.idempotency_key = message.custom_args.get(IDEMPOTENCY_KEY).cloned();
    let files = email.attachments.unwrap_or_default();
    message.attachments = files.iter().map(attachment).collect::<Result<_, _>>()?;
    Ok(message)
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn addresses(field: &str, list: Option<&str>) -> Result<Vec<String>, PostmarkError> {
    let Some(list) = list.filter(|list| !list.is_empty()) else { return Ok(Vec::new()) };
    let read = mailbox::parse_list(list)
        .ok_or_else(|| PostmarkError::invalid(format!("Invalid '{field}' address: '{list}'.")));
    Ok(read?.into_iter().map(|mailbox| mailbox.address).collect())
}

fn headers(headers: Vec<Header>) -> Result<BTreeMap<String, String>, PostmarkError> {
    let mut read = BTreeMap::new();
    for Header { name, value } in headers {
        if !mailbox::is_header_name(&name) || value.contains(['\r', '\n']) {
            return Err(PostmarkError::invalid(format!("Header '{name}' is not valid.")));
        }
        if read.insert(name.clone(), value).is_some() {
            return Err(PostmarkError::invalid(format!("Header '{name}' stands twice.")));
        }
    }
    Ok(read)
}

fn metadata(metadata: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, PostmarkError> {
    if metadata.len() > METADATA_KEYS_MAX {
        return Err(PostmarkError::invalid(format!("Metadata has at most {METADATA_KEYS_MAX} fields.")));
    }
    let mut seen = HashSet::new();
    for (name, value) in &metadata {
        if !(1..=METADATA_KEY_MAX).contains(&name.chars().count()) {
            let told = format!("The metadata field '{name}' has 1 to {METADATA_KEY_MAX} characters.");
            return Err(PostmarkError::invalid(told));
        }
        if value.chars().count() > METADATA_VALUE_MAX {
            let told = format!("The value of the metadata field '{name}' has at most {METADATA_VALUE_MAX} characters.");
            return Err(PostmarkError::invalid(told));
        }
        if !seen.insert(name.to_lowercase()) {
            return Err(PostmarkError::invalid(format!("The metadata field '{name}' stands twice.")));
        }
    }
    Ok(metadata)
}

fn attachment(file: &File) -> Result<Attachment, PostmarkError> {
    let name = file.name.as_str();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    if FORBIDDEN_TYPES.split_ascii_whitespace().any(|forbidden| forbidden == extension) {
        return Err(PostmarkError::coded(411));
    }
    let content = STANDARD.decode(file.content.as_bytes());
    let content = content.map_err(|_| PostmarkError::invalid(format!("Attachment '{name}' is not base64.")))?;
    for value in [name, file.content_type.as_str()] {
        if value.is_empty() || value.contains(['\r', '\n']) {
            return Err(PostmarkError::invalid("An attachment has a Name and a ContentType, without line breaks."));
        }
    }
    let content_id = filled(file.content_id.clone());
    let id = content_id.map(|id| id.strip_prefix("cid:").map(str::to_owned).ok_or(id)).transpose();
    let id = id.map_err(|id| PostmarkError::invalid(format!("The ContentID '{id}' does not begin with 'cid:'.")))?;
    Ok(Attachment {
        content_type: Some(file.content_type.clone()),
        disposition: if id.is_some() { "inline" } else { "attachment" },
        content_id: id,
        ..Attachment::of(name, &content)
    })
}
