//! The embedded durable store: one folder, one process, every promise kept across `kill -9` and power loss.
//!
//! [sled](https://docs.rs/sled/0.34.7) is the tree; what makes it a store that can promise something stands around it:
//!
//! ```text
//! SledStore ──> committer (one thread: groups, batches, flush, fdatasync, then the answers)
//!    │             └─> engine (the operations) ──> staging (atomic changes), holders (claims and leases)
//!    └────────> reader (reads beside it)
//! records (frozen, versioned) in envelope (checksum) under keys (one tree); open and compact and marker guard the files
//! ```
//!
//! Times are kept to the microsecond. What an operation says is durable; what a mere look (`status`, `timeline`, `list`,
//! preferences and templates) shows may for a moment be ahead of that.

mod check;
mod committer;
mod compact;
mod engine;
mod envelope;
mod holders;
mod keys;
mod marker;
mod open;
mod reader;
mod records;
mod staging;
mod stored;
mod sync;
#[cfg(test)]
mod tests;

use std::path::Path;

use async_trait::async_trait;
use jiff::Timestamp;

pub use self::check::{Report, check};
use self::committer::Committer;
use self::engine::Engine;
use self::marker::Marker;
use self::open::Database;
pub use self::open::{OpenError, SledOptions};
use self::reader::{Reader, Stopped};
use self::stored::Trouble;
use self::sync::DataSync;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{IdempotencyKey, NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::preference::Preferences;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{Acceptance, Accepted, Claimed, Lease, ListQuery, Page, Status, Store, StoreError};

/// Notifications that one call of [`Store::list`] looks at, when it looks for those of one recipient.
const LIST_EXAMINED_MAX: usize = 2_000;

/// A store in a folder. Close it with [`Store::close`] to know when everything is let go of; dropping it does the same
/// in the background.
pub struct SledStore {
    // In this order: the last reader has to go before the thread can let go of the files.
    reader: Reader,
    committer: Committer,
    list_examined_max: usize,
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
        if compact::is_worth_it(database.file_bytes()?, progress.live_bytes) {
            database = compact::compact(database, &options)?;
        }
        progress.opens += 1;
        database.record(&progress)?;
        let start = open::at(path);
        let marker = Marker::start(&database.folder().marker(), progress.operations).map_err(open::at(path))?;
        let sync = make_sync(database.data_sync()?);
        let tree = database.tree().clone();
        let engine = Engine::new(tree.clone(), progress).map_err(open::medium)?;
        let committer = Committer::start(engine, database, sync, marker).map_err(start)?;
        Ok(Self { reader: Reader::new(tree), committer, list_examined_max: LIST_EXAMINED_MAX })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&sled::Tree) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(failure) = self.committer.failure() {
            return Err(failure);
        }
        match self.reader.read(work).await {
            Ok(found) => Ok(found),
            Err(Stopped::Closed) => Err(StoreError::Closed),
            Err(Stopped::Panicked) => Err(StoreError::Failed("sled panicked while it was read".into())),
            // In its turn as an operation, the damage is put into quarantine and told.
            Err(Stopped::Trouble(trouble)) => self.committer.run(|_| Err(trouble)).await,
        }
    }
}

#[async_trait]
impl Store for SledStore {
    async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        self.committer.run(move |engine| engine.accept(&acceptance)).await
    }

    async fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError> {
        let (tenant, key, request_hash) = (tenant.clone(), key.clone(), *request_hash);
        self.committer.run(move |engine| engine.recall(&tenant, &key, &request_hash, now)).await
    }

    async fn claim(&self, now: Timestamp, limit: usize, lease_until: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        self.committer.run(move |engine| engine.claim(now, limit, lease_until)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        self.committer.run(Engine::next_due).await
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

    async fn cancel(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<Vec<Delivery>>, StoreError> {
        let tenant = tenant.clone();
        self.committer.run(move |engine| engine.cancel(&tenant, id, now)).await
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
        for trouble in damaged {
            // The list goes on without it; whoever asks for it by its identifier is told.
            match self.committer.run::<()>(|_| Err(trouble)).await {
                Ok(()) | Err(StoreError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
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

    async fn check(&self) -> Result<(), StoreError> {
        // As an operation, so that it also tells whether the thread still turns.
        self.committer.run(|_| Ok(())).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.reader.close().await;
        self.committer.close().await
    }
}
