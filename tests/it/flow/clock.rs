//! Somebody sets the clock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use notifier_core::testing::ManualClock;
use notifier_core::{Clock, DeliveryState, FactKind, ProviderPolicy, UnknownPolicy};

use super::vendor::*;
use super::world::*;

/// A clock on the wall that can be set, and beside it one that measures how long something takes and cannot.
struct WallClock {
    wall: Arc<ManualClock>,
    steady: Arc<ManualClock>,
}

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.wall.now()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        self.wall.sleep_until(deadline).await;
    }

    async fn sleep(&self, duration: Duration) {
        self.steady.sleep(duration).await;
    }
}

/// As [`one_vendor`], where setting the clock of the world does not make time pass.
async fn on_a_wall(policy: UnknownPolicy) -> (World, Arc<Vendor>, Arc<ManualClock>) {
    let (wall, steady) = (clock(), clock());
    let only = Vendor::new("only", &wall);
    let both = Arc::new(WallClock { wall: Arc::clone(&wall), steady: Arc::clone(&steady) });
    let world = World::on(wall, [], |builder| {
        only.join(builder).route_by(in_order(&["only"])).category(category(policy)).clock(both)
    })
    .await;
    (world, only, steady)
}

async fn set_by(world: &World, hours: i64) {
    world.clock.set(world.clock_now() + SignedDuration::from_hours(hours));
    world.idle().await;
}

#[tokio::test]
async fn setting_it_forward_during_a_call_neither_ends_the_call_nor_makes_a_second() {
    for policy in [UnknownPolicy::Resend, UnknownPolicy::Hold] {
        let (world, only, _) = on_a_wall(policy).await;
        only.will([accepted_later()]);
        let id = world.submit(sms()).await.id;
        world.idle().await;
        for _ in 0..3 {
            set_by(&world, 1).await;
            assert_eq!((only.count(), world.state(id).await), (1, DeliveryState::Sending), "{policy:?}");
        }
        only.let_go(1);
        world.idle().await;
        let sent = world.delivery(id).await;
        assert_eq!((sent.state, sent.attempts, sent.doubtful_attempts), (DeliveryState::Sent, 1, 0), "{policy:?}");
        set_by(&world, 1).await;
        assert_eq!(only.count(), 1, "{policy:?}");
    }
}

#[tokio::test]
async fn patience_with_a_call_is_measured_by_the_clock_that_nobody_sets() {
    let (world, only, steady) = on_a_wall(UnknownPolicy::Hold).await;
    only.will([notifier_core::testing::Answer::Never]);
    let id = world.submit(sms()).await.id;
    world.idle().await;
    set_by(&world, -5).await;
    steady.advance(SignedDuration::from_millis(39_999));
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Sending);
    steady.advance(SignedDuration::from_millis(1));
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Unknown);
}

#[tokio::test]
async fn setting_it_forward_makes_due_what_was_scheduled_and_once() {
    let (world, only, _) = on_a_wall(UnknownPolicy::Resend).await;
    let mut ids = Vec::new();
    for hour in ["01", "02", "03"] {
        let mut request = sms();
        request.schedule = at(&format!("2026-01-01T{hour}:30:00Z"));
        ids.push(world.submit(request).await.id);
    }
    world.idle().await;
    set_by(&world, 3).await;
    assert_eq!(only.count(), 2);
    set_by(&world, -3).await;
    set_by(&world, 3).await;
    assert_eq!(only.count(), 2, "what was sent stays sent");
    set_by(&world, 1).await;
    assert_eq!(only.count(), 3);
    for id in ids {
        assert_eq!(world.state(id).await, DeliveryState::Sent);
    }
}

#[tokio::test]
async fn set_back_by_hours_nothing_is_early_and_nothing_is_lost() {
    let (world, only) = one_vendor(|builder| builder).await;
    world.clock.set(time("2026-01-01T06:00:00Z"));
    let mut request = sms();
    request.schedule = at("2026-01-01T06:30:00Z");
    let scheduled = world.submit(request).await.id;
    world.idle().await;
    set_by(&world, -4).await;
    let at_once = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!((world.state(at_once).await, only.count()), (DeliveryState::Sent, 1), "what is due now goes out now");
    world.clock.set(time("2026-01-01T06:29:59.999Z"));
    world.idle().await;
    assert_eq!((world.state(scheduled).await == DeliveryState::Sent, only.count()), (false, 1));
    world.clock.set(time("2026-01-01T06:30:00Z"));
    world.idle().await;
    assert_eq!((world.state(scheduled).await, only.count()), (DeliveryState::Sent, 2));
}

#[tokio::test]
async fn set_back_between_intent_and_call_it_is_still_sent_at_its_time_and_once() {
    let (world, only) = one_vendor(|builder| builder).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T06:30:00Z");
    let id = world.submit(request).await.id;
    world.clock.set(time("2026-01-01T06:29:59.950Z"));
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Sending);
    set_by(&world, -5).await;
    assert_eq!(only.count(), 0);
    world.clock.set(time("2026-01-01T06:30:00Z"));
    world.idle().await;
    assert_eq!((only.count(), world.state(id).await), (1, DeliveryState::Sent));
    world.advance_in_steps(30_000, 10).await;
    assert_eq!(only.count(), 1);
}

#[tokio::test]
async fn after_a_crash_and_a_clock_that_was_set_back_doubt_stays_doubt() {
    let held = || category(UnknownPolicy::Hold);
    let (world, _) = one_vendor(|builder| builder.category(held())).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T06:30:00Z");
    let id = world.submit(request).await.id;
    world.clock.set(time("2026-01-01T06:29:59.950Z"));
    world.idle().await;
    set_by(&world, -5).await;
    let only = Vendor::new("only", &world.clock);
    let world = world
        .killed_and_restarted([], |builder| only.join(builder).route_by(in_order(&["only"])).category(held()))
        .await;
    world.idle().await;
    assert_eq!((world.state(id).await, only.count()), (DeliveryState::Unknown, 0));
    assert!(world.timeline(id).await.iter().any(|fact| fact.kind == FactKind::Unknown));
}

#[tokio::test]
async fn set_back_by_hours_the_pace_of_a_provider_holds_nothing_up_for_hours() {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = std::num::NonZeroU32::new(2);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    world.clock.set(time("2026-01-01T06:00:00Z"));
    for _ in 0..2 {
        world.submit(sms()).await;
    }
    world.advance_in_steps(100, 10).await;
    assert_eq!(only.count(), 2);
    set_by(&world, -5).await;
    world.submit(sms()).await;
    world.advance_in_steps(100, 30).await;
    assert_eq!(only.count(), 3);
}

#[tokio::test]
async fn set_back_by_hours_an_open_breaker_does_not_stay_open_for_hours() {
    let (world, only) = one_vendor(|builder| builder).await;
    world.clock.set(time("2026-01-01T06:00:00Z"));
    only.always(Some(unavailable()));
    for _ in 0..15 {
        world.submit(sms()).await;
        world.idle().await;
    }
    let called = only.count();
    only.always(None);
    set_by(&world, -5).await;
    let id = world.submit(sms()).await.id;
    // The longest that it stays open is five minutes.
    world.advance_in_steps(1_000, 330).await;
    assert!(only.count() > called, "nobody asked whether it works again");
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn set_back_by_hours_a_vendor_that_asked_for_a_minute_does_not_rest_for_hours() {
    let (world, only) = one_vendor(|builder| builder).await;
    world.clock.set(time("2026-01-01T06:00:00Z"));
    only.will([rate_limited(60_000)]);
    world.submit(sms()).await;
    world.idle().await;
    set_by(&world, -5).await;
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 90).await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}
