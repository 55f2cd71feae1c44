//! What happened to a delivery is written down, whatever has become of the records beside its own.

use std::sync::Arc;

use tempfile::TempDir;

use super::{flip_last_bit, options};
use crate::adapters::sled::{SledStore, keys};
use crate::domain::channel::Channel;
use crate::domain::delivery::Change;
use crate::domain::id::{NotificationId, ProviderName};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::ReceiptStatus;
use crate::domain::revision::Revision;
use crate::domain::strategy::Goal;
use crate::ports::store::{Accepted, Received, Store, StoreError};
use crate::testing::store_conformance::sample::{
    NEW, Sample, at, begin, begin_claimed, claim, claim_on, delivered, failed, message_id, reported, sent,
};

/// A store, and a way to its tree behind its back.
struct Ground {
    _folder: TempDir,
    sled: Arc<SledStore>,
    store: Arc<dyn Store>,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sled = Arc::new(SledStore::open(folder.path(), options()).unwrap());
        Self { _folder: folder, store: Arc::clone(&sled) as Arc<dyn Store>, sled }
    }

    /// Damages the value under that key, or undoes that.
    async fn flip(&self, key: &[u8]) {
        let key = key.to_vec();
        let flip = move |tree: &sled::Tree| {
            flip_last_bit(tree, &key);
            Ok(())
        };
        self.sled.read(flip).await.unwrap();
    }

    async fn assert_is_in_quarantine(&self, key: &[u8]) {
        let copy = keys::quarantine(key);
        assert!(self.sled.read(move |tree| Ok(tree.contains_key(&copy)?)).await.unwrap(), "a copy is kept");
    }
}

fn notification_key(sample: &Sample) -> Vec<u8> {
    keys::notification(sample.tenant(), sample.id())
}

fn delivery_key(sample: &Sample, channel: Channel) -> Vec<u8> {
    keys::delivery(sample.tenant(), sample.delivery_id(channel))
}

/// Gives each delivery a record of its own.
async fn put_off(store: &Arc<dyn Store>, sample: &Sample) {
    let revision = Revision::Reschedule { due_at: at(-1), expires_at: at(90_000) };
    store.revise(sample.tenant(), sample.id(), &revision, at(-2)).await.unwrap().unwrap();
}

fn followed_by(change: Change, due_ms: i64) -> Change {
    Change { next_due_at: Some(at(due_ms)), ..change }
}

#[tokio::test]
async fn an_outcome_is_stored_although_its_notification_is_damaged() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1).in_sequence(Goal::Delivered, 60_000).collapsing("c");
    sample.accepted_by(store).await;
    let claimed = claim_on(store, Channel::Email, at(0), at(1_000)).await;
    let key = notification_key(&sample);
    ground.flip(&key).await;
    let begun = followed_by(begin(&claimed.delivery, at(1)), 50);
    store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
    ground.assert_is_in_quarantine(&key).await;
    let outcome = followed_by(failed(&begun.delivery, at(2)), 3);
    store.settle(claimed.lease, outcome.clone()).await.unwrap();
    assert_eq!(store.next_lease_end().await.unwrap(), None);
    ground.flip(&key).await;
    assert_eq!(sample.delivery_in(store).await, outcome.delivery);
    store.close().await.unwrap();
}

#[tokio::test]
async fn an_outcome_is_stored_although_the_next_delivery_is_damaged() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1).in_sequence(Goal::Delivered, 60_000);
    sample.accepted_by(store).await;
    put_off(store, &sample).await;
    let claimed = claim_on(store, Channel::Email, at(0), at(1_000)).await;
    let sending = begin_claimed(store, &claimed, at(1), at(1_000)).await;
    let key = delivery_key(&sample, Channel::Sms);
    ground.flip(&key).await;
    let outcome = followed_by(failed(&sending, at(2)), 3);
    store.settle(claimed.lease, outcome.clone()).await.unwrap();
    ground.assert_is_in_quarantine(&key).await;
    ground.flip(&key).await;
    assert_eq!(sample.delivery_in(store).await, outcome.delivery);
    store.close().await.unwrap();
}

/// Nobody knows whether its collapse key is free, so it is not; whoever comes next under it finds no difference.
#[tokio::test]
async fn an_outcome_is_stored_although_another_delivery_of_the_notification_is_damaged() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1).on_two_channels().collapsing("c");
    sample.accepted_by(store).await;
    put_off(store, &sample).await;
    let claimed = claim_on(store, Channel::Email, at(0), at(1_000)).await;
    let sending = begin_claimed(store, &claimed, at(1), at(1_000)).await;
    let key = delivery_key(&sample, Channel::Sms);
    ground.flip(&key).await;
    store.settle(claimed.lease, sent(&sending, at(2))).await.unwrap();
    ground.assert_is_in_quarantine(&key).await;
    assert_eq!(store.accept(Sample::new(2).collapsing("c").acceptance()).await.unwrap(), NEW);
    ground.flip(&key).await;
    assert_eq!(sample.states_in(store).await, [DeliveryState::Sent, DeliveryState::Pending]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_early_report_holds_up_neither_the_outcome_nor_the_other_reports() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1);
    sample.accepted_by(store).await;
    let claimed = claim_on(store, Channel::Sms, at(0), at(1_000)).await;
    let sending = begin_claimed(store, &claimed, at(1), at(1_000)).await;
    let (lost, told) = (reported(sending.id, ReceiptStatus::Opened, at(2)), delivered(sending.id, at(3)));
    store.receive(vec![lost.clone(), told]).await.unwrap();
    let key = keys::unmatched(&lost);
    ground.flip(&key).await;
    // Its notification is needed by none of them.
    ground.flip(&notification_key(&sample)).await;
    store.settle(claimed.lease, sent(&sending, at(4))).await.unwrap();
    ground.assert_is_in_quarantine(&key).await;
    ground.flip(&notification_key(&sample)).await;
    assert_eq!(sample.states_in(store).await, [DeliveryState::Delivered]);
    assert_eq!(store.counts().await.unwrap().unmatched_receipts, 1, "it stays for whoever can read it");
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_report_is_told_although_the_notification_is_damaged() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1);
    sample.accepted_by(store).await;
    let claimed = claim_on(store, Channel::Sms, at(0), at(1_000)).await;
    let sending = begin_claimed(store, &claimed, at(1), at(1_000)).await;
    store.settle(claimed.lease, sent(&sending, at(2))).await.unwrap();
    ground.flip(&notification_key(&sample)).await;
    let received = store.receive(vec![delivered(sending.id, at(3))]).await.unwrap();
    assert!(matches!(&received[..], [Received::Told(told)] if told.state == DeliveryState::Delivered), "{received:?}");
    store.close().await.unwrap();
}

/// Whoever reported them would send all of them again and again.
#[tokio::test]
async fn a_report_that_cannot_be_stored_does_not_take_the_others_with_it() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1);
    sample.accepted_by(store).await;
    let claimed = claim_on(store, Channel::Sms, at(0), at(1_000)).await;
    let sending = begin_claimed(store, &claimed, at(1), at(1_000)).await;
    store.settle(claimed.lease, sent(&sending, at(2))).await.unwrap();
    let mut too_large = delivered(Sample::new(2).delivery_id(Channel::Sms), at(3));
    too_large.event.attributes = vec![("page".into(), "x".repeat(5 * 1024 * 1024))];
    let received = store.receive(vec![too_large, delivered(sending.id, at(3))]).await.unwrap();
    assert!(matches!(&received[..], [Received::Kept, Received::Told(_)]), "{received:?}");
    let counts = store.counts().await.unwrap();
    assert_eq!(counts.unmatched_receipts, 0);
    store.close().await.unwrap();
}

/// A report about a delivery that cannot be read waits for the day on which it can.
#[tokio::test]
async fn a_report_about_a_damaged_delivery_is_kept() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1);
    sample.accepted_by(store).await;
    let claimed = claim_on(store, Channel::Sms, at(0), at(1_000)).await;
    let sending = begin_claimed(store, &claimed, at(1), at(1_000)).await;
    store.settle(claimed.lease, sent(&sending, at(2))).await.unwrap();
    ground.flip(&delivery_key(&sample, Channel::Sms)).await;
    assert_eq!(store.receive(vec![delivered(sending.id, at(3))]).await.unwrap(), [Received::Kept]);
    assert_eq!(store.counts().await.unwrap().unmatched_receipts, 1);
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_notification_does_not_hold_its_collapse_key() {
    let ground = Ground::new();
    let store = &ground.store;
    let [first, second, third] = [1, 2, 3].map(|number| Sample::new(number).collapsing("c"));
    first.accepted_by(store).await;
    let key = notification_key(&first);
    ground.flip(&key).await;
    assert_eq!(store.accept(second.acceptance()).await.unwrap(), NEW);
    ground.assert_is_in_quarantine(&key).await;
    let replaced = store.accept(third.acceptance()).await.unwrap();
    assert_eq!(replaced, Accepted::New { replaced: Some(second.id()) }, "the key leads to the newest again");
    let claimed = claim(store, 9, at(0), at(1_000)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.notification.id).collect::<Vec<NotificationId>>(), [third.id()]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn what_can_be_read_under_a_collapse_key_is_taken_back_beside_what_cannot() {
    let ground = Ground::new();
    let store = &ground.store;
    let [first, second] = [1, 2].map(|number| Sample::new(number).on_two_channels().collapsing("c"));
    first.accepted_by(store).await;
    put_off(store, &first).await;
    let key = delivery_key(&first, Channel::Email);
    ground.flip(&key).await;
    assert_eq!(store.accept(second.acceptance()).await.unwrap(), Accepted::New { replaced: Some(first.id()) });
    ground.flip(&key).await;
    assert_eq!(first.states_in(store).await, [DeliveryState::Pending, DeliveryState::Cancelled]);
    store.close().await.unwrap();
}

/// Its own record is another matter: what it says decides.
#[tokio::test]
async fn a_damaged_delivery_takes_no_outcome() {
    let ground = Ground::new();
    let store = &ground.store;
    let sample = Sample::new(1);
    sample.accepted_by(store).await;
    put_off(store, &sample).await;
    let claimed = claim_on(store, Channel::Sms, at(0), at(1_000)).await;
    ground.flip(&delivery_key(&sample, Channel::Sms)).await;
    let refused = store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(1_000)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Damaged { .. }), "{refused}");
    let key = keys::message(&ProviderName::new("twilio").unwrap(), &message_id(claimed.delivery.id));
    assert!(!ground.sled.read(move |tree| Ok(tree.contains_key(&key)?)).await.unwrap());
    store.close().await.unwrap();
}
