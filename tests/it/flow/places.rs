//! Calls at the same time: how long one waits for a place, and who has room meanwhile.

use jiff::SignedDuration;
use notifier_core::{
    Category, CategoryName, Channel, DeliveryState, FlowOptions, Lane, NotificationRequest, Preferences,
    ProviderPolicy, Route, TenantId,
};

use super::vendor::*;
use super::world::*;

fn of(tenant: &str) -> NotificationRequest {
    let mut request = sms_to_a_number();
    request.tenant = Some(tenant.into());
    request
}

#[tokio::test]
async fn the_wait_for_a_place_ends_well_before_the_claim_and_costs_nothing() {
    let mut policy = ProviderPolicy::default();
    policy.concurrent_calls_max = Some(1);
    policy.calls_per_day_max = Some(100);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    only.always(Some(accepted_later()));
    world.submit(sms()).await;
    world.idle().await;
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 15).await;
    assert_eq!(world.delivery(id).await.reason.code, "schedule.now", "it waits where it is");
    world.advance_in_steps(1_000, 1).await;
    // A claim lasts a minute: the time for the call, and a margin.
    let waiting = world.delivery(id).await;
    assert_eq!((waiting.state, waiting.reason.code.as_ref()), (DeliveryState::Pending, "limit.concurrent"));
    assert!(world.clock_now().duration_until(waiting.due_at) < SignedDuration::from_secs(2), "{}", waiting.due_at);
    assert_eq!(world.notifier.providers().into_iter().find(|p| p.name == only.id()).unwrap().calls_today, Some(1));
    world.advance_in_steps(1_000, 20).await;
    let told = world.timeline(id).await;
    assert_eq!(told.iter().filter(|fact| fact.reason.code == "limit.concurrent").count(), 1, "{told:?}");
    only.let_go(2);
    world.advance_in_steps(1_000, 5).await;
    let sent = world.delivery(id).await;
    assert_eq!((sent.state, sent.attempts, only.count()), (DeliveryState::Sent, 1, 2));
}

#[tokio::test]
async fn who_opts_out_while_the_message_waits_for_a_place_does_not_get_it() {
    let mut policy = ProviderPolicy::default();
    policy.concurrent_calls_max = Some(1);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    only.always(Some(accepted_later()));
    world.submit(sms()).await;
    world.idle().await;
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 3).await;
    let off = Preferences { channels: [(Channel::Sms, false)].into(), ..Preferences::default() };
    world.notifier.put_preferences(&tenant(), &person("1").id, off).await.unwrap();
    only.let_go(2);
    world.advance_in_steps(1_000, 3).await;
    assert_eq!((world.state(id).await, only.count()), (DeliveryState::Suppressed, 1));
}

#[tokio::test]
async fn a_slow_provider_leaves_room_in_its_lane_to_others() {
    let clock = clock();
    let (slow, fast) = (Vendor::taking("slow", &clock, 4), Vendor::new("fast", &clock));
    let mut options = FlowOptions::default();
    options.in_flight_max = 16;
    let route = Route { tenant: Some(TenantId::new("slow").unwrap()), ..in_order(&["slow"]) };
    let world = World::on(clock, [], |builder| {
        let builder = fast.join(slow.join(builder)).route_by(route).route_by(in_order(&["fast"]));
        builder.options(options)
    })
    .await;
    slow.always(Some(accepted_later()));
    for _ in 0..200 {
        world.submit(of("slow")).await;
    }
    world.idle().await;
    assert_eq!(slow.count(), 3);
    world.submit(of("fast")).await;
    world.advance_in_steps(50, 10).await;
    assert_eq!(fast.count(), 1, "half a second is enough");
    for number in 2..20 {
        world.submit(of("fast")).await;
        world.advance_in_steps(50, 2).await;
        assert_eq!(fast.count(), number, "and at once from then on");
    }
    // Those that were put off come back, and none is forgotten.
    slow.always(None);
    slow.let_go(3);
    world.advance_in_steps(500, 300).await;
    assert_eq!((slow.count(), fast.count()), (200, 19));
}

#[tokio::test]
async fn while_it_comes_back_from_an_outage_bulk_leaves_places_to_the_urgent() {
    let clock = clock();
    let only = Vendor::taking("only", &clock, 40);
    let in_lane = |lane: Lane| Category { lane, ..Category::named(CategoryName::new(lane.name()).unwrap()) };
    let world = World::on(clock, [], |builder| {
        let builder = only.join(builder).route_by(in_order(&["only"]));
        Lane::ALL.into_iter().fold(builder, |builder, lane| builder.category(in_lane(lane)))
    })
    .await;
    only.always(Some(unavailable()));
    for _ in 0..15 {
        world.submit(sms()).await;
        world.idle().await;
    }
    only.always(None);
    let of_lane = |lane: Lane| {
        let mut request = sms_to_a_number();
        request.category = Some(lane.name().into());
        request
    };
    let is_back = |world: &World| world.notifier.providers()[0].health.percent;
    // Three probes close it; from then on it has a tenth of its places, and more each second. Ten calls opened it: after 25
    // nothing waits any more.
    let mut waited = 0;
    while !(only.count() >= 25 && is_back(&world) < 100) {
        world.advance_ms(100).await;
        waited += 1;
        assert!(waited < 600, "it came back: {}", only.count());
    }
    only.always(Some(accepted_later()));
    for _ in 0..60 {
        world.submit(of_lane(Lane::Bulk)).await;
    }
    // Each has its turn, too: ten in a second, at the least.
    world.advance_in_steps(10, 50).await;
    let status = world.notifier.providers().into_iter().find(|provider| provider.name == only.id()).unwrap();
    let open = 40 * usize::from(status.health.percent) / 100;
    assert!(open < 40 && open > 1, "{open} places are open");
    assert!(status.calls_in_flight <= open / 2, "bulk has {} of {open} places", status.calls_in_flight);
    let before = only.count();
    world.submit(of_lane(Lane::Urgent)).await;
    world.advance_in_steps(10, 11).await;
    let next: Vec<_> = only.calls()[before..].iter().map(|call| call.message.category.to_string()).collect();
    assert_eq!(next, ["urgent"]);
}
