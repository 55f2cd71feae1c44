//! Providers that call each recipient's own server: what one of them does is no reason to keep messages from the others.

use notifier_core::testing::Answer;
use notifier_core::{Breaker, DeliveryState, RejectionKind};

use super::vendor::*;
use super::world::*;

async fn one_that_calls_recipients() -> (World, std::sync::Arc<Vendor>) {
    let clock = clock();
    let only = Vendor::calling_recipients("only", &clock);
    let world = World::on(clock, [], |builder| only.join(builder).route_by(in_order(&["only"]))).await;
    (world, only)
}

async fn fails(world: &World, only: &Vendor, answer: Answer, times: usize) {
    only.will(std::iter::repeat_n(answer, times));
    for _ in 0..times {
        world.submit(sms()).await;
        world.idle().await;
    }
}

fn breaker(world: &World) -> Breaker {
    world.notifier.providers()[0].health.breaker
}

#[tokio::test]
async fn servers_that_are_down_open_no_breaker() {
    let (world, only) = one_that_calls_recipients().await;
    for answer in [unavailable(), unknown(), rate_limited(1_000)] {
        fails(&world, &only, answer, 20).await;
    }
    assert_eq!(breaker(&world), Breaker::Closed);
    let another = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!(world.state(another).await, DeliveryState::Sent);
}

#[tokio::test]
async fn one_that_wants_to_be_left_alone_is_and_the_others_are_not() {
    let (world, only) = one_that_calls_recipients().await;
    only.will([rate_limited(30_000)]);
    let limited = world.submit(sms()).await.id;
    world.idle().await;
    let due_at = world.delivery(limited).await.due_at;
    assert!(world.clock_now().duration_until(due_at).as_secs() >= 30, "its own wish is granted");
    let another = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!((only.count(), world.state(another).await), (2, DeliveryState::Sent));
}

#[tokio::test]
async fn what_is_wrong_with_the_provider_itself_opens_it_all_the_same() {
    let (world, only) = one_that_calls_recipients().await;
    fails(&world, &only, refused(RejectionKind::Provider), 15).await;
    assert!(matches!(breaker(&world), Breaker::Open { .. }));
}
