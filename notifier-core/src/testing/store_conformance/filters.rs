//! Lists of what fits.

use std::sync::Arc;

use super::sample::{Sample, accept_each, at, attempt, begin_through, claim_on, failed, sent};
use crate::domain::channel::Channel;
use crate::domain::id::{CategoryName, NotificationId, ProviderName, RecipientId, SubjectId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::revision::Revision;
use crate::ports::store::{Filter, ListQuery, Store};

const EMAIL: Channel = Channel::Email;
const SMS: Channel = Channel::Sms;

/// All pages, one after the other, by the numbers that the samples have.
async fn walk(store: &Arc<dyn Store>, samples: &[Sample], filter: &Filter, limit: usize) -> Vec<usize> {
    let mut found: Vec<NotificationId> = Vec::new();
    let mut query = ListQuery { filter: filter.clone(), ..ListQuery::of(TenantId::unnamed(), limit) };
    for _ in 0..1_000 {
        let page = store.list(&query).await.unwrap();
        assert!(page.items.len() <= limit);
        for status in &page.items {
            assert!(query.filter.fits(status), "{} does not fit", status.notification.id);
        }
        found.extend(page.items.iter().map(|status| status.notification.id));
        match page.next {
            Some(next) => query.before = Some(next),
            None => {
                let number = |id: &NotificationId| samples.iter().position(|sample| sample.id() == *id).unwrap();
                return found.iter().map(number).collect();
            }
        }
    }
    panic!("the list has no end");
}

async fn expect(store: &Arc<dyn Store>, samples: &[Sample], filter: Filter, expected: &[usize]) {
    for limit in [1, 2, 100] {
        assert_eq!(walk(store, samples, &filter, limit).await, expected, "{filter:?}, pages of {limit}");
    }
}

fn none() -> Filter {
    Filter::default()
}

/// By whom it is for, of which kind and what about it is; all of it must fit.
pub async fn lists_can_be_of_what_was_asked_for(store: Arc<dyn Store>) {
    let samples = [
        Sample::new(0),
        Sample::new(1).to("grace").about("unit-8"),
        Sample::new(2).of_category("emergency").on(&[EMAIL]),
        Sample::new(3).to("grace").of_category("emergency").on_two_channels(),
        Sample::new(4).about("unit-8").due(5_000),
        Sample::new(5).to("grace").of("elsewhere"),
    ];
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    let grace = Some(RecipientId::new("grace").unwrap());
    let emergency = Some(CategoryName::new("emergency").unwrap());
    let unit = Some(SubjectId::new("unit-8").unwrap());
    let (recipient, category) = (grace.clone(), emergency.clone());
    expect(&store, &samples, none(), &[4, 3, 2, 1, 0]).await;
    expect(&store, &samples, Filter { recipient: grace.clone(), ..none() }, &[3, 1]).await;
    expect(&store, &samples, Filter { category: emergency, ..none() }, &[3, 2]).await;
    expect(&store, &samples, Filter { subject: unit.clone(), ..none() }, &[4, 1]).await;
    expect(&store, &samples, Filter { recipient, category, ..none() }, &[3]).await;
    expect(&store, &samples, Filter { recipient: grace, subject: unit, ..none() }, &[1]).await;
    expect(&store, &samples, Filter { channel: Some(EMAIL), ..none() }, &[3, 2]).await;
    expect(&store, &samples, Filter { channel: Some(SMS), ..none() }, &[4, 3, 1, 0]).await;
    expect(&store, &samples, Filter { recipient: Some(RecipientId::new("nobody").unwrap()), ..none() }, &[]).await;
}

/// As they are now, not as they were accepted; channel, state and provider are about the same delivery.
pub async fn lists_can_be_of_where_deliveries_stand(store: Arc<dyn Store>) {
    let samples = [0, 1, 2, 3].map(|number| Sample::new(number).on_two_channels());
    for (sample, provider) in samples.iter().zip(["sendgrid", "ses", "ses"]) {
        sample.accepted_by(&store).await;
        let claimed = claim_on(&store, EMAIL, at(0), at(1_000)).await;
        let begun = begin_through(&claimed.delivery, provider, at(1));
        store.begin(claimed.lease, begun.clone(), at(1_000)).await.unwrap();
        if provider == "ses" {
            store.settle(claimed.lease, failed(&begun.delivery, at(2))).await.unwrap();
        }
    }
    for _ in 0..2 {
        attempt(&store, SMS, at(3), sent).await;
    }
    samples[3].accepted_by(&store).await;
    // Email: sending, failed, failed, pending. Text message: sent, sent, pending, pending.
    let (pending, failed, sent) =
        (Some(DeliveryState::Pending), Some(DeliveryState::Failed), Some(DeliveryState::Sent));
    let provider = |name: &str| Some(ProviderName::new(name).unwrap());
    expect(&store, &samples, Filter { state: pending, ..none() }, &[3, 2]).await;
    expect(&store, &samples, Filter { state: failed, ..none() }, &[2, 1]).await;
    expect(&store, &samples, Filter { state: sent, ..none() }, &[1, 0]).await;
    expect(&store, &samples, Filter { state: Some(DeliveryState::Sending), ..none() }, &[0]).await;
    expect(&store, &samples, Filter { state: Some(DeliveryState::Bounced), ..none() }, &[]).await;
    expect(&store, &samples, Filter { state: sent, channel: Some(EMAIL), ..none() }, &[]).await;
    expect(&store, &samples, Filter { state: pending, channel: Some(EMAIL), ..none() }, &[3]).await;
    expect(&store, &samples, Filter { provider: provider("ses"), ..none() }, &[2, 1]).await;
    expect(&store, &samples, Filter { provider: provider("sendgrid"), ..none() }, &[0]).await;
    expect(&store, &samples, Filter { provider: provider("twilio"), ..none() }, &[1, 0]).await;
    expect(&store, &samples, Filter { provider: provider("ses"), state: sent, ..none() }, &[]).await;
    expect(&store, &samples, Filter { provider: provider("twilio"), channel: Some(EMAIL), ..none() }, &[]).await;
}

/// From a time on, the one included, until a time, that one not; as it was rescheduled last.
pub async fn lists_can_be_of_a_time(store: Arc<dyn Store>) {
    let samples: Vec<_> = (0..4).map(|number| Sample::new(number).due(i64::from(number) * 100)).collect();
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    let between =
        |from: Option<i64>, until: Option<i64>| Filter { due_from: from.map(at), due_until: until.map(at), ..none() };
    expect(&store, &samples, between(Some(100), None), &[3, 2, 1]).await;
    expect(&store, &samples, between(Some(101), None), &[3, 2]).await;
    expect(&store, &samples, between(None, Some(200)), &[1, 0]).await;
    expect(&store, &samples, between(None, Some(201)), &[2, 1, 0]).await;
    expect(&store, &samples, between(Some(100), Some(300)), &[2, 1]).await;
    expect(&store, &samples, between(Some(300), Some(100)), &[]).await;
    let later = Revision::Reschedule { due_at: at(5_000), expires_at: at(90_000) };
    store.revise(samples[1].tenant(), samples[1].id(), &later, at(1)).await.unwrap().unwrap();
    expect(&store, &samples, between(Some(100), Some(300)), &[2]).await;
    expect(&store, &samples, between(Some(301), None), &[1]).await;
}

/// Also when what fits is rare.
pub async fn what_fits_is_found_among_many(store: Arc<dyn Store>) {
    let samples: Vec<_> = (0..120)
        .map(|number| if number % 50 == 3 { Sample::new(number).about("rare") } else { Sample::new(number) })
        .collect();
    accept_each(&store, &samples).await;
    let rare = Filter { subject: Some(SubjectId::new("rare").unwrap()), ..none() };
    expect(&store, &samples, rare, &[103, 53, 3]).await;
}
