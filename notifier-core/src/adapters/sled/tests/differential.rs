//! Any sequence of operations has the same results here as in memory, restarts included.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::open_unsynced;
use crate::adapters::memory::MemoryStore;
use crate::adapters::sled::check;
use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::template::Template;
use crate::ports::store::{Claimed, Lease, ListQuery, Status, Store, StoreError};
use crate::testing::store_conformance::sample::{Sample, at, begin, content, deferred, retry, sent};

const HOUR_MS: i64 = 3_600_000;

#[derive(Debug, Clone)]
enum Step {
    Accept { number: u32, key: Option<u8>, hash: u8, south: bool, passed_h: i64, back_h: i64, due_s: i64, keep_h: i64 },
    Claim { now_s: i64, limit: usize, until_s: i64 },
    Begin { which: usize, now_s: i64, until_s: i64 },
    Settle { which: usize, well: bool, now_s: i64 },
    Release { which: usize },
    Reclaim { now_s: i64, limit: usize, until_s: i64 },
    Cancel { which: usize },
    PutPreferences { recipient: u8, sms: bool },
    PutTemplate { name: u8, text: u8 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = || 0i64..12;
    prop_oneof![
        8 => (0u32..20, prop::option::of(0u8..3), 0u8..2, any::<bool>(), 0i64..30, 0i64..24, seconds(), 1i64..80).prop_map(
            |(number, key, hash, south, passed_h, back_h, due_s, keep_h)| Step::Accept {
                number, key, hash, south, passed_h, back_h, due_s, keep_h,
            },
        ),
        8 => (seconds(), 0usize..5, seconds()).prop_map(|(now_s, limit, until_s)| Step::Claim { now_s, limit, until_s }),
        8 => (any::<usize>(), seconds(), seconds())
            .prop_map(|(which, now_s, until_s)| Step::Begin { which, now_s, until_s }),
        8 => (any::<usize>(), any::<bool>(), seconds())
            .prop_map(|(which, well, now_s)| Step::Settle { which, well, now_s }),
        2 => any::<usize>().prop_map(|which| Step::Release { which }),
        3 => (seconds(), 0usize..5, seconds())
            .prop_map(|(now_s, limit, until_s)| Step::Reclaim { now_s, limit, until_s }),
        3 => any::<usize>().prop_map(|which| Step::Cancel { which }),
        1 => (0u8..2, any::<bool>()).prop_map(|(recipient, sms)| Step::PutPreferences { recipient, sms }),
        1 => (0u8..2, 0u8..3).prop_map(|(name, text)| Step::PutTemplate { name, text }),
        1 => Just(Step::Restart),
    ]
}

/// The same lease in both stores, and the delivery as its holder knows it.
struct Held {
    model: Lease,
    real: Lease,
    delivery: Delivery,
}

struct Pair {
    folder: TempDir,
    model: MemoryStore,
    real: Arc<dyn Store>,
    held: Vec<Held>,
    accepted: Vec<(TenantId, NotificationId)>,
    clock_h: i64,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let real = open_unsynced(folder.path());
        Self { folder, model: MemoryStore::new(), real, held: Vec::new(), accepted: Vec::new(), clock_h: 0 }
    }

    async fn run(&mut self, step: &Step) {
        match step.clone() {
            Step::Accept { number, key, hash, south, passed_h, back_h, due_s, keep_h } => {
                // A clock that goes on, and is now and then set back by less than a day.
                self.clock_h += passed_h;
                let created_ms = (self.clock_h - back_h) * HOUR_MS;
                // Identifiers are unique across tenants.
                let number = if south { number + 1_000 } else { number };
                let mut sample = Sample::new(number).created(created_ms).due(due_s * 1_000);
                sample = if south { sample.of("south").on_all_channels() } else { sample };
                if let Some(key) = key {
                    sample = sample.keyed(&format!("k{key}"), hash).remembered_until(created_ms + keep_h * HOUR_MS);
                }
                self.accept(&sample, at(created_ms)).await;
            }
            Step::Claim { now_s, limit, until_s } => {
                let (now, until) = (at(now_s * 1_000), at(until_s * 1_000));
                let model = self.model.claim(now, limit, until).await.unwrap();
                self.handed_out(model, self.real.claim(now, limit, until).await.unwrap());
            }
            Step::Reclaim { now_s, limit, until_s } => {
                let (now, until) = (at(now_s * 1_000), at(until_s * 1_000));
                let model = self.model.reclaim(now, limit, until).await.unwrap();
                self.handed_out(model, self.real.reclaim(now, limit, until).await.unwrap());
            }
            Step::Begin { which, now_s, until_s } => self.begin(which, at(now_s * 1_000), at(until_s * 1_000)).await,
            Step::Settle { which, well, now_s } => self.settle(which, well, at(now_s * 1_000)).await,
            Step::Release { which } => {
                let Some(held) = pick(&mut self.held, which) else { return };
                assert_eq!(self.real.release(held.real).await, self.model.release(held.model).await);
            }
            Step::Cancel { which } => {
                let Some((tenant, id)) = pick(&mut self.accepted, which).cloned() else { return };
                let outcome = self.model.cancel(&tenant, id, at(1)).await;
                assert_eq!(self.real.cancel(&tenant, id, at(1)).await, outcome);
            }
            Step::PutPreferences { recipient, sms } => {
                let recipient = RecipientId::new(format!("r{recipient}")).unwrap();
                let preferences = Preferences { channels: [(Channel::Sms, sms)].into(), ..Preferences::default() };
                let tenant = TenantId::unnamed();
                self.model.put_preferences(&tenant, &recipient, preferences.clone()).await.unwrap();
                self.real.put_preferences(&tenant, &recipient, preferences.clone()).await.unwrap();
                assert_eq!(self.real.preferences(&tenant, &recipient).await, Ok(Some(preferences)));
            }
            Step::PutTemplate { name, text } => {
                let template = Template {
                    name: TemplateName::new(format!("t{name}")).unwrap(),
                    version: 0,
                    content: content(&format!("{text}")),
                    locales: Default::default(),
                    variables: Default::default(),
                };
                let version = self.model.put_template(&TenantId::unnamed(), template.clone()).await;
                assert_eq!(self.real.put_template(&TenantId::unnamed(), template).await, version);
            }
            Step::Restart => {
                self.real.close().await.unwrap();
                self.model.restart();
                self.real = open_unsynced(self.folder.path());
            }
        }
        assert_eq!(self.real.next_due().await, self.model.next_due().await);
        assert_eq!(self.real.next_lease_end().await, self.model.next_lease_end().await);
    }

    async fn accept(&mut self, sample: &Sample, now: Timestamp) {
        let outcome = self.model.accept(sample.acceptance()).await;
        assert_eq!(self.real.accept(sample.acceptance()).await, outcome);
        if let Some(key) = sample.notification().idempotency_key {
            let (tenant, hash) = (sample.tenant(), sample.acceptance().request_hash);
            let recalled = self.model.recall(tenant, &key, &hash, now).await;
            assert_eq!(self.real.recall(tenant, &key, &hash, now).await, recalled);
        }
        self.accepted.push((sample.tenant().clone(), sample.id()));
    }

    fn handed_out(&mut self, model: Vec<Claimed>, real: Vec<Claimed>) {
        let content = |claimed: &[Claimed]| -> Vec<(Delivery, Notification)> {
            claimed.iter().map(|claimed| (claimed.delivery.clone(), claimed.notification.clone())).collect()
        };
        assert_eq!(content(&real), content(&model));
        let pairs = model.into_iter().zip(real);
        let held = pairs.map(|(model, real)| Held { model: model.lease, real: real.lease, delivery: model.delivery });
        self.held.extend(held);
    }

    async fn begin(&mut self, which: usize, now: Timestamp, until: Timestamp) {
        let Some(held) = pick(&mut self.held, which) else { return };
        if held.delivery.state != DeliveryState::Pending {
            return;
        }
        let change = begin(&held.delivery, now);
        let outcome = self.model.begin(held.model, change.clone(), until).await;
        assert_eq!(self.real.begin(held.real, change.clone(), until).await, outcome);
        if outcome.is_ok() {
            held.delivery = change.delivery;
        }
    }

    async fn settle(&mut self, which: usize, well: bool, now: Timestamp) {
        let Some(held) = pick(&mut self.held, which) else { return };
        let delivery = &held.delivery;
        let change: Change = match (delivery.state, well) {
            (DeliveryState::Sending, true) => sent(delivery, now),
            (DeliveryState::Sending, false) => retry(delivery, now),
            (_, true) => deferred(delivery, now),
            (_, false) => delivery.fail(delivery.reason.clone(), now).unwrap(),
        };
        let outcome = self.model.settle(held.model, change.clone()).await;
        assert_eq!(self.real.settle(held.real, change).await, outcome);
    }

    /// Everything that can be read is the same, and the indexes agree with the records.
    async fn compare(&self) {
        for (tenant, id) in &self.accepted {
            assert_eq!(self.real.status(tenant, *id).await, self.model.status(tenant, *id).await);
            assert_eq!(self.real.timeline(tenant, *id).await, self.model.timeline(tenant, *id).await);
        }
        for tenant in ["default", "south"].map(|name| TenantId::new(name).unwrap()) {
            assert_eq!(walk(&*self.real, &tenant).await, walk(&self.model, &tenant).await);
            assert_eq!(self.real.templates(&tenant, None, 99).await, self.model.templates(&tenant, None, 99).await);
        }
        self.real.close().await.unwrap();
        let report = check(self.folder.path() as &Path, false).unwrap();
        assert!(report.is_sound() && report.quarantined == 0, "{report:?}");
    }
}

fn pick<T>(from: &mut [T], which: usize) -> Option<&mut T> {
    let length = from.len().max(1);
    from.get_mut(which % length)
}

async fn walk(store: &dyn Store, tenant: &TenantId) -> Result<Vec<Status>, StoreError> {
    let mut query = ListQuery { tenant: tenant.clone(), recipient: None, before: None, limit: 3 };
    let mut all = Vec::new();
    loop {
        let page = store.list(&query).await?;
        all.extend(page.items);
        match page.next {
            Some(next) => query.before = Some(next),
            None => return Ok(all),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sled_does_what_memory_does(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new();
            for step in &steps {
                pair.run(step).await;
            }
            pair.compare().await;
        });
    }
}
