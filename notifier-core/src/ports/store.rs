//! The durable memory, in operations. Each is atomic, and durable when it returns.
//!
//! Beside each operation stands the SQL statement that it is on PostgreSQL: an operation that could not be one
//! statement does not belong here. Decisions are made before (in `domain`); the store checks that what the decision was
//! based on still holds, and otherwise refuses.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{DeliveryId, IdempotencyKey, NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;

/// Why an operation was refused or failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The idempotency key was used for a different request.
    #[error("idempotency key `{}` belongs to another request, accepted as {existing}", key.as_str())]
    KeyReused {
        /// The key.
        key: IdempotencyKey,
        /// What was accepted under it.
        existing: NotificationId,
    },
    /// The lease ran out, was taken over, or the delivery was moved on by somebody else. Nothing was changed.
    #[error("the lease of delivery {0} is no longer held")]
    LeaseLost(DeliveryId),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A record cannot be read. It is kept aside, not dropped.
    #[error("damaged record {key}: {problem}")]
    Damaged {
        /// Its key, printable.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A record is larger than the store takes. Nothing was changed.
    #[error("the {what} has {bytes} bytes, at most {bytes_max} can be stored")]
    TooLarge {
        /// What it is, as `notification`.
        what: &'static str,
        /// Its size as it would be stored.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The medium failed; nothing more is accepted, because nothing more can be promised.
    #[error("storage failed: {0}")]
    Failed(String),
}

/// A notification to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// What was asked for.
    pub notification: Notification,
    /// Its deliveries, all pending.
    pub deliveries: Vec<Delivery>,
    /// What the idempotency key, if there is one, stands for.
    pub request_hash: [u8; 32],
    /// Until when the key is remembered, at least.
    pub key_expires_at: Timestamp,
}

/// What became of an acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored.
    New,
    /// The same request was accepted before, under this id.
    Before(NotificationId),
}

/// Proof of the right to change one delivery: whoever has a newer one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Different for every lease ever given.
    pub token: u64,
}

/// A delivery that is ours to work on, and what it is about.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The right to change it.
    pub lease: Lease,
    /// The delivery.
    pub delivery: Delivery,
    /// The notification that it belongs to.
    pub notification: Notification,
}

/// A notification and where its deliveries stand, in the order of channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What was accepted.
    pub notification: Notification,
    /// One for each channel.
    pub deliveries: Vec<Delivery>,
}

/// Which notifications to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Only those to this recipient.
    pub recipient: Option<RecipientId>,
    /// Only those accepted before this one.
    pub before: Option<NotificationId>,
    /// How many at most.
    pub limit: usize,
}

/// Some notifications, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The notifications. May be fewer than asked for although there are more: go by `next`.
    pub items: Vec<Status>,
    /// Where to go on; `None` at the end.
    pub next: Option<NotificationId>,
}

/// The durable memory.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores a notification with its deliveries and its idempotency key. The first fact of its timeline
    /// ([`Notification::acceptance`]) goes with it.
    ///
    /// `WITH k AS (INSERT INTO idempotency … ON CONFLICT DO NOTHING RETURNING 1), n AS (INSERT INTO notification SELECT …
    /// WHERE EXISTS (SELECT FROM k) OR key IS NULL), d AS (INSERT INTO delivery SELECT … FROM unnest(…)) INSERT INTO fact …`
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when the key stands for another request.
    async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError>;

    /// What was accepted under an idempotency key that is still remembered at `now`; `None` when nothing was.
    ///
    /// `SELECT notification, request_hash FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at > $3`
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when the key stands for another request.
    async fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError>;

    /// Hands out pending deliveries that are due at `now`, earliest first, so that nobody else gets them before
    /// `lease_until`. A claim need not survive the process: nothing has been done yet.
    ///
    /// `UPDATE delivery SET lease_token = nextval(…), lease_until = $2 WHERE id IN (SELECT id FROM delivery WHERE
    /// state = 'pending' AND due_at <= $1 AND (lease_until IS NULL OR lease_until <= now()) ORDER BY due_at LIMIT $3
    /// FOR UPDATE SKIP LOCKED) RETURNING *`
    async fn claim(&self, now: Timestamp, limit: usize, lease_until: Timestamp) -> Result<Vec<Claimed>, StoreError>;

    /// When there may next be something to claim: a pending delivery falls due, or a claim on one ends.
    ///
    /// `SELECT min(coalesce(lease_until, due_at)) FROM delivery WHERE state = 'pending'`
    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Records the intent to call a provider: the change's delivery is `sending`. From here on the lease is durable.
    ///
    /// `WITH d AS (UPDATE delivery SET … , lease_until = $4 WHERE id = $1 AND lease_token = $2 AND state = 'pending'
    /// RETURNING 1) INSERT INTO fact SELECT … FROM unnest(…) WHERE EXISTS (SELECT FROM d)`
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when it is no longer ours, for example because it was cancelled.
    async fn begin(&self, lease: Lease, change: Change, lease_until: Timestamp) -> Result<(), StoreError>;

    /// Records what a claimed or begun delivery came to, and gives the lease back.
    ///
    /// `WITH d AS (UPDATE delivery SET … , lease_token = NULL, lease_until = NULL WHERE id = $1 AND lease_token = $2
    /// RETURNING 1) INSERT INTO fact SELECT … FROM unnest(…) WHERE EXISTS (SELECT FROM d)`
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when it is no longer ours.
    async fn settle(&self, lease: Lease, change: Change) -> Result<(), StoreError>;

    /// Gives a claim back without having done anything.
    ///
    /// `UPDATE delivery SET lease_token = NULL, lease_until = NULL WHERE id = $1 AND lease_token = $2 AND state = 'pending'`
    async fn release(&self, lease: Lease) -> Result<(), StoreError>;

    /// Takes over deliveries in `sending` whose lease ran out at `now`, or whose holder is known to be gone.
    ///
    /// `UPDATE delivery SET lease_token = nextval(…), lease_until = $2 WHERE id IN (SELECT id FROM delivery WHERE
    /// state = 'sending' AND lease_until <= $1 LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING *`
    async fn reclaim(&self, now: Timestamp, limit: usize, lease_until: Timestamp) -> Result<Vec<Claimed>, StoreError>;

    /// When the next lease of a delivery in `sending` runs out.
    ///
    /// `SELECT min(lease_until) FROM delivery WHERE state = 'sending'`
    async fn next_lease_end(&self) -> Result<Option<Timestamp>, StoreError>;

    /// Cancels every delivery of the notification that is still pending, and ends claims on them. Returns all of them as
    /// they are afterwards; `None` when there is no such notification.
    ///
    /// `WITH d AS (UPDATE delivery SET state = 'cancelled', lease_token = NULL … WHERE notification = $1 AND
    /// state = 'pending' RETURNING *), f AS (INSERT INTO fact SELECT … FROM d) SELECT …`
    async fn cancel(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<Vec<Delivery>>, StoreError>;

    /// A notification and where its deliveries stand.
    ///
    /// `SELECT … FROM notification JOIN delivery … WHERE tenant = $1 AND id = $2`
    async fn status(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError>;

    /// The facts of a notification, oldest first; `None` when there is no such notification.
    ///
    /// `SELECT … FROM fact WHERE tenant = $1 AND notification = $2 ORDER BY sequence`
    async fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, StoreError>;

    /// Notifications, newest first.
    ///
    /// `SELECT … FROM notification WHERE tenant = $1 AND id < $2 AND ($3 IS NULL OR recipient = $3) ORDER BY id DESC LIMIT $4`
    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError>;

    /// Replaces the preferences of a recipient.
    ///
    /// `INSERT INTO preference … ON CONFLICT (tenant, recipient) DO UPDATE …`
    async fn put_preferences(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: Preferences,
    ) -> Result<(), StoreError>;

    /// The preferences of a recipient, if any are stored.
    ///
    /// `SELECT … FROM preference WHERE tenant = $1 AND recipient = $2`
    async fn preferences(&self, tenant: &TenantId, recipient: &RecipientId) -> Result<Option<Preferences>, StoreError>;

    /// Stores the template as the next version of its name (`version` is ignored) and returns that version. A template
    /// that equals the newest version in all else is not stored again.
    ///
    /// `INSERT INTO template SELECT … , coalesce(max(version), 0) + 1 … RETURNING version`
    async fn put_template(&self, tenant: &TenantId, template: Template) -> Result<u32, StoreError>;

    /// A version of a template, or the newest.
    ///
    /// `SELECT … FROM template WHERE tenant = $1 AND name = $2 AND ($3 IS NULL OR version = $3) ORDER BY version DESC LIMIT 1`
    async fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Result<Option<Template>, StoreError>;

    /// The newest version of each template of the tenant, by name: at most `limit`, those whose names come after `after`.
    ///
    /// `SELECT DISTINCT ON (name) … FROM template WHERE tenant = $1 AND name > $2 ORDER BY name, version DESC LIMIT $3`
    async fn templates(
        &self,
        tenant: &TenantId,
        after: Option<&TemplateName>,
        limit: usize,
    ) -> Result<Vec<Template>, StoreError>;

    /// Whether it can still make promises.
    ///
    /// `SELECT 1`
    ///
    /// # Errors
    /// When it is closed or failed.
    async fn check(&self) -> Result<(), StoreError>;

    /// Finishes what was handed in, and lets go of the medium. Later operations fail with [`StoreError::Closed`].
    async fn close(&self) -> Result<(), StoreError>;
}
