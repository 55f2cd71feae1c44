//! How much a provider is asked to do at once, in a second and on a day; and who has to wait for whom.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use notifier_core::testing::Answer;
use notifier_core::{
    Category, CategoryName, Channel, DeliveryState, FactKind, Lane, NotificationRequest, ProviderPolicy, TenantId,
};

use super::vendor::*;
use super::world::*;

fn per_second(limit: u32) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = NonZeroU32::new(limit);
    policy
}

fn per_day(limit: u64) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_day_max = Some(limit);
    policy
}

fn in_lane(lane: Lane) -> Category {
    Category { lane, ..Category::named(CategoryName::new(lane.name()).unwrap()) }
}

fn of_lane(lane: Lane) -> NotificationRequest {
    let mut request = sms_to_a_number();
    request.category = Some(lane.name().into());
    request
}

fn of(of: &str, lane: Lane) -> NotificationRequest {
    let mut request = of_lane(lane);
    request.tenant = Some(of.into());
    request
}

/// The most calls that any second held, whenever it began.
fn most_in_a_second(times: &[Timestamp]) -> usize {
    let within = |begin: &Timestamp| {
        let end = *begin + SignedDuration::from_secs(1);
        times.iter().filter(|at| (*begin..end).contains(*at)).count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn no_second_has_more_calls_than_allowed_and_none_is_lost() {
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", per_second(5))).await;
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(world.submit(sms()).await.id);
    }
    world.idle().await;
    world.advance_in_steps(50, 400).await;
    let times: Vec<_> = only.calls().iter().map(|call| call.at).collect();
    assert_eq!(times.len(), 40, "in {} ms", times.last().unwrap().duration_since(times[0]).as_millis());
    for id in ids {
        let delivery = world.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 1), "waiting costs no attempt");
        let timeline = world.timeline(id).await;
        let waits = timeline.iter().filter(|fact| fact.reason.code == "limit.per_second").count();
        assert!(waits <= 1, "the timeline says it once: {waits}");
    }
    let most = most_in_a_second(&times);
    assert!(most <= 5, "{most} calls in one second");
}

#[tokio::test]
async fn what_waits_for_the_pace_of_its_provider_says_so() {
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", per_second(1))).await;
    world.submit(sms()).await;
    world.idle().await;
    let id = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!(only.count(), 1);
    let waiting = world.delivery(id).await;
    assert_eq!((waiting.state, waiting.reason.code.as_ref()), (DeliveryState::Pending, "limit.per_second"));
    assert!(waiting.due_at >= time("2026-01-01T00:00:01Z"), "{}", waiting.due_at);
    world.advance_in_steps(100, 25).await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn a_day_has_no_more_calls_than_allowed_and_the_next_goes_on_after_midnight_utc() {
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", per_day(3))).await;
    world.clock.set(time("2026-01-01T20:00:00Z"));
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.submit(sms()).await.id);
        world.idle().await;
    }
    assert_eq!(only.count(), 3);
    assert_eq!(world.notifier.providers().into_iter().find(|p| p.name == only.id()).unwrap().calls_today, Some(3));
    let waiting = world.delivery(ids[4]).await;
    assert_eq!((waiting.attempts, waiting.reason.code.as_ref()), (0, "limit.per_day"));
    world.clock.set(time("2026-01-01T23:59:59.999Z"));
    world.idle().await;
    assert_eq!(only.count(), 3, "the day is not over");
    world.advance_ms(1).await;
    world.advance_in_steps(1_000, 15).await;
    assert_eq!(only.count(), 5);
    for id in ids {
        let sent = world.delivery(id).await;
        assert_eq!((sent.state, sent.attempts), (DeliveryState::Sent, 1));
        let waits = world.timeline(id).await.iter().filter(|fact| fact.kind == FactKind::Deferred).count();
        assert!(waits <= 1, "{waits}");
    }
}

#[tokio::test]
async fn the_calls_of_a_day_are_counted_across_restarts() {
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", per_day(3))).await;
    for _ in 0..2 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert_eq!(only.count(), 2);
    let again = Vendor::new("only", &world.clock);
    let world = world
        .killed_and_restarted([], |builder| {
            again.join(builder).route_by(in_order(&["only"])).provider_policy("only", per_day(3))
        })
        .await;
    for _ in 0..3 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert_eq!(again.count(), 1);
    world.clock.set(time("2026-01-02T00:00:00Z"));
    world.advance_in_steps(1_000, 15).await;
    assert_eq!(again.count(), 3);
}

#[tokio::test]
async fn a_day_that_is_used_up_sends_the_rest_to_the_next_provider_and_the_timeline_says_why() {
    let (world, first, second) = two_vendors(|builder| builder.provider_policy("first", per_day(1))).await;
    let mut last = None;
    for _ in 0..3 {
        last = Some(world.submit(sms()).await.id);
        world.idle().await;
    }
    assert_eq!((first.count(), second.count()), (1, 2));
    let sent = world.delivery(last.unwrap()).await;
    assert_eq!((sent.state, sent.attempts), (DeliveryState::Sent, 1), "a limit is no failure");
    let timeline = world.timeline(last.unwrap()).await;
    let reason = &timeline.iter().find(|fact| fact.reason.code == "route.limited").unwrap().reason.text;
    assert!(reason.contains("`second` in place of `first`") && reason.contains("calls of this day"), "{reason}");
    world.clock.set(time("2026-01-02T00:00:00Z"));
    world.submit(sms()).await;
    world.idle().await;
    assert_eq!((first.count(), second.count()), (2, 2), "a new day");
}

#[tokio::test]
async fn by_weight_the_share_of_one_that_is_used_up_goes_to_the_others() {
    let clock = clock();
    let (heavy, light) = (Vendor::new("heavy", &clock), Vendor::new("light", &clock));
    let route = by_weight(&[("heavy", 9), ("light", 1)]);
    let world = World::on(clock, [], |builder| {
        light.join(heavy.join(builder)).route_by(route).provider_policy("heavy", per_day(2))
    })
    .await;
    for _ in 0..30 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert_eq!((heavy.count(), light.count()), (2, 28));
}

#[tokio::test]
async fn where_every_day_is_used_up_the_rest_waits_for_the_next_one() {
    let (world, first, second) =
        two_vendors(|builder| builder.provider_policy("first", per_day(1)).provider_policy("second", per_day(1))).await;
    first.will([unavailable()]);
    let failed_over = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!(world.state(failed_over).await, DeliveryState::Sent);
    let waiting = world.submit(sms()).await.id;
    world.idle().await;
    let delivery = world.delivery(waiting).await;
    assert_eq!((delivery.reason.code.as_ref(), delivery.attempts), ("limit.per_day", 0), "{}", delivery.reason);
    assert!(delivery.due_at >= time("2026-01-02T00:00:00Z"), "{}", delivery.due_at);
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[tokio::test]
async fn one_that_has_had_its_calls_is_no_alternative_to_one_that_failed() {
    let (world, first, second) = two_vendors(|builder| builder.provider_policy("second", per_day(1))).await;
    first.will([unavailable(), unavailable()]);
    world.submit(sms()).await;
    world.idle().await;
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let waiting = world.delivery(id).await;
    assert_eq!((waiting.state, waiting.rounds), (DeliveryState::Pending, 1), "it waits as if there were one only");
    assert!(waiting.tried.is_empty());
    world.advance_in_steps(500, 5).await;
    assert_eq!((first.count(), second.count()), (3, 1));
}

#[tokio::test]
async fn no_more_calls_run_at_the_same_time_than_an_operator_allows() {
    let mut policy = ProviderPolicy::default();
    policy.concurrent_calls_max = Some(3);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    only.always(Some(accepted_later()));
    let mut ids = Vec::new();
    for _ in 0..8 {
        let mut request = of_lane(Lane::Urgent);
        request.category = None;
        ids.push(world.submit(request).await.id);
    }
    world.idle().await;
    assert_eq!(only.count(), 3);
    for expected in [4, 5, 6, 7, 8] {
        only.let_go(1);
        world.idle().await;
        assert_eq!(only.count(), expected);
    }
    only.let_go(3);
    for id in ids {
        assert_eq!(world.settled(id).await.deliveries[0].attempts, 1);
    }
}

#[tokio::test]
async fn what_expires_while_it_waits_for_a_place_is_not_sent() {
    let mut policy = ProviderPolicy::default();
    policy.concurrent_calls_max = Some(1);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    only.always(Some(accepted_later()));
    world.submit(sms()).await;
    let mut request = sms();
    request.expires_at = Some("2026-01-01T00:00:10Z".into());
    let id = world.submit(request).await.id;
    world.advance_in_steps(1_000, 20).await;
    assert_eq!(only.count(), 1);
    only.let_go(2);
    world.advance_in_steps(1_000, 5).await;
    let late = world.delivery(id).await;
    assert_eq!((late.state, only.count()), (DeliveryState::Expired, 1), "{}", late.reason);
}

async fn with_lanes(places: usize) -> (World, Arc<Vendor>) {
    let clock = clock();
    let only = Vendor::taking("only", &clock, places);
    let world = World::on(clock, [], |builder| {
        let builder = only.join(builder).route_by(in_order(&["only"]));
        Lane::ALL.into_iter().fold(builder, |builder, lane| builder.category(in_lane(lane)))
    })
    .await;
    (world, only)
}

#[tokio::test]
async fn an_urgent_message_gets_a_place_at_once_however_much_bulk_wants_them() {
    let (world, only) = with_lanes(8).await;
    only.always(Some(accepted_later()));
    for _ in 0..300 {
        world.submit(of_lane(Lane::Bulk)).await;
    }
    world.idle().await;
    assert_eq!(only.count(), 4, "half of the places");
    world.submit(of_lane(Lane::Urgent)).await;
    world.idle().await;
    let last = only.calls().pop().unwrap();
    assert_eq!((only.count(), last.message.category.as_str()), (5, "urgent"));
}

#[tokio::test]
async fn an_urgent_message_is_not_behind_those_of_other_lanes_that_wait_for_a_place_already() {
    let (world, only) = with_lanes(8).await;
    only.always(Some(accepted_later()));
    for lane in [Lane::Bulk, Lane::Normal] {
        for _ in 0..100 {
            world.submit(of_lane(lane)).await;
        }
        world.idle().await;
    }
    world.submit(of_lane(Lane::Urgent)).await;
    world.idle().await;
    // At the latest when any call ends.
    only.let_go(1);
    world.idle().await;
    let urgent = only.calls().iter().filter(|call| call.message.category.as_str() == "urgent").count();
    assert_eq!(urgent, 1, "{} calls of other lanes were made instead", only.count() - urgent);
}

#[tokio::test]
async fn a_text_message_provider_that_hangs_does_not_hold_up_email() {
    let clock = clock();
    let hanging = Vendor::new("hanging", &clock);
    hanging.always(Some(Answer::Never));
    let world = World::on(clock, [], |builder| hanging.join(builder).route_by(in_order(&["hanging"]))).await;
    for _ in 0..600 {
        world.submit(sms()).await;
    }
    world.idle().await;
    assert_eq!(hanging.count(), 48, "as many as the normal lane may take of 64 places");
    let mut email = both();
    email.channels = Some(vec![Channel::Email]);
    let id = world.submit(email).await.id;
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn a_backlog_of_one_tenant_does_not_hold_up_another() {
    let (world, only) = with_lanes(64).await;
    only.always(Some(accepted_later()));
    let backlog = (0..2_000).map(|_| of("big", Lane::Bulk)).collect();
    world.notifier.submit_all(backlog).await.unwrap();
    world.idle().await;
    assert_eq!(only.count(), 32);
    world.submit(of("small", Lane::Bulk)).await;
    world.submit(of("small", Lane::Urgent)).await;
    world.idle().await;
    let place_of = |lane: Lane| {
        let small = TenantId::new("small").unwrap();
        let is_it = |call: &Call| call.message.tenant == small && call.message.category.as_str() == lane.name();
        only.calls().iter().position(is_it)
    };
    assert_eq!(place_of(Lane::Urgent), Some(32), "at once");
    for _ in 0..20 {
        only.let_go(16);
        world.idle().await;
    }
    let place = place_of(Lane::Bulk).unwrap();
    // What was claimed before it came goes out before it: half of the room in flight, which is 128.
    assert!(place <= 32 + 128 + 2, "{place} of 2,000 were called before it");
}
