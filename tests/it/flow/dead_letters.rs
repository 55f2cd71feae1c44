//! What ended without success: seen, counted, and tried again.

use std::num::NonZeroU32;
use std::sync::Arc;

use notifier_core::{
    Category, CategoryName, Channel, DeadLetterQuery, DeliveryState, FactKind, Filter, ReplayError, ReplayRequest,
    ReviseError, UnknownPolicy,
};

use super::vendor::*;
use super::world::*;

fn query(filter: Filter, limit: usize) -> DeadLetterQuery {
    DeadLetterQuery { tenant: tenant(), filter, before: None, limit }
}

fn replay(filter: Filter, per_second: u32) -> ReplayRequest {
    let mut request = ReplayRequest::of(tenant(), filter);
    request.per_second = NonZeroU32::new(per_second).unwrap();
    request
}

/// So many that the vendor refused; it takes everything now.
async fn with_dead(count: usize) -> (World, Arc<Vendor>) {
    let alarms = Category::named(CategoryName::new("alarm").unwrap());
    let (world, only) = one_vendor(|builder| builder.category(alarms)).await;
    only.always(Some(rejected()));
    for _ in 0..count {
        world.submit(sms()).await;
        world.advance_ms(1).await;
    }
    only.always(None);
    assert_eq!(world.notifier.stats().await.unwrap().now.dead, count);
    (world, only)
}

#[tokio::test]
async fn they_are_listed_the_latest_first_page_by_page() {
    let (world, _) = with_dead(5).await;
    let all = world.notifier.dead_letters(&query(Filter::default(), 100)).await.unwrap();
    let times: Vec<_> = all.items.iter().map(|letter| letter.delivery.updated_at).collect();
    assert_eq!((times.len(), all.next), (5, None));
    assert!(times.windows(2).all(|pair| pair[0] > pair[1]), "{times:?}");
    let mut paged = Vec::new();
    let mut page = query(Filter::default(), 2);
    loop {
        let found = world.notifier.dead_letters(&page).await.unwrap();
        assert!(found.items.len() <= 2);
        paged.extend(found.items);
        match found.next {
            Some(next) => page.before = Some(next),
            None => break,
        }
    }
    assert_eq!(paged, all.items);
}

#[tokio::test]
async fn failed_expired_and_unknown_are_dead_and_nothing_else_is() {
    let held = category(UnknownPolicy::Hold);
    let world = World::configured([rejected(), unknown()], |builder| builder.category(held)).await;
    let failed = world.submit(sms()).await.id;
    world.settled(failed).await;
    world.advance_ms(1).await;
    let doubtful = world.submit(sms()).await.id;
    world.settled(doubtful).await;
    let sent = world.submit(sms()).await.id;
    world.settled(sent).await;
    let mut late = sms();
    late.schedule = at("2026-01-01T01:00:00Z");
    let cancelled = world.submit(late.clone()).await.id;
    world.notifier.cancel(&tenant(), cancelled).await.unwrap();
    late.expires_at = Some("2026-01-01T02:00:00Z".into());
    let expired = world.submit(late).await.id;
    world.lookup.set_down(true);
    world.clock.set(time("2026-01-01T01:00:00Z"));
    world.idle().await;
    world.advance_in_steps(600_000, 12).await;
    assert_eq!(world.state(expired).await, DeliveryState::Expired);
    let dead = world.notifier.dead_letters(&query(Filter::default(), 100)).await.unwrap();
    let ids: Vec<_> = dead.items.iter().map(|letter| letter.notification.id).collect();
    assert_eq!(ids, [expired, doubtful, failed], "the latest first");
    let only_unknown = Filter { state: Some(DeliveryState::Unknown), ..Filter::default() };
    let found = world.notifier.dead_letters(&query(only_unknown, 100)).await.unwrap();
    assert_eq!(found.items.iter().map(|letter| letter.notification.id).collect::<Vec<_>>(), [doubtful]);
}

#[tokio::test]
async fn one_that_is_replayed_goes_out_at_once_with_all_its_attempts_anew() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.always(Some(unavailable()));
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 60).await;
    let dead = world.delivery(id).await;
    assert_eq!((dead.state, dead.attempts), (DeliveryState::Failed, 4));
    only.will([unavailable(), unavailable(), unavailable()]);
    only.always(None);
    let revised = world.notifier.replay(&tenant(), id, None).await.unwrap().unwrap();
    assert_eq!(revised.status.deliveries[0].state, DeliveryState::Pending);
    world.idle().await;
    assert_eq!(only.count(), 5, "at once");
    assert_eq!(world.notifier.stats().await.unwrap().now.dead, 0);
    world.advance_in_steps(1_000, 60).await;
    let sent = world.delivery(id).await;
    assert_eq!((sent.state, sent.attempts), (DeliveryState::Sent, 8));
    assert!(world.timeline(id).await.iter().any(|fact| fact.kind == FactKind::Replayed));
    let again = world.notifier.replay(&tenant(), id, None).await;
    assert!(matches!(again, Err(ReviseError::TooLate(_))), "{again:?}");
}

#[tokio::test]
async fn what_is_replayed_after_its_end_gets_a_new_one() {
    let (world, only) = with_dead(1).await;
    let id = world.notifier.dead_letters(&query(Filter::default(), 1)).await.unwrap().items[0].notification.id;
    world.clock.set(time("2026-03-01T00:00:00Z"));
    world.idle().await;
    world.notifier.replay(&tenant(), id, Some(Channel::Email)).await.unwrap_err();
    world.notifier.replay(&tenant(), id, Some(Channel::Sms)).await.unwrap().unwrap();
    world.idle().await;
    assert_eq!((world.state(id).await, only.count()), (DeliveryState::Sent, 2));
}

#[tokio::test]
async fn many_are_replayed_no_faster_than_asked_and_the_progress_is_told_to_the_end() {
    let (world, only) = with_dead(25).await;
    let begun = world.notifier.start_replay(replay(Filter::default(), 4)).unwrap();
    assert_eq!((begun.number, begun.examined, begun.ended_at), (1, 0, None));
    let dead = only.count();
    world.idle().await;
    for quarter in 1..=24 {
        assert!(only.count() - dead <= quarter, "{} in {} ms", only.count() - dead, (quarter - 1) * 250);
        world.advance_ms(250).await;
    }
    let seconds: Vec<_> = only.calls()[dead..].iter().map(|call| call.at.as_second()).collect();
    for second in seconds.clone() {
        assert!(seconds.iter().filter(|other| **other == second).count() <= 4, "{seconds:?}");
    }
    let progress = world.notifier.replay_progress(1).unwrap();
    assert_eq!((progress.examined, progress.replayed, progress.problem), (25, 25, None));
    assert_eq!(progress.ended_at.unwrap().duration_since(progress.started_at).as_secs(), 6);
    assert_eq!(world.notifier.replays().len(), 1);
    assert_eq!(world.notifier.stats().await.unwrap().now.dead, 0);
}

#[tokio::test]
async fn only_those_that_fit_are_replayed_and_none_twice() {
    let (world, only) = with_dead(3).await;
    only.always(Some(rejected()));
    let mut alarm = sms();
    alarm.category = Some("alarm".into());
    let alarm = world.submit(alarm).await.id;
    world.idle().await;
    let dead = only.count();
    let filter = Filter { category: Some(CategoryName::new("alarm").unwrap()), ..Filter::default() };
    world.advance_ms(1).await;
    let number = world.notifier.start_replay(replay(filter, 100)).unwrap().number;
    world.advance_in_steps(100, 50).await;
    assert_eq!(only.count(), dead + 1, "and what died again meanwhile is left alone");
    assert_eq!(only.calls().pop().unwrap().message.delivery.notification, alarm);
    let progress = world.notifier.replay_progress(number).unwrap();
    assert_eq!((progress.examined, progress.replayed, progress.ended_at.is_some()), (1, 1, true));
    assert_eq!(world.notifier.stats().await.unwrap().now.dead, 4);
}

#[tokio::test]
async fn only_so_many_replays_run_at_the_same_time() {
    let (world, _) = with_dead(5).await;
    for _ in 0..4 {
        world.notifier.start_replay(replay(Filter::default(), 1)).unwrap();
    }
    assert_eq!(world.notifier.start_replay(replay(Filter::default(), 1)), Err(ReplayError::TooMany(4)));
    world.advance_in_steps(1_000, 10).await;
    assert!(world.notifier.start_replay(replay(Filter::default(), 1)).is_ok(), "once they have ended");
    world.notifier.stop();
    assert_eq!(world.notifier.start_replay(replay(Filter::default(), 1)), Err(ReplayError::Stopping));
}

#[tokio::test]
async fn a_shutdown_ends_a_replay_and_says_so() {
    let (world, only) = with_dead(5).await;
    let number = world.notifier.start_replay(replay(Filter::default(), 1)).unwrap().number;
    world.idle().await;
    let called = only.count();
    world.notifier.stop();
    world.advance_in_steps(1_000, 10).await;
    let progress = world.notifier.replay_progress(number).unwrap();
    assert!(progress.ended_at.is_some() && progress.problem.is_some(), "{progress:?}");
    assert!(only.count() <= called + 1, "{} after {called}", only.count());
}

#[tokio::test]
async fn nothing_is_stuck_in_a_healthy_store() {
    let answers = [rejected(), accepted_later(), unavailable()];
    let world = World::with(answers).await;
    for _ in 0..3 {
        world.submit(sms()).await;
        world.idle().await;
    }
    let mut later = both();
    later.schedule = at("2026-01-01T01:00:00Z");
    world.submit(later).await;
    assert_eq!(world.notifier.sweep().await.unwrap(), 0);
    let stats = world.notifier.stats().await.unwrap();
    assert_eq!((stats.repaired, stats.now.dead, stats.now.sending), (0, 1, 1));
    assert_eq!((stats.now.pending.normal, stats.now.pending.urgent, stats.now.pending.bulk), (3, 0, 0));
    assert_eq!((stats.accepted, stats.attempts, stats.sent, stats.failed, stats.unknown), (4, 3, 0, 1, 0));
    world.provider.let_one_go();
    world.clock.set(time("2026-01-01T01:00:00Z"));
    world.idle().await;
    let stats = world.notifier.stats().await.unwrap();
    assert_eq!((stats.attempts, stats.sent, stats.now.sending, stats.now.pending.normal), (6, 4, 0, 0));
    // By itself, now and then.
    world.advance_in_steps(900_000, 3).await;
    assert_eq!(world.notifier.stats().await.unwrap().repaired, 0);
}
