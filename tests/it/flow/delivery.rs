//! What the answers of a provider lead to.

use std::collections::BTreeSet;

use notifier_core::testing::Answer;
use notifier_core::{DeliveryState, FactKind, UnknownPolicy};

use super::world::*;

#[tokio::test]
async fn a_request_becomes_one_message_on_each_channel() {
    let world = World::with([]).await;
    let submitted = world.submit(both()).await;
    let status = world.settled(submitted.id).await;
    let states: Vec<_> = status.deliveries.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Sent, DeliveryState::Sent]);
    let calls = world.provider.calls();
    let addresses: BTreeSet<_> =
        calls.iter().map(|(message, _)| message.content.recipient_address().to_owned()).collect();
    assert_eq!(calls.len(), 2);
    assert_eq!(addresses, BTreeSet::from(["+14155550101".to_owned(), "ada@example.com".to_owned()]));
}

#[tokio::test]
async fn the_timeline_tells_every_step_and_its_reason() {
    let world = World::with([]).await;
    let mut request = sms();
    request.subject = Some("p1".into());
    let submitted = world.submit(request).await;
    world.settled(submitted.id).await;
    let told: Vec<_> =
        world.timeline(submitted.id).await.iter().map(|fact| (fact.kind, fact.reason.code.to_string())).collect();
    let expected = [
        (FactKind::Accepted, "schedule.now"),
        (FactKind::Checked, "preference.default"),
        (FactKind::Checked, "recipient.directory"),
        (FactKind::Checked, "subject.catalog"),
        (FactKind::Rendered, "template.rendered"),
        (FactKind::Checked, "route.only"),
        (FactKind::Attempting, "attempt.begin"),
        (FactKind::Sent, "attempt.accepted"),
    ];
    assert_eq!(told, expected.map(|(kind, code)| (kind, code.to_owned())));
}

#[tokio::test]
async fn unavailable_twice_then_accepted_is_delivered_on_the_third_attempt() {
    let world = World::with([unavailable(), unavailable()]).await;
    let submitted = world.submit(sms()).await;
    let first_wait = world.next_attempt(submitted.id).await.as_millis();
    let second_wait = world.next_attempt(submitted.id).await.as_millis();
    assert!((1_000..=2_000).contains(&first_wait), "{first_wait}");
    assert!((1_000..=4_000).contains(&second_wait), "{second_wait}");
    let status = world.settled(submitted.id).await;
    assert_eq!((status.deliveries[0].state, status.deliveries[0].attempts), (DeliveryState::Sent, 3));
    let keys: BTreeSet<_> = world.provider.calls().into_iter().map(|(_, context)| context.idempotency_key).collect();
    assert_eq!(keys, BTreeSet::from([submitted.deliveries[0].to_string()]), "one key for all attempts");
    let numbers: Vec<_> = world.provider.calls().into_iter().map(|(_, context)| context.attempt).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test]
async fn a_vendors_wish_to_wait_is_obeyed() {
    let world = World::with([rate_limited(60_000)]).await;
    let submitted = world.submit(sms()).await;
    let wait = world.next_attempt(submitted.id).await.as_millis();
    assert!((60_000..=61_000).contains(&wait), "{wait}");
    assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Sent);
}

#[tokio::test]
async fn a_rejection_is_final_and_says_the_vendors_code() {
    let world = World::with([rejected()]).await;
    let submitted = world.submit(sms()).await;
    let status = world.settled(submitted.id).await;
    let delivery = &status.deliveries[0];
    assert_eq!(delivery.state, DeliveryState::Failed);
    assert!(delivery.reason.text.contains("21211"), "{}", delivery.reason);
    let last = world.timeline(submitted.id).await.pop().unwrap();
    assert_eq!((last.kind, last.detail("vendor_code")), (FactKind::Failed, Some("21211")));
    world.advance_ms(1_000_000).await;
    assert_eq!(world.provider.calls().len(), 1);
}

#[tokio::test]
async fn retries_end() {
    let world = World::with([unavailable(), unavailable(), unavailable(), unavailable(), unavailable()]).await;
    let submitted = world.submit(sms()).await;
    for _ in 0..3 {
        world.next_attempt(submitted.id).await;
    }
    let delivery = world.settled(submitted.id).await.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.reason.code.as_ref()), (DeliveryState::Failed, "retry.exhausted"));
    assert_eq!(world.provider.calls().len(), 4);
}

#[tokio::test]
async fn an_ambiguous_attempt_is_repeated_where_the_category_says_so() {
    let world = World::with([unknown()]).await;
    let submitted = world.submit(sms()).await;
    world.next_attempt(submitted.id).await;
    assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Sent);
    let kinds: Vec<_> = world.timeline(submitted.id).await.into_iter().map(|fact| fact.kind).collect();
    let unknown = kinds.iter().position(|kind| *kind == FactKind::Unknown);
    let retrying = kinds.iter().position(|kind| *kind == FactKind::Retrying);
    assert!(unknown.is_some() && unknown < retrying, "{kinds:?}");
}

#[tokio::test]
async fn an_ambiguous_attempt_is_left_alone_where_the_category_says_so() {
    let world = World::configured([unknown()], |builder| builder.category(category(UnknownPolicy::Hold))).await;
    let submitted = world.submit(sms()).await;
    let delivery = world.settled(submitted.id).await.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.reason.code.as_ref()), (DeliveryState::Unknown, "unknown.hold"));
    world.advance_ms(10_000_000).await;
    assert_eq!(world.provider.calls().len(), 1);
}

#[tokio::test]
async fn a_provider_that_never_answers_is_given_up() {
    let world = World::with([Answer::Never]).await;
    let submitted = world.submit(sms()).await;
    world.idle().await;
    assert_eq!(world.state(submitted.id).await, DeliveryState::Sending);
    world.advance_ms(39_999).await;
    assert_eq!(world.state(submitted.id).await, DeliveryState::Sending);
    world.advance_ms(1).await;
    assert_eq!(world.state(submitted.id).await, DeliveryState::Pending);
    let last = world.timeline(submitted.id).await.pop().unwrap();
    assert!(last.reason.text.contains("attempt.timeout"), "{}", last.reason);
    world.next_attempt(submitted.id).await;
    assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Sent);
}

#[tokio::test]
async fn what_is_scheduled_goes_out_on_time_and_never_early() {
    let world = World::with([]).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T00:00:05Z");
    let submitted = world.submit(request).await;
    assert_eq!(submitted.due_at, time("2026-01-01T00:00:05Z"));
    let waited = world.next_attempt(submitted.id).await;
    assert_eq!(waited.as_millis(), 5_000);
}

#[tokio::test]
async fn what_is_due_earlier_goes_out_earlier_whatever_the_order_of_requests() {
    let world = World::with([]).await;
    let mut late = sms();
    late.schedule = at("2026-06-01T00:00:00Z");
    let late = world.submit(late).await;
    world.idle().await;
    let mut soon = sms();
    soon.schedule = at("2026-02-01T00:00:00Z");
    let soon = world.submit(soon).await;
    world.next_attempt(soon.id).await;
    assert_eq!(world.state(late.id).await, DeliveryState::Pending);
    world.next_attempt(late.id).await;
}

#[tokio::test]
async fn no_more_are_in_flight_than_allowed() {
    let answers: Vec<_> = (0..5).map(|_| accepted_later()).collect();
    let world = World::configured(answers, |builder| {
        let mut options = notifier_core::FlowOptions::default();
        options.in_flight_max = 2;
        builder.options(options)
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.submit(sms()).await.id);
    }
    world.idle().await;
    assert_eq!(world.provider.calls().len(), 2);
    for expected in [3, 4, 5, 5, 5] {
        world.provider.let_one_go();
        world.idle().await;
        assert_eq!(world.provider.calls().len(), expected);
    }
    for id in ids {
        assert_eq!(world.settled(id).await.deliveries[0].state, DeliveryState::Sent);
    }
}
