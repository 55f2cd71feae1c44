//! What providers report, and which delivery it is told.

use std::sync::Arc;

use super::sample::{
    Sample, assert_lost, at, attempt, begin_claimed, begin_through, claim_on, claim_one, delivered, doubtful, held,
    next_due, report, reported, sent, sent_as,
};
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::domain::timeline::FactKind;
use crate::ports::store::{Received, Store, StoreError};

const SENT: DeliveryState = DeliveryState::Sent;
const DELIVERED: DeliveryState = DeliveryState::Delivered;

async fn receive(store: &Arc<dyn Store>, receipt: &Receipt) -> Received {
    let mut received = store.receive(vec![receipt.clone()]).await.unwrap();
    assert_eq!(received.len(), 1);
    received.remove(0)
}

/// Hands in a report, and checks that it is told as the domain decides about the delivery as it was.
async fn told(store: &Arc<dyn Store>, sample: &Sample, before: &Delivery, receipt: &Receipt) -> Delivery {
    let mut timeline = sample.timeline_in(store).await;
    let facts: Vec<_> = timeline.iter().filter(|fact| fact.channel == Some(before.id.channel)).cloned().collect();
    let change = before.receive(receipt, &facts).expect("it is news");
    let told = Box::new(change.delivery.clone());
    assert_eq!(receive(store, receipt).await, Received::Told(told), "{:?}", receipt.event.status);
    assert!(sample.status_in(store).await.deliveries.contains(&change.delivery));
    timeline.extend(change.facts);
    assert_eq!(sample.timeline_in(store).await, timeline);
    change.delivery
}

/// Accepts the sample, and has its one message sent.
async fn sent_sample(store: &Arc<dyn Store>, number: u32) -> (Sample, Delivery) {
    let sample = Sample::new(number);
    sample.accepted_by(store).await;
    let delivery = attempt(store, Channel::Sms, at(1), sent).await;
    (sample, delivery)
}

/// The one whose message it is, and no other.
pub async fn a_report_finds_its_delivery_by_the_identifier_of_the_message(store: Arc<dyn Store>) {
    let (sample, delivery) = sent_sample(&store, 1).await;
    let (other, untouched) = sent_sample(&store, 2).await;
    let after = told(&store, &sample, &delivery, &delivered(delivery.id, at(50))).await;
    assert_eq!(after.state, DELIVERED);
    assert_eq!(other.delivery_in(&store).await, untouched);
}

/// Also of other tenants and channels, in one call, each in its place.
pub async fn many_reports_are_told_in_order(store: Arc<dyn Store>) {
    let (first, one) = sent_sample(&store, 1).await;
    let second = Sample::new(2).of("elsewhere").on_two_channels();
    second.accepted_by(&store).await;
    let email = attempt(&store, Channel::Email, at(1), sent).await;
    let sms = attempt(&store, Channel::Sms, at(1), sent).await;
    let reports = vec![
        delivered(sms.id, at(50)),
        report("twilio", "of somebody else", ReceiptStatus::Delivered, at(50)),
        reported(one.id, ReceiptStatus::Bounced, at(50)),
        delivered(sms.id, at(50)),
        delivered(email.id, at(50)),
    ];
    let received = store.receive(reports).await.unwrap();
    let is_told = |index: usize, delivery: &Delivery, state: DeliveryState| {
        let told = &received[index];
        assert!(matches!(told, Received::Told(now) if now.id == delivery.id && now.state == state), "{told:?}");
    };
    is_told(0, &sms, DELIVERED);
    assert_eq!(received[1], Received::Kept);
    is_told(2, &one, DeliveryState::Bounced);
    assert_eq!(received[3], Received::Repeated(sms.id));
    is_told(4, &email, DELIVERED);
    assert_eq!(received.len(), 5);
    assert_eq!(second.states_in(&store).await, [DELIVERED; 2], "the same event of another message is another event");
    assert_eq!(first.states_in(&store).await, [DeliveryState::Bounced]);
    assert_eq!(store.receive(Vec::new()).await.unwrap(), []);
}

/// Although nobody knows what the provider calls the message.
pub async fn a_report_can_name_its_delivery(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(1), held).await;
    let unknown_message = report("twilio", "SM-never-heard-of", ReceiptStatus::Delivered, at(50));
    let naming = Receipt { delivery: Some(delivery.id), ..unknown_message };
    assert_eq!(told(&store, &sample, &delivery, &naming).await.state, DELIVERED);
    let nobody = Sample::new(2).delivery_id(Channel::Sms);
    let about_nothing =
        Receipt { delivery: Some(nobody), ..report("twilio", "SM-x", ReceiptStatus::Delivered, at(51)) };
    assert_eq!(receive(&store, &about_nothing).await, Received::Kept);
    let (other, sent) = sent_sample(&store, 3).await;
    let misnamed = Receipt { delivery: Some(nobody), ..delivered(sent.id, at(52)) };
    assert_eq!(told(&store, &other, &sent, &misnamed).await.state, DELIVERED, "the message is known");
}

/// What was never sent cannot have arrived: nothing is told.
pub async fn a_report_about_what_was_never_sent_changes_nothing(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let (before, timeline) = (sample.status_in(&store).await, sample.timeline_in(&store).await);
    let id = sample.delivery_id(Channel::Sms);
    let naming = Receipt { delivery: Some(id), ..report("twilio", "SM-x", ReceiptStatus::Bounced, at(50)) };
    assert_eq!(receive(&store, &naming).await, Received::Repeated(id));
    assert_eq!((sample.status_in(&store).await, sample.timeline_in(&store).await), (before, timeline));
    claim_one(&store, at(0), at(1_000)).await;
}

/// Vendors report until they believe that they were heard.
pub async fn a_repeated_report_is_told_once(store: Arc<dyn Store>) {
    let (sample, delivery) = sent_sample(&store, 1).await;
    let events = [(None, Some(7)), (Some("EV1"), None), (Some("EV2"), Some(7))];
    let mut before = delivery.clone();
    for (event_id, occurred_at_ms) in events {
        let receipt = delivered(delivery.id, at(50));
        let event = ReceiptEvent { event_id: event_id.map(str::to_owned), occurred_at_ms, ..receipt.event };
        before = told(&store, &sample, &before, &Receipt { event: event.clone(), ..receipt }).await;
        let timeline = sample.timeline_in(&store).await;
        let again = Receipt { event, ..delivered(delivery.id, at(90)) };
        assert_eq!(receive(&store, &again).await, Received::Repeated(delivery.id), "{event_id:?}");
        assert_eq!(sample.timeline_in(&store).await, timeline);
        assert_eq!(sample.delivery_in(&store).await, before);
    }
}

/// One that says less than what is known only goes into the timeline.
pub async fn reports_out_of_order_lose_nothing(store: Arc<dyn Store>) {
    use ReceiptStatus as R;
    let bounced = DeliveryState::Bounced;
    let cases = [
        (vec![R::Delivered, R::Accepted, R::Failed], DELIVERED),
        (vec![R::Opened, R::Delivered], DELIVERED),
        (vec![R::Failed, R::Delivered], DELIVERED),
        (vec![R::Delivered, R::Bounced, R::Opened], bounced),
        (vec![R::Complained, R::Other, R::Clicked], DELIVERED),
    ];
    for (number, (statuses, expected)) in (0..).zip(cases) {
        let (sample, mut delivery) = sent_sample(&store, number).await;
        for (status, ms) in statuses.iter().zip(50..) {
            delivery = told(&store, &sample, &delivery, &reported(delivery.id, *status, at(ms))).await;
        }
        assert_eq!(delivery.state, expected, "{statuses:?}");
        let facts = sample.timeline_in(&store).await;
        assert_eq!(facts.iter().filter(|fact| fact.detail("receipt").is_some()).count(), statuses.len());
    }
}

/// What each says about a message that a provider took.
pub async fn reports_move_the_state(store: Arc<dyn Store>) {
    let state_after = |status| match status {
        ReceiptStatus::Delivered | ReceiptStatus::Opened | ReceiptStatus::Clicked => DELIVERED,
        ReceiptStatus::Bounced => DeliveryState::Bounced,
        ReceiptStatus::Failed => DeliveryState::Failed,
        _ => SENT,
    };
    for (number, status) in (0..).zip(ReceiptStatus::ALL) {
        let (sample, delivery) = sent_sample(&store, number).await;
        let after = told(&store, &sample, &delivery, &reported(delivery.id, status, at(50))).await;
        assert_eq!(after.state, state_after(status), "{status:?}");
        assert_eq!(next_due(&store).await, None);
    }
}

/// Two providers may call their messages the same.
pub async fn identifiers_of_messages_belong_to_providers(store: Arc<dyn Store>) {
    let samples = [(Sample::new(1), "twilio"), (Sample::new(2), "sns")];
    for (sample, provider) in &samples {
        sample.accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        let begun = begin_through(&claimed.delivery, provider, at(1));
        store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
        store.settle(claimed.lease, sent_as(&begun.delivery, "same", at(2))).await.unwrap();
    }
    let of_third = report("twilio2", "same", ReceiptStatus::Bounced, at(50));
    assert_eq!(receive(&store, &of_third).await, Received::Kept);
    let [(first, _), (second, _)] = &samples;
    let before = second.delivery_in(&store).await;
    told(&store, second, &before, &report("sns", "same", ReceiptStatus::Delivered, at(51))).await;
    assert_eq!((first.states_in(&store).await, second.states_in(&store).await), (vec![SENT], vec![DELIVERED]));
    let before = first.delivery_in(&store).await;
    told(&store, first, &before, &report("twilio", "same", ReceiptStatus::Bounced, at(52))).await;
    assert_eq!(second.states_in(&store).await, [DELIVERED]);
}

/// However long, and with whatever in them: no two are taken for each other.
pub async fn identifiers_of_messages_can_be_anything(store: Arc<dyn Store>) {
    let long = "x".repeat(5_000);
    let names =
        [String::new(), "0".into(), "a|b".into(), "zoë 🏠\0".into(), "x".into(), long.clone(), format!("{long}y")];
    let mut samples = Vec::new();
    for (number, name) in (0..).zip(&names) {
        let sample = Sample::new(number);
        sample.accepted_by(&store).await;
        attempt(&store, Channel::Sms, at(1), |delivery, now| sent_as(delivery, name, now)).await;
        samples.push(sample);
    }
    for (index, (sample, name)) in samples.iter().zip(&names).enumerate() {
        let before = sample.delivery_in(&store).await;
        told(&store, sample, &before, &report("twilio", name, ReceiptStatus::Delivered, at(50))).await;
        for (other, sample) in samples.iter().enumerate() {
            let expected = if other <= index { DELIVERED } else { SENT };
            assert_eq!(sample.states_in(&store).await, [expected], "{other} after {index}");
        }
    }
}

/// Waiting for another try of what may have been sent: it arrived, so nobody sends it again.
pub async fn a_report_ends_the_wait_of_what_arrived(store: Arc<dyn Store>) {
    for (number, status, state) in [
        (1, ReceiptStatus::Delivered, DELIVERED),
        (2, ReceiptStatus::Accepted, SENT),
        (3, ReceiptStatus::Bounced, DeliveryState::Bounced),
    ] {
        let sample = Sample::new(number);
        sample.accepted_by(&store).await;
        let waiting = attempt(&store, Channel::Sms, at(1), doubtful).await;
        assert_eq!(waiting.state, DeliveryState::Pending);
        let claimed = claim_on(&store, Channel::Sms, waiting.due_at, at(90_000)).await;
        let naming = Receipt { delivery: Some(waiting.id), ..report("twilio", "SM-late", status, at(50)) };
        assert_eq!(told(&store, &sample, &waiting, &naming).await.state, state);
        assert_lost(&store, &claimed, waiting.due_at).await;
        store.release(claimed.lease).await.unwrap();
        assert_eq!(next_due(&store).await, None, "after {status:?}");
    }
}

/// One that does not end the wait leaves it on the queue.
pub async fn what_goes_on_waiting_after_a_report_is_still_due(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let waiting = attempt(&store, Channel::Sms, at(1), doubtful).await;
    let naming = Receipt { delivery: Some(waiting.id), ..report("twilio", "SM-1", ReceiptStatus::Failed, at(50)) };
    let after = told(&store, &sample, &waiting, &naming).await;
    assert_eq!((after.state, after.due_at), (DeliveryState::Pending, waiting.due_at));
    assert_eq!(next_due(&store).await, Some(waiting.due_at));
    assert_eq!(claim_on(&store, Channel::Sms, waiting.due_at, at(90_000)).await.delivery, after);
}

/// The report is faster than the answer to the call: what the sender has to say about it is too late.
pub async fn a_report_of_the_call_under_way_outruns_the_sender(store: Arc<dyn Store>) {
    let cases = [
        (ReceiptStatus::Delivered, DELIVERED),
        (ReceiptStatus::Opened, DELIVERED),
        (ReceiptStatus::Accepted, SENT),
        (ReceiptStatus::Failed, DeliveryState::Failed),
        (ReceiptStatus::Bounced, DeliveryState::Bounced),
    ];
    for (number, (status, state)) in (0..).zip(cases) {
        let sample = Sample::new(number);
        sample.accepted_by(&store).await;
        let claimed = claim_one(&store, at(0), at(1_000)).await;
        let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
        let naming = Receipt { delivery: Some(sending.id), ..report("twilio", "SM-fast", status, at(2)) };
        let after = told(&store, &sample, &sending, &naming).await;
        assert_eq!(after.state, state, "{status:?}");
        let refused = store.settle(claimed.lease, sent(&sending, at(3))).await.unwrap_err();
        assert_eq!(refused, StoreError::LeaseLost(sending.id));
        assert_eq!(sample.delivery_in(&store).await, after);
        assert_eq!(store.next_lease_end().await.unwrap(), None);
        assert!(store.reclaim(at(9_000), 9, at(10_000)).await.unwrap().is_empty());
        assert_eq!(next_due(&store).await, None);
        assert_eq!(store.counts().await.unwrap().sending, 0);
    }
}

/// What may be about an earlier call, or says nothing about the one that is under way, is only told: the sender goes on, and has
/// the last word.
pub async fn while_it_is_being_sent_its_sender_has_the_say(store: Arc<dyn Store>) {
    use FactKind as F;
    for (number, status) in (0..).zip([ReceiptStatus::Failed, ReceiptStatus::Bounced, ReceiptStatus::Other]) {
        let sample = Sample::new(number);
        sample.accepted_by(&store).await;
        let waiting = attempt(&store, Channel::Sms, at(1), doubtful).await;
        let (now, until) = (waiting.due_at, at(90_000));
        let claimed = claim_on(&store, Channel::Sms, now, until).await;
        let sending = begin_claimed(&store, &claimed, now, until).await;
        let naming = Receipt { delivery: Some(sending.id), ..report("twilio", "SM-1", status, now) };
        let after = told(&store, &sample, &sending, &naming).await;
        assert_eq!(after.state, DeliveryState::Sending, "{status:?}");
        assert_eq!(store.next_lease_end().await.unwrap(), Some(until));
        let change = sent(&sending, now);
        store.settle(claimed.lease, change.clone()).await.unwrap();
        assert_eq!(sample.delivery_in(&store).await, change.delivery);
        let kinds: Vec<_> = sample.timeline_in(&store).await.iter().map(|fact| fact.kind).collect();
        assert!(kinds.ends_with(&[F::Attempting, F::Receipt, F::Sent]), "{kinds:?}");
        assert_eq!(receive(&store, &naming).await, Received::Repeated(sending.id));
    }
}

/// What is being sent can be taken over after a report as well: with what was told meanwhile.
pub async fn a_delivery_is_reclaimed_as_a_report_left_it(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(1_000)).await;
    let naming = Receipt { delivery: Some(sending.id), ..report("twilio", "SM-1", ReceiptStatus::Other, at(2)) };
    let after = told(&store, &sample, &sending, &naming).await;
    let reclaimed = store.reclaim(at(1_000), 9, at(2_000)).await.unwrap();
    assert_eq!(reclaimed.iter().map(|claimed| &claimed.delivery).collect::<Vec<_>>(), [&after]);
    store.settle(reclaimed[0].lease, doubtful(&after, at(1_001))).await.unwrap();
    assert_eq!(
        store.settle(claimed.lease, sent(&sending, at(1_002))).await.unwrap_err(),
        StoreError::LeaseLost(sending.id)
    );
}
