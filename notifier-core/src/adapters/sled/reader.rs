//! Reading beside the committer.
//!
//! A read mostly finds its pages in memory, but may wait for the disk or for a batch that is being applied: so it runs on
//! a thread for blocking work, a few at a time. It sees what is applied, which for a moment may be more than what is
//! durable.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::keys;
use super::records::{DeliveryRecord, NotificationRecord, PreferencesRecord, TemplateRecord};
use super::stored::{Trouble, fetch, understood};
use crate::domain::delivery::Delivery;
use crate::domain::id::{NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{ListQuery, Page, Status};

/// Reads at the same time. More would only wait for the same cores.
const READS_MAX: u32 = 8;

/// Why a read came to nothing.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The store is closed.
    Closed,
    /// The read itself failed.
    Trouble(Trouble),
    /// sled panicked.
    Panicked,
}

pub(super) struct Reader {
    /// `None` once the store is being closed.
    tree: Mutex<Option<sled::Tree>>,
    turns: Arc<Semaphore>,
}

impl Reader {
    pub(super) fn new(tree: sled::Tree) -> Self {
        Self { tree: Mutex::new(Some(tree)), turns: Arc::new(Semaphore::new(READS_MAX as usize)) }
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&sled::Tree) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Stopped> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Stopped::Closed)?;
        let tree = self.tree.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(Stopped::Closed)?;
        let reading = tokio::task::spawn_blocking(move || {
            let found = work(&tree);
            // In this order: who closes the store waits for the turn, and then nobody has the tree.
            drop(tree);
            drop(turn);
            found
        });
        reading.await.map_err(|_| Stopped::Panicked)?.map_err(Stopped::Trouble)
    }

    /// Waits for the reads that run, and allows no more.
    pub(super) async fn close(&self) {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = self.turns.acquire_many(READS_MAX).await;
        self.turns.close();
    }
}

pub(super) fn status(tree: &sled::Tree, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, Trouble> {
    let key = keys::notification(tenant, id);
    match fetch::<NotificationRecord>(tree, &key)? {
        Some((record, _)) => status_of(tree, tenant, &key, record).map(Some),
        None => Ok(None),
    }
}

fn status_of(tree: &sled::Tree, tenant: &TenantId, key: &[u8], record: NotificationRecord) -> Result<Status, Trouble> {
    let notification: Notification = understood(key, record.try_into())?;
    let mut deliveries = Vec::new();
    for (key, record) in delivery_records(tree, tenant, notification.id)? {
        deliveries.push(understood(&key, Delivery::try_from(record))?);
    }
    Ok(Status { notification, deliveries })
}

/// In the order of channels.
fn delivery_records(
    tree: &sled::Tree,
    tenant: &TenantId,
    id: NotificationId,
) -> Result<Vec<(Vec<u8>, DeliveryRecord)>, Trouble> {
    let mut records = Vec::new();
    for key in tree.scan_prefix(keys::deliveries(tenant, id)).keys() {
        let key = key?.to_vec();
        if let Some((record, _)) = fetch::<DeliveryRecord>(tree, &key)? {
            records.push((key, record));
        }
    }
    Ok(records)
}

pub(super) fn timeline(tree: &sled::Tree, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, Trouble> {
    let key = keys::notification(tenant, id);
    let Some((record, _)) = fetch::<NotificationRecord>(tree, &key)? else { return Ok(None) };
    let notification: Notification = understood(&key, record.try_into())?;
    let mut facts = Vec::new();
    for (key, record) in delivery_records(tree, tenant, id)? {
        facts.extend(understood(&key, record.facts())?);
    }
    // Stable: the facts of one operation stay in their order.
    facts.sort_by_key(|(operation, _)| *operation);
    let rest = facts.into_iter().map(|(_, fact)| fact);
    Ok(Some(std::iter::once(notification.acceptance()).chain(rest).collect()))
}

/// A page of the list, and what was left out of it because it cannot be read.
pub(super) fn list(tree: &sled::Tree, query: &ListQuery, examined_max: usize) -> Result<(Page, Vec<Trouble>), Trouble> {
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
        match find_listed(tree, query, &key) {
            Ok(found) => page.items.extend(found),
            Err(trouble @ Trouble::Damaged { .. }) => damaged.push(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok((page, damaged))
}

/// The notification under that key, if it is among those that were asked for.
fn find_listed(tree: &sled::Tree, query: &ListQuery, key: &[u8]) -> Result<Option<Status>, Trouble> {
    let Some((record, _)) = fetch::<NotificationRecord>(tree, key)? else { return Ok(None) };
    if query.recipient.as_ref().is_some_and(|recipient| !record.is_to(recipient)) {
        return Ok(None);
    }
    status_of(tree, &query.tenant, key, record).map(Some)
}

pub(super) fn preferences(
    tree: &sled::Tree,
    tenant: &TenantId,
    recipient: &RecipientId,
) -> Result<Option<Preferences>, Trouble> {
    let key = keys::preferences(tenant, recipient);
    let found = fetch::<PreferencesRecord>(tree, &key)?;
    found.map(|(record, _)| understood(&key, record.try_into())).transpose()
}

pub(super) fn template(
    tree: &sled::Tree,
    tenant: &TenantId,
    name: &TemplateName,
    version: Option<u32>,
) -> Result<Option<Template>, Trouble> {
    let key = match version {
        Some(version) => keys::template(tenant, name, version),
        None => match tree.scan_prefix(keys::template_versions(tenant, name)).keys().next_back() {
            Some(key) => key?.to_vec(),
            None => return Ok(None),
        },
    };
    template_at(tree, &key)
}

fn template_at(tree: &sled::Tree, key: &[u8]) -> Result<Option<Template>, Trouble> {
    let found = fetch::<TemplateRecord>(tree, key)?;
    found.map(|(record, _)| understood(key, record.try_into())).transpose()
}

/// The newest version of each, by name: at most `limit`, those after that name.
pub(super) fn templates(
    tree: &sled::Tree,
    tenant: &TenantId,
    after: Option<&TemplateName>,
    limit: usize,
) -> Result<Vec<Template>, Trouble> {
    let prefix = keys::templates(tenant);
    // Keys are in the order of the lengths of names first, and of versions last: a newer one takes the place of an older.
    let mut newest: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for key in tree.scan_prefix(&prefix).keys() {
        let key = key?.to_vec();
        let name = keys::template_name(&key, &prefix).to_vec();
        if after.is_none_or(|after| name.as_slice() > after.as_str().as_bytes()) {
            newest.insert(name, key);
        }
    }
    let mut templates = Vec::new();
    for key in newest.into_values() {
        if templates.len() == limit {
            break;
        }
        templates.extend(template_at(tree, &key)?);
    }
    Ok(templates)
}
