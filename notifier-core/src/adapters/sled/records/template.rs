//! A version of a template, and content wherever it occurs.

use serde::{Deserialize, Serialize};

use super::field::read;
use super::numbers;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::id::TemplateName;
use crate::domain::recipient::Locale;
use crate::domain::template::{
    ChatSource, Content, EmailSource, PushSource, SmsSource, Template, Variable, WebhookSource,
};

/// The newest version.
pub(in crate::adapters::sled) type TemplateRecord = TemplateV2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct TemplateV2 {
    name: String,
    version: u32,
    content: ContentV2,
    locales: Vec<(String, ContentV2)>,
    variables: Vec<(String, VariableV1)>,
}

/// As it was when there were email and text messages only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct TemplateV1 {
    name: String,
    version: u32,
    content: ContentV1,
    locales: Vec<(String, ContentV1)>,
    variables: Vec<(String, VariableV1)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ContentV2 {
    rest: ContentV1,
    more: MoreContentV2,
}

/// What content was added in version 2 of templates, and in version 3 of notifications.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct MoreContentV2 {
    push: Option<PushSourceV2>,
    chat: Option<ChatSourceV2>,
    webhook: Option<WebhookSourceV2>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ContentV1 {
    email: Option<EmailSourceV1>,
    sms: Option<SmsSourceV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct EmailSourceV1 {
    subject: String,
    text: Option<String>,
    html: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SmsSourceV1 {
    text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PushSourceV2 {
    title: String,
    body: String,
    data: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ChatSourceV2 {
    text: String,
    layout: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct WebhookSourceV2 {
    kind: String,
    payload: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct VariableV1 {
    kind: u8,
    required: bool,
}

impl Record for TemplateV2 {
    const KIND: Kind = Kind::Template;
    const VERSION: u8 = 2;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<TemplateV1>(bytes).map(Self::from),
            2 => body::<TemplateV2>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<TemplateV1> for TemplateV2 {
    fn from(record: TemplateV1) -> Self {
        Self {
            name: record.name,
            version: record.version,
            content: record.content.into(),
            locales: record.locales.into_iter().map(|(locale, content)| (locale, content.into())).collect(),
            variables: record.variables,
        }
    }
}

impl From<ContentV1> for ContentV2 {
    fn from(record: ContentV1) -> Self {
        Self { rest: record, more: MoreContentV2::default() }
    }
}

impl From<&Template> for TemplateV2 {
    fn from(template: &Template) -> Self {
        let locales = template.locales.iter().map(|(locale, content)| (locale.as_str().to_owned(), content.into()));
        let variables = template.variables.iter().map(|(name, variable)| {
            let kind = numbers::variable_kind(variable.kind);
            (name.clone(), VariableV1 { kind, required: variable.required })
        });
        Self {
            name: template.name.as_str().to_owned(),
            version: template.version,
            content: (&template.content).into(),
            locales: locales.collect(),
            variables: variables.collect(),
        }
    }
}

impl TryFrom<TemplateV2> for Template {
    type Error = Unreadable;

    fn try_from(record: TemplateV2) -> Result<Self, Unreadable> {
        let locale = |(locale, content): (String, ContentV2)| {
            Ok((read("locales", Locale::parse(&locale))?, Content::from(content)))
        };
        let variable = |(name, variable): (String, VariableV1)| {
            let kind = numbers::parse_variable_kind(variable.kind)?;
            Ok((name, Variable { kind, required: variable.required }))
        };
        Ok(Self {
            name: read("name", TemplateName::new(record.name))?,
            version: record.version,
            content: record.content.into(),
            locales: record.locales.into_iter().map(locale).collect::<Result<_, Unreadable>>()?,
            variables: record.variables.into_iter().map(variable).collect::<Result<_, Unreadable>>()?,
        })
    }
}

impl From<&Content> for ContentV2 {
    fn from(content: &Content) -> Self {
        Self { rest: content.into(), more: content.into() }
    }
}

impl From<ContentV2> for Content {
    fn from(record: ContentV2) -> Self {
        record.more.added_to(record.rest.into())
    }
}

impl From<&Content> for ContentV1 {
    fn from(content: &Content) -> Self {
        let email = content.email.clone();
        Self {
            email: email.map(|EmailSource { subject, text, html }| EmailSourceV1 { subject, text, html }),
            sms: content.sms.clone().map(|SmsSource { text }| SmsSourceV1 { text }),
        }
    }
}

impl From<ContentV1> for Content {
    fn from(record: ContentV1) -> Self {
        Self {
            email: record.email.map(|EmailSourceV1 { subject, text, html }| EmailSource { subject, text, html }),
            sms: record.sms.map(|SmsSourceV1 { text }| SmsSource { text }),
            ..Self::default()
        }
    }
}

impl From<&Content> for MoreContentV2 {
    fn from(content: &Content) -> Self {
        let Content { push, chat, webhook, .. } = content.clone();
        Self {
            push: push.map(|PushSource { title, body, data }| {
                let data = data.into_iter().collect();
                PushSourceV2 { title, body, data }
            }),
            chat: chat.map(|ChatSource { text, layout }| ChatSourceV2 { text, layout }),
            webhook: webhook.map(|WebhookSource { kind, payload }| WebhookSourceV2 { kind, payload }),
        }
    }
}

impl MoreContentV2 {
    /// The content with what there was before.
    pub(super) fn added_to(self, before: Content) -> Content {
        let push = self.push.map(|PushSourceV2 { title, body, data }| {
            let data = data.into_iter().collect();
            PushSource { title, body, data }
        });
        let chat = self.chat.map(|ChatSourceV2 { text, layout }| ChatSource { text, layout });
        let webhook = self.webhook.map(|WebhookSourceV2 { kind, payload }| WebhookSource { kind, payload });
        Content { push, chat, webhook, ..before }
    }
}
