//! How a delivery stands: put together from the up to three places that say so.
//!
//! 1. The notification says how its deliveries were when it was accepted ([`Notification::first_deliveries`]).
//! 2. A delivery that something has happened to has a record of its own.
//! 3. While it is being sent, the record as it then is stands in its queue entry, and the one of its own says what was
//!    before: so the intent to send costs one write.

use super::envelope::Unreadable;
use super::keys::{self, QueueEntry};
use super::records::{DeliveryRecord, NotificationRecord};
use super::stored::{Size, Source, Trouble, fetch, understood};
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{DeliveryId, NotificationId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;

/// A delivery as it is in the tree.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) delivery: Delivery,
    /// With the facts of its timeline.
    pub(super) record: DeliveryRecord,
    /// How much room the record of its own takes.
    pub(super) record_size: Size,
    /// Where it is or would be queued, unless it has ended.
    pub(super) entry: Option<QueueEntry>,
    /// How much room the queue entry takes; `None` when there is none.
    pub(super) entry_size: Option<Size>,
}

/// A notification as it is in the tree.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) notification: Notification,
    pub(super) record: NotificationRecord,
    pub(super) size: Size,
}

/// What is under a key of the queue.
#[derive(Debug)]
pub(super) enum Queued {
    Nothing,
    /// The delivery is pending.
    Waiting(Size),
    /// It is being sent, and this is its record.
    Sending(Box<DeliveryRecord>, Size),
}

/// The notification, if there is one.
pub(super) fn whole(source: &impl Source, tenant: &TenantId, id: NotificationId) -> Result<Option<Whole>, Trouble> {
    let key = keys::notification(tenant, id);
    let Some((record, size)) = fetch::<NotificationRecord>(source, &key)? else { return Ok(None) };
    let notification = understood(&key, record.clone().try_into())?;
    Ok(Some(Whole { notification, record, size }))
}

/// The notification, where something leads to it.
pub(super) fn notification(
    source: &impl Source,
    tenant: &TenantId,
    id: NotificationId,
) -> Result<Notification, Trouble> {
    let key = keys::notification(tenant, id);
    let found = fetch::<NotificationRecord>(source, &key)?;
    let (record, _) = found.ok_or_else(|| missing(&key))?;
    understood(&key, record.try_into())
}

/// The delivery as it stands, with its notification if that had to be looked at.
pub(super) fn present(
    source: &impl Source,
    tenant: &TenantId,
    id: DeliveryId,
    known: Option<&Notification>,
) -> Result<Option<Present>, Trouble> {
    let key = keys::delivery(tenant, id);
    let base = match fetch::<DeliveryRecord>(source, &key)? {
        Some((record, size)) => Some((understood(&key, Delivery::try_from(record.clone()))?, record, size)),
        None => first(source, tenant, id, known)?.map(|delivery| {
            let record = DeliveryRecord::from(&delivery);
            (delivery, record, Size::default())
        }),
    };
    let Some((delivery, record, record_size)) = base else { return Ok(None) };
    if delivery.state != DeliveryState::Pending {
        return Ok(Some(Present { delivery, record, record_size, entry: None, entry_size: None }));
    }
    let entry = QueueEntry::of(&delivery);
    let (delivery, record, entry_size) = match queued(source, &entry.key())? {
        Queued::Nothing => (delivery, record, None),
        Queued::Waiting(size) => (delivery, record, Some(size)),
        Queued::Sending(record, size) => {
            let delivery = understood(&entry.key(), Delivery::try_from((*record).clone()))?;
            (delivery, *record, Some(size))
        }
    };
    Ok(Some(Present { delivery, record, record_size, entry: Some(entry), entry_size }))
}

/// The same beside the committer, which may move the delivery from one place to another between two looks: that an entry
/// is missing is only believed when the look before it says the same again.
pub(super) fn present_beside(
    tree: &sled::Tree,
    notification: &Notification,
    channel: Channel,
) -> Result<Present, Trouble> {
    const TRIES: usize = 4;
    let id = DeliveryId { notification: notification.id, channel };
    let look = || {
        let found = present(tree, &notification.tenant, id, Some(notification))?;
        found.ok_or_else(|| missing(&keys::delivery(&notification.tenant, id)))
    };
    let mut last = look()?;
    for _ in 1..TRIES {
        if last.entry.is_none() || last.entry_size.is_some() {
            break;
        }
        let again = look()?;
        let is_same = again.entry_size.is_none() && again.delivery == last.delivery;
        last = again;
        if is_same {
            break;
        }
    }
    Ok(last)
}

/// What is under that key of the queue.
pub(super) fn queued(source: &impl Source, key: &[u8]) -> Result<Queued, Trouble> {
    match source.value(key)? {
        None => Ok(Queued::Nothing),
        Some(value) if value.is_empty() => Ok(Queued::Waiting(waiting_size(key))),
        Some(_) => Ok(match fetch::<DeliveryRecord>(source, key)? {
            Some((record, size)) => Queued::Sending(Box::new(record), size),
            None => Queued::Nothing,
        }),
    }
}

/// How much room the entry of a pending delivery takes.
pub(super) fn waiting_size(key: &[u8]) -> Size {
    Size { bytes: key.len(), parts: 0 }
}

/// The error of something that leads nowhere.
pub(super) fn missing(key: &[u8]) -> Trouble {
    Trouble::Damaged { key: key.to_vec(), problem: Unreadable::Missing }
}

/// The delivery as it was accepted; `None` when its notification has none on that channel.
fn first(
    source: &impl Source,
    tenant: &TenantId,
    id: DeliveryId,
    known: Option<&Notification>,
) -> Result<Option<Delivery>, Trouble> {
    let of =
        |notification: &Notification| notification.first_deliveries().into_iter().find(|delivery| delivery.id == id);
    match known {
        Some(notification) => Ok(of(notification)),
        None => Ok(whole(source, tenant, id.notification)?.and_then(|whole| of(&whole.notification))),
    }
}
