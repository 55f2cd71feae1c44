//! Named, versioned words.

use std::collections::BTreeMap;

use notifier_core::{Content, FieldError, Limits, Locale, Template, TemplateName, Variable, VariableKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChatBody, ContentBody, EmailBody, PushBody, SmsBody, WebhookBody};

/// Words to be stored under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TemplateRequest)]
#[schema(example = json!({
    "email": {"subject": "Rent is due on {{due_date}}", "text": "Please pay {{amount}} by {{due_date}}."},
    "sms": {"text": "Rent: {{amount}} by {{due_date}}"},
    "push": {"title": "Your rent is due", "body": "{{amount}} by {{due_date}}", "data": {"property": "{{subject.id}}"}},
    "locales": {"es": {"sms": {"text": "Alquiler: {{amount}} hasta el {{due_date}}"}}},
    "variables": {"amount": {"type": "string"}, "due_date": {"type": "string"}}
}))]
pub(crate) struct TemplateBody {
    /// The email that is sent to those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<EmailBody>,
    /// The text message that is sent to those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sms: Option<SmsBody>,
    /// The push message that is sent to those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) push: Option<PushBody>,
    /// The chat message that is sent to those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat: Option<ChatBody>,
    /// The event that is posted for those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<WebhookBody>,
    /// Words for readers of a locale, by language tag. `pt-BR` falls back to `pt`, then to the words above.
    #[serde(default)]
    pub(crate) locales: BTreeMap<String, ContentBody>,
    /// Variables that requests must or may bring, by name. A request that breaks this is refused.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, VariableBody>,
}

/// What a variable must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Variable)]
pub(crate) struct VariableBody {
    /// Its type.
    #[serde(rename = "type")]
    pub(crate) kind: VariableType,
    /// Whether a request without it is refused.
    #[serde(default = "required_by_default")]
    #[schema(default = true)]
    pub(crate) required: bool,
}

fn required_by_default() -> bool {
    true
}

/// The type of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VariableType {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// An object.
    Object,
    /// Anything but null.
    Any,
}

/// A stored version of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Template)]
pub(crate) struct TemplateView {
    /// Its name.
    #[schema(example = "rent-reminder")]
    pub(crate) name: String,
    /// Counts from 1. A stored version never changes.
    #[schema(example = 3)]
    pub(crate) version: u32,
    /// The email for those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<EmailBody>,
    /// The text message for those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sms: Option<SmsBody>,
    /// The push message for those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) push: Option<PushBody>,
    /// The chat message for those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat: Option<ChatBody>,
    /// The event for those for whose locale there is nothing better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<WebhookBody>,
    /// Words for readers of a locale, by language tag in lower case.
    pub(crate) locales: BTreeMap<String, ContentBody>,
    /// Variables that requests must or may bring, by name.
    pub(crate) variables: BTreeMap<String, VariableBody>,
}

/// A page of the newest version of each template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TemplatePage {
    /// The templates, by name.
    pub(crate) items: Vec<TemplateView>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl TemplateBody {
    /// The template as the engine takes it.
    ///
    /// # Errors
    /// One for each locale that is not a language tag, or one when there are more locales than may be.
    pub(crate) fn into_template(self, name: TemplateName, limits: &Limits) -> Result<Template, Vec<FieldError>> {
        let mut errors = Vec::new();
        if self.locales.len() > limits.locales_max {
            let problem = format!("{} locales; at most {}", self.locales.len(), limits.locales_max);
            return Err(vec![FieldError::new("locales", problem)]);
        }
        let mut locales = BTreeMap::new();
        for (tag, content) in self.locales {
            let shown: String = tag.chars().filter(|c| !c.is_control()).take(64).collect();
            let field = format!("locales.{shown}");
            match Locale::parse(&tag) {
                Err(error) => errors.push(FieldError::new(field, error.problem)),
                Ok(locale) => {
                    if locales.insert(locale, Content::from(content)).is_some() {
                        errors.push(FieldError::new(field, "is the same locale as another one"));
                    }
                }
            }
        }
        let variables = self.variables.into_iter();
        let variables = variables.map(|(name, variable)| (name, variable.into())).collect();
        let Self { email, sms, push, chat, webhook, .. } = self;
        let content = Content::from(ContentBody { email, sms, push, chat, webhook });
        if errors.is_empty() { Ok(Template { name, version: 0, content, locales, variables }) } else { Err(errors) }
    }
}

impl From<Template> for TemplateView {
    fn from(template: Template) -> Self {
        let ContentBody { email, sms, push, chat, webhook } = (&template.content).into();
        let locales = template.locales.iter();
        Self {
            name: template.name.to_string(),
            version: template.version,
            email,
            sms,
            push,
            chat,
            webhook,
            locales: locales.map(|(locale, content)| (locale.to_string(), content.into())).collect(),
            variables: template.variables.into_iter().map(|(name, variable)| (name, variable.into())).collect(),
        }
    }
}

impl From<VariableBody> for Variable {
    fn from(body: VariableBody) -> Self {
        let kind = match body.kind {
            VariableType::String => VariableKind::String,
            VariableType::Number => VariableKind::Number,
            VariableType::Boolean => VariableKind::Boolean,
            VariableType::Array => VariableKind::Array,
            VariableType::Object => VariableKind::Object,
            VariableType::Any => VariableKind::Any,
        };
        Self { kind, required: body.required }
    }
}

impl From<Variable> for VariableBody {
    fn from(variable: Variable) -> Self {
        let kind = match variable.kind {
            VariableKind::String => VariableType::String,
            VariableKind::Number => VariableType::Number,
            VariableKind::Boolean => VariableType::Boolean,
            VariableKind::Array => VariableType::Array,
            VariableKind::Object => VariableType::Object,
            VariableKind::Any => VariableType::Any,
        };
        Self { kind, required: variable.required }
    }
}
