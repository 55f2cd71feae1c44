//! The embedded durable store: one folder, one process, every promise kept across `kill -9` and power loss.
//!
//! [sled](https://docs.rs/sled/0.34.7) is the tree; what makes it a store that can promise something stands around it:
//!
//! ```text
//! SledStore ──> committer (one thread: groups, batches, flush, fdatasync, then the answers)
//!    │             └─> engine (the operations) ──> staging (atomic changes), holders (claims and leases),
//!    │                                             queues (where to look for what is due)
//!    └────────> reader (reads beside it)
//! present (how a delivery stands) from records (frozen, versioned) in envelope (checksum) under keys (one tree);
//! open, upgrade, compact and marker guard the files
//! ```
//!
//! Times are kept to the microsecond. What an operation says is durable; what a mere look (`status`, `timeline`, `list`,
//! preferences and templates) shows may for a moment be ahead of that.

mod batches;
mod check;
mod committer;
mod compact;
mod engine;
mod envelope;
mod holders;
mod keys;
mod marker;
mod open;
mod present;
mod queues;
mod reader;
mod records;
mod staging;
mod stored;
mod suppressed;
mod sync;
#[cfg(test)]
mod tests;
mod unmatched;
mod upgrade;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::check::{Report, check};
use self::committer::Committer;
use self::engine::Engine;
use self::marker::Marker;
use self::open::Database;
pub use self::open::{OpenError, SledOptions};
use self::reader::{Reader, Stopped, Walked};
use self::stored::Trouble;
use self::suppressed::Suppressed;
use self::sync::DataSync;
use self::unmatched::Unmatched;
use crate::domain::channel::Channel;
use crate::domain::delivery::Change;
use crate::domain::id::{IdempotencyKey, NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::lane::Lane;
use crate::domain::preference::Preferences;
use crate::domain::receipt::Receipt;
use crate::domain::revision::Revision;
use crate::domain::suppression::Suppression;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{
    Acceptance, Accepted, ClaimQuery, Claimed, DeadLetterPage, DeadLetterQuery, Lease, ListQuery, Page, ProviderState,
    Received, RevisedStatus, Status, Store, StoreCounts, StoreError, Swept,
};

/// Notifications or dead letters that one call looks at, when it looks for some of them.
const LIST_EXAMINED_MAX: usize = 2_000;

/// A store in a folder. Close it with [`Store::close`] to know when everything is let go of; dropping it does the same
/// in the background.
pub struct SledStore {
    // In this order: the last reader has to go before the thread can let go of the files.
    reader: Reader,
    committer: Committer,
    suppressed: Suppressed,
    list_examined_max: usize,
    /// After which notification the last sweep stopped, and its key. Whoever comes with another one begins anew, so that
    /// nothing is left out.
    swept: Mutex<Option<(NotificationId, Vec<u8>)>>,
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").finish_non_exhaustive()
    }
}

impl SledStore {
    /// Opens the store in that folder, or makes a new one there.
    ///
    /// Blocks: usually for milliseconds, for seconds when much has to be replayed after a crash, when the file is being
    /// compacted, or while another process still holds the lock (2 s at most).
    ///
    /// # Errors
    /// When the folder cannot be used, belongs to another process or program, or has lost acknowledged data.
    pub fn open(path: impl AsRef<Path>, options: SledOptions) -> Result<Self, OpenError> {
        Self::open_with(path.as_ref(), options, |sync| Box::new(sync))
    }

    fn open_with(
        path: &Path,
        options: SledOptions,
        make_sync: impl FnOnce(sync::FileSync) -> Box<dyn DataSync>,
    ) -> Result<Self, OpenError> {
        let mut database = Database::open(path, &options)?;
        let mut progress = database.progress()?;
        database.compare_marker(progress.operations, options.accept_loss)?;
        if database.is_old() {
            progress = upgrade::upgrade(&database, progress)?;
        }
        if compact::is_worth_it(database.file_bytes()?, progress.live_bytes) {
            database = compact::compact(database, &options)?;
        }
        progress.opens += 1;
        database.record(&progress)?;
        let start = open::at(path);
        let marker = Marker::start(&database.folder().marker(), progress.operations).map_err(open::at(path))?;
        let sync = make_sync(database.data_sync()?);
        let tree = database.tree().clone();
        let suppressed = Suppressed::of(&tree).map_err(open::medium)?;
        let unmatched = Unmatched::of(&tree, options.unmatched_receipts_max).map_err(open::medium)?;
        let engine = Engine::new(tree.clone(), progress, suppressed.clone(), unmatched).map_err(open::medium)?;
        let committer = Committer::start(engine, database, sync, marker).map_err(start)?;
        let swept = Mutex::new(None);
        Ok(Self { reader: Reader::new(tree), committer, suppressed, list_examined_max: LIST_EXAMINED_MAX, swept })
    }

    /// Tells about what a list had to leave out. The list goes on without it; whoever asks for it by its identifier is told.
    async fn tell_damage(&self, damaged: Vec<Trouble>) -> Result<(), StoreError> {
        for trouble in damaged {
            match self.committer.run::<()>(|_| Err(trouble)).await {
                Ok(()) | Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&sled::Tree) -> Result<T, Trouble> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        if let Some(failure) = self.committer.failure() {
            return Err(failure);
        }
        let work = Arc::new(work);
        let again = Arc::clone(&work);
        match self.reader.read(move |tree| work(tree)).await {
            Ok(found) => Ok(found),
            Err(Stopped::Closed) => Err(StoreError::Closed),
            Err(Stopped::Panicked) => Err(StoreError::Failed("sled panicked while it was read".into())),
            // In its turn as an operation nothing is in the middle of a change: what cannot be read now is damaged, is put into
            // quarantine and told.
            Err(Stopped::Trouble) => self.committer.run(move |engine| again(engine.staging().tree())).await,
        }
    }
}

#[async_trait]
impl Store for SledStore {
    async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        self.committer.run(move |engine| engine.accept(&acceptance)).await
    }

    async fn accept_all(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Accepted, StoreError>>, StoreError> {
        self.committer.run_each(acceptances, |engine, acceptance| engine.accept(acceptance)).await
    }

    async fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError> {
        let (tenant, key, request_hash) = (tenant.clone(), key.clone(), request_hash.copied());
        self.committer.run(move |engine| engine.recall(&tenant, &key, request_hash.as_ref(), now)).await
    }

    async fn claim(&self, query: &ClaimQuery) -> Result<Vec<Claimed>, StoreError> {
        let query = *query;
        self.committer.run(move |engine| engine.claim(&query)).await
    }

    async fn next_due(&self, channel: Channel, lanes: &[Lane]) -> Result<Option<Timestamp>, StoreError> {
        let lanes = lanes.to_vec();
        self.committer.run(move |engine| engine.next_due(channel, &lanes)).await
    }

    async fn begin(&self, lease: Lease, change: Change, lease_until: Timestamp) -> Result<(), StoreError> {
        self.committer.run(move |engine| engine.begin(lease, &change, lease_until)).await
    }

    async fn settle(&self, lease: Lease, change: Change) -> Result<(), StoreError> {
        self.committer.run(move |engine| engine.settle(lease, &change)).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.committer
            .run(move |engine| {
                engine.release(lease);
                Ok(())
            })
            .await
    }

    async fn reclaim(&self, now: Timestamp, limit: usize, lease_until: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        self.committer.run(move |engine| engine.reclaim(now, limit, lease_until)).await
    }

    async fn next_lease_end(&self) -> Result<Option<Timestamp>, StoreError> {
        self.committer.run(|engine| Ok(engine.next_lease_end())).await
    }

    async fn revise(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Option<RevisedStatus>, StoreError> {
        let (tenant, revision) = (tenant.clone(), revision.clone());
        self.committer.run(move |engine| engine.revise(&tenant, id, &revision, now)).await
    }

    async fn receive(&self, receipts: Vec<Receipt>) -> Result<Vec<Received>, StoreError> {
        let received = self.committer.run_each(receipts, |engine, receipt| engine.receive(receipt)).await?;
        received.into_iter().map(unless_refused).collect()
    }

    async fn status(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |tree| reader::status(tree, &tenant, id)).await
    }

    async fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |tree| reader::timeline(tree, &tenant, id)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let (query, examined_max) = (query.clone(), self.list_examined_max);
        let (page, damaged) = self.read(move |tree| reader::list(tree, &query, examined_max)).await?;
        self.tell_damage(damaged).await?;
        Ok(page)
    }

    async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<DeadLetterPage, StoreError> {
        let (query, examined_max) = (query.clone(), self.list_examined_max);
        let (page, damaged) = self.read(move |tree| reader::dead_letters(tree, &query, examined_max)).await?;
        self.tell_damage(damaged).await?;
        Ok(page)
    }

    async fn put_preferences(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: Preferences,
    ) -> Result<(), StoreError> {
        let (tenant, recipient) = (tenant.clone(), recipient.clone());
        self.committer.run(move |engine| engine.put_preferences(&tenant, &recipient, &preferences)).await
    }

    async fn preferences(&self, tenant: &TenantId, recipient: &RecipientId) -> Result<Option<Preferences>, StoreError> {
        let (tenant, recipient) = (tenant.clone(), recipient.clone());
        self.read(move |tree| reader::preferences(tree, &tenant, &recipient)).await
    }

    async fn put_template(&self, tenant: &TenantId, template: Template) -> Result<u32, StoreError> {
        let tenant = tenant.clone();
        self.committer.run(move |engine| engine.put_template(&tenant, template)).await
    }

    async fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Result<Option<Template>, StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.read(move |tree| reader::template(tree, &tenant, &name, version)).await
    }

    async fn templates(
        &self,
        tenant: &TenantId,
        after: Option<&TemplateName>,
        limit: usize,
    ) -> Result<Vec<Template>, StoreError> {
        let (tenant, after) = (tenant.clone(), after.cloned());
        self.read(move |tree| reader::templates(tree, &tenant, after.as_ref(), limit)).await
    }

    async fn put_suppression(&self, suppression: Suppression) -> Result<(), StoreError> {
        self.committer.run(move |engine| engine.put_suppression(&suppression)).await
    }

    async fn suppression(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Result<Option<Suppression>, StoreError> {
        if !self.suppressed.may_hold(&keys::suppression(tenant, channel, address)) {
            return match self.committer.failure() {
                Some(failure) => Err(failure),
                None if self.reader.is_closed() => Err(StoreError::Closed),
                None => Ok(None),
            };
        }
        let (tenant, address) = (tenant.clone(), address.to_owned());
        self.read(move |tree| reader::suppression(tree, &tenant, channel, &address)).await
    }

    async fn remove_suppression(&self, tenant: &TenantId, channel: Channel, address: &str) -> Result<bool, StoreError> {
        let (tenant, address) = (tenant.clone(), address.to_owned());
        self.committer.run(move |engine| engine.remove_suppression(&tenant, channel, &address)).await
    }

    async fn suppressions(
        &self,
        tenant: &TenantId,
        after: Option<(Channel, &str)>,
        limit: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        let (tenant, after) = (tenant.clone(), after.map(|(channel, address)| (channel, address.to_owned())));
        self.read(move |tree| {
            let after = after.as_ref().map(|(channel, address)| (*channel, address.as_str()));
            reader::suppressions(tree, &tenant, after, limit)
        })
        .await
    }

    async fn put_provider_state(&self, state: ProviderState) -> Result<(), StoreError> {
        self.committer.run(move |engine| engine.put_provider_state(&state)).await
    }

    async fn provider_states(&self) -> Result<Vec<ProviderState>, StoreError> {
        self.read(reader::provider_states).await
    }

    async fn sweep(&self, after: Option<NotificationId>, limit: usize) -> Result<Swept, StoreError> {
        let limit = limit.max(1);
        let stopped = self.swept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let from = stopped.filter(|(id, _)| Some(*id) == after).map(|(_, key)| key);
        let walked = self.read(move |tree| reader::walk(tree, from.as_deref(), limit)).await?;
        let Walked { examined, open, last } = walked;
        let repaired = self.committer.run(move |engine| engine.sweep(&open, limit)).await?;
        let stopped = last.and_then(|key| Some((keys::notification_id(&key)?, key)));
        let next = stopped.as_ref().map(|(id, _)| *id);
        *self.swept.lock().unwrap_or_else(PoisonError::into_inner) = stopped;
        Ok(Swept { examined, repaired, next })
    }

    async fn counts(&self) -> Result<StoreCounts, StoreError> {
        self.committer.run(|engine| Ok(engine.counts())).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        // As an operation, so that it also tells whether the thread still turns.
        self.committer.run(|_| Ok(())).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.reader.close().await;
        self.committer.close().await
    }
}

/// What a report came to. The others are stored whatever becomes of it, and whoever sent them is not to send them again.
fn unless_refused(received: Result<Received, StoreError>) -> Result<Received, StoreError> {
    match received {
        Err(error @ (StoreError::TooLarge { .. } | StoreError::Damaged { .. })) => {
            tracing::error!(%error, "a report cannot be stored: it is dropped");
            Ok(Received::Kept)
        }
        received => received,
    }
}
