//! What goes into the operations of a store, and what comes out of them.

use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::health::HealthState;
use crate::domain::id::{CategoryName, DeliveryId, NotificationId, ProviderName, RecipientId, SubjectId, TenantId};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;

/// A notification to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Acceptance {
    /// What was asked for. Its deliveries are its [`Notification::first_deliveries`].
    pub notification: Notification,
    /// What the idempotency key, if there is one, stands for.
    pub request_hash: [u8; 32],
    /// Until when the key is remembered, at least; and at least until its notification expires, should that be moved.
    pub key_expires_at: Timestamp,
    /// The notification that it takes the place of, if all deliveries of that are still pending: they are cancelled.
    pub replaces: Option<NotificationId>,
}

/// What became of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// It is stored.
    New {
        /// What it took the place of: the one named, or the one that waited under the same collapse key.
        replaced: Option<NotificationId>,
    },
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
    /// What its recipient wants, if anything is stored.
    pub preferences: Option<Preferences>,
}

/// How many deliveries there is room for, in each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// In [`Lane::Urgent`].
    pub urgent: usize,
    /// In [`Lane::Normal`].
    pub normal: usize,
    /// In [`Lane::Bulk`].
    pub bulk: usize,
}

impl Room {
    /// The same in every lane.
    #[must_use]
    pub fn of_each(places: usize) -> Self {
        Self { urgent: places, normal: places, bulk: places }
    }

    /// In that lane.
    #[must_use]
    pub fn of(&self, lane: Lane) -> usize {
        match lane {
            Lane::Urgent => self.urgent,
            Lane::Normal => self.normal,
            Lane::Bulk => self.bulk,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What is to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimQuery {
    /// On which channel.
    pub channel: Channel,
    /// How many of each lane.
    pub room: Room,
    /// What is due then or earlier; may be a little ahead of `now`.
    pub due_by: Timestamp,
    /// The time. Claims that ended by then count no more.
    pub now: Timestamp,
    /// Until when nobody else gets what is claimed.
    pub lease_until: Timestamp,
}

/// A notification and where its deliveries stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// What was accepted.
    pub notification: Notification,
    /// One for each channel, in the order of [`Notification::channels`].
    pub deliveries: Vec<Delivery>,
}

/// What a revision came to.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisedStatus {
    /// How it stands afterwards.
    pub status: Status,
    /// The deliveries that the revision changed. What was only asked to end is not one of them.
    pub changed: Vec<DeliveryId>,
}

/// Which notifications to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Only those that fit.
    pub filter: Filter,
    /// Only those accepted before this one.
    pub before: Option<NotificationId>,
    /// How many at most.
    pub limit: usize,
}

impl ListQuery {
    /// Everything of that tenant.
    #[must_use]
    pub fn of(tenant: TenantId, limit: usize) -> Self {
        Self { tenant, filter: Filter::default(), before: None, limit }
    }
}

/// Which of the notifications or deliveries; what is `None` fits all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// To this recipient.
    pub recipient: Option<RecipientId>,
    /// Of this category.
    pub category: Option<CategoryName>,
    /// About this subject.
    pub subject: Option<SubjectId>,
    /// With a delivery on this channel.
    pub channel: Option<Channel>,
    /// With a delivery in this state.
    pub state: Option<DeliveryState>,
    /// With a delivery that was last sent through this provider.
    pub provider: Option<ProviderName>,
    /// Due at that time or later.
    pub due_from: Option<Timestamp>,
    /// Due before that time.
    pub due_until: Option<Timestamp>,
}

impl Filter {
    /// Whether a notification fits, as far as it alone can tell.
    #[must_use]
    pub fn fits_notification(&self, notification: &Notification) -> bool {
        self.recipient.as_ref().is_none_or(|recipient| notification.recipient.id == *recipient)
            && self.category.as_ref().is_none_or(|category| notification.category == *category)
            && self.subject.as_ref().is_none_or(|subject| notification.subject.as_ref() == Some(subject))
            && self.channel.is_none_or(|channel| notification.channels.contains(&channel))
            && self.due_from.is_none_or(|from| notification.due_at >= from)
            && self.due_until.is_none_or(|until| notification.due_at < until)
    }

    /// Whether a delivery fits.
    #[must_use]
    pub fn fits_delivery(&self, delivery: &Delivery) -> bool {
        let provider = delivery.last_attempt.as_ref().map(|attempt| &attempt.provider);
        self.channel.is_none_or(|channel| delivery.id.channel == channel)
            && self.state.is_none_or(|state| delivery.state == state)
            && self.provider.as_ref().is_none_or(|wanted| provider == Some(wanted))
    }

    /// Whether a notification with one of these deliveries fits.
    #[must_use]
    pub fn fits(&self, status: &Status) -> bool {
        self.fits_notification(&status.notification)
            && status.deliveries.iter().any(|delivery| self.fits_delivery(delivery))
    }
}

/// Some notifications, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The notifications. May be fewer than asked for although there are more: go by `next`.
    pub items: Vec<Status>,
    /// Where to go on; `None` at the end.
    pub next: Option<NotificationId>,
}

/// Which dead letters to list, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterQuery {
    /// Whose.
    pub tenant: TenantId,
    /// Only those that fit.
    pub filter: Filter,
    /// Only those before this one.
    pub before: Option<DeadLetterPlace>,
    /// How many at most.
    pub limit: usize,
}

/// Where a dead letter stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadLetterPlace {
    /// When it died.
    pub died_at: Timestamp,
    /// Which.
    pub delivery: DeliveryId,
}

impl DeadLetterPlace {
    /// After everything that died before that time, and before the rest.
    #[must_use]
    pub fn at(died_at: Timestamp) -> Self {
        let first = DeliveryId { notification: NotificationId::from_bytes([0; 16]), channel: Channel::Email };
        Self { died_at, delivery: first }
    }
}

/// A delivery that ended without success and can be replayed: failed, expired or unknown.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// It.
    pub delivery: Delivery,
    /// What it belongs to.
    pub notification: Notification,
}

/// Some dead letters, the latest first.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetterPage {
    /// The dead letters. May be fewer than asked for although there are more: go by `next`.
    pub items: Vec<DeadLetter>,
    /// Where to go on; `None` at the end.
    pub next: Option<DeadLetterPlace>,
}

/// What a report of a provider came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// It changed a delivery, or only its timeline.
    Told(Box<Delivery>),
    /// It was told before, or says nothing that is kept.
    Repeated(DeliveryId),
    /// It is about nothing that is known. Kept, in case that it is only early.
    Kept,
    /// As [`Self::Kept`]; and too many waited already, so that the one that had waited longest is kept no longer.
    Displaced,
}

/// Reports about nothing known that a store keeps, unless it is told otherwise.
pub const UNMATCHED_RECEIPTS_MAX: usize = 100_000;

/// What is known about a provider for longer than the process lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderState {
    /// Which.
    pub provider: ProviderName,
    /// How it is.
    pub health: HealthState,
    /// Why, in words.
    pub reason: String,
    /// The day to which `reserved_calls` belongs, in days since 1970.
    pub day: i64,
    /// Calls of that day that are spoken for: made, or about to be.
    pub reserved_calls: u64,
}

/// How many deliveries are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreCounts {
    /// Pending, in each lane.
    pub pending: Room,
    /// With the intent to call recorded.
    pub sending: usize,
    /// Dead letters.
    pub dead: usize,
    /// Reports that wait for the message that they are about.
    pub unmatched_receipts: usize,
}

/// What a sweep over part of the store found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Deliveries looked at.
    pub examined: usize,
    /// Those of them that nobody would ever have looked at again. They are put right.
    pub repaired: usize,
    /// Where to go on; `None` when everything was seen.
    pub next: Option<NotificationId>,
}
