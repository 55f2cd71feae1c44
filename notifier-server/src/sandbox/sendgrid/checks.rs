//! What SendGrid checks once names and types are right. All complaints are collected, as the vendor does.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Display,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};

use super::super::{Attachment, mailbox};
use super::{
    answers::{FieldError, Rejection},
    schema::{Content, File, Mail, Mailbox, Personalization},
};

const PERSONALIZATIONS_MAX: usize = 1_000;
const RECIPIENTS_MAX: usize = 1_000;
const REPLY_TO_MAX: usize = 1_000;
const CATEGORIES_MAX: usize = 10;
const CATEGORY_CHARS_MAX: usize = 255;
const CUSTOM_ARGS_BYTES_MAX: usize = 10_000;
const UNSUBSCRIBE_GROUPS_MAX: usize = 25;
const SEND_AT_AHEAD_MAX: SignedDuration = SignedDuration::from_hours(72);

/// Headers that the vendor writes itself. Names compare without regard to case.
const RESERVED_HEADERS: [&str; 12] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
];

/// Checks a mail; returns its files decoded and measured.
pub(super) fn check(mail: &Mail, now: Timestamp) -> Result<Vec<Attachment>, Rejection> {
    let mut complaints = Complaints::default();
    complaints.personalizations(mail, now);
    complaints.from(mail);
    complaints.subject(mail);
    complaints.content(mail);
    complaints.reply_to(mail);
    complaints.headers(mail.headers.as_ref(), "headers");
    complaints.categories(mail.categories.as_deref().unwrap_or_default());
    complaints.send_at(mail.send_at, now, "send_at");
    complaints.settings(mail);
    let attachments = complaints.attachments(mail.attachments.as_deref().unwrap_or_default());
    if complaints.errors.is_empty() { Ok(attachments) } else { Err(Rejection::of_fields(complaints.errors)) }
}

#[derive(Default)]
struct Complaints {
    errors: Vec<FieldError>,
}

impl Complaints {
    fn add(&mut self, field: impl Display, message: impl Into<String>) {
        self.errors.push(FieldError { message: message.into(), field: Some(field.to_string()) });
    }

    fn personalizations(&mut self, mail: &Mail, now: Timestamp) {
        let personalizations = mail.personalizations.as_deref().unwrap_or_default();
        match personalizations.len() {
            0 => self.add("personalizations", "At least one personalization is required."),
            1..=PERSONALIZATIONS_MAX => {}
            count => {
                self.add("personalizations", format!("At most {PERSONALIZATIONS_MAX} personalizations, not {count}."))
            }
        }
        let mailboxes = |list: &Option<Vec<Mailbox>>| list.as_ref().map_or(0, Vec::len);
        let recipients = |own: &Personalization| mailboxes(&own.to) + mailboxes(&own.cc) + mailboxes(&own.bcc);
        let total: usize = personalizations.iter().map(recipients).sum();
        if total > RECIPIENTS_MAX {
            self.add("personalizations", format!("At most {RECIPIENTS_MAX} recipients (to, cc and bcc), not {total}."));
        }
        for (index, own) in personalizations.iter().enumerate() {
            self.personalization(mail, own, now, &format!("personalizations.{index}"));
        }
    }

    fn personalization(&mut self, mail: &Mail, own: &Personalization, now: Timestamp, path: &str) {
        if own.to.as_ref().is_none_or(Vec::is_empty) {
            self.add(format_args!("{path}.to"), "The to array is required for all personalization objects.");
        }
        let mut seen = HashSet::new();
        for (name, mailboxes) in [("to", &own.to), ("cc", &own.cc), ("bcc", &own.bcc)] {
            for (index, mailbox) in mailboxes.iter().flatten().enumerate() {
                let field = format!("{path}.{name}.{index}");
                self.mailbox(mailbox, &field);
                if let Some(email) = &mailbox.email
                    && !seen.insert(email.to_ascii_lowercase())
                {
                    self.add(path, format!("Each address must be unique between to, cc and bcc: {email} is repeated."));
                }
            }
        }
        if let Some(from) = &own.from {
            self.mailbox(from, &format!("{path}.from"));
        }
        if let Some(subject) = &own.subject {
            self.subject_text(subject, format_args!("{path}.subject"));
        }
        self.headers(own.headers.as_ref(), &format!("{path}.headers"));
        self.custom_args(mail.custom_args.as_ref(), own.custom_args.as_ref(), path);
        self.send_at(own.send_at, now, format_args!("{path}.send_at"));
    }

    fn from(&mut self, mail: &Mail) {
        match &mail.from {
            Some(from) => self.mailbox(from, "from"),
            None => self.add("from", "The from object must be provided; it needs an email."),
        }
    }

    fn mailbox(&mut self, mailbox: &Mailbox, path: &str) {
        match &mailbox.email {
            None => self.add(format_args!("{path}.email"), "An email is required."),
            Some(email) if !mailbox::is_address(email) => {
                self.add(format_args!("{path}.email"), format!("Does not contain a valid address: {email}"));
            }
            Some(_) => {}
        }
        if mailbox.name.as_ref().is_some_and(|name| name.contains(['\r', '\n'])) {
            self.add(format_args!("{path}.name"), "The name cannot contain CR or LF.");
        }
    }

    fn subject(&mut self, mail: &Mail) {
        match &mail.subject {
            Some(subject) => self.subject_text(subject, "subject"),
            None => {
                let everywhere = mail.personalizations.iter().flatten().all(|own| own.subject.is_some());
                if mail.template_id.is_none() && !everywhere {
                    self.add("subject", "The subject is required, unless a template or every personalization has one.");
                }
            }
        }
    }

    fn subject_text(&mut self, subject: &str, field: impl Display) {
        if subject.is_empty() {
            self.add(field, "The subject must be at least one character in length.");
        } else if subject.contains(['\r', '\n']) {
            self.add(field, "The subject cannot contain CR or LF.");
        }
    }

    fn content(&mut self, mail: &Mail) {
        let content = mail.content.as_deref().unwrap_or_default();
        if content.is_empty() && mail.template_id.is_none() {
            self.add("content", "Unless a valid template_id is provided, content is required.");
        }
        for (index, part) in content.iter().enumerate() {
            self.content_part(part, index);
        }
        let types: Vec<_> = content.iter().map(|part| part.media_type.as_deref().unwrap_or_default()).collect();
        for unique in ["text/plain", "text/html"] {
            if types.iter().filter(|media_type| **media_type == unique).count() > 1 {
                self.add("content", format!("{unique} may only be provided once."));
            }
        }
        if types.iter().skip(1).any(|media_type| *media_type == "text/plain") {
            self.add("content", "If present, text/plain must be first, followed by text/html, followed by any other.");
        }
        let html_first_at = usize::from(types.first() == Some(&"text/plain"));
        if types.iter().skip(html_first_at + 1).any(|media_type| *media_type == "text/html") {
            self.add("content", "If present, text/html must come before any other type but text/plain.");
        }
    }

    fn content_part(&mut self, part: &Content, index: usize) {
        match part.media_type.as_deref() {
            None | Some("") => self.add(format_args!("content.{index}.type"), "The content type is required."),
            Some(media_type) if media_type.contains([';', '\r', '\n']) => {
                self.add(format_args!("content.{index}.type"), "The content type cannot contain ';', CR or LF.");
            }
            Some(_) => {}
        }
        if part.value.as_ref().is_none_or(String::is_empty) {
            let message = "The content value must be a string at least one character in length.";
            self.add(format_args!("content.{index}.value"), message);
        }
    }

    fn reply_to(&mut self, mail: &Mail) {
        if let Some(reply_to) = &mail.reply_to {
            self.mailbox(reply_to, "reply_to");
        }
        let Some(list) = &mail.reply_to_list else { return };
        if mail.reply_to.is_some() {
            self.add("reply_to_list", "Use either reply_to or reply_to_list, not both.");
        }
        if list.len() > REPLY_TO_MAX {
            self.add("reply_to_list", format!("At most {REPLY_TO_MAX} addresses."));
        }
        for (index, mailbox) in list.iter().enumerate() {
            self.mailbox(mailbox, &format!("reply_to_list.{index}"));
        }
    }

    fn headers(&mut self, headers: Option<&BTreeMap<String, String>>, path: &str) {
        for (name, value) in headers.into_iter().flatten() {
            let field = format!("{path}.{name}");
            if RESERVED_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                self.add(field, format!("The header {name} is reserved."));
            } else if !mailbox::is_header_name(name) {
                self.add(field, "Header names are printable ASCII without spaces and colons.");
            } else if value.contains(['\r', '\n']) {
                self.add(field, "Header values cannot contain CR or LF.");
            }
        }
    }

    fn categories(&mut self, categories: &[String]) {
        if categories.len() > CATEGORIES_MAX {
            self.add("categories", format!("At most {CATEGORIES_MAX} categories."));
        }
        let mut seen = HashSet::new();
        for (index, category) in categories.iter().enumerate() {
            if category.chars().count() > CATEGORY_CHARS_MAX {
                self.add(format_args!("categories.{index}"), format!("At most {CATEGORY_CHARS_MAX} characters."));
            }
            if !seen.insert(category) {
                self.add("categories", format!("Categories must be unique: {category} is repeated."));
            }
        }
    }

    /// The limit counts what the recipient's copy carries: its own arguments and those of the mail that it does not
    /// override.
    fn custom_args(
        &mut self,
        shared: Option<&BTreeMap<String, String>>,
        own: Option<&BTreeMap<String, String>>,
        path: &str,
    ) {
        let inherited = shared.into_iter().flatten().filter(|(name, _)| own.is_none_or(|own| !own.contains_key(*name)));
        let bytes: usize =
            inherited.chain(own.into_iter().flatten()).map(|(name, value)| name.len() + value.len()).sum();
        if bytes > CUSTOM_ARGS_BYTES_MAX {
            let field = if own.is_some() { format!("{path}.custom_args") } else { "custom_args".to_owned() };
            self.add(field, format!("Custom arguments may not exceed {CUSTOM_ARGS_BYTES_MAX} bytes."));
        }
    }

    fn send_at(&mut self, send_at: Option<i64>, now: Timestamp, field: impl Display) {
        let Some(send_at) = send_at else { return };
        match Timestamp::from_second(send_at) {
            Err(_) => self.add(field, "The send_at parameter is not a Unix timestamp."),
            Ok(at) if at.duration_since(now) > SEND_AT_AHEAD_MAX => {
                self.add(field, "Scheduling more than 72 hours in advance is forbidden.");
            }
            Ok(_) => {}
        }
    }

    fn settings(&mut self, mail: &Mail) {
        if let Some(asm) = &mail.asm {
            if asm.group_id.is_none() {
                self.add("asm.group_id", "The asm object needs a group_id.");
            }
            if asm.groups_to_display.as_ref().is_some_and(|groups| groups.len() > UNSUBSCRIBE_GROUPS_MAX) {
                self.add("asm.groups_to_display", format!("At most {UNSUBSCRIBE_GROUPS_MAX} groups."));
            }
        }
        if mail.ip_pool_name.as_ref().is_some_and(|name| !(2..=64).contains(&name.chars().count())) {
            self.add("ip_pool_name", "The ip_pool_name has 2 to 64 characters.");
        }
    }

    fn attachments(&mut self, files: &[File]) -> Vec<Attachment> {
        files.iter().enumerate().filter_map(|(index, file)| self.attachment(file, index)).collect()
    }

    fn attachment(&mut self, file: &File, index: usize) -> Option<Attachment> {
        let path = format!("attachments.{index}");
        let complaints_before = self.errors.len();
        let content = file.content.as_deref().unwrap_or_default();
        let content = if content.is_empty() {
            self.add(format_args!("{path}.content"), "The attachment content is required.");
            Vec::new()
        } else if let Ok(content) = STANDARD.decode(content) {
            content
        } else {
            self.add(format_args!("{path}.content"), "The attachment content must be base64 encoded.");
            Vec::new()
        };
        let filename = file.filename.as_deref().unwrap_or_default();
        if filename.is_empty() {
            self.add(format_args!("{path}.filename"), "The attachment filename is required.");
        }
        let disposition = match file.disposition.as_deref() {
            None | Some("attachment") => "attachment",
            Some("inline") => "inline",
            Some(_) => {
                self.add(format_args!("{path}.disposition"), "The disposition is either inline or attachment.");
                "attachment"
            }
        };
        let headers = [("filename", &file.filename), ("type", &file.media_type), ("content_id", &file.content_id)];
        for (name, value) in headers {
            if value.as_ref().is_some_and(|value| value.contains(['\r', '\n'])) {
                self.add(format_args!("{path}.{name}"), "Cannot contain CR or LF.");
            }
        }
        for (name, value) in [("type", &file.media_type), ("content_id", &file.content_id)] {
            if value.as_ref().is_some_and(String::is_empty) {
                self.add(format_args!("{path}.{name}"), "Must be at least one character in length.");
            }
        }
        (self.errors.len() == complaints_before).then(|| Attachment {
            content_type: file.media_type.clone(),
            disposition,
            content_id: file.content_id.clone(),
            ..Attachment::of(filename, &content)
        })
    }
}
