//! Raw messages: what SES refuses of them, and what their recipients see.
//!
//! The rules are those of the member `RawMessage` in the API's description: header and body around one blank line, the
//! required fields, lines of at most 1,000 characters, parts that are formatted properly. Reading is left to the crate
//! `mail-parser`, which forgives what mail programs forgive.

use std::collections::BTreeMap;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use mail_parser::{
    Address, Encoding, MessageParser, MessagePart, MimeHeaders, PartType,
    decoders::quoted_printable::quoted_printable_decode,
};

use super::{
    super::{Attachment, Channel, Message, Service, mailbox},
    answers::AwsError,
    checks,
};

/// With its line break.
const LINE_MAX: usize = 1_000;

/// Fields that stand at most once (RFC 5322, section 3.6).
const SINGLE: [&str; 10] =
    ["from", "to", "cc", "bcc", "subject", "reply-to", "date", "message-id", "mime-version", "content-type"];

/// Header fields that have a place of their own in a [`Message`], or say only how the rest is written.
const SHOWN_ELSEWHERE: [&str; 8] =
    ["from", "to", "cc", "bcc", "subject", "reply-to", "mime-version", "content-transfer-encoding"];

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Reads a message as its recipients would.
pub(super) fn read(raw: &[u8], id: String) -> Result<Message, AwsError> {
    check_lines(raw)?;
    check_header(raw)?;
    let parsed = MessageParser::default().parse(raw).ok_or_else(|| malformed("it cannot be read"))?;
    let mut message = Message::new(Service::Ses, Channel::Email, id);
    let from = parsed.from().and_then(Address::first);
    message.from = from.and_then(|from| from.address.as_deref()).map(str::to_owned);
    if !message.from.as_deref().is_some_and(mailbox::is_address) {
        return Err(AwsError::bad_request("Missing required header 'From'."));
    }
    message.from_name = from.and_then(|from| from.name.as_deref()).map(str::to_owned);
    message.to = addresses(parsed.to(), "To")?;
    message.cc = addresses(parsed.cc(), "Cc")?;
    message.bcc = addresses(parsed.bcc(), "Bcc")?;
    message.reply_to = addresses(parsed.reply_to(), "Reply-To")?;
    message.subject = parsed.subject().map(str::to_owned);
    message.headers = headers(&parsed);
    for part in &parsed.parts {
        sort_in(part, &parsed, &mut message)?;
    }
    Ok(message)
}

/// Text in which encoded words (RFC 2047) were replaced by what they stand for.
pub(super) fn decode_words(text: &str) -> String {
    if !text.contains("=?") {
        return text.to_owned();
    }
    let header = format!("Subject: {text}\r\n\r\n");
    let parsed = MessageParser::default().parse(header.as_bytes());
    parsed.and_then(|parsed| parsed.subject().map(str::to_owned)).unwrap_or_else(|| text.to_owned())
}

fn malformed(why: &str) -> AwsError {
    AwsError::bad_request(format!("The raw message is not a valid MIME message: {why}."))
}

fn check_lines(raw: &[u8]) -> Result<(), AwsError> {
    match raw.split(|&byte| byte == b'\n').any(|line| line.len() >= LINE_MAX) {
        true => Err(malformed("a line has more than 1,000 characters")),
        false => Ok(()),
    }
}

/// Every line of the header is a field or goes on with one, in seven bits; what may stand once stands once.
fn check_header(raw: &[u8]) -> Result<(), AwsError> {
    let breaks =
        raw.windows(4).position(|four| four == b"\r\n\r\n").or_else(|| raw.windows(2).position(|two| two == b"\n\n"));
    let header = breaks.and_then(|at| raw.get(..at)).ok_or_else(|| malformed("no blank line ends its header"))?;
    let header = std::str::from_utf8(header).ok().filter(|header| header.is_ascii());
    let header = header.ok_or_else(|| malformed("its header holds characters that are not ASCII"))?;
    let mut seen = Vec::new();
    for line in header.lines().filter(|line| !line.starts_with([' ', '\t'])) {
        let (name, _) = line.split_once(':').ok_or_else(|| malformed("its header holds a line that is no field"))?;
        if !mailbox::is_header_name(name) {
            return Err(malformed("its header holds a line that is no field"));
        }
        let name = name.to_ascii_lowercase();
        if SINGLE.contains(&name.as_str()) && seen.contains(&name) {
            return Err(AwsError::bad_request(format!("Duplicate header '{}'.", &line[..name.len()])));
        }
        seen.push(name);
    }
    Ok(())
}

fn addresses(field: Option<&Address>, name: &str) -> Result<Vec<String>, AwsError> {
    let list = field.into_iter().flat_map(Address::iter);
    let read = list.map(|one| one.address.as_deref().filter(|address| mailbox::is_address(address)).map(str::to_owned));
    let illegal = || AwsError::bad_request(format!("Illegal address in header '{name}'."));
    read.map(|address| address.ok_or_else(illegal)).collect()
}

fn headers(parsed: &mail_parser::Message) -> BTreeMap<String, String> {
    let shown = |(name, _): &(&str, &str)| {
        let name = name.to_ascii_lowercase();
        !SHOWN_ELSEWHERE.contains(&name.as_str()) && !name.starts_with("content-")
    };
    let unfolded = |value: &str| value.split("\r\n").map(str::trim).collect::<Vec<_>>().join(" ");
    let fields = parsed.headers_raw().filter(shown);
    fields.map(|(name, value)| (name.to_owned(), decode_words(unfolded(value).trim()))).collect()
}

/// Puts a part where its reader would see it.
fn sort_in(part: &MessagePart, parsed: &mail_parser::Message, message: &mut Message) -> Result<(), AwsError> {
    if part.is_encoding_problem {
        return Err(malformed("a part is not encoded as it says"));
    }
    let disposition = part.content_disposition().map(|disposition| disposition.ctype());
    let is_file =
        part.attachment_name().is_some() || disposition.is_some_and(|said| said.eq_ignore_ascii_case("attachment"));
    match &part.body {
        PartType::Multipart(_) => return check_multipart(part, parsed),
        // The parser takes it for something else where it cannot be taken apart.
        _ if part.content_type().is_some_and(|kind| kind.ctype().eq_ignore_ascii_case("multipart")) => {
            return Err(malformed("a multipart has no boundary, or no parts"));
        }
        PartType::Text(text) if !is_file && message.text.is_none() && part.is_plain() => {
            message.text = Some(text.to_string());
        }
        PartType::Html(html) if !is_file && message.html.is_none() => message.html = Some(html.to_string()),
        _ => message.attachments.push(file(part, parsed, disposition)?),
    }
    Ok(())
}

trait PlainText {
    fn is_plain(&self) -> bool;
}

impl PlainText for MessagePart<'_> {
    /// Which is what a part without a type is.
    fn is_plain(&self) -> bool {
        self.content_type().is_none() || self.is_content_type("text", "plain")
    }
}

/// Its parts end where it says (RFC 2046, section 5.1.1).
fn check_multipart(part: &MessagePart, parsed: &mail_parser::Message) -> Result<(), AwsError> {
    let boundary = part.content_type().and_then(|kind| kind.attribute("boundary"));
    let boundary = boundary.ok_or_else(|| malformed("a multipart has no boundary"))?;
    let end = format!("\n--{boundary}--");
    match parsed.raw_message().windows(end.len()).any(|window| window == end.as_bytes()) {
        true => Ok(()),
        false => Err(malformed("a multipart does not end")),
    }
}

fn file(part: &MessagePart, parsed: &mail_parser::Message, disposition: Option<&str>) -> Result<Attachment, AwsError> {
    let name = part.attachment_name().unwrap_or_default();
    checks::check_type(name)?;
    let kind = part.content_type();
    let is_inline = disposition.is_some_and(|said| said.eq_ignore_ascii_case("inline"));
    Ok(Attachment {
        content_type: kind.map(|kind| [kind.ctype(), kind.subtype().unwrap_or_default()].join("/")),
        content_id: part.content_id().map(str::to_owned),
        disposition: if is_inline { "inline" } else { "attachment" },
        ..Attachment::of(name, &content(part, parsed)?)
    })
}

/// The bytes of a part: those of a text too are not to be read as characters.
fn content(part: &MessagePart, parsed: &mail_parser::Message) -> Result<Vec<u8>, AwsError> {
    let written = parsed.raw_message().get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    let decoded = match part.encoding {
        Encoding::None => Some(written.to_vec()),
        Encoding::QuotedPrintable => quoted_printable_decode(written),
        Encoding::Base64 => {
            let digits: Vec<u8> = written.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(digits).ok()
        }
    };
    decoded.ok_or_else(|| malformed("a part is not encoded as it says"))
}
