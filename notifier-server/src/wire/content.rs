//! Words: handlebars sources per channel, in requests and in templates.

use notifier_core::{Content, EmailSource, SmsSource};
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

impl From<ContentBody> for Content {
    fn from(body: ContentBody) -> Self {
        let email = body.email.map(|EmailBody { subject, text, html }| EmailSource { subject, text, html });
        Self { email, sms: body.sms.map(|SmsBody { text }| SmsSource { text }) }
    }
}

impl From<&Content> for ContentBody {
    fn from(content: &Content) -> Self {
        let email = content.email.clone().map(|EmailSource { subject, text, html }| EmailBody { subject, text, html });
        Self { email, sms: content.sms.clone().map(|SmsSource { text }| SmsBody { text }) }
    }
}
