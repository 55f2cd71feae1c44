//! A version of a template, and content wherever it occurs.

use serde::{Deserialize, Serialize};

use super::field::read;
use super::numbers;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::id::TemplateName;
use crate::domain::recipient::Locale;
use crate::domain::template::{Content, EmailSource, SmsSource, Template, Variable};

/// The newest version.
pub(in crate::adapters::sled) type TemplateRecord = TemplateV1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct TemplateV1 {
    name: String,
    version: u32,
    content: ContentV1,
    locales: Vec<(String, ContentV1)>,
    variables: Vec<(String, VariableV1)>,
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
struct VariableV1 {
    kind: u8,
    required: bool,
}

impl Record for TemplateV1 {
    const KIND: Kind = Kind::Template;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<TemplateV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<&Template> for TemplateV1 {
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

impl TryFrom<TemplateV1> for Template {
    type Error = Unreadable;

    fn try_from(record: TemplateV1) -> Result<Self, Unreadable> {
        let locale = |(locale, content): (String, ContentV1)| {
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

impl From<&Content> for ContentV1 {
    fn from(content: &Content) -> Self {
        let email = content.email.as_ref().map(|email| EmailSourceV1 {
            subject: email.subject.clone(),
            text: email.text.clone(),
            html: email.html.clone(),
        });
        Self { email, sms: content.sms.as_ref().map(|sms| SmsSourceV1 { text: sms.text.clone() }) }
    }
}

impl From<ContentV1> for Content {
    fn from(record: ContentV1) -> Self {
        let email =
            record.email.map(|email| EmailSource { subject: email.subject, text: email.text, html: email.html });
        Self { email, sms: record.sms.map(|sms| SmsSource { text: sms.text }) }
    }
}
