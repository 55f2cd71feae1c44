//! A notification as it was accepted, with what was changed about it since.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::field::{read, read_some, time};
use super::json::{self, JsonV1};
use super::numbers;
use super::template::{ContentV1, MoreContentV2};
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::id::{
    CategoryName, CollapseKey, IdempotencyKey, NotificationId, RecipientId, SubjectId, TemplateName, TenantId,
};
use crate::domain::lane::Lane;
use crate::domain::message::{Attachment, Mailbox};
use crate::domain::notification::{ContentSource, MessageOptions, Notification};
use crate::domain::recipient::{ChatId, EmailAddress, Locale, PhoneNumber, PushToken, Recipient, WebhookUrl, ZoneName};
use crate::domain::strategy::Strategy;
use crate::ports::store::Acceptance;

/// The newest version.
pub(in crate::adapters::sled) type NotificationRecord = NotificationV3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct NotificationV3 {
    rest: NotificationV2,
    push_token: Option<String>,
    chat_id: Option<String>,
    webhook_url: Option<String>,
    /// Of content that is inline.
    more_content: MoreContentV2,
}

/// As it was when there were email and text messages only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct NotificationV2 {
    id: [u8; 16],
    tenant: String,
    recipient: RecipientV1,
    category: String,
    channels: Vec<u8>,
    strategy: StrategyV2,
    lane: u8,
    content: ContentSourceV1,
    variables: Vec<(String, JsonV1)>,
    subject: Option<String>,
    reply_to: Option<MailboxV1>,
    headers: Vec<(String, String)>,
    attachments: Vec<AttachmentV1>,
    media_urls: Vec<String>,
    due_micros: i64,
    expires_micros: i64,
    created_micros: i64,
    first_due_micros: i64,
    first_expires_micros: i64,
    acknowledged_micros: Option<i64>,
    idempotency: Option<IdempotencyV1>,
    collapse_key: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum StrategyV2 {
    All,
    Sequence { until: u8, wait_ms: u64 },
}

/// As it was before there were lanes, strategies and revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct NotificationV1 {
    id: [u8; 16],
    tenant: String,
    recipient: RecipientV1,
    category: String,
    channels: Vec<u8>,
    content: ContentSourceV1,
    variables: Vec<(String, JsonV1)>,
    subject: Option<String>,
    reply_to: Option<MailboxV1>,
    headers: Vec<(String, String)>,
    attachments: Vec<AttachmentV1>,
    media_urls: Vec<String>,
    due_micros: i64,
    expires_micros: i64,
    created_micros: i64,
    idempotency: Option<IdempotencyV1>,
}

/// What the index of idempotency keys says about this notification, so that it can be rebuilt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct IdempotencyV1 {
    pub(in crate::adapters::sled) key: String,
    pub(in crate::adapters::sled) request_hash: [u8; 32],
    pub(in crate::adapters::sled) expires_micros: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RecipientV1 {
    id: String,
    email: Option<String>,
    phone: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    attributes: Vec<(String, JsonV1)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum ContentSourceV1 {
    Template { name: String, version: Option<u32> },
    Inline(ContentV1),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct MailboxV1 {
    address: String,
    name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AttachmentV1 {
    filename: String,
    content_type: String,
    content_id: Option<String>,
    data: Vec<u8>,
}

impl Record for NotificationV3 {
    const KIND: Kind = Kind::Notification;
    const VERSION: u8 = 3;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<NotificationV1>(bytes).map(NotificationV2::from).map(Self::from),
            2 => body::<NotificationV2>(bytes).map(Self::from),
            3 => body::<NotificationV3>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<NotificationV2> for NotificationV3 {
    fn from(record: NotificationV2) -> Self {
        Self {
            rest: record,
            push_token: None,
            chat_id: None,
            webhook_url: None,
            more_content: MoreContentV2::default(),
        }
    }
}

impl From<NotificationV1> for NotificationV2 {
    fn from(record: NotificationV1) -> Self {
        Self {
            id: record.id,
            tenant: record.tenant,
            recipient: record.recipient,
            category: record.category,
            channels: record.channels,
            strategy: StrategyV2::All,
            lane: numbers::lane(Lane::Normal),
            content: record.content,
            variables: record.variables,
            subject: record.subject,
            reply_to: record.reply_to,
            headers: record.headers,
            attachments: record.attachments,
            media_urls: record.media_urls,
            due_micros: record.due_micros,
            expires_micros: record.expires_micros,
            created_micros: record.created_micros,
            first_due_micros: record.due_micros,
            first_expires_micros: record.expires_micros,
            acknowledged_micros: None,
            idempotency: record.idempotency,
            collapse_key: None,
        }
    }
}

impl From<&Acceptance> for NotificationV3 {
    fn from(acceptance: &Acceptance) -> Self {
        let Notification { recipient, content, .. } = &acceptance.notification;
        Self {
            rest: acceptance.into(),
            push_token: recipient.push_token.as_ref().map(|token| token.as_str().to_owned()),
            chat_id: recipient.chat_id.as_ref().map(|id| id.as_str().to_owned()),
            webhook_url: recipient.webhook_url.as_ref().map(|url| url.as_str().to_owned()),
            more_content: match content {
                ContentSource::Template { .. } => MoreContentV2::default(),
                ContentSource::Inline(content) => content.as_ref().into(),
            },
        }
    }
}

impl From<&Acceptance> for NotificationV2 {
    fn from(acceptance: &Acceptance) -> Self {
        let notification = &acceptance.notification;
        let idempotency = notification.idempotency_key.as_ref().map(|key| IdempotencyV1 {
            key: key.as_str().to_owned(),
            request_hash: acceptance.request_hash,
            expires_micros: acceptance.key_expires_at.as_microsecond(),
        });
        Self {
            id: *notification.id.as_bytes(),
            tenant: notification.tenant.as_str().to_owned(),
            recipient: (&notification.recipient).into(),
            category: notification.category.as_str().to_owned(),
            channels: notification.channels.iter().map(|channel| numbers::channel(*channel)).collect(),
            strategy: notification.strategy.into(),
            lane: numbers::lane(notification.lane),
            content: (&notification.content).into(),
            variables: json::from_map(&notification.variables),
            subject: notification.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            reply_to: notification.options.reply_to.as_ref().map(MailboxV1::from),
            headers: notification.options.headers.clone(),
            attachments: notification.options.attachments.iter().map(AttachmentV1::from).collect(),
            media_urls: notification.options.media_urls.clone(),
            due_micros: notification.due_at.as_microsecond(),
            expires_micros: notification.expires_at.as_microsecond(),
            created_micros: notification.created_at.as_microsecond(),
            first_due_micros: notification.first_due_at.as_microsecond(),
            first_expires_micros: notification.first_expires_at.as_microsecond(),
            acknowledged_micros: notification.acknowledged_at.map(|at| at.as_microsecond()),
            idempotency,
            collapse_key: notification.collapse_key.as_ref().map(|key| key.as_str().to_owned()),
        }
    }
}

impl NotificationV3 {
    /// The entry that the index of idempotency keys has for it.
    pub(in crate::adapters::sled) fn idempotency(&self) -> Option<&IdempotencyV1> {
        self.rest.idempotency.as_ref()
    }

    /// The record with what a revision can change about a notification.
    pub(in crate::adapters::sled) fn revised(self, notification: &Notification) -> Self {
        let rest = NotificationV2 {
            due_micros: notification.due_at.as_microsecond(),
            expires_micros: notification.expires_at.as_microsecond(),
            acknowledged_micros: notification.acknowledged_at.map(|at| at.as_microsecond()),
            ..self.rest
        };
        Self { rest, ..self }
    }

    /// The record with another end of the time for which its idempotency key is remembered.
    pub(in crate::adapters::sled) fn remembered_until(self, expires_at: Timestamp) -> Self {
        let expires_micros = expires_at.as_microsecond();
        let idempotency = self.rest.idempotency.map(|idempotency| IdempotencyV1 { expires_micros, ..idempotency });
        Self { rest: NotificationV2 { idempotency, ..self.rest }, ..self }
    }
}

#[cfg(test)]
impl NotificationV3 {
    /// The record as programs of the first version wrote it.
    pub(in crate::adapters::sled) fn as_v1(&self) -> NotificationV1 {
        let record = self.rest.clone();
        NotificationV1 {
            id: record.id,
            tenant: record.tenant,
            recipient: record.recipient,
            category: record.category,
            channels: record.channels,
            content: record.content,
            variables: record.variables,
            subject: record.subject,
            reply_to: record.reply_to,
            headers: record.headers,
            attachments: record.attachments,
            media_urls: record.media_urls,
            due_micros: record.due_micros,
            expires_micros: record.expires_micros,
            created_micros: record.created_micros,
            idempotency: record.idempotency,
        }
    }
}

impl TryFrom<NotificationV3> for Notification {
    type Error = Unreadable;

    fn try_from(record: NotificationV3) -> Result<Self, Unreadable> {
        let before = Self::try_from(record.rest)?;
        let recipient = Recipient {
            push_token: record.push_token.map(PushToken::checked_before),
            chat_id: record.chat_id.map(ChatId::checked_before),
            webhook_url: record.webhook_url.map(WebhookUrl::checked_before),
            ..before.recipient
        };
        let content = match before.content {
            ContentSource::Inline(content) => ContentSource::Inline(Box::new(record.more_content.added_to(*content))),
            template @ ContentSource::Template { .. } => template,
        };
        Ok(Self { recipient, content, ..before })
    }
}

impl TryFrom<NotificationV2> for Notification {
    type Error = Unreadable;

    fn try_from(record: NotificationV2) -> Result<Self, Unreadable> {
        let idempotency_key = record.idempotency.map(|idempotency| idempotency.key);
        let options = MessageOptions {
            reply_to: record.reply_to.map(Mailbox::from),
            headers: record.headers,
            attachments: record.attachments.into_iter().map(Attachment::from).collect(),
            media_urls: record.media_urls,
        };
        Ok(Self {
            id: NotificationId::from_bytes(record.id),
            tenant: read("tenant", TenantId::new(record.tenant))?,
            recipient: record.recipient.try_into()?,
            category: read("category", CategoryName::new(record.category))?,
            channels: record.channels.into_iter().map(numbers::parse_channel).collect::<Result<_, _>>()?,
            strategy: record.strategy.try_into()?,
            lane: numbers::parse_lane(record.lane)?,
            content: record.content.try_into()?,
            variables: json::to_map(record.variables),
            subject: read_some("subject", record.subject, SubjectId::new)?,
            options,
            due_at: time("due_micros", record.due_micros)?,
            expires_at: time("expires_micros", record.expires_micros)?,
            created_at: time("created_micros", record.created_micros)?,
            first_due_at: time("first_due_micros", record.first_due_micros)?,
            first_expires_at: time("first_expires_micros", record.first_expires_micros)?,
            acknowledged_at: record.acknowledged_micros.map(|at| time("acknowledged_micros", at)).transpose()?,
            idempotency_key: read_some("idempotency.key", idempotency_key, IdempotencyKey::new)?,
            collapse_key: read_some("collapse_key", record.collapse_key, CollapseKey::new)?,
        })
    }
}

impl From<Strategy> for StrategyV2 {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::All => Self::All,
            Strategy::Sequence { until, wait_ms } => Self::Sequence { until: numbers::goal(until), wait_ms },
        }
    }
}

impl TryFrom<StrategyV2> for Strategy {
    type Error = Unreadable;

    fn try_from(record: StrategyV2) -> Result<Self, Unreadable> {
        Ok(match record {
            StrategyV2::All => Self::All,
            StrategyV2::Sequence { until, wait_ms } => Self::Sequence { until: numbers::parse_goal(until)?, wait_ms },
        })
    }
}

impl From<&Recipient> for RecipientV1 {
    fn from(recipient: &Recipient) -> Self {
        Self {
            id: recipient.id.as_str().to_owned(),
            email: recipient.email.as_ref().map(|email| email.as_str().to_owned()),
            phone: recipient.phone.as_ref().map(|phone| phone.as_str().to_owned()),
            locale: recipient.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            time_zone: recipient.time_zone.as_ref().map(|zone| zone.as_str().to_owned()),
            attributes: json::from_map(&recipient.attributes),
        }
    }
}

impl TryFrom<RecipientV1> for Recipient {
    type Error = Unreadable;

    fn try_from(record: RecipientV1) -> Result<Self, Unreadable> {
        let id = read("recipient.id", RecipientId::new(record.id))?;
        Ok(Self {
            email: record.email.map(EmailAddress::checked_before),
            phone: record.phone.map(PhoneNumber::checked_before),
            locale: record.locale.map(Locale::checked_before),
            time_zone: record.time_zone.map(ZoneName::checked_before),
            attributes: json::to_map(record.attributes),
            ..Self::with_id(id)
        })
    }
}

impl From<&ContentSource> for ContentSourceV1 {
    fn from(content: &ContentSource) -> Self {
        match content {
            ContentSource::Template { name, version } => {
                Self::Template { name: name.as_str().to_owned(), version: *version }
            }
            ContentSource::Inline(content) => Self::Inline(content.as_ref().into()),
        }
    }
}

impl TryFrom<ContentSourceV1> for ContentSource {
    type Error = Unreadable;

    fn try_from(record: ContentSourceV1) -> Result<Self, Unreadable> {
        Ok(match record {
            ContentSourceV1::Template { name, version } => {
                Self::Template { name: read("content.name", TemplateName::new(name))?, version }
            }
            ContentSourceV1::Inline(content) => Self::Inline(Box::new(content.into())),
        })
    }
}

impl From<&Mailbox> for MailboxV1 {
    fn from(mailbox: &Mailbox) -> Self {
        Self { address: mailbox.address.as_str().to_owned(), name: mailbox.name.clone() }
    }
}

impl From<MailboxV1> for Mailbox {
    fn from(record: MailboxV1) -> Self {
        Self { address: EmailAddress::checked_before(record.address), name: record.name }
    }
}

impl From<&Attachment> for AttachmentV1 {
    fn from(attachment: &Attachment) -> Self {
        Self {
            filename: attachment.filename.clone(),
            content_type: attachment.content_type.clone(),
            content_id: attachment.content_id.clone(),
            data: attachment.data.clone(),
        }
    }
}

impl From<AttachmentV1> for Attachment {
    fn from(record: AttachmentV1) -> Self {
        Self {
            filename: record.filename,
            content_type: record.content_type,
            content_id: record.content_id,
            data: record.data,
        }
    }
}
