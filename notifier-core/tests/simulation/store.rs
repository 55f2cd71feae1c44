//! A store on which the process can end after any operation: it is done, and nobody hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use notifier_core::domain::delivery::Change;
use notifier_core::domain::revision::Revision;
use notifier_core::ports::store::*;
use notifier_core::{
    Channel, Fact, IdempotencyKey, Lane, MemoryStore, NotificationId, Preferences, Receipt, RecipientId, Suppression,
    Template, TemplateName, TenantId,
};
use tokio::sync::Notify;

pub(crate) struct CrashingStore {
    inner: Arc<MemoryStore>,
    /// Operations until the crash; negative: none is planned.
    left: AtomicI64,
    pub(crate) crashed: Notify,
    pub(crate) has_crashed: AtomicBool,
    /// Grows with everything that anybody does here.
    pub(crate) activity: AtomicU64,
}

impl CrashingStore {
    pub(crate) fn new(inner: Arc<MemoryStore>) -> Self {
        Self {
            inner,
            left: AtomicI64::new(-1),
            crashed: Notify::new(),
            has_crashed: AtomicBool::new(false),
            activity: AtomicU64::new(0),
        }
    }

    /// The process ends after so many more operations.
    pub(crate) fn crash_after(&self, operations: u64) {
        self.left.store(i64::try_from(operations).unwrap_or(0), Ordering::SeqCst);
    }

    /// The process was started again.
    pub(crate) fn go_on(&self) {
        self.left.store(-1, Ordering::SeqCst);
        self.has_crashed.store(false, Ordering::SeqCst);
    }

    async fn after<T>(&self, result: T) -> T {
        self.activity.fetch_add(1, Ordering::SeqCst);
        if self.left.load(Ordering::SeqCst) >= 0 && self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.left.store(0, Ordering::SeqCst);
            self.has_crashed.store(true, Ordering::SeqCst);
            self.crashed.notify_one();
            // Nobody hears of anything from here on.
            return std::future::pending().await;
        }
        result
    }
}

#[async_trait]
impl Store for CrashingStore {
    async fn accept(&self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        let result = self.inner.accept(acceptance).await;
        self.after(result).await
    }

    async fn accept_all(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Accepted, StoreError>>, StoreError> {
        let result = self.inner.accept_all(acceptances).await;
        self.after(result).await
    }

    async fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError> {
        let result = self.inner.recall(tenant, key, request_hash, now).await;
        self.after(result).await
    }

    async fn claim(&self, query: &ClaimQuery) -> Result<Vec<Claimed>, StoreError> {
        let result = self.inner.claim(query).await;
        self.after(result).await
    }

    async fn next_due(&self, channel: Channel, lanes: &[Lane]) -> Result<Option<Timestamp>, StoreError> {
        let result = self.inner.next_due(channel, lanes).await;
        self.after(result).await
    }

    async fn begin(&self, lease: Lease, change: Change, lease_until: Timestamp) -> Result<(), StoreError> {
        let result = self.inner.begin(lease, change, lease_until).await;
        self.after(result).await
    }

    async fn settle(&self, lease: Lease, change: Change) -> Result<(), StoreError> {
        let result = self.inner.settle(lease, change).await;
        self.after(result).await
    }

    async fn release(&self, lease: Lease) -> Result<(), StoreError> {
        let result = self.inner.release(lease).await;
        self.after(result).await
    }

    async fn reclaim(&self, now: Timestamp, limit: usize, lease_until: Timestamp) -> Result<Vec<Claimed>, StoreError> {
        let result = self.inner.reclaim(now, limit, lease_until).await;
        self.after(result).await
    }

    async fn next_lease_end(&self) -> Result<Option<Timestamp>, StoreError> {
        let result = self.inner.next_lease_end().await;
        self.after(result).await
    }

    async fn revise(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Option<RevisedStatus>, StoreError> {
        let result = self.inner.revise(tenant, id, revision, now).await;
        self.after(result).await
    }

    async fn receive(&self, receipts: Vec<Receipt>) -> Result<Vec<Received>, StoreError> {
        let result = self.inner.receive(receipts).await;
        self.after(result).await
    }

    async fn status(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        let result = self.inner.status(tenant, id).await;
        self.after(result).await
    }

    async fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, StoreError> {
        let result = self.inner.timeline(tenant, id).await;
        self.after(result).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        let result = self.inner.list(query).await;
        self.after(result).await
    }

    async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<DeadLetterPage, StoreError> {
        let result = self.inner.dead_letters(query).await;
        self.after(result).await
    }

    async fn put_preferences(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: Preferences,
    ) -> Result<(), StoreError> {
        let result = self.inner.put_preferences(tenant, recipient, preferences).await;
        self.after(result).await
    }

    async fn preferences(&self, tenant: &TenantId, recipient: &RecipientId) -> Result<Option<Preferences>, StoreError> {
        let result = self.inner.preferences(tenant, recipient).await;
        self.after(result).await
    }

    async fn put_template(&self, tenant: &TenantId, template: Template) -> Result<u32, StoreError> {
        let result = self.inner.put_template(tenant, template).await;
        self.after(result).await
    }

    async fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Result<Option<Template>, StoreError> {
        let result = self.inner.template(tenant, name, version).await;
        self.after(result).await
    }

    async fn templates(
        &self,
        tenant: &TenantId,
        after: Option<&TemplateName>,
        limit: usize,
    ) -> Result<Vec<Template>, StoreError> {
        let result = self.inner.templates(tenant, after, limit).await;
        self.after(result).await
    }

    async fn put_suppression(&self, suppression: Suppression) -> Result<(), StoreError> {
        let result = self.inner.put_suppression(suppression).await;
        self.after(result).await
    }

    async fn suppression(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Result<Option<Suppression>, StoreError> {
        let result = self.inner.suppression(tenant, channel, address).await;
        self.after(result).await
    }

    async fn remove_suppression(&self, tenant: &TenantId, channel: Channel, address: &str) -> Result<bool, StoreError> {
        let result = self.inner.remove_suppression(tenant, channel, address).await;
        self.after(result).await
    }

    async fn suppressions(
        &self,
        tenant: &TenantId,
        after: Option<(Channel, &str)>,
        limit: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        let result = self.inner.suppressions(tenant, after, limit).await;
        self.after(result).await
    }

    async fn put_provider_state(&self, state: ProviderState) -> Result<(), StoreError> {
        let result = self.inner.put_provider_state(state).await;
        self.after(result).await
    }

    async fn provider_states(&self) -> Result<Vec<ProviderState>, StoreError> {
        let result = self.inner.provider_states().await;
        self.after(result).await
    }

    async fn sweep(&self, after: Option<NotificationId>, limit: usize) -> Result<Swept, StoreError> {
        let result = self.inner.sweep(after, limit).await;
        self.after(result).await
    }

    async fn counts(&self) -> Result<StoreCounts, StoreError> {
        let result = self.inner.counts().await;
        self.after(result).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let result = self.inner.check().await;
        self.after(result).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        let result = self.inner.close().await;
        self.after(result).await
    }
}
