//! Notifications for tests, and all that cases need to work with them.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{
    CategoryName, CollapseKey, DeliveryId, IdempotencyKey, NotificationId, RecipientId, SubjectId, TenantId,
};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::message::{Attachment, Mailbox};
use crate::domain::notification::{ContentSource, MessageOptions, Notification};
use crate::domain::recipient::{ChatId, EmailAddress, Locale, PhoneNumber, PushToken, Recipient, WebhookUrl, ZoneName};
use crate::domain::strategy::{Goal, Strategy};
use crate::domain::template::{ChatSource, Content, EmailSource, PushSource, SmsSource, WebhookSource};
use crate::domain::timeline::Fact;
use crate::ports::store::{Acceptance, Accepted, Status, Store};

pub use super::decisions::*;
pub use super::steps::*;

/// That many milliseconds after the beginning of the test's time.
#[must_use]
pub fn at(ms: i64) -> Timestamp {
    const START_MS: i64 = 1_760_000_000_000;
    Timestamp::from_millisecond(START_MS.saturating_add(ms)).unwrap()
}

/// A notification to be accepted. Samples of different numbers differ, and order by creation, then number.
#[derive(Debug, Clone)]
pub struct Sample {
    number: u32,
    tenant: TenantId,
    recipient: RecipientId,
    category: CategoryName,
    subject: SubjectId,
    channels: Vec<Channel>,
    strategy: Strategy,
    lane: Lane,
    created_at: Timestamp,
    due_at: Timestamp,
    expires_at: Timestamp,
    key: Option<IdempotencyKey>,
    key_expires_at: Timestamp,
    request_hash: [u8; 32],
    replaces: Option<NotificationId>,
    collapse_key: Option<CollapseKey>,
    attachment_bytes: usize,
}

impl Sample {
    /// One text message, created and due at 0, remembered for a day.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self {
            number,
            tenant: TenantId::unnamed(),
            recipient: RecipientId::new("ada").unwrap(),
            category: CategoryName::new("rent-reminder").unwrap(),
            subject: SubjectId::new("unit-7").unwrap(),
            channels: vec![Channel::Sms],
            strategy: Strategy::All,
            lane: Lane::Normal,
            created_at: at(0),
            due_at: at(0),
            expires_at: at(30 * 24 * 3_600_000),
            key: None,
            key_expires_at: at(24 * 3_600_000),
            request_hash: [1; 32],
            replaces: None,
            collapse_key: None,
            attachment_bytes: 0,
        }
    }

    /// Of that tenant.
    #[must_use]
    pub fn of(self, tenant: &str) -> Self {
        Self { tenant: TenantId::new(tenant).unwrap(), ..self }
    }

    /// To that recipient.
    #[must_use]
    pub fn to(self, recipient: &str) -> Self {
        Self { recipient: RecipientId::new(recipient).unwrap(), ..self }
    }

    /// Of that category.
    #[must_use]
    pub fn of_category(self, category: &str) -> Self {
        Self { category: CategoryName::new(category).unwrap(), ..self }
    }

    /// About that subject.
    #[must_use]
    pub fn about(self, subject: &str) -> Self {
        Self { subject: SubjectId::new(subject).unwrap(), ..self }
    }

    /// On every channel.
    #[must_use]
    pub fn on_all_channels(self) -> Self {
        self.on(&Channel::ALL)
    }

    /// By email and by text message.
    #[must_use]
    pub fn on_two_channels(self) -> Self {
        self.on(&[Channel::Email, Channel::Sms])
    }

    /// On these channels, in that order.
    #[must_use]
    pub fn on(self, channels: &[Channel]) -> Self {
        Self { channels: channels.to_vec(), ..self }
    }

    /// By email, then by text message. Each has that long to reach the goal, in milliseconds.
    #[must_use]
    pub fn in_sequence(self, until: Goal, wait_ms: u64) -> Self {
        self.on_two_channels().by_turns(until, wait_ms)
    }

    /// On one of its channels after the other. Each has that long to reach the goal, in milliseconds.
    #[must_use]
    pub fn by_turns(self, until: Goal, wait_ms: u64) -> Self {
        Self { strategy: Strategy::Sequence { until, wait_ms }, ..self }
    }

    /// In that lane.
    #[must_use]
    pub fn in_lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    /// Created then.
    #[must_use]
    pub fn created(self, ms: i64) -> Self {
        Self { created_at: at(ms), ..self }
    }

    /// Due then.
    #[must_use]
    pub fn due(self, ms: i64) -> Self {
        Self { due_at: at(ms), ..self }
    }

    /// Too late then.
    #[must_use]
    pub fn expiring(self, ms: i64) -> Self {
        Self { expires_at: at(ms), ..self }
    }

    /// In place of that one.
    #[must_use]
    pub fn replacing(self, other: NotificationId) -> Self {
        Self { replaces: Some(other), ..self }
    }

    /// Under that collapse key.
    #[must_use]
    pub fn collapsing(self, key: &str) -> Self {
        Self { collapse_key: Some(CollapseKey::new(key).unwrap()), ..self }
    }

    /// Under that idempotency key, for a request with that hash.
    #[must_use]
    pub fn keyed(self, key: &str, hash: u8) -> Self {
        Self { key: Some(IdempotencyKey::new(key).unwrap()), request_hash: [hash; 32], ..self }
    }

    /// The key is remembered until then.
    #[must_use]
    pub fn remembered_until(self, ms: i64) -> Self {
        Self { key_expires_at: at(ms), ..self }
    }

    /// With a file of that size.
    #[must_use]
    pub fn with_attachment(self, bytes: usize) -> Self {
        Self { attachment_bytes: bytes, ..self }
    }

    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> NotificationId {
        let mut random = [0; 10];
        random[6..].copy_from_slice(&self.number.to_be_bytes());
        NotificationId::from_parts(u64::try_from(self.created_at.as_millisecond()).unwrap(), random)
    }

    /// The identifier of its delivery on that channel.
    #[must_use]
    pub fn delivery_id(&self, channel: Channel) -> DeliveryId {
        DeliveryId { notification: self.id(), channel }
    }

    /// Its tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The notification, with every field in use.
    #[must_use]
    pub fn notification(&self) -> Notification {
        let recipient = Recipient {
            email: Some(EmailAddress::parse("ada@example.com").unwrap()),
            phone: Some(PhoneNumber::parse("+14155550101").unwrap()),
            push_token: Some(PushToken::parse(r#"{"endpoint":"https://push.example.com/7"}"#).unwrap()),
            chat_id: Some(ChatId::parse("C0123ADA").unwrap()),
            webhook_url: Some(WebhookUrl::parse("https://example.com/hooks/7").unwrap()),
            locale: Some(Locale::parse("pt-BR").unwrap()),
            time_zone: Some(ZoneName::parse("America/Sao_Paulo").unwrap()),
            attributes: [("floor".to_owned(), json!(3))].into_iter().collect(),
            ..Recipient::with_id(self.recipient.clone())
        };
        let attachment = Attachment {
            filename: "lease.pdf".into(),
            content_type: "application/pdf".into(),
            content_id: None,
            data: (0..self.attachment_bytes).map(|index| u8::try_from(index % 251).unwrap()).collect(),
        };
        let options = MessageOptions {
            reply_to: Some(Mailbox::parse("Office <office@example.com>").unwrap()),
            headers: vec![("X-Building".into(), "7".into())],
            attachments: if self.attachment_bytes > 0 { vec![attachment] } else { Vec::new() },
            media_urls: vec!["https://example.com/plan.png".into()],
        };
        Notification {
            id: self.id(),
            tenant: self.tenant.clone(),
            recipient,
            category: self.category.clone(),
            channels: self.channels.clone(),
            strategy: self.strategy,
            lane: self.lane,
            content: ContentSource::Inline(Box::new(content(&format!("number {}", self.number)))),
            variables: [("amount".to_owned(), json!(1250.1)), ("paid".to_owned(), json!(null))].into_iter().collect(),
            subject: Some(self.subject.clone()),
            options,
            due_at: self.due_at,
            expires_at: self.expires_at,
            created_at: self.created_at,
            first_due_at: self.due_at,
            first_expires_at: self.expires_at,
            acknowledged_at: None,
            idempotency_key: self.key.clone(),
            collapse_key: self.collapse_key.clone(),
        }
    }

    /// What is handed to the store.
    #[must_use]
    pub fn acceptance(&self) -> Acceptance {
        Acceptance {
            notification: self.notification(),
            request_hash: self.request_hash,
            key_expires_at: self.key_expires_at,
            replaces: self.replaces,
        }
    }

    /// Has the store accept it, as new and in the place of nothing.
    pub async fn accepted_by(&self, store: &Arc<dyn Store>) -> NotificationId {
        assert_eq!(store.accept(self.acceptance()).await.unwrap(), NEW);
        self.id()
    }

    /// Where it stands.
    pub async fn status_in(&self, store: &Arc<dyn Store>) -> Status {
        store.status(&self.tenant, self.id()).await.unwrap().expect("it was accepted")
    }

    /// The delivery on the first of its channels.
    pub async fn delivery_in(&self, store: &Arc<dyn Store>) -> Delivery {
        self.status_in(store).await.deliveries.remove(0)
    }

    /// Where each of its deliveries stands.
    pub async fn states_in(&self, store: &Arc<dyn Store>) -> Vec<DeliveryState> {
        self.status_in(store).await.deliveries.iter().map(|delivery| delivery.state).collect()
    }

    /// What is told about it.
    pub async fn timeline_in(&self, store: &Arc<dyn Store>) -> Vec<Fact> {
        store.timeline(&self.tenant, self.id()).await.unwrap().expect("it was accepted")
    }
}

/// What becomes of a notification that is new and takes the place of nothing.
pub const NEW: Accepted = Accepted::New { replaced: None };

/// Content for every channel.
#[must_use]
pub fn content(text: &str) -> Content {
    Content {
        email: Some(EmailSource { subject: text.into(), text: None, html: Some(format!("<p>{text}</p>")) }),
        sms: Some(SmsSource { text: text.into() }),
        push: Some(PushSource {
            title: text.into(),
            body: text.into(),
            data: [("unit".to_owned(), "4b".to_owned())].into(),
        }),
        chat: Some(ChatSource { text: text.into(), layout: Some("[]".into()) }),
        webhook: Some(WebhookSource { kind: "rent.due".into(), payload: "{}".into() }),
    }
}
