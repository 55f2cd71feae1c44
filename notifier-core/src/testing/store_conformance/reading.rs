//! What is read back.

use std::sync::Arc;

use super::sample::{Sample, at, begin, claim_one, delivered, due_on, retry, sent};
use crate::domain::channel::Channel;
use crate::domain::id::{NotificationId, RecipientId, TenantId};
use crate::domain::lane::Lane;
use crate::domain::revision::Revision;
use crate::ports::store::{Filter, ListQuery, Page, Store, StoreError};

fn everything(limit: usize) -> ListQuery {
    ListQuery::of(TenantId::unnamed(), limit)
}

fn ids(page: &Page) -> Vec<NotificationId> {
    page.items.iter().map(|status| status.notification.id).collect()
}

/// All pages, one after the other.
async fn walk(store: &Arc<dyn Store>, query: ListQuery) -> Vec<NotificationId> {
    let mut found = Vec::new();
    let mut query = query;
    for _ in 0..1_000 {
        let page = store.list(&query).await.unwrap();
        assert!(page.items.len() <= query.limit);
        found.extend(ids(&page));
        match page.next {
            Some(next) => query.before = Some(next),
            None => return found,
        }
    }
    panic!("the list has no end");
}

/// Acceptance first, then each decision with all its facts.
pub async fn the_timeline_tells_everything_in_order(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_all_channels();
    sample.accepted_by(&store).await;
    let mut expected = vec![sample.notification().acceptance()];
    let first = claim_one(&store, at(0), at(1_000)).await;
    let second = claim_one(&store, at(0), at(1_000)).await;
    let first_begun = begin(&first.delivery, at(1));
    store.begin(first.lease, first_begun.clone(), at(5_000)).await.unwrap();
    let second_begun = begin(&second.delivery, at(2));
    store.begin(second.lease, second_begun.clone(), at(5_000)).await.unwrap();
    let second_done = sent(&second_begun.delivery, at(3));
    store.settle(second.lease, second_done.clone()).await.unwrap();
    let first_done = retry(&first_begun.delivery, at(3));
    store.settle(first.lease, first_done.clone()).await.unwrap();
    for change in [first_begun, second_begun, second_done, first_done] {
        expected.extend(change.facts);
    }
    assert_eq!(sample.timeline_in(&store).await, expected);
}

/// The order is the order in which things happened here, not that of their time stamps.
pub async fn a_clock_that_steps_back_does_not_shuffle_the_timeline(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on_two_channels();
    sample.accepted_by(&store).await;
    let first = claim_one(&store, at(0), at(1_000)).await;
    let second = claim_one(&store, at(0), at(1_000)).await;
    let first_begun = begin(&first.delivery, at(500));
    store.begin(first.lease, first_begun.clone(), at(5_000)).await.unwrap();
    let second_begun = begin(&second.delivery, at(-500));
    store.begin(second.lease, second_begun.clone(), at(5_000)).await.unwrap();
    let mut expected = vec![sample.notification().acceptance()];
    expected.extend(first_begun.facts.into_iter().chain(second_begun.facts));
    assert_eq!(sample.timeline_in(&store).await, expected);
}

/// With where their deliveries stand.
pub async fn lists_are_newest_first(store: Arc<dyn Store>) {
    let samples = [Sample::new(5).created(10), Sample::new(1).created(30), Sample::new(9).created(20)];
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    let page = store.list(&everything(10)).await.unwrap();
    assert_eq!(ids(&page), [samples[1].id(), samples[2].id(), samples[0].id()]);
    assert_eq!(page.next, None);
    for (status, sample) in page.items.iter().zip([&samples[1], &samples[2], &samples[0]]) {
        assert_eq!(status.notification, sample.notification());
        assert_eq!(status.deliveries, sample.notification().first_deliveries());
    }
    let before = ListQuery { before: Some(samples[1].id()), ..everything(10) };
    assert_eq!(ids(&store.list(&before).await.unwrap()), [samples[2].id(), samples[0].id()]);
}

/// Each once, whatever the size of the pages.
pub async fn lists_can_be_walked_page_by_page(store: Arc<dyn Store>) {
    let mut expected = Vec::new();
    assert_eq!(walk(&store, everything(3)).await, expected);
    for number in 0..12 {
        expected.insert(0, Sample::new(number).accepted_by(&store).await);
    }
    for limit in [1, 3, 4, 5, 12, 13, 100] {
        assert_eq!(walk(&store, everything(limit)).await, expected, "pages of {limit}");
    }
    assert_eq!(ids(&store.list(&everything(5)).await.unwrap()), expected[..5]);
    assert_eq!(store.list(&everything(12)).await.unwrap().next, None, "there is no empty last page");
}

/// Also when theirs are few among many.
pub async fn lists_can_be_of_one_recipient(store: Arc<dyn Store>) {
    let mut expected = Vec::new();
    for number in 0..60 {
        let rare = number % 20 == 7;
        let id = Sample::new(number).to(if rare { "grace" } else { "ada" }).accepted_by(&store).await;
        if rare {
            expected.insert(0, id);
        }
    }
    let of = |recipient: &str, limit| ListQuery {
        filter: Filter { recipient: Some(RecipientId::new(recipient).unwrap()), ..Filter::default() },
        ..everything(limit)
    };
    for limit in [1, 2, 10] {
        assert_eq!(walk(&store, of("grace", limit)).await, expected, "pages of {limit}");
    }
    assert_eq!(walk(&store, of("nobody", 10)).await, []);
    assert_eq!(walk(&store, of("ada", 7)).await.len(), 57);
}

/// Neither in lists nor by identifier, and names that begin alike are different names.
pub async fn tenants_do_not_see_each_other(store: Arc<dyn Store>) {
    for (number, tenant) in (0..).zip(["a", "ab", "abc", "b"]) {
        let sample = Sample::new(number).of(tenant);
        sample.accepted_by(&store).await;
    }
    for (number, tenant) in (0..).zip(["a", "ab", "abc", "b"]) {
        let sample = Sample::new(number).of(tenant);
        let query = ListQuery { tenant: sample.tenant().clone(), ..everything(10) };
        assert_eq!(walk(&store, query).await, [sample.id()], "{tenant}");
    }
}

/// Every operation after closing is refused, and closing again is not an error.
pub async fn a_closed_store_says_so(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    store.check().await.unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let closed = StoreError::Closed;
    let (tenant, id, claim) = (sample.tenant(), sample.id(), due_on(Channel::Sms, 1, at(0), at(1)));
    let revision = Revision::Acknowledge { by: None };
    assert_eq!(store.check().await.unwrap_err(), closed);
    assert_eq!(store.accept(Sample::new(2).acceptance()).await.unwrap_err(), closed);
    assert_eq!(store.accept_all(vec![Sample::new(2).acceptance()]).await.unwrap_err(), closed);
    assert_eq!(store.claim(&claim).await.unwrap_err(), closed);
    assert_eq!(store.next_due(Channel::Sms, &Lane::ALL).await.unwrap_err(), closed);
    assert_eq!(store.begin(claimed.lease, begin(&claimed.delivery, at(1)), at(2)).await.unwrap_err(), closed);
    assert_eq!(store.settle(claimed.lease, begin(&claimed.delivery, at(1))).await.unwrap_err(), closed);
    assert_eq!(store.reclaim(at(0), 1, at(1)).await.unwrap_err(), closed);
    assert_eq!(store.revise(tenant, id, &revision, at(1)).await.unwrap_err(), closed);
    assert_eq!(store.receive(vec![delivered(sample.delivery_id(Channel::Sms), at(1))]).await.unwrap_err(), closed);
    assert_eq!(store.status(tenant, id).await.unwrap_err(), closed);
    assert_eq!(store.timeline(tenant, id).await.unwrap_err(), closed);
    assert_eq!(store.list(&everything(1)).await.unwrap_err(), closed);
    assert_eq!(store.suppression(tenant, Channel::Sms, "+14155550101").await.unwrap_err(), closed);
    assert_eq!(store.provider_states().await.unwrap_err(), closed);
    assert_eq!(store.counts().await.unwrap_err(), closed);
    assert_eq!(store.sweep(None, 1).await.unwrap_err(), closed);
}
