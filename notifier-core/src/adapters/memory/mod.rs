//! A store that forgets everything when it is dropped: for simulations and tests.
//!
//! It is written straight from the words of the port and shares nothing with the durable adapters, so that it can serve
//! as the model that they are compared with.

mod model;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use self::model::Model;
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
    Received, RevisedStatus, Status, Store, StoreCounts, StoreError, Swept, UNMATCHED_RECEIPTS_MAX,
};

/// Everything in memory, behind one lock that is never held across an await.
#[derive(Debug)]
pub struct MemoryStore {
    /// `None` once it was closed.
    model: Mutex<Option<Model>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::keeping(UNMATCHED_RECEIPTS_MAX)
    }

    /// An empty store that keeps at most so many reports about nothing known.
    fn keeping(unmatched_receipts_max: usize) -> Self {
        Self { model: Mutex::new(Some(Model::new(unmatched_receipts_max))) }
    }

    /// What the crash of a process leaves of a durable store: claims are forgotten, the holders of all leases are known
    /// to be gone, everything else is as it was. Leases given before are worthless from here on.
    pub fn restart(&self) {
        let _ = self.with(|model| {
            model.restart();
            Ok(())
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Model) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A panic inside the lock can only be a failed assertion of a test; the model itself is never left half changed.
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        work(model.as_mut().ok_or(StoreError::Closed)?)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        self.with(|model| model.accept(acceptance))
    }

    async fn accept_all(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Accepted, StoreError>>, StoreError> {
        self.with(|model| Ok(acceptances.into_iter().map(|acceptance| model.accept(acceptance)).collect()))
    }

    async fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError> {
        self.with(|model| model.recall(tenant, key, request_hash, now))
    }

    async fn claim(&self, query: &ClaimQuery) -> Result<Vec<Claimed>, StoreError> {
        self.with(|model| Ok(model.claim(query)))
    }

    async fn next_due(&self, channel: Channel, lanes: &[Lane]) -> Result<Option<Timestamp>, StoreError> {
        self.with(|model| Ok(model.next_due(channel, lanes)))
    }

    async fn begin(&self, lease: Lease, change: Change, lease_until: Timestamp) -> Result<(), StoreError> {
        self.with(|model| model.begin(lease, change, lease_until))
    }

    async fn settle(&self, lease: Lease, change: Change) -> Result<(), StoreError> {
        self.with(|model| model.settle(lease, change))
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        self.with(|model| {
            model.release(lease);
            Ok(())
        })
    }

    async fn reclaim(&self, now: Timestamp, limit: usize, lease_until: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        self.with(|model| Ok(model.reclaim(now, limit, lease_until)))
    }

    async fn next_lease_end(&self) -> Result<Option<Timestamp>, StoreError> {
        self.with(|model| Ok(model.next_lease_end()))
    }

    async fn revise(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Option<RevisedStatus>, StoreError> {
        self.with(|model| Ok(model.revise(tenant, id, revision, now)))
    }

    async fn receive(&self, receipts: Vec<Receipt>) -> Result<Vec<Received>, StoreError> {
        self.with(|model| Ok(receipts.into_iter().map(|receipt| model.receive(receipt)).collect()))
    }

    async fn status(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        self.with(|model| Ok(model.status(tenant, id)))
    }

    async fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, StoreError> {
        self.with(|model| Ok(model.timeline(tenant, id)))
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.with(|model| Ok(model.list(query)))
    }

    async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<DeadLetterPage, StoreError> {
        self.with(|model| Ok(model.dead_letters(query)))
    }

    async fn put_preferences(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: Preferences,
    ) -> Result<(), StoreError> {
        self.with(|model| {
            model.put_preferences(tenant, recipient, preferences);
            Ok(())
        })
    }

    async fn preferences(&self, tenant: &TenantId, recipient: &RecipientId) -> Result<Option<Preferences>, StoreError> {
        self.with(|model| Ok(model.preferences(tenant, recipient)))
    }

    async fn put_template(&self, tenant: &TenantId, template: Template) -> Result<u32, StoreError> {
        self.with(|model| Ok(model.put_template(tenant, template)))
    }

    async fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Result<Option<Template>, StoreError> {
        self.with(|model| Ok(model.template(tenant, name, version)))
    }

    async fn templates(
        &self,
        tenant: &TenantId,
        after: Option<&TemplateName>,
        limit: usize,
    ) -> Result<Vec<Template>, StoreError> {
        self.with(|model| Ok(model.templates(tenant, after, limit)))
    }

    async fn put_suppression(&self, suppression: Suppression) -> Result<(), StoreError> {
        self.with(|model| {
            model.put_suppression(suppression);
            Ok(())
        })
    }

    async fn suppression(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Result<Option<Suppression>, StoreError> {
        self.with(|model| Ok(model.suppression(tenant, channel, address)))
    }

    async fn remove_suppression(&self, tenant: &TenantId, channel: Channel, address: &str) -> Result<bool, StoreError> {
        self.with(|model| Ok(model.remove_suppression(tenant, channel, address)))
    }

    async fn suppressions(
        &self,
        tenant: &TenantId,
        after: Option<(Channel, &str)>,
        limit: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        self.with(|model| Ok(model.suppressions(tenant, after, limit)))
    }

    async fn put_provider_state(&self, state: ProviderState) -> Result<(), StoreError> {
        self.with(|model| {
            model.put_provider_state(state);
            Ok(())
        })
    }

    async fn provider_states(&self) -> Result<Vec<ProviderState>, StoreError> {
        self.with(|model| Ok(model.provider_states()))
    }

    async fn sweep(&self, after: Option<NotificationId>, limit: usize) -> Result<Swept, StoreError> {
        self.with(|model| Ok(model.sweep(after, limit)))
    }

    async fn counts(&self) -> Result<StoreCounts, StoreError> {
        self.with(|model| Ok(model.counts()))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.with(|_| Ok(()))
    }

    async fn close(&self) -> Result<(), StoreError> {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn make() -> ((), Arc<dyn Store>) {
        ((), Arc::new(MemoryStore::new()))
    }

    crate::store_conformance!(make);

    #[tokio::test]
    async fn of_too_many_early_reports_the_latest_are_kept() {
        let store = Arc::new(MemoryStore::keeping(3));
        crate::testing::store_conformance::early_receipts::of_too_many_the_latest_are_kept(store).await;
    }
}
