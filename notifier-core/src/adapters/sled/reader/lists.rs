//! Lists, page by page.

use super::{status_of, undisturbed};
use crate::adapters::sled::keys::{self, QueueEntry};
use crate::adapters::sled::present::{Whole, notification, present_beside, whole};
use crate::adapters::sled::records::{ProviderStateRecord, SuppressionRecord};
use crate::adapters::sled::stored::{Trouble, fetch, understood};
use crate::domain::channel::Channel;
use crate::domain::id::{NotificationId, TenantId};
use crate::domain::suppression::Suppression;
use crate::ports::store::{
    DeadLetter, DeadLetterPage, DeadLetterPlace, DeadLetterQuery, ListQuery, Page, ProviderState, Status,
};

/// A page of the list, and what was left out of it because it cannot be read.
pub(in crate::adapters::sled) fn list(
    tree: &sled::Tree,
    query: &ListQuery,
    examined_max: usize,
) -> Result<(Page, Vec<Trouble>), Trouble> {
    let from = keys::notifications(&query.tenant);
    let to = keys::notification(&query.tenant, query.before.unwrap_or(NotificationId::from_bytes([0xff; 16])));
    let limit = query.limit.max(1);
    let mut page = Page { items: Vec::new(), next: None };
    let mut damaged = Vec::new();
    let mut examined = None;
    for (count, entry) in tree.range(from..to).rev().enumerate() {
        let (key, _) = entry?;
        if page.items.len() == limit || count == examined_max {
            page.next = examined;
            break;
        }
        examined = keys::notification_id(&key);
        match examined.map_or(Ok(None), |id| undisturbed(tree, || find_listed(tree, query, id))) {
            Ok(found) => page.items.extend(found),
            Err(trouble @ Trouble::Damaged { .. }) => damaged.push(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok((page, damaged))
}

/// The notification, if it is among those that were asked for.
fn find_listed(tree: &sled::Tree, query: &ListQuery, id: NotificationId) -> Result<Option<Status>, Trouble> {
    let found = whole(tree, &query.tenant, id)?.map(|whole| whole.notification);
    let Some(notification) = found.filter(|notification| query.filter.fits_notification(notification)) else {
        return Ok(None);
    };
    let status = status_of(tree, notification)?;
    Ok(query.filter.fits(&status).then_some(status))
}

/// A page of the dead letters, and what was left out of it because it cannot be read.
pub(in crate::adapters::sled) fn dead_letters(
    tree: &sled::Tree,
    query: &DeadLetterQuery,
    examined_max: usize,
) -> Result<(DeadLetterPage, Vec<Trouble>), Trouble> {
    let from = keys::dead_letters(&query.tenant);
    let to = match query.before {
        Some(before) => keys::dead_letter(&query.tenant, before),
        None => keys::end_of(&from),
    };
    let limit = query.limit.max(1);
    let mut page = DeadLetterPage { items: Vec::new(), next: None };
    let mut damaged = Vec::new();
    let mut examined = None;
    for (count, entry) in tree.range(from..to).rev().enumerate() {
        let (key, _) = entry?;
        if page.items.len() == limit || count == examined_max {
            page.next = examined;
            break;
        }
        let Some((_, place)) = keys::parse_dead_letter(&key) else { continue };
        examined = Some(place);
        match undisturbed(tree, || find_dead(tree, query, place)) {
            Ok(found) => page.items.extend(found),
            Err(trouble @ Trouble::Damaged { .. }) => damaged.push(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok((page, damaged))
}

/// The dead letter at that place, if it is among those that were asked for and was not moved on meanwhile.
fn find_dead(
    tree: &sled::Tree,
    query: &DeadLetterQuery,
    place: DeadLetterPlace,
) -> Result<Option<DeadLetter>, Trouble> {
    let notification = notification(tree, &query.tenant, place.delivery.notification)?;
    if !query.filter.fits_notification(&notification) {
        return Ok(None);
    }
    let delivery = present_beside(tree, &notification, place.delivery.channel)?.delivery;
    let fits = delivery.state.is_dead() && query.filter.fits_delivery(&delivery);
    Ok(fits.then_some(DeadLetter { delivery, notification }))
}

/// Some notifications in the order of their keys, on the way through all of them.
#[derive(Debug, Default)]
pub(in crate::adapters::sled) struct Walked {
    /// Deliveries looked at.
    pub(in crate::adapters::sled) examined: usize,
    /// The keys of notifications of which something has not ended, or is not in order.
    pub(in crate::adapters::sled) open: Vec<Vec<u8>>,
    /// Where to go on; `None` at the end.
    pub(in crate::adapters::sled) last: Option<Vec<u8>>,
}

/// Walks on from that key. Most of what there is has ended: the committer has to see to the rest only.
pub(in crate::adapters::sled) fn walk(
    tree: &sled::Tree,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Walked, Trouble> {
    let mut from = after.map_or_else(|| vec![keys::NOTIFICATION], <[u8]>::to_vec);
    from.extend(after.map(|_| 0));
    let mut walked = Walked::default();
    for (count, key) in tree.range(from..vec![keys::NOTIFICATION + 1]).keys().enumerate() {
        let key = key?;
        if count == limit {
            return Ok(walked);
        }
        let is_open = match undisturbed(tree, || examine(tree, &key)) {
            Ok((deliveries, is_open)) => {
                walked.examined += deliveries;
                is_open
            }
            Err(Trouble::Damaged { .. }) => true,
            Err(trouble) => return Err(trouble),
        };
        if is_open {
            walked.open.push(key.to_vec());
        }
        walked.last = Some(key.to_vec());
    }
    Ok(Walked { last: None, ..walked })
}

/// How many deliveries it has, and whether one of them may be looked at again.
fn examine(tree: &sled::Tree, key: &[u8]) -> Result<(usize, bool), Trouble> {
    let Some((tenant, id)) = keys::parse_notification(key) else { return Ok((0, false)) };
    let Some(Whole { notification, .. }) = whole(tree, &tenant, id)? else { return Ok((0, false)) };
    let mut is_open = false;
    for channel in &notification.channels {
        let delivery = present_beside(tree, &notification, *channel)?.delivery;
        is_open |= !delivery.state.is_final();
        for entry in QueueEntry::leftovers(&delivery) {
            is_open |= tree.contains_key(entry.key())?;
        }
    }
    Ok((notification.channels.len(), is_open))
}

/// The suppressions of a tenant by channel and address: at most `limit`, those after that address.
pub(in crate::adapters::sled) fn suppressions(
    tree: &sled::Tree,
    tenant: &TenantId,
    after: Option<(Channel, &str)>,
    limit: usize,
) -> Result<Vec<Suppression>, Trouble> {
    let prefix = keys::suppressions(tenant);
    let end = keys::end_of(&prefix);
    let from = match after {
        Some((channel, address)) => {
            let mut key = keys::suppression(tenant, channel, address);
            key.push(0);
            key
        }
        None => prefix,
    };
    let mut found = Vec::new();
    for key in tree.range(from..end).keys().take(limit) {
        let key = key?;
        if let Some((record, _)) = fetch::<SuppressionRecord>(tree, &key)? {
            found.push(understood(&key, record.try_into())?);
        }
    }
    Ok(found)
}

/// How every provider was.
pub(in crate::adapters::sled) fn provider_states(tree: &sled::Tree) -> Result<Vec<ProviderState>, Trouble> {
    let mut found = Vec::new();
    for key in tree.scan_prefix([keys::PROVIDER_STATE]).keys() {
        let key = key?;
        if let Some((record, _)) = fetch::<ProviderStateRecord>(tree, &key)? {
            found.push(understood(&key, record.try_into())?);
        }
    }
    Ok(found)
}
