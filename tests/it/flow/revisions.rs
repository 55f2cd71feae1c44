//! What people change after a request was accepted, and that what they are told is final.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use notifier_core::{
    DeliveryState, FactKind, Filter, FlowOptions, IdempotencyKey, MemoryStore, NotificationRequest, RecipientId,
    ReviseError, Selection, SubmitError,
};

use super::provider_state::HeldStore;
use super::vendor::*;
use super::world::*;

fn later() -> NotificationRequest {
    let mut request = sms();
    request.schedule = at("2026-01-01T01:00:00Z");
    request
}

fn schedule(instant: &str) -> notifier_core::ScheduleRequest {
    at(instant).unwrap()
}

async fn until(world: &World, instant: &str) {
    world.clock.set(time(instant));
    world.idle().await;
}

#[tokio::test]
async fn a_notification_is_found_by_the_callers_key_as_long_as_that_is_remembered() {
    let world = World::with([]).await;
    let mut request = later();
    request.idempotency_key = Some("rent-7".into());
    let id = world.submit(request).await.id;
    let key = Selection::Key(IdempotencyKey::new("rent-7").unwrap());
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), Some(id));
    let found = world.notifier.find(&tenant(), &key).await.unwrap().unwrap();
    let cancelled = world.notifier.cancel(&tenant(), found).await.unwrap().unwrap();
    assert_eq!(cancelled[0].state, DeliveryState::Cancelled);
    let other = Selection::Key(IdempotencyKey::new("rent-8").unwrap());
    assert_eq!(world.notifier.find(&tenant(), &other).await.unwrap(), None);
    assert_eq!(world.notifier.find(&tenant(), &Selection::Id(id)).await.unwrap(), Some(id));
    until(&world, "2026-01-04T00:59:59.999Z").await;
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), Some(id), "as long as it could be sent");
    until(&world, "2026-01-04T01:00:00Z").await;
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), None, "it has expired");
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn what_is_due_in_months_is_found_by_its_key_until_then_and_stays_one_reminder() {
    let world = World::with([]).await;
    let mut request = sms();
    request.schedule = at("2026-07-01T00:00:00Z");
    request.idempotency_key = Some("rent-july".into());
    let id = world.submit(request.clone()).await.id;
    let key = Selection::Key(IdempotencyKey::new("rent-july").unwrap());
    until(&world, "2026-06-30T00:00:00Z").await;
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), Some(id));
    let again = world.submit(request).await;
    assert_eq!((again.id, again.repeated), (id, true));
    world.notifier.reschedule(&tenant(), id, &schedule("2026-09-01T00:00:00Z")).await.unwrap().unwrap();
    until(&world, "2026-08-31T00:00:00Z").await;
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), Some(id), "as long as it was put off");
    until(&world, "2026-09-01T00:00:00Z").await;
    until(&world, "2026-09-04T00:00:00Z").await;
    assert_eq!((world.state(id).await, world.provider.calls().len()), (DeliveryState::Sent, 1));
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), None);
}

#[tokio::test]
async fn the_key_of_what_expires_soon_is_remembered_as_long_as_is_configured() {
    let mut options = FlowOptions::default();
    options.key_retention = Duration::from_secs(2 * 3_600);
    let world = World::configured([], |builder| builder.options(options)).await;
    let mut request = sms();
    request.expires_at = Some("2026-01-01T00:30:00Z".into());
    request.idempotency_key = Some("rent-7".into());
    let id = world.submit(request).await.id;
    let key = Selection::Key(IdempotencyKey::new("rent-7").unwrap());
    until(&world, "2026-01-01T01:59:59.999Z").await;
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), Some(id));
    until(&world, "2026-01-01T02:00:00Z").await;
    assert_eq!(world.notifier.find(&tenant(), &key).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_rescheduled_goes_out_at_the_new_time_and_no_other() {
    for (new, wrong) in
        [("2026-01-01T02:00:00Z", "2026-01-01T01:59:59.999Z"), ("2026-01-01T00:30:00Z", "2026-01-01T00:29:59.999Z")]
    {
        let world = World::with([]).await;
        let id = world.submit(later()).await.id;
        world.idle().await;
        let moved = world.notifier.reschedule(&tenant(), id, &schedule(new)).await.unwrap().unwrap();
        assert_eq!((moved.changed.len(), moved.status.deliveries[0].due_at), (1, time(new)));
        let lifetime = |from: &str| time(from) + jiff::SignedDuration::from_hours(72);
        assert_eq!(moved.status.notification.expires_at, lifetime(new), "it lives as long as before");
        until(&world, wrong).await;
        assert!(world.provider.calls().is_empty(), "{new}");
        until(&world, new).await;
        assert_eq!(world.provider.calls().len(), 1, "{new}");
        until(&world, "2026-01-01T05:00:00Z").await;
        assert_eq!(world.provider.calls().len(), 1, "{new}");
        assert!(world.timeline(id).await.iter().any(|fact| fact.kind == FactKind::Rescheduled));
    }
}

#[tokio::test]
async fn what_waits_for_a_retry_can_be_rescheduled() {
    let world = World::with([unavailable()]).await;
    let id = world.submit(sms()).await.id;
    world.idle().await;
    world.notifier.reschedule(&tenant(), id, &schedule("2026-01-01T06:00:00Z")).await.unwrap().unwrap();
    until(&world, "2026-01-01T05:59:59.999Z").await;
    assert_eq!(world.provider.calls().len(), 1);
    until(&world, "2026-01-01T06:00:00Z").await;
    assert_eq!(world.provider.calls().len(), 2);
}

#[tokio::test]
async fn a_time_that_cannot_be_used_moves_nothing() {
    let world = World::with([]).await;
    let id = world.submit(later()).await.id;
    let refused = world.notifier.reschedule(&tenant(), id, &schedule("2025-01-01T00:00:00Z")).await;
    let Err(ReviseError::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].field, "schedule.at");
    assert_eq!(world.delivery(id).await.due_at, time("2026-01-01T01:00:00Z"));
}

#[tokio::test]
async fn it_is_too_late_to_move_or_replace_what_is_being_sent_or_has_ended() {
    let world = World::with([accepted_later()]).await;
    let id = world.submit(sms()).await.id;
    world.idle().await;
    for expected in [DeliveryState::Sending, DeliveryState::Sent] {
        let moved = world.notifier.reschedule(&tenant(), id, &schedule("2026-01-01T06:00:00Z")).await;
        let Err(ReviseError::TooLate(status)) = moved else { panic!("{moved:?}") };
        assert_eq!(status.deliveries[0].state, expected);
        let replaced = world.notifier.replace(id, later()).await;
        assert_eq!(replaced, Err(SubmitError::TooLate(id)));
        assert_eq!(world.notifier.cancel(&tenant(), id).await.unwrap().unwrap()[0].state, expected);
        world.provider.let_one_go();
        world.idle().await;
    }
    until(&world, "2026-01-01T12:00:00Z").await;
    assert_eq!(world.provider.calls().len(), 1, "and the replacement was not stored");
}

#[tokio::test]
async fn nobody_can_change_what_is_not_there_or_belongs_to_another_tenant() {
    let world = World::with([]).await;
    let id = world.submit(later()).await.id;
    let other = "acme".parse().unwrap();
    assert_eq!(world.notifier.cancel(&other, id).await.unwrap(), None);
    assert_eq!(world.notifier.acknowledge(&other, id, None).await.unwrap(), None);
    assert_eq!(world.notifier.reschedule(&other, id, &schedule("2026-01-01T06:00:00Z")).await.unwrap(), None);
    let mut request = later();
    request.tenant = Some("acme".into());
    assert_eq!(world.notifier.replace(id, request).await, Err(SubmitError::TooLate(id)));
    until(&world, "2026-01-01T01:00:00Z").await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn a_replacement_goes_out_and_what_it_replaced_does_not() {
    let world = World::with([]).await;
    let old = world.submit(later()).await.id;
    let mut request = later();
    request.content.as_mut().unwrap().sms.as_mut().unwrap().text = "Newer".into();
    let new = world.notifier.replace(old, request).await.unwrap();
    assert_eq!(new.replaced, Some(old));
    let gone = world.delivery(old).await;
    assert_eq!((gone.state, gone.reason.code.as_ref()), (DeliveryState::Cancelled, "replace.requested"));
    assert!(gone.reason.text.contains(&new.id.to_string()), "{}", gone.reason);
    until(&world, "2026-01-01T01:00:00Z").await;
    let calls = world.provider.calls();
    assert_eq!((calls.len(), calls[0].0.delivery.notification), (1, new.id));
}

#[tokio::test]
async fn cancelling_many_ends_while_its_caller_still_listens_and_says_where_to_go_on() {
    let clock = clock();
    let store = HeldStore::over(Arc::new(MemoryStore::new()), false);
    let store = store.revising_for(Arc::clone(&clock), SignedDuration::from_secs(4));
    let world = World::on(clock, [], |builder| builder.store(Arc::new(store))).await;
    for _ in 0..7 {
        world.submit(later()).await;
    }
    let mut before = None;
    let mut matched = Vec::new();
    loop {
        let report = world.notifier.cancel_all(&tenant(), &Filter::default(), before).await.unwrap();
        assert_eq!(report.changed, report.matched);
        matched.push(report.matched);
        match report.next {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    assert_eq!(matched, [3, 3, 1], "of seven, at four seconds each");
}

#[tokio::test]
async fn a_repeated_replacement_gets_the_same_answer() {
    let world = World::with([]).await;
    let old = world.submit(later()).await.id;
    let mut request = later();
    request.idempotency_key = Some("second".into());
    let first = world.notifier.replace(old, request.clone()).await.unwrap();
    let again = world.notifier.replace(old, request).await.unwrap();
    assert_eq!((again.id, again.repeated), (first.id, true));
    until(&world, "2026-01-01T01:00:00Z").await;
    assert_eq!(world.provider.calls().len(), 1);
}

#[tokio::test]
async fn under_a_collapse_key_the_newest_takes_the_place_of_what_waits() {
    let world = World::with([]).await;
    let collapsing = |recipient: &str| {
        let mut request = later();
        request.recipient.id = recipient.into();
        request.collapse_key = Some("price".into());
        request
    };
    world.lookup.put_recipient(person("2"));
    let first = world.submit(collapsing("1")).await;
    let other = world.submit(collapsing("2")).await;
    let second = world.submit(collapsing("1")).await;
    let third = world.submit(collapsing("1")).await;
    assert_eq!([first.replaced, other.replaced], [None, None], "each recipient for themselves");
    assert_eq!([second.replaced, third.replaced], [Some(first.id), Some(second.id)]);
    until(&world, "2026-01-01T01:00:00Z").await;
    let mut sent: Vec<_> = world.provider.calls().iter().map(|call| call.0.delivery.notification).collect();
    sent.sort();
    let mut expected = vec![other.id, third.id];
    expected.sort();
    assert_eq!(sent, expected);
    let mut at_once = sms();
    at_once.collapse_key = Some("price".into());
    assert_eq!(world.submit(at_once).await.replaced, None, "what was sent is not replaced");
}

#[tokio::test]
async fn everything_that_fits_a_filter_is_cancelled_and_nothing_else() {
    let world = World::with([]).await;
    world.lookup.put_recipient(person("2"));
    let mut ids = Vec::new();
    for number in 0..6 {
        let mut request = later();
        request.recipient.id = if number % 3 == 0 { "2".into() } else { "1".into() };
        ids.push(world.submit(request).await.id);
    }
    let sent = world.submit(sms()).await.id;
    world.settled(sent).await;
    let filter = Filter { recipient: Some(RecipientId::new("1").unwrap()), ..Filter::default() };
    let report = world.notifier.cancel_all(&tenant(), &filter, None).await.unwrap();
    assert_eq!((report.matched, report.changed, report.sending, report.next), (5, 4, 0, None));
    let again = world.notifier.cancel_all(&tenant(), &filter, None).await.unwrap();
    assert_eq!((again.matched, again.changed), (5, 0));
    until(&world, "2026-01-01T01:00:00Z").await;
    for (number, id) in ids.into_iter().enumerate() {
        let expected = if number % 3 == 0 { DeliveryState::Sent } else { DeliveryState::Cancelled };
        assert_eq!(world.state(id).await, expected, "{number}");
    }
    assert_eq!(world.state(sent).await, DeliveryState::Sent);
}

#[tokio::test]
async fn cancelling_many_says_what_could_not_be_stopped() {
    let world = World::with([accepted_later()]).await;
    world.submit(sms()).await;
    world.idle().await;
    world.submit(later()).await;
    let report = world.notifier.cancel_all(&tenant(), &Filter::default(), None).await.unwrap();
    assert_eq!((report.matched, report.changed, report.sending), (2, 1, 1));
}

#[tokio::test]
async fn what_is_cancelled_while_it_waits_for_its_provider_is_not_sent() {
    let clock = clock();
    let only = Vendor::taking("only", &clock, 1);
    only.always(Some(accepted_later()));
    let world = World::on(clock, [], |builder| only.join(builder).route_by(in_order(&["only"]))).await;
    world.submit(sms()).await;
    let second = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!((only.count(), world.state(second).await), (1, DeliveryState::Pending));
    let after = world.notifier.cancel(&tenant(), second).await.unwrap().unwrap();
    assert_eq!(after[0].state, DeliveryState::Cancelled);
    only.let_go(10);
    world.advance_in_steps(1_000, 10).await;
    assert_eq!((only.count(), world.state(second).await), (1, DeliveryState::Cancelled));
}

#[tokio::test]
async fn what_is_rescheduled_while_it_waits_for_its_provider_is_sent_later() {
    let clock = clock();
    let only = Vendor::taking("only", &clock, 1);
    only.always(Some(accepted_later()));
    let world = World::on(clock, [], |builder| only.join(builder).route_by(in_order(&["only"]))).await;
    world.submit(sms()).await;
    let second = world.submit(sms()).await.id;
    world.idle().await;
    world.notifier.reschedule(&tenant(), second, &schedule("2026-01-01T06:00:00Z")).await.unwrap().unwrap();
    only.let_go(10);
    world.advance_in_steps(1_000, 10).await;
    assert_eq!(only.count(), 1);
    until(&world, "2026-01-01T06:00:00Z").await;
    assert_eq!((only.count(), world.state(second).await), (2, DeliveryState::Sent));
}
