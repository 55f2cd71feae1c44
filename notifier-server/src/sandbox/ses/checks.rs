//! What SES checks once names and types are right. It complains about the first thing only.
//!
//! Limits are those of the API's description and of docs.aws.amazon.com/ses/latest/dg/quotas.html. Where neither tells
//! SES's words, they are the fake's own in the form of the rest.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;

use super::{
    super::{
        Attachment, Channel, Message, Service, file_type,
        mailbox::{self, Mailbox},
        message::IDEMPOTENCY_KEY,
    },
    answers::AwsError,
    mime,
    schema::{Content, File, Header, SendEmail, Simple, Tag},
};

const RECIPIENTS_MAX: usize = 50;
const HEADERS_MAX: usize = 15;
const HEADER_NAME_MAX: usize = 126;
const HEADER_VALUE_MAX: usize = 995;
const HEADER_MAX: usize = 996;
const TAG_MAX: usize = 256;
const FILE_NAME_MAX: usize = 255;
const FILE_DESCRIPTION_MAX: usize = 1_000;
const FILE_FIELD_MAX: usize = 78;

/// Headers that SES writes for a simple message: another of their name would stand twice.
const WRITTEN_HEADERS: [&str; 12] = [
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "reply-to",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "return-path",
];

/// Character sets by the names of their text: those that SES's description names, and ASCII.
const CHARSETS: [&str; 4] = ["utf-8", "us-ascii", "iso-8859-1", "shift_jis"];

/// Checks a request; returns the message that its recipients would get.
pub(super) fn check(request: SendEmail, id: String) -> Result<Message, AwsError> {
    let content = request.content.ok_or_else(|| missing("content"))?;
    let mut message = match (content.simple, content.raw, content.template) {
        (Some(simple), None, None) => simple_message(simple, id)?,
        (None, Some(raw), None) => {
            let data = raw.data.ok_or_else(|| missing("content.raw.data"))?;
            let told = "Start of structure or map found where not expected: Data is not base64";
            let serialization = |_| AwsError::new(StatusCode::BAD_REQUEST, "SerializationException", told);
            mime::read(&STANDARD.decode(data.as_bytes()).map_err(serialization)?, id)?
        }
        (None, None, Some(template)) => {
            let name = template.template_name.or(template.template_arn).unwrap_or_default();
            let told = format!("Template {name} does not exist.");
            return Err(AwsError::new(StatusCode::NOT_FOUND, "NotFoundException", told));
        }
        _ => return Err(AwsError::bad_request("Content must have exactly one of Simple, Raw and Template.")),
    };
    if let Some(from) = &request.from_email_address {
        let from = address(from)?;
        // A raw message keeps the sender in its header; this one is the envelope's.
        if message.from.is_none() {
            (message.from, message.from_name) = (Some(from.address), from.name);
        }
    }
    if message.from.is_none() {
        return Err(AwsError::bad_request("Missing required header 'From'."));
    }
    if let Some(destination) = &request.destination {
        message.to = addresses(destination.to_addresses.as_deref())?;
        message.cc = addresses(destination.cc_addresses.as_deref())?;
        message.bcc = addresses(destination.bcc_addresses.as_deref())?;
    }
    match message.to.len() + message.cc.len() + message.bcc.len() {
        0 => return Err(AwsError::bad_request("Destination must have at least one recipient.")),
        1..=RECIPIENTS_MAX => {}
        _ => return Err(AwsError::bad_request(format!("Recipient count exceeds {RECIPIENTS_MAX}."))),
    }
    if let Some(reply_to) = &request.reply_to_addresses {
        message.reply_to = addresses(Some(reply_to))?;
    }
    if let Some(feedback) = &request.feedback_forwarding_email_address {
        address(feedback)?;
    }
    message.custom_args = tags(request.email_tags.unwrap_or_default())?;
    message.idempotency_key = message.custom_args.get(IDEMPOTENCY_KEY).cloned();
    Ok(message)
}

fn simple_message(simple: Simple, id: String) -> Result<Message, AwsError> {
    let mut message = Message::new(Service::Ses, Channel::Email, id);
    let subject = text(simple.subject.ok_or_else(|| missing("content.simple.subject"))?, "content.simple.subject")?;
    if subject.contains(['\r', '\n']) {
        return Err(AwsError::bad_request("Header value contains illegal characters: 'Subject'"));
    }
    message.subject = Some(mime::decode_words(&subject));
    let body = simple.body.ok_or_else(|| missing("content.simple.body"))?;
    message.text = body.text.map(|part| text(part, "content.simple.body.text")).transpose()?;
    message.html = body.html.map(|part| text(part, "content.simple.body.html")).transpose()?;
    if message.text.is_none() && message.html.is_none() {
        return Err(AwsError::constraint("content.simple.body", "Member must have Text or Html"));
    }
    message.headers = headers(simple.headers.unwrap_or_default())?;
    let files = simple.attachments.unwrap_or_default();
    message.attachments = files.iter().map(file).collect::<Result<_, _>>()?;
    Ok(message)
}

fn missing(member: &str) -> AwsError {
    AwsError::constraint(member, "Member must not be null")
}

/// Text whose character set is told when it needs one.
fn text(content: Content, member: &str) -> Result<String, AwsError> {
    let data = content.data.ok_or_else(|| missing(&format!("{member}.data")))?;
    let charset = content.charset.as_deref().unwrap_or("us-ascii").to_ascii_lowercase();
    let fits = match charset.as_str() {
        "us-ascii" => data.is_ascii(),
        "iso-8859-1" => data.chars().all(|c| u32::from(c) < 0x100),
        known => CHARSETS.contains(&known),
    };
    match fits {
        true => Ok(data),
        false => {
            let told = format!("Text at '{member}' cannot be written in the charset {charset}.");
            Err(AwsError::bad_request(told))
        }
    }
}

/// Seven-bit text, in which a name may be written in encoded words (RFC 2047).
fn address(text: &str) -> Result<Mailbox, AwsError> {
    let refused = match text {
        _ if !text.is_ascii() => "Local address contains control or whitespace or non-ASCII characters",
        _ if !text.contains('@') => "Missing final '@domain'",
        _ => "Illegal address",
    };
    let mailbox = mailbox::parse(text).filter(|_| text.is_ascii());
    let mailbox = mailbox.ok_or_else(|| AwsError::bad_request(refused))?;
    Ok(Mailbox { name: mailbox.name.map(|name| mime::decode_words(&name)), ..mailbox })
}

fn addresses(texts: Option<&[String]>) -> Result<Vec<String>, AwsError> {
    texts.unwrap_or_default().iter().map(|text| Ok(address(text)?.address)).collect()
}

fn headers(headers: Vec<Header>) -> Result<BTreeMap<String, String>, AwsError> {
    let member = "content.simple.headers";
    if headers.len() > HEADERS_MAX {
        let told = format!("Member must have length less than or equal to {HEADERS_MAX}");
        return Err(AwsError::constraint(member, &told));
    }
    let mut read = BTreeMap::new();
    for (index, header) in headers.into_iter().enumerate() {
        let member = format!("{member}.{}.member", index + 1);
        let name = header.name.ok_or_else(|| missing(&format!("{member}.name")))?;
        let value = header.value.ok_or_else(|| missing(&format!("{member}.value")))?;
        if name.len() > HEADER_NAME_MAX || !mailbox::is_header_name(&name) {
            let told = "Member must satisfy regular expression pattern: ^[!-9;-@A-~]+$ and have length 1 to 126";
            return Err(AwsError::constraint(&format!("{member}.name"), told));
        }
        let is_printable = value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if value.is_empty() || value.len() > HEADER_VALUE_MAX || !is_printable || name.len() + value.len() > HEADER_MAX
        {
            let told =
                "Member must satisfy regular expression pattern: [ -~]* and have length 1 to 995, with its name 996";
            return Err(AwsError::constraint(&format!("{member}.value"), told));
        }
        if WRITTEN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(AwsError::bad_request(format!("Duplicate header '{name}'.")));
        }
        read.insert(name, mime::decode_words(&value));
    }
    Ok(read)
}

fn tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, AwsError> {
    let mut read = BTreeMap::new();
    for (index, tag) in tags.into_iter().enumerate() {
        let member = format!("emailTags.{}.member", index + 1);
        let name = tag.name.ok_or_else(|| missing(&format!("{member}.name")))?;
        let value = tag.value.ok_or_else(|| missing(&format!("{member}.value")))?;
        for (what, part) in [("name", &name), ("value", &value)] {
            let fits = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            if !fits || !(1..=TAG_MAX).contains(&part.len()) {
                return Err(AwsError::bad_request(format!(
                    "Invalid tag {what} <{part}>: only alphanumeric ASCII characters, '_', and '-' are allowed, up to \
                     {TAG_MAX}."
                )));
            }
        }
        if read.insert(name.clone(), value).is_some() {
            return Err(AwsError::bad_request(format!("Duplicate tag name: {name}.")));
        }
    }
    Ok(read)
}

fn file(file: &File) -> Result<Attachment, AwsError> {
    let member = "content.simple.attachments";
    let name = file.file_name.as_deref().ok_or_else(|| missing(&format!("{member}.fileName")))?;
    let content = file.raw_content.as_deref().ok_or_else(|| missing(&format!("{member}.rawContent")))?;
    let told = "rawContent is not base64";
    let content =
        STANDARD.decode(content).map_err(|_| AwsError::new(StatusCode::BAD_REQUEST, "SerializationException", told))?;
    for (what, value, max) in [
        ("fileName", Some(name), FILE_NAME_MAX),
        ("contentDescription", file.content_description.as_deref(), FILE_DESCRIPTION_MAX),
        ("contentId", file.content_id.as_deref(), FILE_FIELD_MAX),
        ("contentType", file.content_type.as_deref(), FILE_FIELD_MAX),
    ] {
        if value.is_some_and(|value| value.is_empty() || value.len() > max || value.contains(['\r', '\n'])) {
            let told = format!("Member must have length 1 to {max} and hold no line break");
            return Err(AwsError::constraint(&format!("{member}.{what}"), &told));
        }
    }
    check_type(name)?;
    let encoding = file.content_transfer_encoding.as_deref().unwrap_or("SEVEN_BIT");
    if !["BASE64", "QUOTED_PRINTABLE", "SEVEN_BIT"].contains(&encoding) {
        let told = "Member must satisfy enum value set: [BASE64, QUOTED_PRINTABLE, SEVEN_BIT]";
        return Err(AwsError::constraint(&format!("{member}.contentTransferEncoding"), told));
    }
    let disposition = match file.content_disposition.as_deref() {
        None | Some("ATTACHMENT") => "attachment",
        Some("INLINE") => "inline",
        Some(_) => {
            let told = "Member must satisfy enum value set: [ATTACHMENT, INLINE]";
            return Err(AwsError::constraint(&format!("{member}.contentDisposition"), told));
        }
    };
    Ok(Attachment {
        content_type: file.content_type.clone(),
        content_id: file.content_id.clone(),
        disposition,
        ..Attachment::of(name, &content)
    })
}

/// Whether SES sends files of this name.
pub(super) fn check_type(name: &str) -> Result<(), AwsError> {
    match file_type::is_unsupported(name) {
        true => Err(AwsError::bad_request(format!("Illegal filename '{name}'."))),
        false => Ok(()),
    }
}
