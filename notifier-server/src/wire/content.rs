//! Words: handlebars sources per channel, in requests and in templates.

use std::collections::BTreeMap;

use notifier_core::{ChatSource, Content, EmailSource, PushSource, SmsSource, WebhookSource};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The words themselves, per channel. Sources are handlebars templates: `{{name}}` inserts a variable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Content)]
pub(crate) struct ContentBody {
    /// For email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<EmailBody>,
    /// For text messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sms: Option<SmsBody>,
    /// For push messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) push: Option<PushBody>,
    /// For chat messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat: Option<ChatBody>,
    /// For events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<WebhookBody>,
}

/// The words of an email. At least one of `text` and `html` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EmailContent)]
pub(crate) struct EmailBody {
    /// One line.
    #[schema(example = "Rent for {{subject.address}} is due")]
    pub(crate) subject: String,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Dear {{name}}, your rent is due on {{due_date}}.")]
    pub(crate) text: Option<String>,
    /// HTML. Variables are escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "<p>Dear {{name}}, your rent is due on {{due_date}}.</p>")]
    pub(crate) html: Option<String>,
}

/// The words of a text message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SmsContent)]
pub(crate) struct SmsBody {
    /// The words.
    #[schema(example = "Your rent is due on {{due_date}}.")]
    pub(crate) text: String,
}

/// The words of a push message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PushContent)]
pub(crate) struct PushBody {
    /// One line.
    #[schema(example = "Your rent is due")]
    pub(crate) title: String,
    /// The words.
    #[schema(example = "{{amount}} by {{due_date}}")]
    pub(crate) body: String,
    /// What the application on the device gets beside them, by name. Values are templates, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"property": "{{subject.id}}"}))]
    pub(crate) data: BTreeMap<String, String>,
}

/// The words of a chat message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChatContent)]
pub(crate) struct ChatBody {
    /// The words; where there is a layout, what is shown in its place.
    #[schema(example = "Your rent is due on {{due_date}}.")]
    pub(crate) text: String,
    /// The vendor's own layout: the text of a JSON object or array. Variables are escaped as in JSON strings; outside of quotes
    /// they must be numbers, `true`, `false` or `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = r#"[{"type": "section", "text": {"type": "plain_text", "text": "Due on {{due_date}}"}}]"#)]
    pub(crate) layout: Option<String>,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookContent)]
pub(crate) struct WebhookBody {
    /// What happened: 1 to 128 of `a` to `z`, digits, `.`, `_` and `-`.
    #[schema(example = "rent.due", pattern = "^[a-z0-9._-]{1,128}$")]
    pub(crate) kind: String,
    /// What there is to know about it: the text of a JSON object or array, with variables as in a layout.
    #[schema(example = r#"{"property": "{{subject.id}}", "due_date": "{{due_date}}"}"#)]
    pub(crate) payload: String,
}

impl From<ContentBody> for Content {
    fn from(body: ContentBody) -> Self {
        let ContentBody { email, sms, push, chat, webhook } = body;
        Self {
            email: email.map(|EmailBody { subject, text, html }| EmailSource { subject, text, html }),
            sms: sms.map(|SmsBody { text }| SmsSource { text }),
            push: push.map(|PushBody { title, body, data }| PushSource { title, body, data }),
            chat: chat.map(|ChatBody { text, layout }| ChatSource { text, layout }),
            webhook: webhook.map(|WebhookBody { kind, payload }| WebhookSource { kind, payload }),
        }
    }
}

impl From<&Content> for ContentBody {
    fn from(content: &Content) -> Self {
        let Content { email, sms, push, chat, webhook } = content.clone();
        Self {
            email: email.map(|EmailSource { subject, text, html }| EmailBody { subject, text, html }),
            sms: sms.map(|SmsSource { text }| SmsBody { text }),
            push: push.map(|PushSource { title, body, data }| PushBody { title, body, data }),
            chat: chat.map(|ChatSource { text, layout }| ChatBody { text, layout }),
            webhook: webhook.map(|WebhookSource { kind, payload }| WebhookBody { kind, payload }),
        }
    }
}
