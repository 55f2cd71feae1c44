//! A notification and where its deliveries stand.

use notifier_core::{
    Attempt, ContentSource, Delivery, DeliveryState, Goal, Notification, NotificationId, Page, Reason, Recipient,
    Status, Strategy,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::ContentBody;
use super::submission::TemplateReference;

/// A notification: what was accepted, and where its deliveries stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Notification)]
pub(crate) struct NotificationBody {
    /// Its id: a UUID of version 7, so that order by id is order of acceptance.
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11")]
    pub(crate) id: String,
    /// To whom, as the request said.
    pub(crate) recipient: RecipientView,
    /// Of which kind.
    #[schema(example = "default")]
    pub(crate) category: String,
    /// The words: a stored template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<TemplateReference>,
    /// The words: written in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<ContentBody>,
    /// What to put into them.
    #[schema(value_type = Object)]
    pub(crate) variables: Map<String, Value>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// What else the request said.
    pub(crate) options: OptionsView,
    /// When it falls due.
    #[schema(format = DateTime)]
    pub(crate) due_at: String,
    /// When it is too late to send it.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// The caller's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    /// What it is the newest word on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) collapse_key: Option<String>,
    /// What it may not be held up by: `urgent`, `normal` or `bulk`.
    #[schema(example = "normal")]
    pub(crate) lane: String,
    /// On which of its channels it goes out: on `all`, or on one after the other until a provider took it (`first`), it
    /// arrived (`fallback`) or somebody took note (`escalate`).
    #[schema(example = "all")]
    pub(crate) strategy: String,
    /// When somebody took note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) acknowledged_at: Option<String>,
    /// One for each channel.
    pub(crate) deliveries: Vec<DeliveryBody>,
}

/// Who is told, as the request said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Recipient)]
pub(crate) struct RecipientView {
    /// The id.
    pub(crate) id: String,
    /// Email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    /// Phone number in E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    /// Token of a device, or the subscription of a browser as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) push_token: Option<String>,
    /// Id of a channel, a conversation or a person in a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) chat_id: Option<String>,
    /// Where events are posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_url: Option<String>,
    /// Language tag, in lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locale: Option<String>,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time_zone: Option<String>,
}

/// What the request said beyond the words; files without their bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MessageOptionsView)]
pub(crate) struct OptionsView {
    /// Where answers to the email go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
    /// Extra headers of the email, by name.
    pub(crate) headers: std::collections::BTreeMap<String, String>,
    /// Files of the email.
    pub(crate) attachments: Vec<AttachmentView>,
    /// Media URLs of the text message.
    pub(crate) media_urls: Vec<String>,
}

/// A file of an email, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AttachmentView {
    /// The name shown for it.
    pub(crate) filename: String,
    /// Its media type.
    pub(crate) content_type: String,
    /// Its size in bytes.
    pub(crate) bytes: usize,
}

/// One notification on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    /// Its id, which is also the idempotency key of every attempt.
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.email")]
    pub(crate) id: String,
    /// Its channel.
    #[schema(value_type = super::ChannelName)]
    pub(crate) channel: String,
    /// Where it stands.
    #[schema(example = "sent")]
    pub(crate) state: String,
    /// Whether that is final.
    pub(crate) is_final: bool,
    /// Why it stands there.
    pub(crate) reason: ReasonBody,
    /// When it is looked at next, while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) due_at: Option<String>,
    /// Calls of a provider so far.
    pub(crate) attempts: u32,
    /// Those of them of which nobody knows whether the provider processed them.
    pub(crate) doubtful_attempts: u32,
    /// The latest call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_attempt: Option<AttemptBody>,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub(crate) updated_at: String,
}

/// Why something is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Reason)]
pub(crate) struct ReasonBody {
    /// For programs: stable, dotted.
    #[schema(example = "preference.channel_off")]
    pub(crate) code: String,
    /// For people: one sentence.
    #[schema(example = "the recipient switched sms off")]
    pub(crate) text: String,
}

/// One call of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptBody {
    /// Counts from 1.
    pub(crate) number: u32,
    /// Who was called.
    #[schema(example = "twilio")]
    pub(crate) provider: String,
    /// When the intent was recorded.
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    /// When the provider is called, not earlier: the intent may be recorded ahead of the due time.
    #[schema(format = DateTime)]
    pub(crate) send_at: String,
    /// The address it went to.
    pub(crate) address: String,
    /// The address it came from; absent when the provider picked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sender: Option<String>,
    /// Which words.
    #[schema(example = "rent-reminder v3 (es)")]
    pub(crate) content: String,
    /// SHA-256 of the rendered message, in hexadecimal.
    pub(crate) content_sha256: String,
    /// The provider's id of the message, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider_message_id: Option<String>,
    /// What went wrong, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<AttemptProblem>,
}

/// What went wrong with an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct AttemptProblem {
    /// The vendor's own code, or one of the engine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "21610")]
    pub(crate) code: Option<String>,
    /// One sentence.
    pub(crate) message: String,
}

/// Some notifications, newest first, without their words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct NotificationPage {
    /// The notifications. May be fewer than asked for although there are more: go by `next`.
    pub(crate) items: Vec<NotificationSummary>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A notification without its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct NotificationSummary {
    /// Its id.
    pub(crate) id: String,
    /// To whom.
    pub(crate) recipient_id: String,
    /// Of which kind.
    pub(crate) category: String,
    /// When it falls due.
    #[schema(format = DateTime)]
    pub(crate) due_at: String,
    /// When it was accepted.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// One for each channel.
    pub(crate) deliveries: Vec<DeliveryBody>,
}

/// What a cancellation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Cancellation)]
pub(crate) struct CancellationBody {
    /// The notification.
    pub(crate) id: String,
    /// Whether nothing of it was sent or will be.
    pub(crate) stopped: bool,
    /// One for each channel.
    pub(crate) deliveries: Vec<CancelledDelivery>,
}

/// What a cancellation came to for one delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CancelledDelivery {
    /// Its id.
    pub(crate) id: String,
    /// Its channel.
    #[schema(value_type = super::ChannelName)]
    pub(crate) channel: String,
    /// Whether it was stopped, now or before. False: it was sent, is being sent, or had ended otherwise.
    pub(crate) stopped: bool,
    /// Where it stands.
    #[schema(example = "cancelled")]
    pub(crate) state: String,
    /// Why it stands there.
    pub(crate) reason: ReasonBody,
}

impl From<&Status> for NotificationBody {
    fn from(status: &Status) -> Self {
        let Notification { id, recipient, category, content, variables, subject, options, .. } = &status.notification;
        let (template, content) = match content {
            ContentSource::Template { name, version } => {
                (Some(TemplateReference { name: name.to_string(), version: *version }), None)
            }
            ContentSource::Inline(content) => (None, Some(content.as_ref().into())),
        };
        let file = |file: &notifier_core::Attachment| AttachmentView {
            filename: file.filename.clone(),
            content_type: file.content_type.clone(),
            bytes: file.data.len(),
        };
        Self {
            id: id.to_string(),
            recipient: recipient.into(),
            category: category.to_string(),
            template,
            content,
            variables: variables.clone(),
            subject: subject.as_ref().map(ToString::to_string),
            options: OptionsView {
                reply_to: options.reply_to.as_ref().map(ToString::to_string),
                headers: options.headers.iter().cloned().collect(),
                attachments: options.attachments.iter().map(file).collect(),
                media_urls: options.media_urls.clone(),
            },
            due_at: status.notification.due_at.to_string(),
            expires_at: status.notification.expires_at.to_string(),
            created_at: status.notification.created_at.to_string(),
            idempotency_key: status.notification.idempotency_key.as_ref().map(ToString::to_string),
            collapse_key: status.notification.collapse_key.as_ref().map(ToString::to_string),
            lane: status.notification.lane.name().to_owned(),
            strategy: strategy_name(status.notification.strategy).to_owned(),
            acknowledged_at: status.notification.acknowledged_at.map(|at| at.to_string()),
            deliveries: status.deliveries.iter().map(Into::into).collect(),
        }
    }
}

/// The name that the configuration has for it, too.
fn strategy_name(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::All => "all",
        Strategy::Sequence { until: Goal::Sent, .. } => "first",
        Strategy::Sequence { until: Goal::Delivered, .. } => "fallback",
        Strategy::Sequence { until: Goal::Acknowledged, .. } => "escalate",
    }
}

impl From<&Recipient> for RecipientView {
    fn from(recipient: &Recipient) -> Self {
        Self {
            id: recipient.id.to_string(),
            email: recipient.email.as_ref().map(|email| email.as_str().to_owned()),
            phone: recipient.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            push_token: recipient.push_token.as_ref().map(|token| token.as_str().to_owned()),
            chat_id: recipient.chat_id.as_ref().map(|id| id.as_str().to_owned()),
            webhook_url: recipient.webhook_url.as_ref().map(|url| url.as_str().to_owned()),
            locale: recipient.locale.as_ref().map(ToString::to_string),
            time_zone: recipient.time_zone.as_ref().map(|zone| zone.as_str().to_owned()),
        }
    }
}

impl From<&Delivery> for DeliveryBody {
    fn from(delivery: &Delivery) -> Self {
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.to_string(),
            channel: delivery.id.channel.name().to_owned(),
            state: delivery.state.name().to_owned(),
            is_final: delivery.state.is_final(),
            reason: (&delivery.reason).into(),
            due_at: is_pending.then(|| delivery.due_at.to_string()),
            attempts: delivery.attempts,
            doubtful_attempts: delivery.doubtful_attempts,
            last_attempt: delivery.last_attempt.as_ref().map(Into::into),
            updated_at: delivery.updated_at.to_string(),
        }
    }
}

impl From<&Reason> for ReasonBody {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code.to_string(), text: reason.text.clone() }
    }
}

impl From<&Attempt> for AttemptBody {
    fn from(attempt: &Attempt) -> Self {
        let problem = attempt.problem.as_ref();
        Self {
            number: attempt.number,
            provider: attempt.provider.to_string(),
            started_at: attempt.started_at.to_string(),
            send_at: attempt.send_at.to_string(),
            address: attempt.address.clone(),
            sender: attempt.sender.clone(),
            content: attempt.content.clone(),
            content_sha256: attempt.content_sha256.clone(),
            provider_message_id: attempt.provider_message_id.clone(),
            problem: problem.map(|p| AttemptProblem { code: p.code.clone(), message: p.message.clone() }),
        }
    }
}

impl From<&Page> for NotificationPage {
    fn from(page: &Page) -> Self {
        let summary = |status: &Status| NotificationSummary {
            id: status.notification.id.to_string(),
            recipient_id: status.notification.recipient.id.to_string(),
            category: status.notification.category.to_string(),
            due_at: status.notification.due_at.to_string(),
            created_at: status.notification.created_at.to_string(),
            deliveries: status.deliveries.iter().map(Into::into).collect(),
        };
        Self { items: page.items.iter().map(summary).collect(), next: page.next.map(|id| id.to_string()) }
    }
}

impl CancellationBody {
    pub(crate) fn new(id: NotificationId, deliveries: &[Delivery]) -> Self {
        let cancelled = |delivery: &Delivery| CancelledDelivery {
            id: delivery.id.to_string(),
            channel: delivery.id.channel.name().to_owned(),
            stopped: delivery.state == DeliveryState::Cancelled,
            state: delivery.state.name().to_owned(),
            reason: (&delivery.reason).into(),
        };
        let deliveries: Vec<CancelledDelivery> = deliveries.iter().map(cancelled).collect();
        Self { id: id.to_string(), stopped: deliveries.iter().all(|delivery| delivery.stopped), deliveries }
    }
}
