//! A provider that comes back from an outage gets what piled up by steps, and not as fast as it answers.

use std::num::NonZeroU32;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use notifier_core::{
    Breaker, Category, CategoryName, DeliveryState, Lane, NotificationId, NotificationRequest, ProviderPolicy,
    ProviderStatus,
};

use super::vendor::*;
use super::world::*;

/// One that answers at once, however much it is asked, and an engine with a category for each lane.
async fn quick_vendor(policy: ProviderPolicy) -> (World, Arc<Vendor>) {
    let in_lane = |lane: Lane| Category { lane, ..Category::named(CategoryName::new(lane.name()).unwrap()) };
    one_vendor(|builder| {
        let builder = builder.provider_policy("only", policy);
        Lane::ALL.into_iter().fold(builder, |builder, lane| builder.category(in_lane(lane)))
    })
    .await
}

fn of_lane(lane: Lane) -> NotificationRequest {
    let mut request = sms_to_a_number();
    request.category = Some(lane.name().into());
    request
}

fn status(world: &World) -> ProviderStatus {
    world.notifier.providers().into_iter().find(|provider| provider.name.as_str() == "only").unwrap()
}

async fn submit(world: &World, count: usize, lane: Lane) -> Vec<NotificationId> {
    let requests = (0..count).map(|_| of_lane(lane)).collect();
    let ids = world.notifier.submit_all(requests).await.unwrap().into_iter().map(|one| one.unwrap().id).collect();
    world.idle().await;
    ids
}

/// Its breaker opens, so much waits for it, and it works again; what waits, once the breaker has closed.
async fn outage(world: &World, only: &Vendor, waiting: usize) -> Vec<NotificationId> {
    // What its good time says has to be over by now.
    world.advance_ms(11_000).await;
    only.always(Some(unavailable()));
    let mut ids = submit(world, 15, Lane::Normal).await;
    while !matches!(status(world).health.breaker, Breaker::Open { .. }) {
        world.advance_ms(10).await;
    }
    ids.extend(submit(world, waiting, Lane::Normal).await);
    only.always(None);
    while status(world).health.breaker != Breaker::Closed {
        world.advance_ms(10).await;
    }
    ids
}

/// Lets time pass until all its places are open: how much of them was, and when.
async fn come_back(world: &World) -> Vec<(Timestamp, u8)> {
    let mut seen = vec![(world.clock_now(), status(world).health.percent)];
    while seen.last().is_some_and(|(_, percent)| *percent < 100) {
        world.advance_ms(10).await;
        seen.push((world.clock_now(), status(world).health.percent));
    }
    seen
}

/// No second after `seen` began had more calls than that much of `usual`, or ten.
fn assert_no_burst(only: &Vendor, seen: &[(Timestamp, u8)], usual: usize) {
    let calls: Vec<Timestamp> = only.calls().iter().map(|call| call.at).filter(|at| *at > seen[0].0).collect();
    for (begin, _) in seen {
        let end = *begin + SignedDuration::from_secs(1);
        let percent = seen.iter().rfind(|(at, _)| *at < end).map_or(100, |(_, percent)| usize::from(*percent));
        let count = calls.iter().filter(|at| (*begin..end).contains(*at)).count();
        assert!(count <= (usual * percent / 100).max(10), "{count} calls in the second from {begin}, at {percent}%");
    }
}

async fn all_sent(world: &World, ids: &[NotificationId]) -> bool {
    for id in ids {
        if world.state(*id).await != DeliveryState::Sent {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn while_it_comes_back_no_second_has_more_than_its_share_of_what_it_took_before() {
    let (world, only) = quick_vendor(ProviderPolicy::default()).await;
    submit(&world, 100, Lane::Normal).await;
    assert_eq!(only.count(), 100, "in one second");
    let ids = outage(&world, &only, 900).await;
    let seen = come_back(&world).await;
    assert_no_burst(&only, &seen, 100);
    assert!(only.count() > 100 + 300, "and it gets its share: {}", only.count());
    // What is left leaves without a burst, too, although all its places are open.
    let all_open_at = world.clock_now();
    world.advance_in_steps(10, 1_500).await;
    assert!(all_sent(&world, &ids).await);
    let calls: Vec<_> = only.calls().iter().map(|call| call.at).filter(|at| *at > all_open_at).collect();
    let within = |begin: &Timestamp| calls.iter().filter(|at| at.duration_since(*begin).as_millis() < 100).count();
    let most = calls.iter().enumerate().map(|(n, at)| within(at) - n).max().unwrap_or(0);
    assert!(calls.len() > 100 && most <= 20, "{most} in a tenth of a second, {} in all", calls.len());
}

#[tokio::test]
async fn what_piled_up_for_long_makes_it_no_faster_than_a_tenth_each_second() {
    let (world, only) = quick_vendor(ProviderPolicy::default()).await;
    submit(&world, 20, Lane::Normal).await;
    outage(&world, &only, 2_000).await;
    come_back(&world).await;
    let all_open_at = world.clock_now();
    world.advance_in_steps(10, 1_500).await;
    let in_second = |second: i64| {
        let since = |at: Timestamp| at.duration_since(all_open_at).as_millis();
        only.calls()
            .iter()
            .filter(|call| (second * 1_000..(second + 1) * 1_000).contains(&(since(call.at) as i64)))
            .count()
    };
    let by_second: Vec<usize> = (0..15).map(in_second).collect();
    for (second, calls) in by_second.iter().enumerate() {
        // Of twenty: a tenth more each second, and one for the border of two seconds.
        assert!(*calls <= 20 + 2 * (second + 1) + 1, "{by_second:?}");
    }
    assert!(by_second[14] >= 30, "it grows: {by_second:?}");
}

#[tokio::test]
async fn an_urgent_message_does_not_wait_for_what_piled_up() {
    let (world, only) = quick_vendor(ProviderPolicy::default()).await;
    submit(&world, 100, Lane::Normal).await;
    let ids = outage(&world, &only, 400).await;
    for _ in 0..4 {
        let urgent = submit(&world, 1, Lane::Urgent).await;
        world.advance_in_steps(10, 25).await;
        assert!(all_sent(&world, &urgent).await, "{}", world.delivery(urgent[0]).await.reason);
        world.advance_in_steps(10, 75).await;
    }
    assert!(!all_sent(&world, &ids).await);
}

#[tokio::test]
async fn one_that_was_always_quiet_is_not_throttled_to_nothing() {
    let (world, only) = quick_vendor(ProviderPolicy::default()).await;
    submit(&world, 1, Lane::Normal).await;
    let ids = outage(&world, &only, 60).await;
    let seen = come_back(&world).await;
    assert_no_burst(&only, &seen, 1);
    assert!(all_sent(&world, &ids).await, "ten in a second are no burst");
}

#[tokio::test]
async fn after_a_restart_it_is_taken_for_as_fast_as_it_is_allowed() {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = NonZeroU32::new(50);
    let (world, only) = quick_vendor(policy).await;
    let ids = outage(&world, &only, 200).await;
    let seen = come_back(&world).await;
    assert_no_burst(&only, &seen, 50);
    world.advance_in_steps(10, 200).await;
    assert!(all_sent(&world, &ids).await);
}

#[tokio::test]
async fn once_what_piled_up_is_gone_nothing_is_held_back() {
    let (world, only) = quick_vendor(ProviderPolicy::default()).await;
    submit(&world, 20, Lane::Normal).await;
    outage(&world, &only, 50).await;
    come_back(&world).await;
    world.advance_in_steps(100, 100).await;
    let called = only.count();
    submit(&world, 300, Lane::Normal).await;
    world.idle().await;
    assert_eq!(only.count() - called, 300, "in no time");
}
