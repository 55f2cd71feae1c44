//! What the store knows about itself.

use std::sync::Arc;

use super::sample::{
    Sample, accept_each, at, attempt, begin_claimed, claim, claim_on, claim_one, delivered, doubtful, failed,
    message_id, next_due, report, reported, retry, sent,
};
use crate::domain::channel::Channel;
use crate::domain::lane::Lane;
use crate::domain::receipt::{Receipt, ReceiptStatus};
use crate::domain::revision::Revision;
use crate::domain::strategy::Goal;
use crate::domain::timeline::Reason;
use crate::ports::store::{Room, Store, StoreCounts, Swept};

fn cancel() -> Revision {
    Revision::Cancel(Reason::new("cancel.requested", "no"))
}

async fn expect(store: &Arc<dyn Store>, pending: [usize; 3], sending: usize, dead: usize, unmatched_receipts: usize) {
    let [urgent, normal, bulk] = pending;
    let expected = StoreCounts { pending: Room { urgent, normal, bulk }, sending, dead, unmatched_receipts };
    assert_eq!(store.counts().await.unwrap(), expected);
}

/// Every step of a delivery, in its lane.
pub async fn the_counts_follow_every_step(store: Arc<dyn Store>) {
    expect(&store, [0, 0, 0], 0, 0, 0).await;
    let urgent = Sample::new(1).in_lane(Lane::Urgent);
    urgent.accepted_by(&store).await;
    expect(&store, [1, 0, 0], 0, 0, 0).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    expect(&store, [1, 0, 0], 0, 0, 0).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(2_000)).await;
    expect(&store, [0, 0, 0], 1, 0, 0).await;
    let reclaimed = store.reclaim(at(2_000), 1, at(3_000)).await.unwrap();
    expect(&store, [0, 0, 0], 1, 0, 0).await;
    let waiting = retry(&sending, at(2_000));
    store.settle(reclaimed[0].lease, waiting.clone()).await.unwrap();
    expect(&store, [1, 0, 0], 0, 0, 0).await;
    attempt(&store, Channel::Sms, waiting.delivery.due_at, failed).await;
    expect(&store, [0, 0, 0], 0, 1, 0).await;
    let replay = Revision::Replay { channel: None, expires_at: at(90_000) };
    store.revise(urgent.tenant(), urgent.id(), &replay, at(9_000)).await.unwrap().unwrap();
    expect(&store, [1, 0, 0], 0, 0, 0).await;
    attempt(&store, Channel::Sms, at(9_000), sent).await;
    expect(&store, [0, 0, 0], 0, 0, 0).await;
    store.receive(vec![delivered(urgent.delivery_id(Channel::Sms), at(9_001))]).await.unwrap();
    expect(&store, [0, 0, 0], 0, 0, 0).await;
}

/// Also where many move at once, something takes the place of something else, or nothing moves at all.
pub async fn the_counts_follow_what_people_change(store: Arc<dyn Store>) {
    let many: Vec<_> = (0..10).map(|number| Sample::new(number).in_lane(Lane::Bulk).on_two_channels()).collect();
    accept_each(&store, &many).await;
    expect(&store, [0, 0, 20], 0, 0, 0).await;
    let keyed = Sample::new(20).keyed("k", 1).collapsing("c");
    keyed.accepted_by(&store).await;
    store.accept(Sample::new(21).keyed("k", 1).acceptance()).await.unwrap();
    store.accept(Sample::new(22).keyed("k", 2).acceptance()).await.unwrap_err();
    store.accept(Sample::new(23).replacing(Sample::new(99).id()).acceptance()).await.unwrap_err();
    expect(&store, [0, 1, 20], 0, 0, 0).await;
    store.accept(Sample::new(24).in_lane(Lane::Urgent).collapsing("c").acceptance()).await.unwrap();
    expect(&store, [1, 0, 20], 0, 0, 0).await;
    store.accept(Sample::new(25).replacing(many[0].id()).acceptance()).await.unwrap();
    expect(&store, [1, 1, 18], 0, 0, 0).await;
    store.revise(many[1].tenant(), many[1].id(), &cancel(), at(1)).await.unwrap().unwrap();
    store.revise(many[1].tenant(), many[1].id(), &cancel(), at(2)).await.unwrap().unwrap();
    expect(&store, [1, 1, 16], 0, 0, 0).await;
    let later = Revision::Reschedule { due_at: at(500), expires_at: at(90_000) };
    store.revise(many[2].tenant(), many[2].id(), &later, at(1)).await.unwrap().unwrap();
    store.revise(many[3].tenant(), many[3].id(), &Revision::Acknowledge { by: None }, at(1)).await.unwrap().unwrap();
    expect(&store, [1, 1, 16], 0, 0, 0).await;
    claim(&store, 99, at(0), at(1_000)).await;
    let escalating = Sample::new(30).in_sequence(Goal::Acknowledged, 1_000);
    escalating.accepted_by(&store).await;
    expect(&store, [1, 3, 16], 0, 0, 0).await;
    attempt(&store, Channel::Email, at(0), sent).await;
    expect(&store, [1, 2, 16], 0, 0, 0).await;
    let acknowledge = Revision::Acknowledge { by: None };
    store.revise(escalating.tenant(), escalating.id(), &acknowledge, at(1)).await.unwrap().unwrap();
    expect(&store, [1, 1, 16], 0, 0, 0).await;
}

/// Those that are kept, those that are told, and what they end.
pub async fn the_counts_follow_reports(store: Arc<dyn Store>) {
    let samples = [1, 2, 3].map(Sample::new);
    let id = |index: usize| samples[index].delivery_id(Channel::Sms);
    store.receive(vec![reported(id(0), ReceiptStatus::Failed, at(1))]).await.unwrap();
    store.receive(vec![report("sns", &message_id(id(0)), ReceiptStatus::Failed, at(1))]).await.unwrap();
    expect(&store, [0, 0, 0], 0, 0, 2).await;
    samples[0].accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(2), sent).await;
    expect(&store, [0, 0, 0], 0, 1, 1).await;
    store.receive(vec![delivered(id(0), at(3))]).await.unwrap();
    expect(&store, [0, 0, 0], 0, 0, 1).await;
    samples[1].accepted_by(&store).await;
    let waiting = attempt(&store, Channel::Sms, at(4), doubtful).await;
    expect(&store, [0, 1, 0], 0, 0, 1).await;
    let naming = Receipt { delivery: Some(waiting.id), ..report("twilio", "SM-x", ReceiptStatus::Delivered, at(5)) };
    store.receive(vec![naming.clone()]).await.unwrap();
    store.receive(vec![naming]).await.unwrap();
    expect(&store, [0, 0, 0], 0, 0, 1).await;
    samples[2].accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(6), sent).await;
    store.receive(vec![reported(id(2), ReceiptStatus::Failed, at(7))]).await.unwrap();
    expect(&store, [0, 0, 0], 0, 1, 1).await;
    store.receive(vec![reported(id(2), ReceiptStatus::Other, at(8))]).await.unwrap();
    expect(&store, [0, 0, 0], 0, 1, 1).await;
}

/// Page by page to the end; what is in order stays as it is, whoever has it.
pub async fn a_sweep_finds_nothing_in_a_healthy_store(store: Arc<dyn Store>) {
    let tenants = ["a", "b", "c"];
    let samples: Vec<_> = (0..30)
        .map(|number| {
            Sample::new(number).of(tenants[number as usize % 3]).on_two_channels().created(i64::from(number % 7))
        })
        .collect();
    accept_each(&store, &samples).await;
    for _ in 0..6 {
        attempt(&store, Channel::Email, at(10), sent).await;
        attempt(&store, Channel::Sms, at(10), failed).await;
        attempt(&store, Channel::Sms, at(10), retry).await;
    }
    let sending = claim_on(&store, Channel::Email, at(10), at(90_000)).await;
    let begun = begin_claimed(&store, &sending, at(10), at(90_000)).await;
    let held = claim_on(&store, Channel::Sms, at(10), at(90_000)).await;
    store.revise(samples[29].tenant(), samples[29].id(), &cancel(), at(11)).await.unwrap().unwrap();
    let mut before = Vec::new();
    for sample in &samples {
        before.push(sample.status_in(&store).await);
    }
    let (counts, due, lease_end) =
        (store.counts().await.unwrap(), next_due(&store).await, store.next_lease_end().await.unwrap());
    let live = counts.pending.urgent + counts.pending.normal + counts.pending.bulk + counts.sending;
    for limit in [1, 4, 1_000] {
        let (mut examined, mut pages, mut after) = (0, 0, None);
        loop {
            let swept = store.sweep(after, limit).await.unwrap();
            assert_eq!(swept.repaired, 0);
            (examined, pages) = (examined + swept.examined, pages + 1);
            assert!(pages <= 200, "the sweep has no end");
            let Some(next) = swept.next else { break };
            after = Some(next);
        }
        assert!((live..=60).contains(&examined), "{examined} of {live} that are alive, in pages of {limit}");
        assert!(pages > 1 || limit > 60, "{pages} pages of {limit}");
    }
    for (sample, before) in samples.iter().zip(before) {
        assert_eq!(sample.status_in(&store).await, before);
    }
    assert_eq!(store.counts().await.unwrap(), counts);
    assert_eq!((next_due(&store).await, store.next_lease_end().await.unwrap()), (due, lease_end));
    store.settle(sending.lease, sent(&begun, at(12))).await.unwrap();
    begin_claimed(&store, &held, at(12), at(90_000)).await;
    assert_eq!(store.sweep(Some(samples[29].id()), 10).await.unwrap().repaired, 0);
}

/// An empty store is swept at once.
pub async fn nothing_is_swept_in_an_empty_store(store: Arc<dyn Store>) {
    assert_eq!(store.sweep(None, 10).await.unwrap(), Swept::default());
}
