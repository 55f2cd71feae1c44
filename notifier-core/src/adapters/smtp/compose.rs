//! From an email to the bytes that a mail server takes (RFC 5322, RFC 2045).
//!
//! The same email under the same key is the same bytes at every attempt, but for its date: identifier and boundaries come from
//! the key. Everything is ASCII, in lines of at most 998 bytes, but for addresses that need SMTPUTF8. There is one recipient, and
//! it stands in the header: there is no other list that could leak.

use std::time::{Duration, SystemTime};

use idna::domain_to_ascii;
use jiff::Timestamp;
use lettre::Address;
use lettre::message::header::{
    ContentTransferEncoding, ContentType, Date, From, HeaderName, HeaderValue, Headers, MIME_VERSION_1_0, MessageId,
    ReplyTo, Subject, To,
};
use lettre::message::{Attachment as File, Body, Mailbox as HeaderMailbox, Mailboxes, MultiPart, SinglePart};

use crate::domain::message::{Attachment, EmailMessage, Mailbox};
use crate::domain::outcome::{Problem, RejectionKind};

/// A message and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mail {
    /// Of the envelope.
    pub(super) sender: String,
    /// Of the envelope.
    pub(super) recipient: String,
    /// Header and body.
    pub(super) content: Vec<u8>,
    /// As it stands in the header, in angle brackets.
    pub(super) message_id: String,
    /// Whether an address needs SMTPUTF8 (RFC 6531), and whose fault it is where the server cannot do that.
    pub(super) needs_utf8: Option<RejectionKind>,
}

/// Why there can be no such message.
pub(super) type Unfit = (RejectionKind, Problem);

/// Puts the message together.
///
/// # Errors
/// When an address is none, or a header or a file cannot be written. All of that was checked when the message was accepted; this
/// is for messages that come from somewhere else.
pub(super) fn compose(email: &EmailMessage, key: &str, now: Timestamp) -> Result<Mail, Unfit> {
    let sender = mailbox(&email.sender, RejectionKind::Provider)?;
    let recipient = mailbox(&email.recipient, RejectionKind::Recipient)?;
    let reply_to = email.reply_to.as_ref().map(|reply_to| mailbox(reply_to, RejectionKind::Unfit)).transpose()?;
    let message_id = format!("<{}@{}>", dot_atom(key), sender.email.domain());

    let mut headers = Headers::new();
    headers.set(Date::new(date(now)));
    headers.set(MessageId::from(message_id.clone()));
    headers.set(From::from(Mailboxes::from(sender.clone())));
    headers.set(To::from(Mailboxes::from(recipient.clone())));
    if let Some(reply_to) = &reply_to {
        headers.set(ReplyTo::from(Mailboxes::from(reply_to.clone())));
    }
    headers.set(Subject::from(email.subject.clone()));
    headers.set(MIME_VERSION_1_0);
    for (name, value) in &email.headers {
        headers.insert_raw(extra_header(&headers, name, value)?);
    }
    let mut content = headers.to_string().into_bytes();
    content.extend_from_slice(&body(email, key)?);

    let is_beyond_ascii = |mailbox: &HeaderMailbox| !mailbox.email.user().is_ascii();
    let needs_utf8 = if is_beyond_ascii(&sender) {
        Some(RejectionKind::Provider)
    } else if is_beyond_ascii(&recipient) {
        Some(RejectionKind::Recipient)
    } else if reply_to.as_ref().is_some_and(is_beyond_ascii) {
        Some(RejectionKind::Unfit)
    } else {
        None
    };
    Ok(Mail {
        sender: sender.email.to_string(),
        recipient: recipient.email.to_string(),
        content,
        message_id,
        needs_utf8,
    })
}

/// The mailbox with its domain in ASCII (RFC 5890), which every server understands.
fn mailbox(mailbox: &Mailbox, kind: RejectionKind) -> Result<HeaderMailbox, Unfit> {
    let text = mailbox.address.as_str();
    let unfit = || (kind, Problem::plain(format!("`{text}` cannot be used as an address")));
    let (user, domain) = text.rsplit_once('@').ok_or_else(unfit)?;
    let domain = domain_to_ascii(domain).map_err(|_| unfit())?;
    let address = Address::new(user, domain).map_err(|_| unfit())?;
    let is_one_word = !text.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>'));
    if !is_one_word || mailbox.name.as_ref().is_some_and(|name| name.chars().any(char::is_control)) {
        return Err(unfit());
    }
    Ok(HeaderMailbox::new(mailbox.name.clone(), address))
}

/// A date that can be written: no earlier than 1970 and no later than 9999, whatever the clock was set to.
fn date(now: Timestamp) -> SystemTime {
    let since_epoch = u64::try_from(now.as_second()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch.min(LAST_SECOND))
}

/// The last of the year 9998.
const LAST_SECOND: u64 = 253_370_764_799;

/// The key as the left side of a message identifier (RFC 5322 section 3.6.4). A delivery's identifier is left as it is.
fn dot_atom(key: &str) -> String {
    let mut atom = String::with_capacity(key.len());
    for byte in key.bytes() {
        let is_dot = byte == b'.' && !atom.is_empty() && !atom.ends_with('.');
        if byte.is_ascii_alphanumeric() || byte == b'-' || is_dot {
            atom.push(char::from(byte));
        } else {
            atom.push_str(&format!("_{byte:02x}"));
        }
    }
    if atom.is_empty() || atom.ends_with('.') { format!("{atom}_") } else { atom }
}

/// A header of the caller's. Those that say who, when and what are written here, and none that names somebody else or what the
/// body is made of is let in.
fn extra_header(written: &Headers, name: &str, value: &str) -> Result<HeaderValue, Unfit> {
    let lower = name.to_ascii_lowercase();
    let is_name = !name.is_empty() && name.bytes().all(|byte| (33..=126).contains(&byte) && byte != b':');
    let is_ours = written.get_raw(&lower).is_some()
        || ["bcc", "cc", "sender", "return-path", "reply-to"].contains(&lower.as_str())
        || ["content-", "resent-"].iter().any(|prefix| lower.starts_with(prefix));
    if !is_name || is_ours || value.chars().any(char::is_control) {
        let problem = "is not one that a message may bring along, or has a value of several lines";
        return Err((RejectionKind::Unfit, Problem::plain(format!("the header `{}` {problem}", name.escape_debug()))));
    }
    let name = HeaderName::new_from_ascii(name.to_owned());
    let name = name.map_err(|_| (RejectionKind::Unfit, Problem::plain("a header's name has over 76 characters")))?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

/// The body with the headers that describe it: `mixed` (`related` (`alternative` (text, HTML), pictures), files), of which only
/// what is needed is there.
fn body(email: &EmailMessage, key: &str) -> Result<Vec<u8>, Unfit> {
    let text = email.text.as_ref().map(|text| words(ContentType::TEXT_PLAIN, text));
    let html = email.html.as_ref().map(|html| words(ContentType::TEXT_HTML, html));
    let has_html = html.is_some();
    let boundary = |level: &str| format!("=_{}_{level}", dot_atom(key).chars().take(56).collect::<String>());
    let words = match (text, html) {
        (Some(text), Some(html)) => {
            let both = MultiPart::alternative().boundary(boundary("alternative"));
            Part::Multi(both.singlepart(text).singlepart(html))
        }
        (Some(one), None) | (None, Some(one)) => Part::Single(one),
        (None, None) => return Err((RejectionKind::Unfit, Problem::plain("the message has neither text nor HTML"))),
    };
    let is_picture = |file: &&Attachment| has_html && file.content_id.is_some();
    let (pictures, files): (Vec<&Attachment>, Vec<&Attachment>) = email.attachments.iter().partition(is_picture);
    let with_pictures = words.with(&pictures, || MultiPart::related().boundary(boundary("related")).build())?;
    let whole = with_pictures.with(&files, || MultiPart::mixed().boundary(boundary("mixed")).build())?;
    Ok(match whole {
        Part::Single(part) => part.formatted(),
        Part::Multi(parts) => parts.formatted(),
    })
}

enum Part {
    Single(SinglePart),
    Multi(MultiPart),
}

impl Part {
    /// This part and the files below one roof; this part alone where there are none.
    fn with(self, files: &[&Attachment], roof: impl FnOnce() -> MultiPart) -> Result<Self, Unfit> {
        if files.is_empty() {
            return Ok(self);
        }
        let mut below = match self {
            Self::Single(part) => roof().singlepart(part),
            Self::Multi(parts) => roof().multipart(parts),
        };
        for file in files {
            below = below.singlepart(attached(file)?);
        }
        Ok(Self::Multi(below))
    }
}

/// Text in quoted-printable, whatever is in it: no line of it can look like a boundary, for `=_` does not occur there (RFC 2045
/// section 6.7), and no relay has a reason to change it.
fn words(kind: ContentType, text: &str) -> SinglePart {
    let encoding = ContentTransferEncoding::QuotedPrintable;
    // Quoted-printable takes everything: nothing ever comes back.
    let body = Body::new_with_encoding(with_line_ends(text), encoding).unwrap_or_else(Body::new);
    SinglePart::builder().header(kind).body(body)
}

/// The text with `CR LF` after each line, in one pass.
fn with_line_ends(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / 32);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                rest.next_if_eq(&'\n');
                lines.push_str("\r\n");
            }
            '\n' => lines.push_str("\r\n"),
            c => lines.push(c),
        }
    }
    lines
}

fn attached(file: &Attachment) -> Result<SinglePart, Unfit> {
    // Messages and multiparts may not be encoded (RFC 2045 section 6.4), and these are.
    let lower = file.content_type.to_ascii_lowercase();
    let is_composite = lower.starts_with("message/") || lower.starts_with("multipart/");
    let kind = if is_composite { "application/octet-stream" } else { file.content_type.as_str() };
    let unfit = |what: String| (RejectionKind::Unfit, Problem::plain(what));
    let kind = ContentType::parse(kind)
        .map_err(|_| unfit(format!("`{}` is no media type", file.content_type.escape_debug())))?;
    if file.filename.chars().any(char::is_control) {
        return Err(unfit("the name of a file has control characters".to_owned()));
    }
    let part = match &file.content_id {
        Some(id) if id.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>')) => {
            return Err(unfit("the content id of a file has spaces, brackets or control characters".to_owned()));
        }
        Some(id) => File::new_inline_with_name(id.clone(), file.filename.clone()),
        None => File::new(file.filename.clone()),
    };
    // A file is bytes, also one that looks like text: what is sent as text gets other line ends on its way.
    let data = Body::new_with_encoding(file.data.clone(), ContentTransferEncoding::Base64);
    let data = data.map_err(|_| unfit("a file cannot be encoded".to_owned()))?;
    Ok(part.body(data, kind))
}

#[cfg(test)]
#[path = "tests/composing.rs"]
mod tests;
