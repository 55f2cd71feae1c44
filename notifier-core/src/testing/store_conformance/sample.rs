//! Notifications and decisions about them, for tests.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::delivery::{Attempt, Change, Delivery, Settling};
use crate::domain::id::{CategoryName, IdempotencyKey, NotificationId, ProviderName, RecipientId, TenantId};
use crate::domain::message::{Attachment, Mailbox};
use crate::domain::notification::{ContentSource, MessageOptions, Notification};
use crate::domain::outcome::{Outcome, Problem};
use crate::domain::recipient::{EmailAddress, Locale, PhoneNumber, Recipient, ZoneName};
use crate::domain::template::{Content, EmailSource, SmsSource};
use crate::domain::timeline::{FactKind, Reason};
use crate::ports::store::{Acceptance, Accepted, Claimed, Store};

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
    channels: Vec<Channel>,
    created_at: Timestamp,
    due_at: Timestamp,
    key: Option<IdempotencyKey>,
    key_expires_at: Timestamp,
    request_hash: [u8; 32],
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
            channels: vec![Channel::Sms],
            created_at: at(0),
            due_at: at(0),
            key: None,
            key_expires_at: at(24 * 3_600_000),
            request_hash: [1; 32],
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

    /// On every channel.
    #[must_use]
    pub fn on_all_channels(self) -> Self {
        Self { channels: Channel::ALL.to_vec(), ..self }
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
            category: CategoryName::new("rent-reminder").unwrap(),
            channels: self.channels.clone(),
            content: ContentSource::Inline(content(&format!("number {}", self.number))),
            variables: [("amount".to_owned(), json!(1250.1)), ("paid".to_owned(), json!(null))].into_iter().collect(),
            subject: None,
            options,
            due_at: self.due_at,
            expires_at: at(30 * 24 * 3_600_000),
            created_at: self.created_at,
            idempotency_key: self.key.clone(),
        }
    }

    /// What is handed to the store.
    #[must_use]
    pub fn acceptance(&self) -> Acceptance {
        let notification = self.notification();
        let deliveries = notification.first_deliveries();
        Acceptance { notification, deliveries, request_hash: self.request_hash, key_expires_at: self.key_expires_at }
    }

    /// Has the store accept it, as new.
    pub async fn accepted_by(&self, store: &Arc<dyn Store>) -> NotificationId {
        assert_eq!(store.accept(self.acceptance()).await.unwrap(), Accepted::New);
        self.id()
    }
}

/// Content for every channel.
#[must_use]
pub fn content(text: &str) -> Content {
    Content {
        email: Some(EmailSource { subject: text.into(), text: None, html: Some(format!("<p>{text}</p>")) }),
        sms: Some(SmsSource { text: text.into() }),
    }
}

/// The decision to call a provider, with one consulted rule before it.
#[must_use]
pub fn begin(delivery: &Delivery, now: Timestamp) -> Change {
    let attempt = Attempt {
        number: delivery.attempts + 1,
        provider: ProviderName::new("twilio").unwrap(),
        started_at: now,
        address: "+14155550101".into(),
        sender: Some("+14155550199".into()),
        content: "inline".into(),
        content_sha256: "00".repeat(32),
        provider_message_id: None,
        problem: None,
    };
    let pending = Delivery { reason: Reason::new("preference.default", "on by default"), ..delivery.clone() };
    delivery.begin(attempt, vec![pending.fact(FactKind::Checked, now)], now).unwrap()
}

/// The decision after the provider took it.
#[must_use]
pub fn sent(delivery: &Delivery, now: Timestamp) -> Change {
    settled(delivery, &Outcome::Accepted { provider_message_id: Some("SM1".into()) }, now)
}

/// The decision after the provider was down; the next attempt is due a few seconds later.
#[must_use]
pub fn retry(delivery: &Delivery, now: Timestamp) -> Change {
    settled(delivery, &Outcome::Unavailable { retry_after_ms: None, problem: Problem::coded("503", "down") }, now)
}

/// The decision to wait.
#[must_use]
pub fn deferred(delivery: &Delivery, now: Timestamp) -> Change {
    let category = Category::default();
    let settling = Settling { category: &category, expires_at: at(30 * 24 * 3_600_000), now, random: 7 };
    delivery.defer(Reason::new("directory.unavailable", "the directory is down"), settling).unwrap()
}

fn settled(delivery: &Delivery, outcome: &Outcome, now: Timestamp) -> Change {
    let category = Category::default();
    let settling = Settling { category: &category, expires_at: at(30 * 24 * 3_600_000), now, random: 7 };
    delivery.settle(outcome, settling).unwrap()
}

/// Claims exactly one delivery.
pub async fn claim_one(store: &Arc<dyn Store>, now: Timestamp, until: Timestamp) -> Claimed {
    let mut claimed = store.claim(now, 1, until).await.unwrap();
    assert_eq!(claimed.len(), 1, "one delivery is due at {now}");
    claimed.remove(0)
}
