//! How a provider is, as it is written down: what is older never overtakes what is newer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use notifier_core::domain::delivery::Change;
use notifier_core::domain::revision::Revision;
use notifier_core::ports::store::*;
use notifier_core::testing::ManualClock;
use notifier_core::{
    Channel, Fact, IdempotencyKey, Lane, MemoryStore, NotificationId, Override, Preferences, Receipt, RecipientId,
    Suppression, Template, TemplateName, TenantId,
};
use tokio::sync::oneshot;

use super::vendor::*;
use super::world::*;

/// A store in which what is written about a provider is held until the test lets it go, in the order that the test likes.
pub(crate) struct HeldStore {
    inner: Arc<MemoryStore>,
    held: Mutex<VecDeque<oneshot::Sender<()>>>,
    /// Whether it never says when something is due next.
    keeps_silent: bool,
    /// How long it takes to revise one notification, on that clock.
    revising_takes: Option<(Arc<ManualClock>, SignedDuration)>,
}

impl HeldStore {
    pub(crate) fn over(inner: Arc<MemoryStore>, keeps_silent: bool) -> Self {
        Self { inner, held: Mutex::default(), keeps_silent, revising_takes: None }
    }

    /// The same, slow to revise.
    pub(crate) fn revising_for(self, clock: Arc<ManualClock>, takes: SignedDuration) -> Self {
        Self { revising_takes: Some((clock, takes)), ..self }
    }

    fn held(&self) -> usize {
        self.held.lock().unwrap().len()
    }

    /// Of the writes that are held, lets the one that came last go first.
    fn let_the_latest_go(&self) {
        let latest = self.held.lock().unwrap().pop_back();
        latest.unwrap().send(()).unwrap();
    }
}

/// Everything else is as in the store behind it.
macro_rules! store_with_held_states {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        #[async_trait]
        impl Store for HeldStore {
            async fn put_provider_state(&self, state: ProviderState) -> Result<(), StoreError> {
                let (let_go, is_let_go) = oneshot::channel();
                self.held.lock().unwrap().push_back(let_go);
                is_let_go.await.unwrap();
                self.inner.put_provider_state(state).await
            }

            async fn next_due(&self, channel: Channel, lanes: &[Lane]) -> Result<Option<Timestamp>, StoreError> {
                if self.keeps_silent {
                    return std::future::pending().await;
                }
                self.inner.next_due(channel, lanes).await
            }

            async fn revise(
                &self,
                tenant: &TenantId,
                id: NotificationId,
                revision: &Revision,
                now: Timestamp,
            ) -> Result<Option<RevisedStatus>, StoreError> {
                if let Some((clock, takes)) = &self.revising_takes {
                    clock.advance(*takes);
                }
                self.inner.revise(tenant, id, revision, now).await
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$result, StoreError> {
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

store_with_held_states! {
    accept(acceptance: Acceptance) -> Accepted;
    accept_all(acceptances: Vec<Acceptance>) -> Vec<Result<Accepted, StoreError>>;
    recall(tenant: &TenantId, key: &IdempotencyKey, hash: Option<&[u8; 32]>, now: Timestamp) -> Option<NotificationId>;
    claim(query: &ClaimQuery) -> Vec<Claimed>;
    begin(lease: Lease, change: Change, lease_until: Timestamp) -> ();
    settle(lease: Lease, change: Change) -> ();
    release(lease: Lease) -> ();
    reclaim(now: Timestamp, limit: usize, lease_until: Timestamp) -> Vec<Claimed>;
    next_lease_end() -> Option<Timestamp>;
    receive(receipts: Vec<Receipt>) -> Vec<Received>;
    status(tenant: &TenantId, id: NotificationId) -> Option<Status>;
    timeline(tenant: &TenantId, id: NotificationId) -> Option<Vec<Fact>>;
    list(query: &ListQuery) -> Page;
    dead_letters(query: &DeadLetterQuery) -> DeadLetterPage;
    put_preferences(tenant: &TenantId, recipient: &RecipientId, preferences: Preferences) -> ();
    preferences(tenant: &TenantId, recipient: &RecipientId) -> Option<Preferences>;
    put_template(tenant: &TenantId, template: Template) -> u32;
    template(tenant: &TenantId, name: &TemplateName, version: Option<u32>) -> Option<Template>;
    templates(tenant: &TenantId, after: Option<&TemplateName>, limit: usize) -> Vec<Template>;
    put_suppression(suppression: Suppression) -> ();
    suppression(tenant: &TenantId, channel: Channel, address: &str) -> Option<Suppression>;
    remove_suppression(tenant: &TenantId, channel: Channel, address: &str) -> bool;
    suppressions(tenant: &TenantId, after: Option<(Channel, &str)>, limit: usize) -> Vec<Suppression>;
    provider_states() -> Vec<ProviderState>;
    sweep(after: Option<NotificationId>, limit: usize) -> Swept;
    counts() -> StoreCounts;
    check() -> ();
    close() -> ();
}

#[tokio::test]
async fn of_two_states_of_a_provider_the_newer_is_the_one_that_stays() {
    let inner = Arc::new(MemoryStore::new());
    let store = Arc::new(HeldStore::over(Arc::clone(&inner), false));
    let (world, only) = one_vendor(|builder| builder.store(Arc::clone(&store) as _)).await;
    let notifier = Arc::new(world.notifier);
    let decide = |decision| {
        let (notifier, name) = (Arc::clone(&notifier), only.id());
        tokio::spawn(async move { notifier.set_breaker(&name, decision).await })
    };
    let older = decide(Some(Override::Open));
    idle().await;
    assert_eq!(store.held(), 1, "on its way to the disk");
    let newer = decide(Some(Override::Closed));
    idle().await;
    // However the store likes to order what it has at the same time.
    while store.held() > 0 {
        store.let_the_latest_go();
        idle().await;
    }
    assert!(older.await.unwrap().unwrap() && newer.await.unwrap().unwrap());
    let states = inner.provider_states().await.unwrap();
    let stored = states.iter().find(|state| state.provider == only.id()).unwrap();
    assert_eq!(stored.health.set_by_hand, Some(Override::Closed), "what was decided last");
}
