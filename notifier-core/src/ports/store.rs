//! The durable memory, in operations. Each is atomic, and durable when it returns.
//!
//! Beside each operation stands the SQL statement that it is on PostgreSQL: an operation that could not be one
//! statement does not belong here. Decisions are made before (in `domain`); the store checks that what the decision was
//! based on still holds, and otherwise refuses.

mod terms;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::terms::*;
use crate::domain::channel::Channel;
use crate::domain::delivery::Change;
#[cfg(doc)]
use crate::domain::delivery::Delivery;
use crate::domain::id::{DeliveryId, IdempotencyKey, NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::lane::Lane;
#[cfg(doc)]
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::receipt::Receipt;
use crate::domain::revision::Revision;
use crate::domain::suppression::Suppression;
use crate::domain::template::Template;
use crate::domain::timeline::{Fact, Reason};

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
    /// A notification cannot be replaced any more: something of it was sent, is being sent, or has ended. Nothing was changed.
    #[error("notification {0} cannot be replaced any more")]
    TooLate(NotificationId),
    /// The lease ran out, was taken over, or the delivery was moved on by somebody else. Nothing was changed.
    #[error("the lease of delivery {0} is no longer held")]
    LeaseLost(DeliveryId),
    /// Somebody took the delivery back while it was being sent, and the change was decided without knowing that. Nothing was
    /// changed, and the lease is held on.
    #[error("delivery {delivery} was taken back while it was being sent: {reason}")]
    CancelAsked {
        /// The delivery.
        delivery: DeliveryId,
        /// Why, as [`Delivery::cancel_asked`].
        reason: Reason,
    },
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

/// The durable memory.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Stores a notification with its deliveries and its keys. The first fact of its timeline ([`Notification::acceptance`])
    /// goes with it. What waits under the same collapse key for the same recipient is cancelled in the same commit (what
    /// is being sent is not tried again), as is what the acceptance names to be replaced.
    ///
    /// `WITH k AS (INSERT INTO idempotency … ON CONFLICT DO NOTHING RETURNING 1), n AS (INSERT INTO notification SELECT …
    /// WHERE EXISTS (SELECT FROM k) OR key IS NULL), d AS (INSERT INTO delivery SELECT … FROM unnest(…)) INSERT INTO fact …`
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when the key stands for another request; [`StoreError::TooLate`] when what it is to replace
    /// was sent, is being sent, or has ended.
    async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError>;

    /// As [`Self::accept`] for each, in order. One that is refused leaves the others as they are.
    ///
    /// The same, as `UNNEST` of the columns.
    ///
    /// # Errors
    /// When none can be stored; those of one acceptance are in its own result.
    async fn accept_all(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Accepted, StoreError>>, StoreError>;

    /// What was accepted under an idempotency key that is still remembered at `now`; `None` when nothing was. Without a hash,
    /// whatever was asked for.
    ///
    /// `SELECT notification, request_hash FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at > $3`
    ///
    /// # Errors
    /// [`StoreError::KeyReused`] when the key stands for another request.
    async fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError>;

    /// Hands out pending deliveries that are due, so that nobody else gets them before the lease ends. In each lane as many
    /// as there is room for; tenants take turns, and of one tenant the earliest due come first. A claim need not survive the
    /// process: nothing has been done yet.
    ///
    /// `UPDATE delivery SET lease_token = nextval(…), lease_until = $2 WHERE id IN (SELECT id FROM (SELECT id, row_number()
    /// OVER (PARTITION BY tenant ORDER BY due_at) AS turn FROM delivery WHERE state = 'pending' AND channel = $3 AND lane = $4
    /// AND due_at <= $1 AND (lease_until IS NULL OR lease_until <= now())) ORDER BY turn LIMIT $5 FOR UPDATE SKIP LOCKED)
    /// RETURNING *`
    async fn claim(&self, query: &ClaimQuery) -> Result<Vec<Claimed>, StoreError>;

    /// When there may next be something to claim on that channel in one of these lanes: a pending delivery falls due, or a
    /// claim on one ends.
    ///
    /// `SELECT min(coalesce(lease_until, due_at)) FROM delivery WHERE state = 'pending' AND channel = $1 AND lane = ANY($2)`
    async fn next_due(&self, channel: Channel, lanes: &[Lane]) -> Result<Option<Timestamp>, StoreError>;

    /// Records the intent to call a provider: the change's delivery is `sending`. From here on the lease is durable. In a
    /// sequence, the delivery after it is committed with it as [`Notification::next_after`] says, which ends a claim on that
    /// one; it is not written where that changes nothing. The same goes for every operation that commits a [`Change`].
    ///
    /// `WITH d AS (UPDATE delivery SET … , lease_until = $4 WHERE id = $1 AND lease_token = $2 AND state = 'pending'
    /// RETURNING 1), next AS (UPDATE delivery SET due_at = least(due_at, $5), lease_token = NULL, lease_until = NULL WHERE
    /// id = $6 AND state = 'pending' AND … AND EXISTS (SELECT FROM d)) INSERT INTO fact SELECT … FROM unnest(…) WHERE EXISTS
    /// (SELECT FROM d)`
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when it is no longer ours, for example because it was cancelled.
    async fn begin(&self, lease: Lease, change: Change, lease_until: Timestamp) -> Result<(), StoreError>;

    /// Records what a claimed or begun delivery came to, and gives the lease back. Reports that were kept for the provider's
    /// id of the message are told in the same commit, and an address that takes nothing any more goes on the list.
    ///
    /// `WITH d AS (UPDATE delivery SET … , lease_token = NULL, lease_until = NULL WHERE id = $1 AND lease_token = $2 AND
    /// (cancel_asked IS NULL OR $3 IS NOT NULL) RETURNING 1), s AS (INSERT INTO suppression SELECT … WHERE EXISTS (SELECT FROM d)
    /// ON CONFLICT … DO UPDATE …) INSERT INTO fact SELECT … FROM unnest(…) WHERE EXISTS (SELECT FROM d)`
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] when it is no longer ours; [`StoreError::CancelAsked`] when it was taken back meanwhile
    /// ([`Change::overlooks`]) and is to be decided anew.
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

    /// Applies what [`revise`](crate::domain::revision::revise) decides about the notification as it is, and ends claims on
    /// the deliveries that change, but not on those of which only something is noted; `None` when there is no such notification.
    ///
    /// In one transaction: `SELECT … FOR UPDATE` of the notification and its deliveries, and an `UPDATE` of what changes.
    async fn revise(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Option<RevisedStatus>, StoreError>;

    /// Tells the deliveries what was reported about them ([`Delivery::receive`]), and puts the addresses that nothing may be
    /// sent to any more on the list. What is about nothing known is kept, for [`Self::settle`] to find; of too many, the latest:
    /// an early report is early by seconds, and what waits for longer is mostly about another application's messages.
    ///
    /// In one transaction: `SELECT … FOR UPDATE` of the deliveries `WHERE (provider, provider_message_id) = ANY($1) OR id =
    /// ANY($2)`, and an `UPDATE` or an `INSERT INTO unmatched_receipt`.
    async fn receive(&self, receipts: Vec<Receipt>) -> Result<Vec<Received>, StoreError>;

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
    /// `SELECT … FROM notification WHERE tenant = $1 AND id < $2 AND ($3 IS NULL OR recipient = $3) … ORDER BY id DESC LIMIT $4`
    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError>;

    /// Dead letters, the latest first.
    ///
    /// `SELECT … FROM delivery JOIN notification … WHERE tenant = $1 AND state IN ('failed', 'expired', 'unknown') AND
    /// (updated_at, id) < $2 … ORDER BY updated_at DESC, id DESC LIMIT $3`
    async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<DeadLetterPage, StoreError>;

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

    /// Puts an address on the list of those that nothing may be sent to. An earlier entry for the same address is replaced.
    ///
    /// `INSERT INTO suppression … ON CONFLICT (tenant, channel, address) DO UPDATE …`
    async fn put_suppression(&self, suppression: Suppression) -> Result<(), StoreError>;

    /// The entry of an address ([`normalized`](crate::domain::suppression::normalized)), if there is one.
    ///
    /// `SELECT … FROM suppression WHERE tenant = $1 AND channel = $2 AND address = $3`
    async fn suppression(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Result<Option<Suppression>, StoreError>;

    /// Takes an address off the list; whether it was on it.
    ///
    /// `DELETE FROM suppression WHERE tenant = $1 AND channel = $2 AND address = $3`
    async fn remove_suppression(&self, tenant: &TenantId, channel: Channel, address: &str) -> Result<bool, StoreError>;

    /// The list of a tenant, by channel and address: at most `limit`, those that come after `after`. Addresses of more than
    /// [`KEYED_BYTES_MAX`](crate::domain::suppression::KEYED_BYTES_MAX) come last in their channel, in an order of the store's
    /// own.
    ///
    /// `SELECT … FROM suppression WHERE tenant = $1 AND (channel, address) > $2 ORDER BY channel, address LIMIT $3`
    async fn suppressions(
        &self,
        tenant: &TenantId,
        after: Option<(Channel, &str)>,
        limit: usize,
    ) -> Result<Vec<Suppression>, StoreError>;

    /// Notes how a provider is.
    ///
    /// `INSERT INTO provider … ON CONFLICT (name) DO UPDATE …`
    async fn put_provider_state(&self, state: ProviderState) -> Result<(), StoreError>;

    /// How the providers were, as far as anything was noted.
    ///
    /// `SELECT … FROM provider`
    async fn provider_states(&self) -> Result<Vec<ProviderState>, StoreError>;

    /// Looks for deliveries that nobody would ever look at again, among notifications accepted after `after` (of every
    /// tenant), at most about `limit` of them; and puts them right. There should never be one.
    ///
    /// `SELECT … FROM delivery WHERE id > $1 AND state = 'sending' AND lease_until IS NULL … LIMIT $2`
    async fn sweep(&self, after: Option<NotificationId>, limit: usize) -> Result<Swept, StoreError>;

    /// How many deliveries are where. Cheap.
    ///
    /// `SELECT lane, state, count(*) FROM delivery WHERE … GROUP BY 1, 2`
    async fn counts(&self) -> Result<StoreCounts, StoreError>;

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
