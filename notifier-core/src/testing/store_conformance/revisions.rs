//! What a person changes afterwards.

use std::sync::Arc;

use super::sample::{
    Sample, assert_lost, at, attempt, begin, begin_claimed, claim, claim_on, claim_one, due_on, failed, held, next_due,
    sent,
};
use crate::domain::channel::Channel;
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::revision::{Revision, revise};
use crate::domain::strategy::Goal;
use crate::domain::timeline::{FactKind, Reason};
use crate::ports::store::{DeadLetterQuery, Filter, RevisedStatus, Store, StoreError};

const SENT: DeliveryState = DeliveryState::Sent;
const PENDING: DeliveryState = DeliveryState::Pending;

fn reschedule(due_ms: i64, expires_ms: i64) -> Revision {
    Revision::Reschedule { due_at: at(due_ms), expires_at: at(expires_ms) }
}

fn acknowledge() -> Revision {
    Revision::Acknowledge { by: Some("ada".into()) }
}

fn replay(channel: Option<Channel>, expires_ms: i64) -> Revision {
    Revision::Replay { channel, expires_at: at(expires_ms) }
}

/// Revises, and checks that exactly that is stored and told that the domain decides about the notification as it was.
async fn revised(store: &Arc<dyn Store>, sample: &Sample, revision: &Revision, now_ms: i64) -> RevisedStatus {
    let before = sample.status_in(store).await;
    let mut timeline = sample.timeline_in(store).await;
    let decided = revise(&before.notification, &before.deliveries, revision, at(now_ms));
    let revised = store.revise(sample.tenant(), sample.id(), revision, at(now_ms)).await.unwrap().expect("it is there");
    assert_eq!(sample.status_in(store).await, revised.status);
    assert_eq!(revised.status.notification, decided.notification.unwrap_or(before.notification));
    let deliveries = before.deliveries.into_iter().map(|delivery| {
        let change = decided.changes.iter().find(|change| change.delivery.id == delivery.id);
        change.map_or(delivery, |change| change.delivery.clone())
    });
    assert_eq!(revised.status.deliveries, deliveries.collect::<Vec<_>>());
    timeline.extend(decided.changes.into_iter().flat_map(|change| change.facts));
    assert_eq!(sample.timeline_in(store).await, timeline);
    revised
}

async fn dead_letters(store: &Arc<dyn Store>, sample: &Sample) -> usize {
    let tenant = sample.tenant().clone();
    let query = DeadLetterQuery { tenant, filter: Filter::default(), before: None, limit: 100 };
    store.dead_letters(&query).await.unwrap().items.len()
}

/// Whatever is wanted of it.
pub async fn the_unknown_cannot_be_revised(store: Arc<dyn Store>) {
    let (here, missing, elsewhere) = (Sample::new(1), Sample::new(2), Sample::new(1).of("elsewhere"));
    here.accepted_by(&store).await;
    let before = here.status_in(&store).await;
    let cancel = Revision::Cancel(Reason::new("cancel.requested", "no"));
    for revision in [cancel, reschedule(5, 10), acknowledge(), replay(None, 10)] {
        for sample in [&missing, &elsewhere] {
            let revised = store.revise(sample.tenant(), sample.id(), &revision, at(1)).await.unwrap();
            assert_eq!(revised, None, "{revision:?}");
        }
    }
    assert_eq!(here.status_in(&store).await, before);
}

/// To another time, earlier or later: not handed out before, and then at once.
pub async fn what_is_rescheduled_is_due_at_the_new_time(store: Arc<dyn Store>) {
    for (number, new_ms) in [(1, 9_000), (2, 500)] {
        let sample = Sample::new(number).on_all_channels().due(5_000);
        sample.accepted_by(&store).await;
        let after = revised(&store, &sample, &reschedule(new_ms, 100_000), 10).await;
        assert_eq!(after.changed, Channel::ALL.map(|channel| sample.delivery_id(channel)));
        let notification = after.status.notification;
        assert_eq!((notification.due_at, notification.expires_at), (at(new_ms), at(100_000)));
        assert_eq!(notification.first_due_at, at(5_000), "what was told stays told");
        assert_eq!(next_due(&store).await, Some(at(new_ms)));
        assert!(claim(&store, 9, at(new_ms - 1), at(10_000)).await.is_empty());
        let claimed = claim(&store, 9, at(new_ms), at(90_000)).await;
        assert_eq!(claimed.len(), Channel::ALL.len());
        assert!(claimed.iter().all(|claimed| claimed.notification == notification), "as it is now");
        for claimed in claimed {
            let sending = begin_claimed(&store, &claimed, at(new_ms), at(90_000)).await;
            store.settle(claimed.lease, sent(&sending, at(new_ms))).await.unwrap();
        }
        assert_eq!(next_due(&store).await, None, "nothing is left at the old time");
    }
}

/// Who had it has it no longer, and it is not held up by that.
pub async fn rescheduling_ends_claims(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(60_000)).await;
    revised(&store, &sample, &reschedule(300, 100_000), 10).await;
    assert_lost(&store, &claimed, at(20)).await;
    store.release(claimed.lease).await.unwrap();
    assert_eq!(next_due(&store).await, Some(at(300)));
    assert!(claim(&store, 9, at(299), at(60_000)).await.is_empty());
    let again = claim_one(&store, at(300), at(60_000)).await;
    begin_claimed(&store, &again, at(300), at(60_000)).await;
}

/// What is being sent or was sent keeps its time and its holder.
pub async fn only_what_waits_is_rescheduled(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_two_channels();
    sample.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(2_000)).await;
    let after = revised(&store, &sample, &reschedule(300, 100_000), 10).await;
    assert_eq!(after.changed, [sample.delivery_id(Channel::Sms)]);
    assert_eq!(after.status.deliveries[0], sending);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(2_000)));
    store.settle(claimed.lease, sent(&sending, at(20))).await.unwrap();
    attempt(&store, Channel::Sms, at(300), sent).await;
    let before = sample.status_in(&store).await;
    let after = revised(&store, &sample, &reschedule(900, 100_000), 400).await;
    assert_eq!((after.status, after.changed.as_slice()), (before, &[][..]), "it is too late");
    assert_eq!(next_due(&store).await, None);
}

/// What escalates until then stops, and the timeline says who took note; what is on its way is not called back.
pub async fn an_acknowledged_sequence_stops(store: Arc<dyn Store>) {
    let sample = Sample::new(1).in_sequence(Goal::Acknowledged, 60_000);
    sample.accepted_by(&store).await;
    attempt(&store, Channel::Email, at(0), sent).await;
    assert_eq!(store.next_due(Channel::Sms, &Lane::ALL).await.unwrap(), Some(at(60_000)));
    let claimed = store.claim(&due_on(Channel::Sms, 1, at(60_000), at(120_000))).await.unwrap().remove(0);
    let after = revised(&store, &sample, &acknowledge(), 60_001).await;
    assert_eq!(after.status.notification.acknowledged_at, Some(at(60_001)));
    assert_eq!(sample.states_in(&store).await, [SENT, DeliveryState::Suppressed]);
    assert_lost(&store, &claimed, at(60_002)).await;
    assert_eq!(next_due(&store).await, None);
    let told = sample.timeline_in(&store).await.into_iter().filter(|fact| fact.kind == FactKind::Acknowledged);
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].channel, told[0].at), (None, at(60_001)));
}

/// The second time nothing changes, nor is anything told.
pub async fn acknowledging_twice_is_acknowledging_once(store: Arc<dyn Store>) {
    for (number, sample) in (0..).zip([Sample::new(1), Sample::new(2).in_sequence(Goal::Acknowledged, 1_000)]) {
        sample.accepted_by(&store).await;
        revised(&store, &sample, &acknowledge(), 5).await;
        let (status, timeline) = (sample.status_in(&store).await, sample.timeline_in(&store).await);
        assert_eq!(status.notification.acknowledged_at, Some(at(5)), "{number}");
        let again = revised(&store, &sample, &Revision::Acknowledge { by: Some("grace".into()) }, 6).await;
        assert_eq!((again.status, again.changed.as_slice()), (status, &[][..]));
        assert_eq!(sample.timeline_in(&store).await, timeline);
    }
}

/// Only what waits for an acknowledgement stops: everything else goes out, and what is being sent keeps its holder.
pub async fn an_acknowledgement_stops_nothing_else(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_two_channels();
    sample.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(2_000)).await;
    let after = revised(&store, &sample, &acknowledge(), 5).await;
    assert_eq!(after.status.deliveries[0], sending);
    assert_eq!(after.status.deliveries[1].state, PENDING);
    store.settle(claimed.lease, sent(&sending, at(6))).await.unwrap();
    attempt(&store, Channel::Sms, at(7), sent).await;
    assert_eq!(sample.states_in(&store).await, [SENT, SENT]);
    assert!(sample.timeline_in(&store).await.iter().any(|fact| fact.kind == FactKind::Acknowledged));
}

/// Whatever it died of: due at once, no dead letter any more, and with all attempts anew.
pub async fn the_dead_are_replayed(store: Arc<dyn Store>) {
    let sample = |number: u32| Sample::new(number).expiring(50_000);
    let samples = [1, 2, 3].map(sample);
    for (sample, decide) in samples.iter().zip([failed, held]) {
        sample.accepted_by(&store).await;
        attempt(&store, Channel::Sms, at(1), decide).await;
    }
    samples[2].accepted_by(&store).await;
    let claimed = claim_one(&store, at(50_000), at(60_000)).await;
    store.settle(claimed.lease, claimed.delivery.expire(at(50_000), at(50_000)).unwrap()).await.unwrap();
    assert_eq!(next_due(&store).await, None);
    for (index, sample) in samples.iter().enumerate() {
        assert_eq!(dead_letters(&store, sample).await, 3 - index);
        let now_ms = 60_000 + i64::try_from(index).unwrap();
        let after = revised(&store, sample, &replay(None, 90_000), now_ms).await;
        assert_eq!(after.changed, [sample.delivery_id(Channel::Sms)]);
        assert_eq!(after.status.notification.expires_at, at(90_000));
        assert_eq!(after.status.deliveries[0].state, PENDING);
        assert_eq!(dead_letters(&store, sample).await, 2 - index);
        assert_eq!(next_due(&store).await, Some(at(now_ms)));
        assert!(claim(&store, 9, at(now_ms - 1), at(99_000)).await.is_empty());
        let again = attempt(&store, Channel::Sms, at(now_ms), sent).await;
        assert_eq!(again.state, SENT);
    }
}

/// Not what was sent, waits, is being sent or was taken back; nor what died on a channel that is not named.
pub async fn only_the_dead_are_replayed(store: Arc<dyn Store>) {
    let cancelled = Sample::new(1);
    cancelled.accepted_by(&store).await;
    let cancel = Revision::Cancel(Reason::new("cancel.requested", "no"));
    revised(&store, &cancelled, &cancel, 1).await;
    let live = Sample::new(2).on_two_channels();
    live.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(1), at(1_000)).await;
    begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    let done = Sample::new(3).on(&[Channel::Email]);
    done.accepted_by(&store).await;
    attempt(&store, Channel::Email, at(1), sent).await;
    for sample in [&cancelled, &live, &done] {
        let before = sample.status_in(&store).await;
        let after = revised(&store, sample, &replay(None, 90_000_000_000), 5).await;
        assert_eq!((after.status, after.changed.as_slice()), (before, &[][..]));
    }
    claim(&store, 9, at(5), at(100_000)).await;
    let dead = Sample::new(4).on_two_channels();
    dead.accepted_by(&store).await;
    attempt(&store, Channel::Email, at(5), failed).await;
    attempt(&store, Channel::Sms, at(5), failed).await;
    let after = revised(&store, &dead, &replay(Some(Channel::Sms), 90_000), 10).await;
    assert_eq!(after.changed, [dead.delivery_id(Channel::Sms)]);
    assert_eq!(dead.states_in(&store).await, [DeliveryState::Failed, PENDING]);
    let claimed = claim(&store, 9, at(10), at(20)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.delivery.id).collect::<Vec<_>>(), after.changed);
}

/// In a race between putting off and sending, exactly one happens.
pub async fn begin_and_reschedule_never_both_win(store: Arc<dyn Store>) {
    for number in 0..30 {
        let sample = Sample::new(number);
        sample.accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        let change = begin(&claimed.delivery, at(1));
        let beginning = {
            let (store, lease) = (Arc::clone(&store), claimed.lease);
            tokio::spawn(async move { store.begin(lease, change, at(1_000)).await })
        };
        let (tenant, id) = (sample.tenant(), sample.id());
        let after = store.revise(tenant, id, &reschedule(900_000, 1_000_000), at(1)).await.unwrap().unwrap();
        match beginning.await.unwrap() {
            Ok(()) => {
                assert_eq!((sample.states_in(&store).await, after.changed), (vec![DeliveryState::Sending], vec![]))
            }
            Err(error) => {
                assert_eq!(error, StoreError::LeaseLost(claimed.delivery.id));
                assert_eq!(sample.delivery_in(&store).await.due_at, at(900_000));
            }
        }
    }
}
