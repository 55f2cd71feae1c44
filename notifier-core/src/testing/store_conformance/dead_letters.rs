//! What ended without success.

use std::sync::Arc;

use super::sample::{
    Sample, at, attempt, begin_through, claim_on, claim_one, delivered, failed, held, report, reported, sent,
};
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{CategoryName, DeliveryId, ProviderName, RecipientId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::{Receipt, ReceiptStatus};
use crate::domain::revision::Revision;
use crate::domain::timeline::Reason;
use crate::ports::store::{DeadLetterPlace, DeadLetterQuery, Filter, Store};

fn everything(limit: usize) -> DeadLetterQuery {
    DeadLetterQuery { tenant: TenantId::unnamed(), filter: Filter::default(), before: None, limit }
}

/// All pages, one after the other.
async fn walk(store: &Arc<dyn Store>, mut query: DeadLetterQuery) -> Vec<DeliveryId> {
    let mut found = Vec::new();
    for _ in 0..1_000 {
        let page = store.dead_letters(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        found.extend(page.items.iter().map(|letter| letter.delivery.id));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return found,
        }
    }
    panic!("the list has no end");
}

async fn all(store: &Arc<dyn Store>) -> Vec<DeliveryId> {
    walk(store, everything(100)).await
}

/// Accepts the sample, and has its delivery on that channel refused then.
async fn dead(store: &Arc<dyn Store>, sample: &Sample, channel: Channel, ms: i64) -> Delivery {
    sample.accepted_by(store).await;
    attempt(store, channel, at(ms), failed).await
}

/// By when they died, with what they belong to; nothing that is alive or ended otherwise.
pub async fn dead_letters_are_latest_first(store: Arc<dyn Store>) {
    assert_eq!(all(&store).await, []);
    let samples: Vec<_> = (0..3).map(Sample::new).collect();
    let mut expected = Vec::new();
    for (sample, ms) in samples.iter().zip([20, 40, 30]) {
        let delivery = dead(&store, sample, Channel::Sms, ms).await;
        expected.push((delivery, sample.notification()));
    }
    let (alive, done, stopped, bounced) = (Sample::new(4), Sample::new(5), Sample::new(6), Sample::new(7));
    stopped.accepted_by(&store).await;
    let claimed = claim_one(&store, at(50), at(1_000)).await;
    let rule = Reason::new("preference.channel_off", "switched off");
    store.settle(claimed.lease, claimed.delivery.suppress(rule, at(50)).unwrap()).await.unwrap();
    done.accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(51), sent).await;
    bounced.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(52), sent).await;
    store.receive(vec![reported(delivery.id, ReceiptStatus::Bounced, at(53))]).await.unwrap();
    alive.accepted_by(&store).await;
    let page = store.dead_letters(&everything(10)).await.unwrap();
    let found: Vec<_> = page.items.into_iter().map(|letter| (letter.delivery, letter.notification)).collect();
    assert_eq!(found, [1, 2, 0].map(|index| expected[index].clone()));
    assert_eq!(page.next, None);
}

/// Failed, unknown or expired: every one that can be replayed.
pub async fn every_way_of_dying_counts(store: Arc<dyn Store>) {
    use DeliveryState as S;
    let samples = [1, 2, 3, 4].map(Sample::new);
    dead(&store, &samples[0], Channel::Sms, 10).await;
    samples[1].accepted_by(&store).await;
    attempt(&store, Channel::Sms, at(20), held).await;
    samples[2].accepted_by(&store).await;
    let claimed = claim_one(&store, at(30), at(1_000)).await;
    store.settle(claimed.lease, claimed.delivery.expire(at(25), at(30)).unwrap()).await.unwrap();
    samples[3].accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(35), sent).await;
    store.receive(vec![reported(delivery.id, ReceiptStatus::Failed, at(40))]).await.unwrap();
    let page = store.dead_letters(&everything(10)).await.unwrap();
    let states: Vec<_> = page.items.iter().map(|letter| letter.delivery.state).collect();
    assert_eq!(states, [S::Failed, S::Expired, S::Unknown, S::Failed]);
    let latest = DeadLetterPlace { died_at: at(40), delivery: delivery.id };
    let before = DeadLetterQuery { before: Some(latest), ..everything(10) };
    assert_eq!(walk(&store, before).await.len(), 3, "the place is that of the letter itself");
}

/// Each once, whatever the size of the pages, also of those that died at the same time.
pub async fn dead_letters_can_be_walked_page_by_page(store: Arc<dyn Store>) {
    let mut places = Vec::new();
    for number in 0..12 {
        let sample = Sample::new(number).on_two_channels();
        for (channel, ms) in [(Channel::Email, number / 4), (Channel::Sms, number / 5)] {
            let ms = i64::from(ms);
            if channel == Channel::Email {
                sample.accepted_by(&store).await;
            }
            let delivery = attempt(&store, channel, at(ms), failed).await;
            places.push(DeadLetterPlace { died_at: at(ms), delivery: delivery.id });
        }
    }
    places.sort_unstable();
    let expected: Vec<_> = places.iter().rev().map(|place| place.delivery).collect();
    for limit in [1, 2, 5, 7, 23, 24, 25, 100] {
        assert_eq!(walk(&store, everything(limit)).await, expected, "pages of {limit}");
    }
    for (index, place) in places.iter().enumerate() {
        let query = DeadLetterQuery { before: Some(*place), ..everything(100) };
        assert_eq!(walk(&store, query).await, expected[places.len() - index..], "before {place:?}");
    }
}

/// By what they belong to and how they ended; also when those that fit are few among many.
pub async fn dead_letters_can_be_filtered(store: Arc<dyn Store>) {
    let rare = Sample::new(500).of_category("emergency").to("grace").on_two_channels();
    rare.accepted_by(&store).await;
    let claimed = claim_on(&store, Channel::Email, at(1), at(1_000)).await;
    let begun = begin_through(&claimed.delivery, "sendgrid", at(1));
    store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
    store.settle(claimed.lease, held(&begun.delivery, at(1))).await.unwrap();
    attempt(&store, Channel::Sms, at(1), failed).await;
    let mut many = Vec::new();
    for number in 0..40 {
        many.push(dead(&store, &Sample::new(number), Channel::Sms, i64::from(number) + 2).await.id);
    }
    many.reverse();
    let (email, sms) = (rare.delivery_id(Channel::Email), rare.delivery_id(Channel::Sms));
    let with_sms: Vec<_> = many.iter().copied().chain([sms]).collect();
    let filter = Filter::default;
    let cases = [
        (filter(), with_sms.iter().copied().chain([email]).collect::<Vec<_>>()),
        (Filter { channel: Some(Channel::Email), ..filter() }, vec![email]),
        (Filter { channel: Some(Channel::Sms), ..filter() }, with_sms.clone()),
        (Filter { category: Some(CategoryName::new("emergency").unwrap()), ..filter() }, vec![sms, email]),
        (Filter { category: Some(CategoryName::new("nothing").unwrap()), ..filter() }, vec![]),
        (Filter { recipient: Some(RecipientId::new("grace").unwrap()), ..filter() }, vec![sms, email]),
        (Filter { provider: Some(ProviderName::new("sendgrid").unwrap()), ..filter() }, vec![email]),
        (Filter { provider: Some(ProviderName::new("twilio").unwrap()), ..filter() }, with_sms.clone()),
        (Filter { state: Some(DeliveryState::Unknown), ..filter() }, vec![email]),
        (Filter { state: Some(DeliveryState::Failed), ..filter() }, with_sms),
        (Filter { state: Some(DeliveryState::Sent), ..filter() }, vec![]),
        (Filter { state: Some(DeliveryState::Unknown), channel: Some(Channel::Sms), ..filter() }, vec![]),
    ];
    for (filter, mut expected) in cases {
        for limit in [1, 7, 100] {
            let mut found = walk(&store, DeadLetterQuery { filter: filter.clone(), ..everything(limit) }).await;
            // Those of the rare one died at the same time.
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected, "{filter:?}, pages of {limit}");
        }
    }
}

/// Of names that begin alike, too.
pub async fn dead_letters_belong_to_tenants(store: Arc<dyn Store>) {
    let tenants = ["a", "ab", "b"];
    let mut expected = Vec::new();
    for (number, tenant) in (0..).zip(tenants) {
        expected.push(dead(&store, &Sample::new(number).of(tenant), Channel::Sms, 10).await.id);
    }
    for (tenant, expected) in tenants.into_iter().zip(expected) {
        let query = DeadLetterQuery { tenant: TenantId::new(tenant).unwrap(), ..everything(10) };
        assert_eq!(walk(&store, query).await, [expected], "{tenant}");
    }
    assert_eq!(all(&store).await, []);
}

/// When somebody has it tried again, and when a report says that it arrived after all.
pub async fn what_lives_again_leaves_the_list(store: Arc<dyn Store>) {
    let samples = [1, 2, 3].map(Sample::new);
    let mut ids = Vec::new();
    for (sample, ms) in samples.iter().zip([10, 20, 30]) {
        ids.push(dead(&store, sample, Channel::Sms, ms).await.id);
    }
    assert_eq!(all(&store).await, [ids[2], ids[1], ids[0]]);
    let replay = Revision::Replay { channel: None, expires_at: at(90_000) };
    store.revise(samples[1].tenant(), samples[1].id(), &replay, at(50)).await.unwrap().unwrap();
    assert_eq!(all(&store).await, [ids[2], ids[0]]);
    let naming = |id| Receipt { delivery: Some(id), ..report("twilio", "SM-x", ReceiptStatus::Delivered, at(60)) };
    store.receive(vec![naming(ids[2])]).await.unwrap();
    assert_eq!(all(&store).await, [ids[0]]);
    attempt(&store, Channel::Sms, at(70), failed).await;
    assert_eq!(all(&store).await, [ids[1], ids[0]], "it died again");
    let other = Sample::new(9);
    other.accepted_by(&store).await;
    let sent = attempt(&store, Channel::Sms, at(80), sent).await;
    store.receive(vec![reported(sent.id, ReceiptStatus::Failed, at(81))]).await.unwrap();
    assert_eq!(all(&store).await, [sent.id, ids[1], ids[0]]);
    store.receive(vec![delivered(sent.id, at(82))]).await.unwrap();
    assert_eq!(all(&store).await, [ids[1], ids[0]]);
}
