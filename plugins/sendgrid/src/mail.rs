//! The body of `POST /v3/mail/send` (<https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use notifier_plugin_sdk::{Attachment, Context, Email, Mailbox, SendError, mail_header};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::settings::{CATEGORIES_MAX, CATEGORY_CHARS_MAX, Settings, UnsubscribeGroup};

/// Recipients of one message.
pub(crate) const RECIPIENTS_MAX: usize = 1000;

/// The whole message with its attachments, as they are encoded.
pub(crate) const MESSAGE_BYTES_MAX: usize = 30 * 1024 * 1024;

/// Room in the body for everything but texts and attachments.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// Signs that SendGrid's support calls problematic in a name (<https://github.com/sendgrid/sendgrid-ruby/issues/394>), and those
/// that quotes are made of.
const NAME_SIGNS: &[char] = &['(', ')', ',', ':', ';', '<', '>', '@', '[', ']', '"', '\\'];

/// Headers that SendGrid writes itself and refuses to be given.
pub(crate) const RESERVED_HEADERS: &[&str] = &[
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "dkim-signature",
    "from",
    "received",
    "reply-to",
    "subject",
    "to",
    "x-sg-eid",
    "x-sg-id",
];

#[derive(Serialize)]
struct Mail<'a> {
    personalizations: [Personalization<'a>; 1],
    from: Address<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<Address<'a>>,
    subject: &'a str,
    content: Vec<Part<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<File<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    categories: Vec<&'a str>,
    custom_args: CustomArgs<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asm: Option<&'a UnsubscribeGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_pool_name: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    mail_settings: BTreeMap<&'static str, Enabled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracking_settings: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Personalization<'a> {
    to: Vec<Address<'a>>,
}

#[derive(Serialize)]
struct Address<'a> {
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct Part<'a> {
    r#type: &'static str,
    value: &'a str,
}

#[derive(Serialize)]
struct File<'a> {
    #[serde(serialize_with = "as_base64")]
    content: &'a [u8],
    r#type: &'a str,
    filename: &'a str,
    disposition: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

/// Comes back in every event, so that an operator can tell ours from another sender's of the same account.
#[derive(Serialize)]
struct CustomArgs<'a> {
    notifier_key: &'a str,
    notifier_tenant: &'a str,
}

#[derive(Serialize)]
struct Enabled {
    enable: bool,
}

/// The body, or why SendGrid would refuse it.
pub(crate) fn body(settings: &Settings, email: &Email, context: &Context) -> Result<Vec<u8>, SendError> {
    let size = size_estimate(email);
    let to = recipients(email);
    check_limits(email, to.len(), size)?;
    let mail = Mail {
        personalizations: [Personalization { to }],
        from: sender(&email.sender),
        reply_to: email.reply_to.as_ref().map(address),
        subject: &email.subject,
        content: content(email)?,
        attachments: email.attachments.iter().map(file).collect(),
        headers: headers(email)?,
        categories: categories(settings, context),
        custom_args: CustomArgs { notifier_key: &context.idempotency_key, notifier_tenant: &context.tenant },
        asm: settings.asm.as_ref(),
        ip_pool_name: settings.ip_pool_name.as_deref(),
        mail_settings: mail_settings(settings, &context.category),
        tracking_settings: settings.tracking_settings.as_ref(),
    };
    // Allocated once: growing by doubling would not fit a plugin's memory with a large attachment.
    let mut body = Vec::with_capacity(size + ENVELOPE_BYTES);
    serde_json::to_writer(&mut body, &mail)
        .map_err(|error| SendError::message(None, format!("the message cannot be written as JSON: {error}")))?;
    Ok(body)
}

fn size_estimate(email: &Email) -> usize {
    let texts = [&email.text, &email.html].into_iter().flatten().map(String::len).sum::<usize>();
    texts + email.attachments.iter().map(|file| file.data.len().div_ceil(3) * 4).sum::<usize>()
}

fn check_limits(email: &Email, recipients: usize, size: usize) -> Result<(), SendError> {
    let refuse = |problem: String| Err(SendError::message(None, problem));
    match recipients {
        0 => return refuse("the message has no recipient".into()),
        count if count > RECIPIENTS_MAX => {
            return refuse(format!("the message has {count} recipients, SendGrid takes {RECIPIENTS_MAX}"));
        }
        _ => {}
    }
    if email.subject.is_empty() {
        return refuse("the message has no subject, which SendGrid wants".into());
    }
    if let Some(empty) = email.attachments.iter().find(|file| file.data.is_empty()) {
        return refuse(format!("the attachment `{}` is empty, which SendGrid refuses", empty.filename));
    }
    if size > MESSAGE_BYTES_MAX {
        return refuse(format!(
            "texts and encoded attachments have {size} bytes, SendGrid takes {MESSAGE_BYTES_MAX}: link to large files"
        ));
    }
    Ok(())
}

/// Each address once, whatever its case: SendGrid refuses a mail that names one twice
/// (<https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors>).
fn recipients(email: &Email) -> Vec<Address<'_>> {
    let mut seen = BTreeSet::new();
    let first_time = |mailbox: &&Mailbox| seen.insert(mailbox.address.to_ascii_lowercase());
    email.recipients.iter().filter(first_time).map(address).collect()
}

/// `text/plain` first: SendGrid refuses any other order. It refuses empty parts as well.
fn content(email: &Email) -> Result<Vec<Part<'_>>, SendError> {
    let parts = [("text/plain", &email.text), ("text/html", &email.html)];
    let parts: Vec<_> = parts
        .into_iter()
        .filter_map(|(r#type, value)| Some(Part { r#type, value: value.as_deref()? }))
        .filter(|part| !part.value.is_empty())
        .collect();
    if parts.is_empty() {
        return Err(SendError::message(None, "the message has neither text nor HTML"));
    }
    Ok(parts)
}

/// Values "must be properly encoded if they contain unicode characters"
/// (<https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send>, `headers`). Subject and names SendGrid encodes itself.
fn headers(email: &Email) -> Result<BTreeMap<&str, String>, SendError> {
    let mut headers = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (name, value) in &email.headers {
        let lower = name.to_ascii_lowercase();
        if RESERVED_HEADERS.contains(&lower.as_str()) {
            return Err(SendError::message(None, format!("the header `{name}` is SendGrid's own and cannot be set")));
        }
        if !seen.insert(lower) {
            return Err(SendError::message(None, format!("the header `{name}` is given twice, SendGrid takes one")));
        }
        headers.insert(name.as_str(), mail_header::unstructured(value));
    }
    Ok(headers)
}

/// The notification's own category first, then the operator's, each once. A category that SendGrid would refuse is left
/// out: statistics are not worth a message.
fn categories<'a>(settings: &'a Settings, context: &'a Context) -> Vec<&'a str> {
    let mut categories = Vec::new();
    for category in std::iter::once(&context.category).chain(&settings.categories) {
        let fits = !category.is_empty() && category.chars().count() <= CATEGORY_CHARS_MAX;
        if fits && !categories.contains(&category.as_str()) && categories.len() < CATEGORIES_MAX {
            categories.push(category.as_str());
        }
    }
    categories
}

/// What is not set is as in the account.
fn mail_settings(settings: &Settings, category: &String) -> BTreeMap<&'static str, Enabled> {
    let switches = [
        ("sandbox_mode", settings.sandbox_mode),
        ("bypass_list_management", settings.bypass_list_management.contains(category)),
        ("bypass_spam_management", settings.bypass_spam_management.contains(category)),
        ("bypass_bounce_management", settings.bypass_bounce_management.contains(category)),
        ("bypass_unsubscribe_management", settings.bypass_unsubscribe_management.contains(category)),
    ];
    switches.into_iter().filter(|(_, is_on)| *is_on).map(|(name, enable)| (name, Enabled { enable })).collect()
}

/// SendGrid writes the sender's name in quotes by itself; those that come along are shown
/// (<https://github.com/sendgrid/sendgrid-nodejs/issues/1183>).
fn sender(mailbox: &Mailbox) -> Address<'_> {
    Address {
        email: &mailbox.address,
        name: mailbox.name.as_deref().filter(|name| !name.is_empty()).map(Cow::Borrowed),
    }
}

/// Other names SendGrid writes before the address as they are, and reads the two again: of `Accounts, Ltd` it makes two addresses
/// and drops the mail (<https://github.com/sendgrid/sendgrid-python/issues/291>), of an address to reply to as well
/// (<https://github.com/sendgrid/sendgrid-nodejs/issues/1121>). So a name with such signs goes in quotes.
fn address(mailbox: &Mailbox) -> Address<'_> {
    match mailbox.name.as_deref() {
        Some(name) if name.contains(NAME_SIGNS) => {
            Address { email: &mailbox.address, name: mailbox.quoted_name().map(Cow::Owned) }
        }
        _ => sender(mailbox),
    }
}

fn file(attachment: &Attachment) -> File<'_> {
    File {
        content: &attachment.data,
        r#type: media_type(&attachment.content_type),
        filename: &attachment.filename,
        disposition: if attachment.content_id.is_some() { "inline" } else { "attachment" },
        content_id: attachment.content_id.as_deref(),
    }
}

/// Without parameters, for which SendGrid refuses the whole mail: "The attachment type cannot contain ';', or CRLF characters."
/// (<https://github.com/sendgrid/sendgrid-go/issues/450>). It adds the file's name itself.
fn media_type(content_type: &str) -> &str {
    content_type.split_once(';').map_or(content_type, |(media_type, _)| media_type).trim()
}

/// Encoded on the way into the body, not before: a plugin has no memory for both.
fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(bytes, &STANDARD))
}
