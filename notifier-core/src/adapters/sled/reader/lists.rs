//! Lists, page by page.

use super::status_of;
use crate::adapters::sled::keys;
use crate::adapters::sled::present::{notification, present_beside, whole};
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
        match examined.map_or(Ok(None), |id| find_listed(tree, query, id)) {
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
        match find_dead(tree, query, place) {
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
