//! Reading beside the committer.
//!
//! A read mostly finds its pages in memory, but may wait for the disk or for a batch that is being applied: so it runs on
//! a thread for blocking work, a few at a time. It sees what is applied, which for a moment may be more than what is
//! durable.

mod lists;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

pub(super) use self::lists::{Walked, dead_letters, list, provider_states, suppressions, walk};
use super::keys;
use super::present::{Whole, present_beside, whole};
use super::records::{PreferencesRecord, SuppressionRecord, TemplateRecord};
use super::stored::{Trouble, fetch, understood};
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::suppression::Suppression;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{Status, StoreError};

/// Reads at the same time. More would only wait for the same cores.
const READS_MAX: u32 = 8;

/// Why a read came to nothing.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The store is closed.
    Closed,
    /// What was looked for cannot be read, or was changed all the time.
    Trouble,
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
        work: impl Fn(&sled::Tree) -> Result<T, Trouble> + Send + 'static,
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
        reading.await.map_err(|_| Stopped::Panicked)?.map_err(|_| Stopped::Trouble)
    }

    /// Whether nothing can be read any longer.
    pub(super) fn is_closed(&self) -> bool {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Waits for the reads that run, and allows no more.
    pub(super) async fn close(&self) {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = self.turns.acquire_many(READS_MAX).await;
        self.turns.close();
    }
}

/// Looks until nothing was changed meanwhile: every batch of changes brings a new commit number. So what stands in several
/// places is seen as it was at one moment, and what is only in the middle of a change is not taken for damage.
///
/// Where changes follow each other so closely that it never stands still, the look is refused: as an operation, in its turn,
/// it is undisturbed.
pub(super) fn undisturbed<T>(tree: &sled::Tree, look: impl Fn() -> Result<T, Trouble>) -> Result<T, Trouble> {
    const TRIES: usize = 8;
    let mut before = tree.get(keys::PROGRESS)?;
    for _ in 0..TRIES {
        let found = look();
        let after = tree.get(keys::PROGRESS)?;
        if after == before {
            return found;
        }
        before = after;
    }
    Err(StoreError::Failed("something else writes to the store all the time".into()).into())
}

pub(super) fn status(tree: &sled::Tree, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, Trouble> {
    undisturbed(tree, || match whole(tree, tenant, id)? {
        Some(whole) => status_of(tree, whole.notification).map(Some),
        None => Ok(None),
    })
}

fn status_of(tree: &sled::Tree, notification: Notification) -> Result<Status, Trouble> {
    let deliveries =
        notification.channels.iter().map(|channel| Ok(present_beside(tree, &notification, *channel)?.delivery));
    Ok(Status { deliveries: deliveries.collect::<Result<_, Trouble>>()?, notification })
}

pub(super) fn timeline(tree: &sled::Tree, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, Trouble> {
    undisturbed(tree, || facts(tree, tenant, id))
}

fn facts(tree: &sled::Tree, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, Trouble> {
    let Some(Whole { notification, .. }) = whole(tree, tenant, id)? else { return Ok(None) };
    let mut facts = Vec::new();
    for channel in &notification.channels {
        let present = present_beside(tree, &notification, *channel)?;
        let key = keys::delivery(tenant, DeliveryId { notification: id, channel: *channel });
        facts.extend(understood(&key, present.record.facts())?);
    }
    // Stable: the facts of one operation stay in their order.
    facts.sort_by_key(|(operation, _)| *operation);
    let rest = facts.into_iter().map(|(_, fact)| fact);
    Ok(Some(std::iter::once(notification.acceptance()).chain(rest).collect()))
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

pub(super) fn suppression(
    tree: &sled::Tree,
    tenant: &TenantId,
    channel: Channel,
    address: &str,
) -> Result<Option<Suppression>, Trouble> {
    let key = keys::suppression(tenant, channel, address);
    let found = fetch::<SuppressionRecord>(tree, &key)?;
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
