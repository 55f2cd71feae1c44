//! What a caller asks for, and the answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use notifier_core::{
    Attachment, FieldError, Limits, NotificationRequest, OptionsRequest, RecipientRequest, ScheduleRequest, Submitted,
    TemplateRequest,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{ChannelName, ContentBody};

/// A request to tell one recipient something. Exactly one of `template` and `content` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NotificationRequest)]
#[schema(example = json!({
    "recipient": {"id": "1"}, "subject": "1", "template": {"name": "rent-reminder"},
    "variables": {"amount": "$2,450", "due_date": "1 August"}
}))]
pub(crate) struct SubmissionBody {
    /// Who is to be told.
    pub(crate) recipient: RecipientBody,
    /// The kind of message; `default` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) category: Option<String>,
    /// Ways to reach them; as the category says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) channels: Option<Vec<ChannelName>>,
    /// The words: a stored template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<TemplateReference>,
    /// The words: written here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<ContentBody>,
    /// What to put into the words, by name. `recipient`, `subject` and `notification` are filled in by the engine.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub(crate) variables: Map<String, Value>,
    /// What it is about: an id in the catalog, whose fields the words can use as `subject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "1")]
    pub(crate) subject: Option<String>,
    /// What else there is to say.
    #[serde(default)]
    pub(crate) options: OptionsBody,
    /// When; at once when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) schedule: Option<ScheduleBody>,
    /// When it is too late: RFC 3339 with an offset; as the category says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-27T09:00:00Z")]
    pub(crate) expires_at: Option<String>,
    /// The same key with the same request is the same notification, for at least the configured time. Can be given as
    /// the header `Idempotency-Key` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "rent-2026-12-user-1")]
    pub(crate) idempotency_key: Option<String>,
    /// While it waits, a newer notification to the same recipient with the same key takes its place. 1 to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "rent-2026-12")]
    pub(crate) collapse_key: Option<String>,
}

/// Who is to be told. With an address here the user database is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecipientRequest)]
pub(crate) struct RecipientBody {
    /// The id in the user database, or any id of the caller's. 1 to 128 characters.
    #[schema(example = "1")]
    pub(crate) id: String,
    /// Email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "ana@example.com")]
    pub(crate) email: Option<String>,
    /// Phone number in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "+14155550101")]
    pub(crate) phone: Option<String>,
    /// Token of a device, or the subscription of a browser as JSON. 1 to 4096 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "dGVzdC1kZXZpY2U6QVBBOTFi")]
    pub(crate) push_token: Option<String>,
    /// Id of a channel, a conversation or a person in a chat. 1 to 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "C0123456789")]
    pub(crate) chat_id: Option<String>,
    /// Where events are posted: an absolute `https` URL, or `http` to the server's own machine, of at most 2048 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://example.com/hooks/7")]
    pub(crate) webhook_url: Option<String>,
    /// Language tag (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "en-US")]
    pub(crate) locale: Option<String>,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "America/New_York")]
    pub(crate) time_zone: Option<String>,
}

/// A stored template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateReference {
    /// Its name.
    #[schema(example = "rent-reminder")]
    pub(crate) name: String,
    /// Pins a version; otherwise the newest when the notification falls due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub(crate) version: Option<u32>,
}

/// What a request may say beyond the words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MessageOptions)]
pub(crate) struct OptionsBody {
    /// Where answers to the email go: `ada@example.com` or `Ada Lovelace <ada@example.com>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    /// Extra headers of the email, by name.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// Files of the email.
    #[serde(default)]
    pub(crate) attachments: Vec<AttachmentBody>,
    /// Pictures and the like of the text message, as http or https URLs.
    #[serde(default)]
    pub(crate) media_urls: Vec<String>,
}

/// A file that goes with an email.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Attachment)]
pub(crate) struct AttachmentBody {
    /// The name shown for it.
    #[schema(example = "invoice.pdf")]
    pub(crate) filename: String,
    /// Its media type.
    #[schema(example = "application/pdf")]
    pub(crate) content_type: String,
    /// Set when the HTML refers to it as `cid:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_id: Option<String>,
    /// Its bytes in base64 (RFC 4648 section 4, with padding).
    #[schema(content_encoding = "base64", example = "JVBERi0xLjcK")]
    pub(crate) data: String,
}

/// When. Either `at`, or `local_time` with a time zone: here, or the recipient's in this request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleBody {
    /// An instant: RFC 3339 with an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-24T09:00:00Z")]
    pub(crate) at: Option<String>,
    /// A wall-clock time without an offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-12-24T09:00")]
    pub(crate) local_time: Option<String>,
    /// The IANA time zone of `local_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "America/New_York")]
    pub(crate) time_zone: Option<String>,
}

impl SubmissionBody {
    /// The request as the engine takes it.
    ///
    /// # Errors
    /// One for each attachment that is not base64, or one when there are more than may be.
    pub(crate) fn into_request(self, limits: &Limits) -> Result<NotificationRequest, Vec<FieldError>> {
        let RecipientBody { id, email, phone, push_token, chat_id, webhook_url, locale, time_zone } = self.recipient;
        let mut request = NotificationRequest::to(String::new());
        request.recipient = RecipientRequest { id, email, phone, push_token, chat_id, webhook_url, locale, time_zone };
        request.category = self.category;
        request.channels = self.channels.map(|channels| channels.into_iter().map(Into::into).collect());
        request.template = self.template.map(|TemplateReference { name, version }| TemplateRequest { name, version });
        request.content = self.content.map(Into::into);
        request.variables = self.variables;
        request.subject = self.subject;
        request.options = self.options.into_request(limits)?;
        request.schedule = self.schedule.map(Into::into);
        request.expires_at = self.expires_at;
        request.idempotency_key = self.idempotency_key;
        request.collapse_key = self.collapse_key;
        Ok(request)
    }
}

impl From<ScheduleBody> for ScheduleRequest {
    fn from(body: ScheduleBody) -> Self {
        let ScheduleBody { at, local_time, time_zone } = body;
        Self { at, local_time, time_zone }
    }
}

impl OptionsBody {
    fn into_request(self, limits: &Limits) -> Result<OptionsRequest, Vec<FieldError>> {
        let mut errors = Vec::new();
        let (given, most) = (self.attachments.len(), limits.attachments_max);
        if given > most {
            let problem = format!("{given} attachments; at most {most}");
            return Err(vec![FieldError::new("options.attachments", problem)]);
        }
        let mut attachments = Vec::with_capacity(self.attachments.len());
        for (index, file) in self.attachments.into_iter().enumerate() {
            let AttachmentBody { filename, content_type, content_id, data } = file;
            match BASE64_STANDARD.decode(data) {
                Ok(data) => attachments.push(Attachment { filename, content_type, content_id, data }),
                Err(error) => {
                    let field = format!("options.attachments[{index}].data");
                    errors.push(FieldError::new(field, format!("not base64 (RFC 4648 section 4): {error}")));
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let headers = self.headers.into_iter().collect();
        Ok(OptionsRequest { reply_to: self.reply_to, headers, attachments, media_urls: self.media_urls })
    }
}

/// What was accepted. It is on disk and will reach a final state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Submitted)]
pub(crate) struct SubmittedBody {
    /// The notification.
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11")]
    pub(crate) id: String,
    /// Its deliveries, one for each channel.
    pub(crate) deliveries: Vec<DeliveryReference>,
    /// When it falls due.
    #[schema(example = "2026-12-24T09:00:00Z", format = DateTime)]
    pub(crate) due_at: String,
    /// Whether the same request had been accepted before, under the same idempotency key.
    pub(crate) repeated: bool,
    /// The notification that it took the place of: the one that it was to replace, or that waited under the same collapse
    /// key. Null when there is none.
    #[schema(required = true)]
    pub(crate) replaced: Option<String>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct DeliveryReference {
    /// Its id, which is also the idempotency key of every attempt.
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.email")]
    pub(crate) id: String,
    /// Its channel.
    #[schema(value_type = ChannelName)]
    pub(crate) channel: String,
}

impl From<&Submitted> for SubmittedBody {
    fn from(submitted: &Submitted) -> Self {
        let reference = |id: &notifier_core::DeliveryId| DeliveryReference {
            id: id.to_string(),
            channel: id.channel.name().to_owned(),
        };
        Self {
            id: submitted.id.to_string(),
            deliveries: submitted.deliveries.iter().map(reference).collect(),
            due_at: submitted.due_at.to_string(),
            repeated: submitted.repeated,
            replaced: submitted.replaced.map(|id| id.to_string()),
        }
    }
}
