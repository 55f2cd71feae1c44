//! What is written for each channel, before it is parsed: its parts, how they are escaped and how long they may be.

use std::collections::BTreeMap;

use super::super::channel::Channel;
use super::super::limits::Limits;
use super::super::request::FieldError;
use super::join;

/// Sources of an email.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmailSource {
    /// One line.
    pub subject: String,
    /// Plain text; at least one of `text` and `html` is present.
    pub text: Option<String>,
    /// HTML.
    pub html: Option<String>,
}

/// Source of a text message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SmsSource {
    /// The words.
    pub text: String,
}

/// Sources of a push message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushSource {
    /// One line.
    pub title: String,
    /// The words.
    pub body: String,
    /// What the application on the device gets beside them, by name. The values are sources, too.
    pub data: BTreeMap<String, String>,
}

/// Sources of a chat message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatSource {
    /// The words; where there is a layout, what is shown in its place.
    pub text: String,
    /// The vendor's own layout: JSON whose values are filled in.
    pub layout: Option<String>,
}

/// Source of an event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookSource {
    /// What happened, as `rent.due`. Not a source: it is posted as it is.
    pub kind: String,
    /// What there is to know about it: JSON whose values are filled in.
    pub payload: String,
}

/// Sources for the channels that have any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// For email.
    pub email: Option<EmailSource>,
    /// For text messages.
    pub sms: Option<SmsSource>,
    /// For push messages.
    pub push: Option<PushSource>,
    /// For chat messages.
    pub chat: Option<ChatSource>,
    /// For events.
    pub webhook: Option<WebhookSource>,
}

impl Content {
    /// Whether there are words for that channel.
    #[must_use]
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms => self.sms.is_some(),
            Channel::Push => self.push.is_some(),
            Channel::Chat => self.chat.is_some(),
            Channel::Webhook => self.webhook.is_some(),
        }
    }

    /// Each part and its source. What is too much to be looked at one by one is left out: it has an error of its own.
    pub(super) fn parts(&self) -> Vec<(Part, &str)> {
        let mut parts = Vec::new();
        if let Some(EmailSource { subject, text, html }) = &self.email {
            parts.push((Part::Subject, subject.as_str()));
            parts.extend(text.as_deref().map(|source| (Part::Text, source)));
            parts.extend(html.as_deref().map(|source| (Part::Html, source)));
        }
        parts.extend(self.sms.iter().map(|sms| (Part::Sms, sms.text.as_str())));
        if let Some(push) = &self.push {
            parts.extend([(Part::PushTitle, push.title.as_str()), (Part::PushBody, push.body.as_str())]);
            if data_problem(&push.data).is_none() {
                let values = push.data.values().enumerate();
                parts.extend(values.map(|(index, source)| (Part::PushData(index), source.as_str())));
            }
        }
        if let Some(ChatSource { text, layout }) = &self.chat {
            parts.push((Part::ChatText, text.as_str()));
            parts.extend(layout.as_deref().map(|source| (Part::ChatLayout, source)));
        }
        parts.extend(self.webhook.iter().map(|webhook| (Part::WebhookPayload, webhook.payload.as_str())));
        parts
    }

    /// Where a part is, below the content.
    pub(super) fn path_of(&self, part: Part) -> String {
        match (part, &self.push) {
            (Part::PushData(index), Some(push)) => {
                let name = push.data.keys().nth(index).map(|name| shown(name)).unwrap_or_default();
                format!("{}.{name}", part.path())
            }
            _ => part.path().to_owned(),
        }
    }
}

/// One source of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Subject,
    Text,
    Html,
    Sms,
    PushTitle,
    PushBody,
    /// By the order of names.
    PushData(usize),
    ChatText,
    ChatLayout,
    WebhookPayload,
}

/// How values are written into a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escaping {
    /// As they are.
    Plain,
    Html,
    Json,
}

impl Part {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Subject => "email.subject",
            Self::Text => "email.text",
            Self::Html => "email.html",
            Self::Sms => "sms.text",
            Self::PushTitle => "push.title",
            Self::PushBody => "push.body",
            Self::PushData(_) => "push.data",
            Self::ChatText => "chat.text",
            Self::ChatLayout => "chat.layout",
            Self::WebhookPayload => "webhook.payload",
        }
    }

    pub(super) fn escaping(self) -> Escaping {
        match self {
            Self::Html => Escaping::Html,
            Self::ChatLayout | Self::WebhookPayload => Escaping::Json,
            _ => Escaping::Plain,
        }
    }

    /// A subject is a line and a text message a few hundred characters: their sources need not be as long as an email's.
    pub(super) fn source_bytes_max(self, limits: &Limits) -> usize {
        let most = match self {
            Self::Subject | Self::PushTitle => 4 * 1024,
            Self::Sms | Self::PushBody => 16 * 1024,
            Self::PushData(_) => PUSH_DATA_SOURCES_BYTES_MAX,
            Self::Text | Self::Html | Self::ChatText | Self::ChatLayout | Self::WebhookPayload => usize::MAX,
        };
        limits.template_source_bytes_max.min(most)
    }
}

/// How much data a push message may have, before it is rendered: all of it together is parsed like one source.
const PUSH_DATA_SOURCES_BYTES_MAX: usize = 16 * 1024;
const PUSH_DATA_NAMES_MAX: usize = 64;
const PUSH_DATA_NAME_BYTES_MAX: usize = 128;

/// Why the data of a push message is not even looked at.
fn data_problem(data: &BTreeMap<String, String>) -> Option<String> {
    let bytes: usize = data.iter().map(|(name, source)| name.len() + source.len()).sum();
    if data.len() > PUSH_DATA_NAMES_MAX {
        Some(format!("{} names; at most {PUSH_DATA_NAMES_MAX}", data.len()))
    } else if bytes > PUSH_DATA_SOURCES_BYTES_MAX {
        Some(format!("{bytes} bytes together; at most {PUSH_DATA_SOURCES_BYTES_MAX}"))
    } else {
        None
    }
}

/// A name as it can stand in a path.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// What is wrong with content before any of its sources is parsed.
pub(super) fn check_shape(content: &Content, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut refuse = |part: &str, problem: &str| errors.push(FieldError::new(join(path, part), problem));
    let is_blank = |source: &str| source.trim().is_empty();
    if let Some(email) = &content.email {
        if email.text.is_none() && email.html.is_none() {
            refuse("email", "needs `text`, `html` or both");
        }
        if is_blank(&email.subject) {
            refuse("email.subject", EMPTY);
        }
        if email.subject.chars().any(char::is_control) {
            refuse("email.subject", ONE_LINE);
        }
    }
    if content.sms.as_ref().is_some_and(|sms| is_blank(&sms.text)) {
        refuse("sms.text", EMPTY);
    }
    if let Some(push) = &content.push {
        if is_blank(&push.title) {
            refuse("push.title", EMPTY);
        }
        if push.title.chars().any(char::is_control) {
            refuse("push.title", ONE_LINE);
        }
        if is_blank(&push.body) {
            refuse("push.body", EMPTY);
        }
        check_data(&push.data, &mut refuse);
    }
    if content.chat.as_ref().is_some_and(|chat| is_blank(&chat.text)) {
        refuse("chat.text", EMPTY);
    }
    if content.webhook.as_ref().is_some_and(|webhook| !is_kind(&webhook.kind)) {
        refuse("webhook.kind", "1 to 128 of `a` to `z`, digits, `.`, `_` and `-`, as `rent.due`");
    }
    errors
}

const EMPTY: &str = "must not be empty";
const ONE_LINE: &str = "must be one line, without control characters";

fn check_data(data: &BTreeMap<String, String>, refuse: &mut impl FnMut(&str, &str)) {
    if let Some(problem) = data_problem(data) {
        return refuse("push.data", &problem);
    }
    for name in data.keys() {
        if !(1..=PUSH_DATA_NAME_BYTES_MAX).contains(&name.len()) || name.chars().any(char::is_control) {
            let problem = format!("a name has 1 to {PUSH_DATA_NAME_BYTES_MAX} bytes, without control characters");
            refuse(&format!("push.data.{}", shown(name)), &problem);
        }
    }
}

fn is_kind(kind: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=128).contains(&kind.len()) && kind.bytes().all(is_known)
}
