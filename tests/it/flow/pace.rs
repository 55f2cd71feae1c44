//! Calls by the second: whose turn it is, who waits where, and what has a turn too late.

use std::num::NonZeroU32;
use std::sync::Arc;

use notifier_core::{Category, CategoryName, DeliveryState, Lane, NotificationId, NotificationRequest, ProviderPolicy};

use super::vendor::*;
use super::world::*;

fn per_second(limit: u32) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = NonZeroU32::new(limit);
    policy
}

async fn with_lanes(limit: u32) -> (World, Arc<Vendor>) {
    let clock = clock();
    let only = Vendor::taking("only", &clock, 1_000);
    let in_lane = |lane: Lane| Category { lane, ..Category::named(CategoryName::new(lane.name()).unwrap()) };
    let world = World::on(clock, [], |builder| {
        let builder = only.join(builder).route_by(in_order(&["only"])).provider_policy("only", per_second(limit));
        Lane::ALL.into_iter().fold(builder, |builder, lane| builder.category(in_lane(lane)))
    })
    .await;
    (world, only)
}

fn of_lane(lane: Lane) -> NotificationRequest {
    let mut request = sms_to_a_number();
    request.category = Some(lane.name().into());
    request
}

fn lanes_called(only: &Vendor) -> Vec<String> {
    only.calls().iter().map(|call| call.message.category.to_string()).collect()
}

fn called(only: &Vendor) -> Vec<NotificationId> {
    only.calls().iter().map(|call| call.message.delivery.notification).collect()
}

#[tokio::test]
async fn an_urgent_message_has_its_turn_before_normal_ones_and_those_before_bulk() {
    let (world, only) = with_lanes(10).await;
    for lane in [Lane::Bulk, Lane::Bulk, Lane::Normal, Lane::Urgent] {
        world.submit(of_lane(lane)).await;
        world.idle().await;
    }
    assert_eq!(lanes_called(&only), ["bulk"], "it had the only turn before anybody else came");
    world.advance_in_steps(10, 60).await;
    assert_eq!(lanes_called(&only), ["bulk", "urgent", "normal", "bulk"]);
    let times: Vec<_> = only.calls().windows(2).map(|pair| pair[1].at.duration_since(pair[0].at).as_millis()).collect();
    assert_eq!(times[..2], [100, 100], "and nobody waits for longer than it has to");
}

#[tokio::test]
async fn urgent_messages_that_never_end_leave_a_share_to_those_behind() {
    let (world, only) = with_lanes(10).await;
    let mut behind = Vec::new();
    for lane in [Lane::Urgent, Lane::Urgent, Lane::Bulk, Lane::Normal, Lane::Bulk, Lane::Normal, Lane::Bulk] {
        let id = world.submit(of_lane(lane)).await.id;
        world.idle().await;
        behind.extend((lane != Lane::Urgent).then_some(id));
    }
    for _ in 0..100 {
        for _ in 0..2 {
            world.submit(of_lane(Lane::Urgent)).await;
        }
        world.advance_in_steps(50, 2).await;
    }
    let lanes = lanes_called(&only);
    let urgent = lanes.iter().filter(|lane| *lane == "urgent").count();
    assert!((95..=101).contains(&lanes.len()), "{} of 100 turns were used", lanes.len());
    assert!(urgent >= 75, "urgent had {urgent} of {}: {lanes:?}", lanes.len());
    for id in behind {
        assert_eq!(world.state(id).await, DeliveryState::Sent, "{lanes:?}");
    }
}

#[tokio::test]
async fn within_a_lane_who_came_first_goes_first() {
    let (world, only) = with_lanes(10).await;
    let mut came = Vec::new();
    for _ in 0..20 {
        came.push(world.submit(of_lane(Lane::Normal)).await.id);
        world.idle().await;
    }
    world.advance_in_steps(10, 55).await;
    for _ in 0..10 {
        came.push(world.submit(of_lane(Lane::Normal)).await.id);
        world.advance_in_steps(10, 1).await;
    }
    world.advance_in_steps(10, 500).await;
    assert_eq!(called(&only), came);
}

#[tokio::test]
async fn few_wait_in_the_process_and_the_others_come_back_at_their_turn() {
    let (world, only) = with_lanes(1_000).await;
    let requests = (0..300).map(|_| of_lane(Lane::Normal)).collect();
    let ids: Vec<_> =
        world.notifier.submit_all(requests).await.unwrap().into_iter().map(|one| one.unwrap().id).collect();
    for _ in 0..10 {
        world.idle().await;
    }
    let mut put_off = Vec::new();
    for id in &ids {
        let delivery = world.delivery(*id).await;
        if delivery.reason.code == "limit.per_second" {
            put_off.push(world.clock_now().duration_until(delivery.due_at).as_millis());
        }
    }
    // Of the 192 that may be in flight in that lane, half may wait.
    assert_eq!((only.count(), put_off.len()), (1, 300 - 1 - 96));
    put_off.sort_unstable();
    assert!(put_off[0] >= 97 && put_off[put_off.len() - 1] <= 310, "{put_off:?}");
    world.advance_in_steps(1, 400).await;
    assert_eq!(only.count(), 300);
}

#[tokio::test]
async fn what_expires_while_it_waits_for_its_turn_leaves_the_turn_to_others() {
    let (world, only) = with_lanes(1).await;
    world.submit(of_lane(Lane::Urgent)).await;
    world.idle().await;
    let mut short = of_lane(Lane::Urgent);
    short.expires_at = Some("2026-01-01T00:00:00.500Z".into());
    let short = world.submit(short).await.id;
    world.advance_in_steps(50, 8).await;
    assert_eq!(world.delivery(short).await.reason.code, "schedule.now", "it waits where it is");
    world.advance_in_steps(50, 4).await;
    assert_eq!(world.state(short).await, DeliveryState::Expired);
    world.submit(of_lane(Lane::Urgent)).await;
    world.advance_in_steps(50, 12).await;
    let at: Vec<_> = only.calls().iter().map(|call| call.at).collect();
    assert_eq!(at, [time("2026-01-01T00:00:00Z"), time("2026-01-01T00:00:01Z")]);
}

#[tokio::test]
async fn turns_that_nobody_comes_for_hold_up_nobody() {
    let (world, only) = with_lanes(1).await;
    let mut backlog = Vec::new();
    for _ in 0..200 {
        backlog.push(world.submit(of_lane(Lane::Normal)).await.id);
    }
    world.idle().await;
    for id in backlog {
        world.notifier.cancel(&tenant(), id).await.unwrap();
    }
    world.advance_in_steps(500, 10).await;
    for _ in 0..3 {
        world.submit(of_lane(Lane::Normal)).await;
    }
    world.advance_in_steps(100, 45).await;
    assert_eq!(only.count(), 4, "the 199 that were put off before them are gone");
}

#[tokio::test]
async fn a_turn_that_is_far_away_goes_to_another_provider_and_one_that_is_near_does_not() {
    let (world, first, second) = two_vendors(|builder| builder.provider_policy("first", per_second(2))).await;
    let mut ids = Vec::new();
    for _ in 0..30 {
        ids.push(world.submit(sms()).await.id);
        world.idle().await;
    }
    // Those that have a turn within five seconds wait for it.
    assert_eq!((first.count(), second.count()), (1, 30 - 11));
    let last = world.timeline(ids[29]).await;
    let reason = &last.iter().find(|fact| fact.reason.code == "route.limited").unwrap().reason.text;
    assert!(reason.contains("`second` in place of `first`") && reason.contains("pace"), "{reason}");
    world.advance_in_steps(100, 60).await;
    assert_eq!((first.count(), second.count()), (11, 19));
    for id in ids {
        let delivery = world.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 1));
    }
}
