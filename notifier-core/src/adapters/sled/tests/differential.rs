//! Any sequence of operations has the same results here as in memory, restarts included.

mod steps;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use self::steps::{Step, step};
use super::open_unsynced;
use crate::adapters::memory::MemoryStore;
use crate::adapters::sled::check;
use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::receipt::{Receipt, ReceiptStatus};
use crate::domain::revision::Revision;
use crate::domain::strategy::Goal;
use crate::domain::template::Template;
use crate::domain::timeline::Reason;
use crate::ports::store::{
    ClaimQuery, Claimed, DeadLetter, DeadLetterQuery, Filter, Lease, ListQuery, Room, Status, Store, StoreError,
};
use crate::testing::store_conformance::sample::{
    Sample, at, begin, content, deferred, doubtful, failed, message_id, report, retry, sent,
};

const HOUR_MS: i64 = 3_600_000;

/// The same lease in both stores, and the delivery as its holder knows it.
struct Held {
    model: Lease,
    real: Lease,
    delivery: Delivery,
    notification: Notification,
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
            Step::Accept { .. } => {
                let sample = self.sample(step);
                self.accept(&sample).await;
            }
            Step::AcceptAll(steps) => {
                let samples: Vec<_> = steps.iter().map(|step| self.sample(step)).collect();
                let acceptances = || samples.iter().map(Sample::acceptance).collect();
                let outcome = self.model.accept_all(acceptances()).await;
                assert_eq!(self.real.accept_all(acceptances()).await, outcome);
                self.accepted.extend(samples.iter().map(|sample| (sample.tenant().clone(), sample.id())));
            }
            Step::Claim { channel, room, due_s, now_s, until_s } => {
                let [urgent, normal, bulk] = room;
                let query = ClaimQuery {
                    channel,
                    room: Room { urgent, normal, bulk },
                    due_by: at(due_s * 1_000),
                    now: at(now_s * 1_000),
                    lease_until: at(until_s * 1_000),
                };
                let model = self.model.claim(&query).await.unwrap();
                self.handed_out(model, self.real.claim(&query).await.unwrap());
            }
            Step::Reclaim { now_s, limit, until_s } => {
                let (now, until) = (at(now_s * 1_000), at(until_s * 1_000));
                let model = self.model.reclaim(now, limit, until).await.unwrap();
                self.handed_out(model, self.real.reclaim(now, limit, until).await.unwrap());
            }
            Step::Begin { which, now_s, until_s } => self.begin(which, at(now_s * 1_000), at(until_s * 1_000)).await,
            Step::Settle { which, how, now_s } => self.settle(which, how, at(now_s * 1_000)).await,
            Step::Release { which } => {
                let Some(held) = pick(&mut self.held, which) else { return };
                assert_eq!(self.real.release(held.real).await, self.model.release(held.model).await);
            }
            Step::Revise { which, how, now_s } => self.revise(which, how, now_s).await,
            Step::Receive { which, named, status, of_message, now_s } => {
                self.receive(which, named, status, of_message, at(now_s * 1_000)).await;
            }
            Step::PutPreferences { recipient, sms } => self.put_preferences(recipient, sms).await,
            Step::PutTemplate { name, text } => self.put_template(name, text).await,
            Step::Sweep { limit } => {
                // It would forget reports that the model keeps.
                if self.model.counts().await.unwrap().unmatched_receipts == 0 {
                    let swept = self.real.sweep(None, limit).await.unwrap();
                    assert_eq!(swept.repaired, 0);
                }
            }
            Step::Restart => {
                self.real.close().await.unwrap();
                self.model.restart();
                self.real = open_unsynced(self.folder.path());
            }
        }
        for (channel, lane) in Channel::ALL.into_iter().flat_map(|channel| Lane::ALL.map(|lane| (channel, lane))) {
            let lanes = [lane];
            let expected = self.model.next_due(channel, &lanes).await;
            assert_eq!(self.real.next_due(channel, &lanes).await, expected, "{channel} {lane} after {step:?}");
        }
        assert_eq!(self.real.next_lease_end().await, self.model.next_lease_end().await);
        assert_eq!(self.real.counts().await, self.model.counts().await, "after {step:?}");
    }

    fn sample(&mut self, step: &Step) -> Sample {
        let Step::Accept { number, key, hash, tenant, lane, shape, collapse, passed_h, back_h, due_s, keep_h, .. } =
            step.clone()
        else {
            unreachable!("only acceptances are made of it")
        };
        // A clock that goes on, and is now and then set back by less than a day.
        self.clock_h += passed_h;
        let created_ms = (self.clock_h - back_h) * HOUR_MS;
        // Identifiers are unique across tenants.
        let number = number + 1_000 * u32::from(tenant);
        let mut sample =
            Sample::new(number).created(created_ms).due(due_s * 1_000).in_lane(Lane::ALL[usize::from(lane)]);
        sample = sample.of(TENANTS[usize::from(tenant)]);
        sample = match shape {
            0 => sample,
            1 => sample.on_all_channels(),
            2 => sample.on(&[Channel::Sms, Channel::Email]),
            3 => sample.on_all_channels().by_turns(Goal::Delivered, 2_000),
            _ => sample.in_sequence(Goal::Acknowledged, 1_000),
        };
        if let Some(key) = key {
            sample = sample.keyed(&format!("k{key}"), hash).remembered_until(created_ms + keep_h * HOUR_MS);
        }
        if let Some(collapse) = collapse {
            sample = sample.collapsing(&format!("c{collapse}"));
        }
        if let Step::Accept { replaces: Some(which), .. } = step
            && let Some((_, id)) = pick(&mut self.accepted, *which)
        {
            sample = sample.replacing(*id);
        }
        sample
    }

    async fn accept(&mut self, sample: &Sample) {
        let outcome = self.model.accept(sample.acceptance()).await;
        assert_eq!(self.real.accept(sample.acceptance()).await, outcome);
        let notification = sample.notification();
        if let Some(key) = notification.idempotency_key {
            let (tenant, hash, now) = (sample.tenant(), sample.acceptance().request_hash, notification.created_at);
            for hash in [Some(&hash), None] {
                let recalled = self.model.recall(tenant, &key, hash, now).await;
                assert_eq!(self.real.recall(tenant, &key, hash, now).await, recalled);
            }
        }
        self.accepted.push((sample.tenant().clone(), sample.id()));
    }

    fn handed_out(&mut self, model: Vec<Claimed>, real: Vec<Claimed>) {
        let content = |claimed: &[Claimed]| -> Vec<(Delivery, Notification, Option<Preferences>)> {
            let parts = |one: &Claimed| (one.delivery.clone(), one.notification.clone(), one.preferences.clone());
            claimed.iter().map(parts).collect()
        };
        assert_eq!(content(&real), content(&model));
        let pairs = model.into_iter().zip(real);
        self.held.extend(pairs.map(|(model, real)| Held {
            model: model.lease,
            real: real.lease,
            delivery: model.delivery,
            notification: model.notification,
        }));
    }

    async fn begin(&mut self, which: usize, now: Timestamp, until: Timestamp) {
        let Some(held) = pick(&mut self.held, which) else { return };
        if held.delivery.state != DeliveryState::Pending {
            return;
        }
        let change = held.notification.followed_up(begin(&held.delivery, now), now);
        let outcome = self.model.begin(held.model, change.clone(), until).await;
        assert_eq!(self.real.begin(held.real, change.clone(), until).await, outcome);
        if outcome.is_ok() {
            held.delivery = change.delivery;
        }
    }

    async fn settle(&mut self, which: usize, how: u8, now: Timestamp) {
        let Some(held) = pick(&mut self.held, which) else { return };
        let present = self.model.status(&held.delivery.tenant, held.delivery.id.notification).await;
        let all = present.ok().flatten().map(|status| status.deliveries).unwrap_or_default();
        // Now and then without knowing that it was taken back.
        if let Some(present) = all.into_iter().find(|one| one.id == held.delivery.id && which.is_multiple_of(2)) {
            held.delivery.cancel_asked = present.cancel_asked;
        }
        let delivery = &held.delivery;
        let change: Change = match (delivery.state, how) {
            (DeliveryState::Sending, 0) => sent(delivery, now),
            (DeliveryState::Sending, 1) => retry(delivery, now),
            (DeliveryState::Sending, 2) => failed(delivery, now),
            (DeliveryState::Sending, _) => doubtful(delivery, now),
            (_, 0) => deferred(delivery, now),
            (_, 1) => delivery.suppress(delivery.reason.clone(), now).unwrap(),
            (_, 2) => delivery.expire(now, now).unwrap(),
            (_, _) => delivery.fail(delivery.reason.clone(), now).unwrap(),
        };
        let change = held.notification.followed_up(change, now);
        let outcome = self.model.settle(held.model, change.clone()).await;
        assert_eq!(self.real.settle(held.real, change).await, outcome);
    }

    async fn revise(&mut self, which: usize, how: u8, now_s: i64) {
        let Some((tenant, id)) = pick(&mut self.accepted, which).cloned() else { return };
        // By the clock by which keys are remembered.
        let now = at(self.clock_h * HOUR_MS + now_s * 1_000);
        let revision = match how {
            0 => Revision::Cancel(Reason::new("cancel.requested", "no")),
            1 => Revision::Reschedule { due_at: at(now_s * 700), expires_at: at(40 * 24 * HOUR_MS) },
            2 => Revision::Acknowledge { by: Some("ada".into()) },
            3 => Revision::Replay { channel: None, expires_at: at(40 * 24 * HOUR_MS) },
            _ => Revision::Replay { channel: Some(Channel::Sms), expires_at: at(0) },
        };
        let outcome = self.model.revise(&tenant, id, &revision, now).await;
        assert_eq!(self.real.revise(&tenant, id, &revision, now).await, outcome);
    }

    async fn receive(&mut self, which: usize, named: bool, status: u8, of_message: bool, now: Timestamp) {
        let Some((tenant, id)) = pick(&mut self.accepted, which).cloned() else { return };
        let Ok(Some(status_now)) = self.model.status(&tenant, id).await else { return };
        let mut receipts = Vec::new();
        for delivery in &status_now.deliveries {
            let message = if of_message { message_id(delivery.id) } else { format!("other-{}", delivery.id) };
            let status = ReceiptStatus::ALL[usize::from(status)];
            receipts
                .push(Receipt { delivery: named.then_some(delivery.id), ..report("twilio", &message, status, now) });
        }
        let outcome = self.model.receive(receipts.clone()).await;
        assert_eq!(self.real.receive(receipts).await, outcome);
    }

    async fn put_preferences(&mut self, recipient: u8, sms: bool) {
        let recipient = RecipientId::new(["ada", "grace"][usize::from(recipient)]).unwrap();
        let preferences = Preferences { channels: [(Channel::Sms, sms)].into(), ..Preferences::default() };
        let tenant = TenantId::unnamed();
        self.model.put_preferences(&tenant, &recipient, preferences.clone()).await.unwrap();
        self.real.put_preferences(&tenant, &recipient, preferences.clone()).await.unwrap();
        assert_eq!(self.real.preferences(&tenant, &recipient).await, Ok(Some(preferences)));
    }

    async fn put_template(&mut self, name: u8, text: u8) {
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

    /// Everything that can be read is the same, and the indexes agree with the records.
    async fn compare(&self) {
        for (tenant, id) in &self.accepted {
            assert_eq!(self.real.status(tenant, *id).await, self.model.status(tenant, *id).await);
            assert_eq!(self.real.timeline(tenant, *id).await, self.model.timeline(tenant, *id).await);
        }
        for tenant in TENANTS.map(|name| TenantId::new(name).unwrap()) {
            for state in [None, Some(DeliveryState::Pending), Some(DeliveryState::Sent)] {
                let filter = Filter { state, ..Filter::default() };
                let expected = walk(&self.model, &tenant, &filter).await;
                assert_eq!(walk(&*self.real, &tenant, &filter).await, expected);
            }
            assert_eq!(dead(&*self.real, &tenant).await, dead(&self.model, &tenant).await);
            assert_eq!(self.real.templates(&tenant, None, 99).await, self.model.templates(&tenant, None, 99).await);
            let listed = self.model.suppressions(&tenant, None, 99).await.unwrap();
            assert_eq!(self.real.suppressions(&tenant, None, 99).await.unwrap(), listed);
            for entry in listed {
                let found = self.real.suppression(&tenant, entry.channel, &entry.address).await;
                assert_eq!(found, Ok(Some(entry)));
            }
        }
        self.real.close().await.unwrap();
        let report = check(self.folder.path() as &Path, false).unwrap();
        assert!(report.is_sound() && report.quarantined == 0, "{report:?}");
    }
}

/// In the order of their keys, which is not that of their names.
const TENANTS: [&str; 3] = ["default", "south", "elsewhere"];

fn pick<T>(from: &mut [T], which: usize) -> Option<&mut T> {
    let length = from.len().max(1);
    from.get_mut(which % length)
}

async fn walk(store: &dyn Store, tenant: &TenantId, filter: &Filter) -> Result<Vec<Status>, StoreError> {
    let mut query = ListQuery { filter: filter.clone(), ..ListQuery::of(tenant.clone(), 3) };
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

async fn dead(store: &dyn Store, tenant: &TenantId) -> Result<Vec<DeadLetter>, StoreError> {
    let mut query = DeadLetterQuery { tenant: tenant.clone(), filter: Filter::default(), before: None, limit: 2 };
    let mut all = Vec::new();
    loop {
        let page = store.dead_letters(&query).await?;
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
