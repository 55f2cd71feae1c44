//! A whole message as MIME (RFC 5322, RFC 2045): what `Raw` content is made of.
//!
//! The encodings of headers and bodies are libraries' work; what is here is the order of the parts. Texts are quoted-printable
//! and files base64, so that every line is short and ASCII, and a boundary that begins with `=_` stands in none of them
//! (RFC 2045, section 6.7).

use std::fmt::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use email_encoding::headers::writer::EmailWriter;
use email_encoding::headers::{rfc2047, rfc2231};
use notifier_plugin_sdk::mail_header::is_printable;
use notifier_plugin_sdk::{Attachment, Email};

use crate::address::AsciiMailbox;

/// Room for headers and boundaries, beside texts and files.
const HEADERS_BYTES: usize = 4 * 1024;

/// Who it is from and to, with addresses that can stand in a header.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) sender: AsciiMailbox<'a>,
    pub(crate) recipients: Vec<AsciiMailbox<'a>>,
    pub(crate) reply_to: Option<AsciiMailbox<'a>>,
}

/// The message. It has no `Message-ID`: SES gives one, whatever is there. It replaces the date as well, but takes no message
/// without one.
pub(crate) fn message(email: &Email, envelope: &Envelope<'_>, now_ms: u64) -> String {
    let mut out = String::with_capacity(size_estimate(email));
    // Writing to a `String` does not fail.
    let _infallible = write_message(email, envelope, now_ms, &mut out);
    out
}

/// Quoted-printable is never more than three times as long, and seldom more than a tenth longer.
fn size_estimate(email: &Email) -> usize {
    let texts = [&email.text, &email.html].into_iter().flatten().map(|text| text.len() * 11 / 10).sum::<usize>();
    let files = email.attachments.iter().map(|file| email_encoding::body::base64::encoded_len(file.data.len()) + 512);
    HEADERS_BYTES + texts + files.sum::<usize>()
}

fn write_message(email: &Email, envelope: &Envelope<'_>, now_ms: u64, out: &mut String) -> fmt::Result {
    write!(out, "Date: {}\r\n", date(now_ms))?;
    header(out, "From", |writer| envelope.sender.write(writer))?;
    header(out, "To", |writer| {
        for (index, recipient) in envelope.recipients.iter().enumerate() {
            if index > 0 {
                writer.write_char(',')?;
                writer.space();
            }
            recipient.write(writer)?;
        }
        Ok(())
    })?;
    if let Some(reply_to) = &envelope.reply_to {
        header(out, "Reply-To", |writer| reply_to.write(writer))?;
    }
    header(out, "Subject", |writer| match is_printable(&email.subject) && !email.subject.contains("=?") {
        true => writer.folding().write_str(&email.subject),
        false => rfc2047::encode(&email.subject, writer),
    })?;
    for (name, value) in &email.headers {
        header(out, name, |writer| match is_printable(value) {
            true => writer.folding().write_str(value),
            false => rfc2047::encode(value, writer),
        })?;
    }
    out.push_str("MIME-Version: 1.0\r\n");
    Entity::of(email).write(&mut 0, out)
}

/// As RFC 5322, section 3.3 wants it: `GMT` is an obsolete zone.
fn date(now_ms: u64) -> String {
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now_ms));
    date.replace("GMT", "+0000")
}

fn header(out: &mut String, name: &str, write: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result) -> fmt::Result {
    write!(out, "{name}: ")?;
    let line_chars = name.len() + 2;
    let mut writer = EmailWriter::new(out, line_chars, 0, false);
    write(&mut writer)?;
    drop(writer);
    out.write_str("\r\n")
}

/// A part, or parts within parts.
enum Entity<'a> {
    Text { subtype: &'static str, text: &'a str },
    File(&'a Attachment),
    Multipart { subtype: &'static str, parts: Vec<Entity<'a>> },
}

impl<'a> Entity<'a> {
    /// `mixed(alternative(text, related(html, images)), files)`, without the levels that hold one part. An image that no HTML
    /// can refer to is a file like others.
    fn of(email: &'a Email) -> Self {
        let text = |subtype, text: &'a Option<String>| {
            text.as_deref().filter(|text| !text.is_empty()).map(|text| Self::Text { subtype, text })
        };
        let html = text("html", &email.html);
        let (images, files): (Vec<_>, Vec<_>) =
            email.attachments.iter().partition(|file| html.is_some() && file.content_id.is_some());
        let html = html.map(|html| Self::joined("related", html, images));
        let bodies: Vec<_> = text("plain", &email.text).into_iter().chain(html).collect();
        let body = Self::multipart("alternative", bodies);
        Self::joined("mixed", body, files)
    }

    fn joined(subtype: &'static str, first: Self, files: Vec<&'a Attachment>) -> Self {
        Self::multipart(subtype, std::iter::once(first).chain(files.into_iter().map(Self::File)).collect())
    }

    fn multipart(subtype: &'static str, mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            last => {
                parts.extend(last);
                Self::Multipart { subtype, parts }
            }
        }
    }

    fn write(&self, multiparts: &mut u32, out: &mut String) -> fmt::Result {
        match self {
            Self::Text { subtype, text } => write_text(subtype, text, out),
            Self::File(file) => write_file(file, out),
            Self::Multipart { subtype, parts } => {
                *multiparts += 1;
                let boundary = format!("=_notifier-{multiparts}");
                // RFC 2387, section 3.1 wants to be told the type of the part that the others belong to.
                let root = if *subtype == "related" { " type=\"text/html\";" } else { "" };
                write!(out, "Content-Type: multipart/{subtype};{root} boundary=\"{boundary}\"\r\n")?;
                for part in parts {
                    write!(out, "\r\n--{boundary}\r\n")?;
                    part.write(multiparts, out)?;
                }
                write!(out, "\r\n--{boundary}--\r\n")
            }
        }
    }
}

fn write_text(subtype: &str, text: &str, out: &mut String) -> fmt::Result {
    write!(out, "Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")?;
    // The line breaks of a text are CRLF (RFC 2046, section 4.1.1).
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    // All of it is ASCII, so nothing is lost.
    out.write_str(&String::from_utf8_lossy(&quoted_printable::encode(text)))
}

fn write_file(file: &Attachment, out: &mut String) -> fmt::Result {
    let content_type = if is_media_type(&file.content_type) { &file.content_type } else { "application/octet-stream" };
    header(out, "Content-Type", |writer| writer.folding().write_str(content_type))?;
    let disposition = if file.content_id.is_some() { "inline;" } else { "attachment;" };
    header(out, "Content-Disposition", |writer| {
        writer.write_str(disposition)?;
        writer.space();
        rfc2231::encode("filename", &file.filename, writer)
    })?;
    if let Some(id) = file.content_id.as_deref().filter(|id| is_content_id(id)) {
        write!(out, "Content-ID: <{id}>\r\n")?;
    }
    out.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
    email_encoding::body::base64::encode(&file.data, out)
}

/// Nothing that would end the header or the parameter.
fn is_media_type(text: &str) -> bool {
    text.contains('/') && is_printable(text)
}

fn is_content_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| (b'!'..=b'~').contains(&b) && !b"<>".contains(&b))
}
