//! Reports that come before anybody knows which message they are about.

use std::sync::Arc;

use super::sample::{
    Sample, address, at, attempt, begin_claimed, claim_one, delivered, message_id, next_due, report, reported, retry,
    sent,
};
use crate::domain::channel::Channel;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::{Receipt, ReceiptStatus};
use crate::domain::timeline::Fact;
use crate::ports::store::{Received, Store};

async fn unmatched(store: &Arc<dyn Store>) -> usize {
    store.counts().await.unwrap().unmatched_receipts
}

async fn keep(store: &Arc<dyn Store>, receipts: Vec<Receipt>) {
    let kept = vec![Received::Kept; receipts.len()];
    assert_eq!(store.receive(receipts).await.unwrap(), kept);
}

fn statuses(timeline: &[Fact]) -> Vec<&str> {
    timeline.iter().filter_map(|fact| fact.detail("status")).collect()
}

/// In the same commit as the identifier of the message becomes known.
pub async fn an_early_report_is_told_when_its_message_is_known(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    let receipt = delivered(sending.id, at(2));
    keep(&store, vec![receipt.clone()]).await;
    assert_eq!(unmatched(&store).await, 1);
    assert_eq!(sample.delivery_in(&store).await, sending);
    let mut timeline = sample.timeline_in(&store).await;
    let change = sent(&sending, at(3));
    store.settle(claimed.lease, change.clone()).await.unwrap();
    timeline.extend(change.facts);
    let then = change.delivery.receive(&receipt, &timeline).unwrap();
    timeline.extend(then.facts);
    assert_eq!(then.delivery.state, DeliveryState::Delivered);
    assert_eq!(sample.delivery_in(&store).await, then.delivery);
    assert_eq!(sample.timeline_in(&store).await, timeline);
    assert_eq!(unmatched(&store).await, 0);
    assert_eq!(next_due(&store).await, None);
    assert_eq!(store.next_lease_end().await.unwrap(), None);
    let again = store.receive(vec![receipt]).await.unwrap();
    assert_eq!(again, [Received::Repeated(sending.id)]);
}

/// In the order in which they came in, whatever order they were handed in, and each once.
pub async fn early_reports_are_told_in_order(store: Arc<dyn Store>) {
    use ReceiptStatus as R;
    let sample = Sample::new(1);
    let id = sample.delivery_id(Channel::Sms);
    keep(&store, vec![reported(id, R::Opened, at(9)), reported(id, R::Accepted, at(7))]).await;
    keep(&store, vec![reported(id, R::Complained, at(8))]).await;
    keep(&store, vec![reported(id, R::Accepted, at(7))]).await;
    sample.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(11), sent).await;
    let timeline = sample.timeline_in(&store).await;
    assert_eq!(statuses(&timeline), ["accepted", "complained", "opened"]);
    assert_eq!(sample.states_in(&store).await, [DeliveryState::Delivered]);
    assert_eq!(unmatched(&store).await, 0);
}

/// Those of other messages and other providers go on waiting.
pub async fn only_the_reports_of_that_message_are_told(store: Arc<dyn Store>) {
    let (first, second) = (Sample::new(1), Sample::new(2));
    let id = |sample: &Sample| message_id(sample.delivery_id(Channel::Sms));
    let receipts = vec![
        report("twilio", &id(&first), ReceiptStatus::Delivered, at(1)),
        report("sns", &id(&first), ReceiptStatus::Bounced, at(1)),
        report("twilio", &id(&second), ReceiptStatus::Bounced, at(1)),
        report("twilio", &format!("{}0", id(&first)), ReceiptStatus::Bounced, at(1)),
    ];
    keep(&store, receipts).await;
    assert_eq!(unmatched(&store).await, 4);
    first.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(2), sent).await;
    assert_eq!(first.states_in(&store).await, [DeliveryState::Delivered]);
    assert_eq!(statuses(&first.timeline_in(&store).await), ["delivered"]);
    assert_eq!(unmatched(&store).await, 3);
    second.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(2), sent).await;
    assert_eq!(second.states_in(&store).await, [DeliveryState::Bounced]);
    assert_eq!(unmatched(&store).await, 2);
}

/// An attempt without an identifier tells nothing; the next one that brings it does.
pub async fn an_early_report_waits_for_the_attempt_that_it_is_about(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    keep(&store, vec![delivered(sample.delivery_id(Channel::Sms), at(1))]).await;
    let waiting = attempt(&store, Channel::Sms, at(2), retry).await;
    assert_eq!(sample.delivery_in(&store).await, waiting);
    assert_eq!(unmatched(&store).await, 1);
    attempt(&store, Channel::Sms, waiting.due_at, sent).await;
    assert_eq!(sample.states_in(&store).await, [DeliveryState::Delivered]);
    assert_eq!(unmatched(&store).await, 0);
}

/// The list takes no notice of who was faster.
pub async fn an_early_bounce_suppresses_the_address(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    keep(&store, vec![reported(sample.delivery_id(Channel::Sms), ReceiptStatus::Bounced, at(1))]).await;
    assert_eq!(store.suppressions(sample.tenant(), None, 10).await.unwrap(), [], "nobody knows whose it is");
    sample.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(2), sent).await;
    let listed = store.suppression(sample.tenant(), Channel::Sms, address(Channel::Sms)).await.unwrap().unwrap();
    assert_eq!(listed.delivery, Some(sample.delivery_id(Channel::Sms)));
}

/// One that is told stays told; those that wait are those that were kept.
pub async fn only_what_is_kept_waits(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(1), sent).await;
    let received = store.receive(vec![delivered(delivery.id, at(2)), delivered(delivery.id, at(3))]).await.unwrap();
    assert!(matches!(received[..], [Received::Told(_), Received::Repeated(_)]), "{received:?}");
    assert_eq!(unmatched(&store).await, 0);
    let others: Vec<_> =
        (0..20).map(|number| report("twilio", &format!("SM{number}"), ReceiptStatus::Opened, at(4))).collect();
    keep(&store, others).await;
    assert_eq!(unmatched(&store).await, 20);
}

/// The oldest go, however their keys sort, and what is early by seconds is told; one that comes again takes nobody's place.
/// Not a case of every store's suite: the store is to keep three reports at most.
pub async fn of_too_many_the_latest_are_kept(store: Arc<dyn Store>) {
    let foreign = |name: &str, ms| report("twilio", name, ReceiptStatus::Bounced, at(ms));
    keep(&store, vec![foreign("SM-c", 1), foreign("SM-a", 3), foreign("SM-b", 2)]).await;
    keep(&store, vec![foreign("SM-a", 4)]).await;
    let sample = Sample::new(1);
    let early = delivered(sample.delivery_id(Channel::Sms), at(5));
    assert_eq!(store.receive(vec![early]).await.unwrap(), [Received::Displaced], "of SM-c");
    assert_eq!(store.receive(vec![foreign("SM-d", 6)]).await.unwrap(), [Received::Displaced], "of SM-b");
    assert_eq!(unmatched(&store).await, 3);
    keep(&store, vec![foreign("SM-a", 4), foreign("SM-d", 6)]).await;
    sample.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(7), sent).await;
    assert_eq!(sample.states_in(&store).await, [DeliveryState::Delivered]);
    assert_eq!(unmatched(&store).await, 2);
    keep(&store, vec![foreign("SM-b", 8)]).await;
}
