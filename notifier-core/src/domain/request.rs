//! What a caller asks for, as written, and the one place where it is checked.
//!
//! [`NotificationRequest`] holds plain text, whether it came from a program or over HTTP; [`NotificationRequest::check`]
//! turns it into a [`Draft`], or says of every field what is wrong with it.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::channel::Channel;
use super::id::{CategoryName, CollapseKey, IdempotencyKey, InvalidId, RecipientId, SubjectId, TemplateName, TenantId};
use super::limits::Limits;
use super::message::{Attachment, Mailbox};
use super::notification::{ContentSource, Draft, MessageOptions, RESERVED_VARIABLES};
use super::recipient::{ChatId, EmailAddress, Locale, PhoneNumber, PushToken, Recipient, WebhookUrl, ZoneName};
use super::schedule::{self, ScheduleRequest};
use super::template::{Compiled, Content};

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct FieldError {
    /// Its path, as `recipient.email`; empty for the request as a whole.
    pub field: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl FieldError {
    /// An error of that field.
    #[must_use]
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// Who is to be told. With an address here the user database is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecipientRequest {
    /// The id in the user database, or any id of the caller's.
    pub id: String,
    /// Email address.
    pub email: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// Token of a device, or the subscription of a browser as JSON.
    pub push_token: Option<String>,
    /// Id of a channel, a conversation or a person in a chat.
    pub chat_id: Option<String>,
    /// Where events are posted: an `https` URL.
    pub webhook_url: Option<String>,
    /// Language tag.
    pub locale: Option<String>,
    /// IANA time zone.
    pub time_zone: Option<String>,
}

/// A stored template, and optionally a version of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TemplateRequest {
    /// Its name.
    pub name: String,
    /// Pins a version; otherwise the newest when the notification falls due.
    pub version: Option<u32>,
}

/// What a request may say beyond the words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OptionsRequest {
    /// Where answers to the email go.
    pub reply_to: Option<String>,
    /// Extra headers of the email.
    pub headers: Vec<(String, String)>,
    /// Files of the email.
    pub attachments: Vec<Attachment>,
    /// Pictures and the like of the text message, as URLs.
    pub media_urls: Vec<String>,
}

/// What a caller asks for, as written.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct NotificationRequest {
    /// Whose it is; the operator's own when absent.
    pub tenant: Option<String>,
    /// To whom.
    pub recipient: RecipientRequest,
    /// Of which kind; `default` when absent.
    pub category: Option<String>,
    /// On which channels; as the category says when absent.
    pub channels: Option<Vec<Channel>>,
    /// The words: a stored template.
    pub template: Option<TemplateRequest>,
    /// The words: written here. Exactly one of `template` and `content` is given.
    pub content: Option<Content>,
    /// What to put into them.
    pub variables: Map<String, Value>,
    /// What it is about, by its id in the catalog.
    pub subject: Option<String>,
    /// What else there is to say.
    pub options: OptionsRequest,
    /// When; at once when absent.
    pub schedule: Option<ScheduleRequest>,
    /// When it is too late: RFC 3339; as the category says when absent.
    pub expires_at: Option<String>,
    /// The same key with the same request is the same notification.
    pub idempotency_key: Option<String>,
    /// While it waits, a newer notification to the same recipient with the same key takes its place.
    pub collapse_key: Option<String>,
}

impl NotificationRequest {
    /// A request to tell the recipient with this id something.
    #[must_use]
    pub fn to(recipient: impl Into<String>) -> Self {
        let recipient = RecipientRequest { id: recipient.into(), ..RecipientRequest::default() };
        Self { recipient, ..Self::default() }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// One for each field that cannot be used.
    pub fn check(self, now: Timestamp, limits: &Limits) -> Result<Draft, Vec<FieldError>> {
        let parse = |content: &Content| Compiled::new(content, "content", limits).err().unwrap_or_default();
        self.check_with(now, limits, &parse)
    }

    /// As [`Self::check`], where `parse` says what is wrong with the words: parsing is dear, and may have been done before.
    pub(crate) fn check_with(
        self,
        now: Timestamp,
        limits: &Limits,
        parse: &dyn Fn(&Content) -> Vec<FieldError>,
    ) -> Result<Draft, Vec<FieldError>> {
        let mut errors = Errors::default();
        let tenant = errors.parse_or("tenant", self.tenant.as_deref(), TenantId::from_str, TenantId::unnamed());
        let category =
            errors.parse_or("category", self.category.as_deref(), CategoryName::from_str, CategoryName::unnamed());
        let recipient = check_recipient(&self.recipient, &mut errors);
        let channels = check_channels(self.channels, &mut errors);
        let content = check_content(self.template, self.content, channels.as_deref(), parse, &mut errors);
        check_variables(&self.variables, limits, &mut errors);
        let subject = errors.parse("subject", self.subject.as_deref(), SubjectId::from_str);
        let options = check_options(self.options, limits, &mut errors);
        let zone = recipient.as_ref().and_then(|recipient| recipient.time_zone.as_ref());
        let due_at = self.schedule.as_ref().and_then(|schedule| {
            schedule::resolve(schedule, zone, now, limits.schedule_ahead_days_max)
                .map_err(|error| errors.push(format!("schedule.{}", error.field), error.problem))
                .ok()
        });
        let expires_at = check_expiry(self.expires_at.as_deref(), due_at.unwrap_or(now), &mut errors);
        let idempotency_key =
            errors.parse("idempotency_key", self.idempotency_key.as_deref(), IdempotencyKey::from_str);
        let collapse_key = errors.parse("collapse_key", self.collapse_key.as_deref(), CollapseKey::from_str);
        match (recipient, content, tenant, category) {
            (Some(recipient), Some(content), Some(tenant), Some(category)) if errors.0.is_empty() => Ok(Draft {
                tenant,
                recipient,
                category,
                channels,
                content,
                variables: self.variables,
                subject,
                options,
                due_at,
                expires_at,
                idempotency_key,
                collapse_key,
            }),
            _ => Err(errors.0),
        }
    }
}

/// Collects what is wrong.
#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn push(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push(FieldError::new(field, problem));
    }

    /// The parsed value, or `None` with an error noted, or `None` where there is no text.
    fn parse<T, E: ToString>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(field, error.to_string());
                None
            }
        }
    }

    fn parse_or<T>(
        &mut self,
        field: &str,
        text: Option<&str>,
        parse: impl Fn(&str) -> Result<T, InvalidId>,
        default: T,
    ) -> Option<T> {
        if text.is_some() { self.parse(field, text, parse) } else { Some(default) }
    }
}

fn check_recipient(request: &RecipientRequest, errors: &mut Errors) -> Option<Recipient> {
    let id = errors.parse("recipient.id", Some(&request.id), RecipientId::from_str);
    let email = errors.parse("recipient.email", request.email.as_deref(), EmailAddress::parse);
    let phone = errors.parse("recipient.phone", request.phone.as_deref(), PhoneNumber::parse);
    let push_token = errors.parse("recipient.push_token", request.push_token.as_deref(), PushToken::parse);
    let chat_id = errors.parse("recipient.chat_id", request.chat_id.as_deref(), ChatId::parse);
    let webhook_url = errors.parse("recipient.webhook_url", request.webhook_url.as_deref(), WebhookUrl::parse);
    let locale = errors.parse("recipient.locale", request.locale.as_deref(), Locale::parse);
    let time_zone = errors.parse("recipient.time_zone", request.time_zone.as_deref(), ZoneName::parse);
    let found = Recipient::with_id(id?);
    Some(Recipient { email, phone, push_token, chat_id, webhook_url, locale, time_zone, ..found })
}

fn check_channels(channels: Option<Vec<Channel>>, errors: &mut Errors) -> Option<Vec<Channel>> {
    // Their order is kept: it is the one in which they take turns, where they do.
    let channels = channels?;
    if channels.is_empty() {
        errors.push("channels", "name at least one channel, or leave it out for the category's");
    }
    if channels.iter().collect::<BTreeSet<_>>().len() < channels.len() {
        errors.push("channels", "names a channel twice");
    }
    Some(channels)
}

fn check_content(
    template: Option<TemplateRequest>,
    content: Option<Content>,
    channels: Option<&[Channel]>,
    parse: &dyn Fn(&Content) -> Vec<FieldError>,
    errors: &mut Errors,
) -> Option<ContentSource> {
    match (template, content) {
        (Some(_), Some(_)) => {
            errors.push("content", "give either `template` or `content`, not both");
            None
        }
        (None, None) => {
            errors.push("template", "give `template` (a stored one) or `content` (the words themselves)");
            None
        }
        (Some(template), None) => {
            if template.version == Some(0) {
                errors.push("template.version", "versions count from 1");
            }
            let name = errors.parse("template.name", Some(&template.name), TemplateName::from_str)?;
            Some(ContentSource::Template { name, version: template.version })
        }
        (None, Some(content)) => {
            errors.0.extend(parse(&content));
            if content == Content::default() {
                errors.push("content", "needs words for at least one channel");
            }
            for channel in channels.unwrap_or_default().iter().filter(|channel| !content.has(**channel)) {
                errors.push(
                    format!("content.{channel}"),
                    format!("`channels` names {channel}, but there are no words for it"),
                );
            }
            Some(ContentSource::Inline(Box::new(content)))
        }
    }
}

fn check_variables(variables: &Map<String, Value>, limits: &Limits, errors: &mut Errors) {
    for name in RESERVED_VARIABLES {
        if variables.contains_key(name) {
            errors.push(format!("variables.{name}"), "this name is filled in by the engine: choose another");
        }
    }
    if let Some(error) = check_json("variables", variables, limits.variables_bytes_max, limits) {
        errors.0.push(error);
    }
}

/// Whether a JSON object stays within size, depth and breadth.
#[must_use]
pub fn check_json(field: &str, object: &Map<String, Value>, bytes_max: usize, limits: &Limits) -> Option<FieldError> {
    let bytes = serde_json::to_string(object).map_or(usize::MAX, |text| text.len());
    if bytes > bytes_max {
        return Some(FieldError::new(field, format!("{bytes} bytes as JSON; at most {bytes_max}")));
    }
    let depth_max = limits.variables_depth_max;
    let items_max = limits.variables_items_max;
    let mut open: Vec<(&Value, usize)> = object.values().map(|value| (value, 1)).collect();
    let mut breadth = object.len();
    while let Some((value, depth)) = open.pop() {
        let inner: Vec<&Value> = match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(map) => map.values().collect(),
            _ => continue,
        };
        breadth = breadth.max(inner.len());
        if depth >= depth_max {
            return Some(FieldError::new(field, format!("nests deeper than {depth_max} levels")));
        }
        open.extend(inner.into_iter().map(|value| (value, depth + 1)));
    }
    // Loops in templates run over these: their breadth bounds how long a rendering takes.
    (breadth > items_max)
        .then(|| FieldError::new(field, format!("a list or object of {breadth} items; at most {items_max}")))
}

fn check_options(options: OptionsRequest, limits: &Limits, errors: &mut Errors) -> MessageOptions {
    let reply_to = errors.parse("options.reply_to", options.reply_to.as_deref(), Mailbox::parse);
    check_headers(&options.headers, limits, errors);
    check_attachments(&options.attachments, limits, errors);
    if options.media_urls.len() > limits.media_urls_max {
        errors.push("options.media_urls", format!("at most {} URLs", limits.media_urls_max));
    }
    for (index, url) in options.media_urls.iter().take(limits.media_urls_max).enumerate() {
        let has_scheme = url.starts_with("https://") || url.starts_with("http://");
        let is_plain = url.len() <= 2_048 && !url.chars().any(|c| c.is_control() || c.is_whitespace());
        if !(has_scheme && is_plain && url.len() > "https://".len()) {
            let problem = "must be an http or https URL of at most 2048 bytes, without spaces";
            errors.push(format!("options.media_urls[{index}]"), problem);
        }
    }
    MessageOptions {
        reply_to,
        headers: options.headers,
        attachments: options.attachments,
        media_urls: options.media_urls,
    }
}

/// Like the checks of attachments and media, it looks at no more than there may be: a request that brings too many gets
/// one error for that and not one for each.
fn check_headers(headers: &[(String, String)], limits: &Limits, errors: &mut Errors) {
    if headers.len() > limits.headers_max {
        errors.push("options.headers", format!("{} headers; at most {}", headers.len(), limits.headers_max));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in headers.iter().take(limits.headers_max) {
        let is_new = seen.insert(name.to_ascii_lowercase());
        let repeated = || (!is_new).then(|| "is given twice: upper and lower case make no difference".to_owned());
        if let Some(problem) = header_problem(name, value).or_else(repeated) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            errors.push(format!("options.headers.{shown}"), problem);
        }
    }
}

/// Headers that the engine, a provider or a mail server writes.
const RESERVED_HEADERS: [&str; 17] = [
    "bcc",
    "cc",
    "date",
    "dkim-signature",
    "from",
    "message-id",
    "mime-version",
    "received",
    "reply-to",
    "resent-bcc",
    "resent-cc",
    "resent-from",
    "resent-to",
    "return-path",
    "sender",
    "subject",
    "to",
];

/// What the names of more such headers begin with: those of MIME (RFC 2045) and SendGrid's own. `List-Unsubscribe` and its
/// kin (RFC 2369, RFC 8058) are the caller's to set.
const RESERVED_PREFIXES: [&str; 2] = ["content-", "x-sg-"];

/// Why a header cannot be set (RFC 5322 sections 2.2 and 3.6.8: printable names without a colon, one-line values).
fn header_problem(name: &str, value: &str) -> Option<String> {
    let name_is_fine = (1..=76).contains(&name.len()) && name.bytes().all(|b| (33..=126).contains(&b) && b != b':');
    let lower = name.to_ascii_lowercase();
    if !name_is_fine {
        Some("a header name has 1 to 76 printable ASCII characters, no space and no colon".into())
    } else if RESERVED_HEADERS.contains(&lower.as_str()) || RESERVED_PREFIXES.iter().any(|it| lower.starts_with(it)) {
        Some("this header is written by the engine or the provider: leave it out".into())
    } else if value.len() > 900 || value.chars().any(char::is_control) {
        Some("a header value is one line of at most 900 bytes, without control characters".into())
    } else {
        None
    }
}

fn check_attachments(attachments: &[Attachment], limits: &Limits, errors: &mut Errors) {
    if attachments.len() > limits.attachments_max {
        errors.push("options.attachments", format!("at most {} attachments", limits.attachments_max));
    }
    let bytes: usize = attachments.iter().map(|attachment| attachment.data.len()).sum();
    if bytes > limits.attachments_bytes_max {
        let problem = format!("{bytes} bytes together; at most {}", limits.attachments_bytes_max);
        errors.push("options.attachments", problem);
    }
    for (index, attachment) in attachments.iter().take(limits.attachments_max).enumerate() {
        let path = format!("options.attachments[{index}]");
        let name = &attachment.filename;
        if name.is_empty() || name.len() > 255 || name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '"'))
        {
            errors.push(format!("{path}.filename"), "1 to 255 bytes, without slashes, quotes or control characters");
        }
        if !is_media_type(&attachment.content_type) {
            errors.push(format!("{path}.content_type"), "must be a media type, as `application/pdf`");
        }
        let id_is_fine = |id: &String| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b))
        };
        if attachment.content_id.as_ref().is_some_and(|id| !id_is_fine(id)) {
            errors.push(format!("{path}.content_id"), "1 to 128 letters, digits, `-`, `_`, `.` or `@`");
        }
        if attachment.data.is_empty() {
            errors.push(format!("{path}.data"), "must not be empty");
        }
    }
}

/// `type/subtype`, each a restricted name (RFC 6838 section 4.2), without parameters.
fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

fn check_expiry(text: Option<&str>, due_at: Timestamp, errors: &mut Errors) -> Option<Timestamp> {
    let Ok(expires_at) = text?.parse::<Timestamp>() else {
        errors.push("expires_at", "not an instant: use RFC 3339 with an offset, as `2026-12-24T09:00:00Z`");
        return None;
    };
    if expires_at <= due_at {
        errors.push("expires_at", format!("must be after the due time, {due_at}"));
    }
    Some(expires_at)
}

#[cfg(test)]
mod tests;
