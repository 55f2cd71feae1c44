//! Deliveries that take turns.

use std::sync::Arc;

use jiff::Timestamp;

use super::sample::{
    Sample, assert_lost, at, attempt, begin, begin_claimed, begin_followed, claim, claim_on, claim_one, deferred,
    delivered, failed, reported, retry, sent,
};
use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::ReceiptStatus;
use crate::domain::strategy::Goal;
use crate::ports::store::{Received, Store};

/// Email, then text message; too late at 1,000,000.
fn sequence(number: u32) -> Sample {
    Sample::new(number).in_sequence(Goal::Delivered, 60_000).expiring(1_000_000)
}

async fn due(store: &Arc<dyn Store>, channel: Channel) -> Option<Timestamp> {
    store.next_due(channel, &Lane::ALL).await.unwrap()
}

fn followed_by(change: Change, due_ms: i64) -> Change {
    Change { next_due_at: Some(at(due_ms)), ..change }
}

/// The later ones wait until nothing can come of them any more.
pub async fn only_the_first_is_due_at_the_start(store: Arc<dyn Store>) {
    let sample = sequence(1).due(500);
    sample.accepted_by(&store).await;
    assert_eq!(sample.status_in(&store).await.deliveries, sample.notification().first_deliveries());
    assert_eq!(due(&store, Channel::Email).await, Some(at(500)));
    assert_eq!(due(&store, Channel::Sms).await, Some(at(1_000_000)));
    let claimed = claim(&store, 9, at(999_999), at(1_000_000)).await;
    assert_eq!(claimed.iter().map(|one| one.delivery.id).collect::<Vec<_>>(), [sample.delivery_id(Channel::Email)]);
}

/// The order is that of the notification, not that of channels.
pub async fn the_order_of_a_sequence_is_that_of_its_channels(store: Arc<dyn Store>) {
    let sample = sequence(1).on(&[Channel::Sms, Channel::Email]);
    sample.accepted_by(&store).await;
    assert_eq!(due(&store, Channel::Email).await, Some(at(1_000_000)));
    attempt(&store, Channel::Sms, at(10), failed).await;
    assert_eq!(due(&store, Channel::Email).await, Some(at(10)));
    let claimed = claim_one(&store, at(10), at(1_000)).await;
    assert_eq!(claimed.delivery.id, sample.delivery_id(Channel::Email));
}

/// In the same commit as what came of the one before it: due then, not before, and otherwise as it was.
pub async fn the_next_is_due_when_the_change_says_so(store: Arc<dyn Store>) {
    for (number, follow_ms) in [(1, 700), (2, 20)] {
        let sample = sequence(number);
        sample.accepted_by(&store).await;
        let waiting = sample.status_in(&store).await.deliveries.remove(1);
        let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
        let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
        let change = followed_by(sent(&sending, at(2)), follow_ms);
        store.settle(claimed.lease, change.clone()).await.unwrap();
        let after = sample.status_in(&store).await.deliveries;
        assert_eq!(after[0], change.delivery);
        assert_eq!((after[1].state, after[1].due_at), (DeliveryState::Pending, at(follow_ms)));
        assert_eq!(after[1].reason, waiting.reason, "nothing was decided about it");
        assert!(sample.timeline_in(&store).await.iter().all(|fact| fact.channel != Some(Channel::Sms)));
        assert_eq!(due(&store, Channel::Sms).await, Some(at(follow_ms)));
        assert!(claim(&store, 9, at(follow_ms - 1), at(2_000)).await.is_empty());
        let next = attempt(&store, Channel::Sms, at(follow_ms), sent).await;
        assert_eq!((next.id, next.attempts), (sample.delivery_id(Channel::Sms), 1));
        assert_eq!(due(&store, Channel::Sms).await, None, "nothing is left at the old time");
    }
}

/// With every kind of change: an intent, a claim that was settled without one, and what came of a call.
pub async fn every_change_can_make_the_next_due(store: Arc<dyn Store>) {
    let sample = sequence(1);
    sample.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let put_off = followed_by(deferred(&claimed.delivery, at(1)), 900);
    let again_at = put_off.delivery.due_at;
    store.settle(claimed.lease, put_off).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(900)));
    let claimed = claim_on(&store, Channel::Email, again_at, at(90_000)).await;
    let begun = followed_by(begin(&claimed.delivery, again_at), 800);
    store.begin(claimed.lease, begun.clone(), at(90_000)).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(800)));
    store.settle(claimed.lease, followed_by(failed(&begun.delivery, again_at), 700)).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(700)));
}

/// Only the next one itself waits longer than it was told.
pub async fn nothing_makes_the_next_due_later(store: Arc<dyn Store>) {
    let sample = sequence(1);
    sample.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let begun = followed_by(begin(&claimed.delivery, at(1)), 700);
    store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
    store.settle(claimed.lease, followed_by(retry(&begun.delivery, at(2)), 800)).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(700)));
    let again_at = sample.status_in(&store).await.deliveries[0].due_at;
    let claimed = claim_on(&store, Channel::Email, again_at, at(90_000)).await;
    let sending = begin_claimed(&store, &claimed, again_at, at(90_000)).await;
    store.settle(claimed.lease, followed_by(sent(&sending, again_at), 900)).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(700)));
    let waiting = claim_on(&store, Channel::Sms, at(700), at(90_000)).await;
    let reason = waiting.delivery.reason.clone();
    let put_off = waiting.delivery.postpone(reason, at(60_000), at(700)).unwrap();
    store.settle(waiting.lease, put_off).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(60_000)));
}

/// While the one before goes on, who looks at the next may go on too; when it has ended, they have to look again.
pub async fn what_changes_nothing_leaves_a_claim_on_the_next_alone(store: Arc<dyn Store>) {
    for (number, ends) in [(1, false), (2, true)] {
        let sample = sequence(number);
        sample.accepted_by(&store).await;
        let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
        let begun = followed_by(begin(&claimed.delivery, at(1)), 500);
        store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
        let next = claim_on(&store, Channel::Sms, at(500), at(90_000)).await;
        let settled = if ends { failed(&begun.delivery, at(510)) } else { retry(&begun.delivery, at(510)) };
        store.settle(claimed.lease, followed_by(settled, 510)).await.unwrap();
        assert_eq!(sample.status_in(&store).await.deliveries[1].due_at, at(500));
        if ends {
            assert_lost(&store, &next, at(520)).await;
            assert_eq!(due(&store, Channel::Sms).await, Some(at(500)), "it can be claimed at once");
            claim_on(&store, Channel::Sms, at(520), at(90_000)).await;
        } else {
            begin_claimed(&store, &next, at(520), at(90_000)).await;
        }
    }
}

/// What becomes of a delivery at that time.
type Decision = fn(&Delivery, Timestamp) -> Change;

/// Unless it is not needed any more.
pub async fn one_whose_turn_has_begun_is_left_to_its_own_retries(store: Arc<dyn Store>) {
    let decisions: [(u32, Decision); 2] = [(1, failed), (2, sent)];
    for (number, decide) in decisions {
        let sample = sequence(number);
        sample.accepted_by(&store).await;
        let claimed = claim_on(&store, Channel::Email, at(0), at(200_000)).await;
        let sending = begin_followed(&store, &claimed, at(1), at(200_000)).await;
        assert_eq!(due(&store, Channel::Sms).await, Some(at(60_001)), "with the intent already");
        let next = attempt(&store, Channel::Sms, at(60_001), retry).await;
        assert_eq!(next.turn_since, Some(at(60_001)));
        let change = claimed.notification.followed_up(decide(&sending, at(60_002)), at(60_002));
        store.settle(claimed.lease, change).await.unwrap();
        assert_eq!(sample.status_in(&store).await.deliveries[1], next);
        if number == 2 {
            store.receive(vec![delivered(sending.id, at(60_003))]).await.unwrap();
            assert_eq!(due(&store, Channel::Sms).await, Some(at(60_003)), "to see that it is not needed");
        }
        attempt(&store, Channel::Sms, next.due_at, sent).await;
    }
}

/// Whatever happens to it.
pub async fn when_its_turn_began_is_kept(store: Arc<dyn Store>) {
    let sample = sequence(1);
    sample.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let put_off = deferred(&claimed.delivery, at(5));
    let again_at = put_off.delivery.due_at;
    store.settle(claimed.lease, claimed.notification.followed_up(put_off, at(5))).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(60_005)), "it counts from the first time that it is put off");
    let claimed = claim_on(&store, Channel::Email, again_at, at(90_000)).await;
    assert_eq!(claimed.delivery.turn_since, Some(at(5)));
    let begun = begin_followed(&store, &claimed, again_at, at(90_000)).await;
    let settled = retry(&begun, again_at);
    let again_at = settled.delivery.due_at;
    store.settle(claimed.lease, claimed.notification.followed_up(settled, again_at)).await.unwrap();
    let email = attempt(&store, Channel::Email, again_at, sent).await;
    assert_eq!(email.turn_since, Some(at(5)));
    assert_eq!(sample.status_in(&store).await.deliveries[0], email);
    assert_eq!(due(&store, Channel::Sms).await, Some(at(60_005)));
}

/// A change that says nothing about it leaves it where it is, with who has it.
pub async fn a_change_that_says_nothing_leaves_the_next_alone(store: Arc<dyn Store>) {
    let sample = sequence(1);
    sample.accepted_by(&store).await;
    let waiting = sample.status_in(&store).await.deliveries.remove(1);
    let next = claim_on(&store, Channel::Sms, at(1_000_000), at(2_000_000)).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    let change = sent(&sending, at(2));
    assert_eq!(change.next_due_at, None);
    store.settle(claimed.lease, change).await.unwrap();
    assert_eq!(sample.status_in(&store).await.deliveries[1], waiting);
    begin_claimed(&store, &next, at(3), at(1_000)).await;
}

/// Who looks at it has to look again: things are not as they were.
pub async fn a_claim_on_the_next_ends(store: Arc<dyn Store>) {
    let sample = sequence(1);
    sample.accepted_by(&store).await;
    let next = claim_on(&store, Channel::Sms, at(1_000_000), at(2_000_000)).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    store.settle(claimed.lease, followed_by(sent(&sending, at(2)), 500)).await.unwrap();
    assert_lost(&store, &next, at(3)).await;
    assert_eq!(due(&store, Channel::Sms).await, Some(at(500)));
    claim_on(&store, Channel::Sms, at(500), at(1_000)).await;
}

/// One that is being sent, or has ended, is where it is.
pub async fn one_that_does_not_wait_is_not_made_due(store: Arc<dyn Store>) {
    let sample = sequence(1);
    sample.accepted_by(&store).await;
    let next = claim_on(&store, Channel::Sms, at(1_000_000), at(2_000_000)).await;
    let next_sending = begin_claimed(&store, &next, at(1), at(3_000)).await;
    let claimed = claim_on(&store, Channel::Email, at(0), at(1_000)).await;
    let begun = followed_by(begin(&claimed.delivery, at(2)), 500);
    store.begin(claimed.lease, begun.clone(), at(4_000)).await.unwrap();
    assert_eq!(sample.status_in(&store).await.deliveries[1], next_sending);
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(3_000)));
    assert_eq!(due(&store, Channel::Sms).await, None);
    let next_sent = sent(&next_sending, at(3));
    store.settle(next.lease, next_sent.clone()).await.unwrap();
    store.settle(claimed.lease, followed_by(sent(&begun.delivery, at(4)), 600)).await.unwrap();
    assert_eq!(sample.status_in(&store).await.deliveries[1], next_sent.delivery);
    assert_eq!(due(&store, Channel::Sms).await, None);
}

/// After the last there is nobody, and without an order there is no next.
pub async fn what_has_no_next_makes_nothing_due(store: Arc<dyn Store>) {
    let sample = sequence(1).on(&[Channel::Sms, Channel::Email]);
    let apart = Sample::new(2).on_two_channels().due(5_000);
    for sample in [sample, apart] {
        sample.accepted_by(&store).await;
        let other = async || {
            let deliveries = sample.status_in(&store).await.deliveries;
            deliveries.into_iter().find(|delivery: &Delivery| delivery.id.channel == Channel::Sms).unwrap()
        };
        let before = other().await;
        let claimed = claim_on(&store, Channel::Email, at(1_000_000), at(2_000_000)).await;
        let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
        store.settle(claimed.lease, followed_by(sent(&sending, at(2)), 100)).await.unwrap();
        assert_eq!(other().await, before);
    }
}

/// A report about one is what the next may have waited for.
pub async fn a_report_makes_the_next_due(store: Arc<dyn Store>) {
    let expected = [(ReceiptStatus::Failed, DeliveryState::Failed), (ReceiptStatus::Bounced, DeliveryState::Bounced)];
    for (number, (status, state)) in (1..).zip(expected) {
        let sample = sequence(number);
        sample.accepted_by(&store).await;
        let email = attempt(&store, Channel::Email, at(10), sent).await;
        assert_eq!(due(&store, Channel::Sms).await, Some(at(60_010)), "as long as it has to arrive");
        let next = claim_on(&store, Channel::Sms, at(60_010), at(120_000)).await;
        let told = store.receive(vec![reported(email.id, status, at(50))]).await.unwrap();
        assert!(matches!(&told[0], Received::Told(delivery) if delivery.state == state), "{told:?}");
        assert_lost(&store, &next, at(60)).await;
        assert_eq!(due(&store, Channel::Sms).await, Some(at(50)), "its turn now");
        attempt(&store, Channel::Sms, at(50), sent).await;
    }
    let sample = sequence(9);
    sample.accepted_by(&store).await;
    let email = attempt(&store, Channel::Email, at(10), sent).await;
    store.receive(vec![delivered(email.id, at(70))]).await.unwrap();
    assert_eq!(due(&store, Channel::Sms).await, Some(at(70)), "to see that it is not needed");
}
