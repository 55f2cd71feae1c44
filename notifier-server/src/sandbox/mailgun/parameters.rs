//! The parameters of a message:
//! documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages/post-v3--domain-name--messages.
//!
//! Mailgun skips parameters that it does not know. The fake refuses them: what is misspelt would be lost in silence.
//! Where the documentation does not tell Mailgun's words, they are the fake's own in the form of the rest.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use serde_json::{Map, Value};

use super::{
    super::{
        Attachment, Channel, Message, Service,
        mailbox::{self, Mailbox},
        message::IDEMPOTENCY_KEY,
    },
    answers::MailgunError,
    multipart::Field,
};

const RECIPIENTS_MAX: usize = 1_000;
const OPTIONS_BYTES_MAX: usize = 16 * 1024;
const TAGS_MAX: usize = 10;
const TAG_BYTES_MAX: usize = 128;
const DELIVERY_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Options that are switched on and off.
const SWITCHES: [&str; 5] = ["o:dkim", "o:testmode", "o:tracking-opens", "o:require-tls", "o:skip-verification"];

/// Switches that know a third way.
const HTML_SWITCHES: [&str; 3] = ["o:tracking", "o:tracking-clicks", "o:tracking-pixel-location-top"];

/// Options with a text that only other parts of Mailgun can judge.
const TEXTS: [&str; 6] = [
    "o:secondary-dkim",
    "o:secondary-dkim-public",
    "o:sending-ip",
    "o:sending-ip-pool",
    "o:archive-to",
    "o:suppress-headers",
];

/// A message as it was asked for.
#[derive(Default)]
pub(super) struct Parameters {
    from: Option<Mailbox>,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    bcc: Vec<Mailbox>,
    reply_to: Vec<Mailbox>,
    /// Those that stand at most once, by name.
    single: BTreeMap<String, String>,
    tags: Vec<String>,
    headers: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    files: Vec<Attachment>,
    recipient_variables: Map<String, Value>,
}

impl Parameters {
    /// Reads and checks the parts of a form. It complains about the first thing only.
    pub(super) fn read(fields: Vec<Field>, now: Timestamp) -> Result<Self, MailgunError> {
        let is_option = |field: &&Field| ["o:", "h:", "v:", "t:"].iter().any(|prefix| field.name.starts_with(prefix));
        let options_bytes: usize =
            fields.iter().filter(is_option).map(|field| field.name.len() + field.content.len()).sum();
        if options_bytes > OPTIONS_BYTES_MAX {
            let told = "Send options (parameters starting with o:, h:, v:, or t:) are limited to 16KB total";
            return Err(MailgunError::bad_request(told));
        }
        let mut parameters = Self::default();
        for field in fields {
            parameters.take(field, now)?;
        }
        parameters.check()?;
        Ok(parameters)
    }

    fn take(&mut self, field: Field, now: Timestamp) -> Result<(), MailgunError> {
        let Field { name, filename, content_type, content } = field;
        if name == "attachment" || name == "inline" {
            self.files.push(file(&name, filename, content_type, &content)?);
            return Ok(());
        }
        if filename.is_some() {
            return Err(MailgunError::bad_request(format!("'{name}' parameter is not a file")));
        }
        let value = String::from_utf8(content.to_vec());
        let value = value.map_err(|_| MailgunError::bad_request(format!("'{name}' parameter is not UTF-8")))?;
        match name.as_str() {
            "from" if self.from.is_some() => return Err(twice(&name)),
            "from" => self.from = Some(mailbox::parse(&value).ok_or_else(|| MailgunError::address("from"))?),
            "to" => self.to.extend(addresses(&name, &value)?),
            "cc" => self.cc.extend(addresses(&name, &value)?),
            "bcc" => self.bcc.extend(addresses(&name, &value)?),
            "o:tag" => self.tags.push(value),
            "recipient-variables" if self.recipient_variables.is_empty() => {
                let wrong = |_| MailgunError::bad_request("'recipient-variables' parameter is not a JSON dictionary");
                self.recipient_variables = serde_json::from_str(&value).map_err(wrong)?;
            }
            "subject" | "text" | "html" | "amp-html" | "template" | "t:version" | "t:text" | "t:variables" => {
                self.take_single(name, value)?;
            }
            _ => match name.split_once(':') {
                Some(("h", header)) => self.take_header(header, value)?,
                Some(("v", variable)) if !variable.is_empty() => {
                    if self.variables.insert(variable.to_owned(), value).is_some() {
                        return Err(twice(&name));
                    }
                }
                Some(("o", _)) => {
                    check_option(&name, &value, now)?;
                    self.take_single(name, value)?;
                }
                _ => return Err(MailgunError::bad_request(format!("'{name}' parameter is not known"))),
            },
        }
        Ok(())
    }

    fn take_single(&mut self, name: String, value: String) -> Result<(), MailgunError> {
        if self.single.contains_key(&name) {
            return Err(twice(&name));
        }
        self.single.insert(name, value);
        Ok(())
    }

    fn take_header(&mut self, name: &str, value: String) -> Result<(), MailgunError> {
        if !mailbox::is_header_name(name) || value.contains(['\r', '\n']) {
            return Err(MailgunError::bad_request(format!("'h:{name}' parameter is not a valid header")));
        }
        if name.eq_ignore_ascii_case("reply-to") {
            self.reply_to = addresses(&format!("h:{name}"), &value)?;
            return Ok(());
        }
        match self.headers.insert(name.to_owned(), value) {
            Some(_) => Err(twice(&format!("h:{name}"))),
            None => Ok(()),
        }
    }

    fn check(&self) -> Result<(), MailgunError> {
        if self.from.is_none() {
            return Err(MailgunError::missing("from"));
        }
        if self.to.is_empty() {
            return Err(MailgunError::missing("to"));
        }
        if self.to.len() + self.cc.len() + self.bcc.len() > RECIPIENTS_MAX {
            return Err(MailgunError::bad_request(format!("A message has at most {RECIPIENTS_MAX} recipients")));
        }
        let subject = self.single("subject").ok_or_else(|| MailgunError::missing("subject"))?;
        if subject.contains(['\r', '\n']) {
            return Err(MailgunError::bad_request("'subject' parameter holds a line break"));
        }
        if ["text", "html", "amp-html", "template"].iter().all(|name| self.single(name).is_none()) {
            let told = "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters specified";
            return Err(MailgunError::bad_request(told));
        }
        if let Some(template) = self.single("template") {
            return Err(MailgunError::bad_request(format!("template '{template}' not found")));
        }
        let is_tag = |tag: &String| !tag.is_empty() && tag.is_ascii() && tag.len() <= TAG_BYTES_MAX;
        if self.tags.len() > TAGS_MAX || !self.tags.iter().all(is_tag) {
            let told =
                format!("'o:tag' parameter: at most {TAGS_MAX} tags of at most {TAG_BYTES_MAX} ASCII characters");
            return Err(MailgunError::bad_request(told));
        }
        Ok(())
    }

    fn single(&self, name: &str) -> Option<&str> {
        self.single.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether it is only to be checked.
    pub(super) fn is_test(&self) -> bool {
        self.single("o:testmode").is_some_and(|value| ["yes", "true"].contains(&value.to_ascii_lowercase().as_str()))
    }

    /// What the recipients would get: one message for all, or with recipient variables one for each.
    pub(super) fn into_messages(self, id: &str) -> Vec<Message> {
        let mut message = Message::new(Service::Mailgun, Channel::Email, id.to_owned());
        for (place, name) in
            [(&mut message.subject, "subject"), (&mut message.text, "text"), (&mut message.html, "html")]
        {
            *place = self.single(name).map(str::to_owned);
        }
        let Self { from, to, cc, bcc, reply_to, tags, headers, variables, files, recipient_variables, .. } = self;
        (message.from, message.from_name) = from.map(|from| (Some(from.address), from.name)).unwrap_or_default();
        let mut seen = HashSet::new();
        message.to = distinct(to, &mut seen);
        message.cc = distinct(cc, &mut seen);
        message.bcc = distinct(bcc, &mut seen);
        message.reply_to = reply_to.into_iter().map(|mailbox| mailbox.address).collect();
        message.headers = headers;
        message.attachments = files;
        message.categories = tags;
        message.idempotency_key = variables.get(IDEMPOTENCY_KEY).cloned();
        message.custom_args = variables;
        if recipient_variables.is_empty() {
            return vec![message];
        }
        let own = |address: &String| personal(message.clone(), address, recipient_variables.get(address));
        message.to.iter().map(own).collect()
    }
}

fn twice(name: &str) -> MailgunError {
    MailgunError::bad_request(format!("'{name}' parameter stands twice"))
}

fn addresses(name: &str, value: &str) -> Result<Vec<Mailbox>, MailgunError> {
    mailbox::parse_list(value).ok_or_else(|| MailgunError::address(name))
}

/// Mailgun ignores who is named again.
fn distinct(mailboxes: Vec<Mailbox>, seen: &mut HashSet<String>) -> Vec<String> {
    let addresses = mailboxes.into_iter().map(|mailbox| mailbox.address);
    addresses.filter(|address| seen.insert(address.to_ascii_lowercase())).collect()
}

/// The copy of one recipient, with its variables put in.
fn personal(mut message: Message, address: &str, variables: Option<&Value>) -> Message {
    message.to = vec![address.to_owned()];
    for (name, value) in variables.and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for place in [&mut message.subject, &mut message.text, &mut message.html].into_iter().flatten() {
            *place = place.replace(&format!("%recipient.{name}%"), &value);
        }
    }
    message
}

fn file(
    kind: &str,
    filename: Option<String>,
    content_type: Option<String>,
    content: &Bytes,
) -> Result<Attachment, MailgunError> {
    let name = filename.filter(|name| !name.is_empty() && !name.contains(['\r', '\n', '/']));
    let name = name.ok_or_else(|| MailgunError::bad_request(format!("'{kind}' parameter is a file without a name")))?;
    let is_inline = kind == "inline";
    Ok(Attachment {
        content_type,
        disposition: if is_inline { "inline" } else { "attachment" },
        // The text refers to a file by its name:
        // documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-attachments.
        content_id: is_inline.then(|| name.clone()),
        ..Attachment::of(&name, content)
    })
}

fn check_option(name: &str, value: &str, now: Timestamp) -> Result<(), MailgunError> {
    let said = value.to_ascii_lowercase();
    let is_switch = ["yes", "no", "true", "false"].contains(&said.as_str());
    let hours = |text: &str| text.strip_suffix('h').and_then(|hours| hours.parse::<u32>().ok());
    let fits = match name {
        _ if SWITCHES.contains(&name) => is_switch,
        _ if HTML_SWITCHES.contains(&name) => is_switch || said == "htmlonly",
        _ if TEXTS.contains(&name) => !value.is_empty(),
        "o:deliverytime" => match rfc2822::parse(value) {
            Ok(at) => at.timestamp().duration_since(now) <= DELIVERY_AHEAD_MAX,
            Err(_) => false,
        },
        "o:deliverytime-optimize-period" => hours(value).is_some_and(|hours| (24..=72).contains(&hours)),
        "o:deliver-within" => is_window(value),
        "o:time-zone-localize" => is_time(&said),
        _ => return Err(MailgunError::bad_request(format!("'{name}' parameter is not known"))),
    };
    match fits {
        true => Ok(()),
        false => Err(MailgunError::bad_request(format!("'{name}' parameter is not valid: '{value}'"))),
    }
}

/// As `1h30m`, `30m` and `24h`, from five minutes to a day.
fn is_window(text: &str) -> bool {
    let (hours, rest) = text.split_once('h').map_or((Some(0), text), |(hours, rest)| (hours.parse::<u32>().ok(), rest));
    let minutes = match rest {
        "" => Some(0),
        rest => rest.strip_suffix('m').and_then(|minutes| minutes.parse::<u32>().ok()),
    };
    let total = hours.zip(minutes).and_then(|(hours, minutes)| hours.checked_mul(60)?.checked_add(minutes));
    total.is_some_and(|minutes| (5..=24 * 60).contains(&minutes))
}

/// As `13:30` and `01:30pm`.
fn is_time(text: &str) -> bool {
    let (digits, hours) = match text.strip_suffix("am").or_else(|| text.strip_suffix("pm")) {
        Some(digits) => (digits, 1..=12),
        None => (text, 0..=23),
    };
    let Some((hour, minute)) = digits.split_once(':') else { return false };
    let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() == 2);
    number(hour).is_some_and(|hour| hours.contains(&hour)) && number(minute).is_some_and(|minute| minute < 60)
}
