//! Many requests at once, and too many.

use std::time::Duration;

use notifier_core::{DeliveryState, FlowOptions, ListQuery, SubmitError};

use super::world::*;

fn options(change: impl FnOnce(&mut FlowOptions)) -> FlowOptions {
    let mut options = FlowOptions::default();
    change(&mut options);
    options
}

async fn stored(world: &World) -> usize {
    world.notifier.list(&ListQuery::of(tenant(), 1_000)).await.unwrap().items.len()
}

fn overloaded<T: std::fmt::Debug>(result: Result<T, SubmitError>) -> Duration {
    match result {
        Err(SubmitError::Overloaded { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_of_many_has_its_own_result_in_order() {
    let world = World::with([]).await;
    let keyed = |key: &str, text: &str| {
        let mut request = sms();
        request.idempotency_key = Some(key.into());
        request.content.as_mut().unwrap().sms.as_mut().unwrap().text = text.into();
        request
    };
    let mut bad = sms();
    bad.category = Some("unheard-of".into());
    let requests = vec![sms(), bad, keyed("a", "one"), keyed("a", "one"), keyed("a", "two"), both()];
    let results = world.notifier.submit_all(requests).await.unwrap();
    assert_eq!(results.len(), 6);
    let id = |index: usize| results[index].as_ref().unwrap().id;
    let Err(SubmitError::Invalid(errors)) = &results[1] else { panic!("{:?}", results[1]) };
    assert_eq!(errors[0].field, "category");
    assert_eq!((id(2), results[3].as_ref().unwrap().repeated), (id(3), true));
    assert!(
        matches!(&results[4], Err(SubmitError::KeyReused { existing, .. }) if *existing == id(2)),
        "{:?}",
        results[4]
    );
    assert_eq!(results[5].as_ref().unwrap().deliveries.len(), 2);
    world.idle().await;
    assert_eq!((stored(&world).await, world.provider.calls().len()), (3, 4));
    for index in [0, 2, 5] {
        assert!(world.settled(id(index)).await.deliveries.iter().all(|d| d.state == DeliveryState::Sent));
    }
    assert_eq!(world.notifier.stats().await.unwrap().accepted, 3);
}

#[tokio::test]
async fn everything_that_is_accepted_at_once_goes_out() {
    let world = World::with([]).await;
    let mut requests: Vec<_> = (0..500).map(|_| sms()).collect();
    requests[250].schedule = at("2026-01-01T01:00:00Z");
    let results = world.notifier.submit_all(requests).await.unwrap();
    for _ in 0..20 {
        world.idle().await;
    }
    assert_eq!(world.provider.calls().len(), 499);
    world.clock.set(time("2026-01-01T01:00:00Z"));
    for result in results {
        let status = world.settled(result.unwrap().id).await;
        assert_eq!((status.deliveries[0].state, status.deliveries[0].attempts), (DeliveryState::Sent, 1));
    }
    assert_eq!(world.provider.calls().len(), 500);
}

#[tokio::test]
async fn nothing_is_accepted_while_too_much_is_on_its_way_to_the_disk() {
    let world = World::configured([], |builder| builder.options(options(|o| o.accepting_max = 60))).await;
    let many = (0..60).map(|_| sms()).collect();
    // Many requests are checked by turns: the other call comes in between.
    let (first, second) =
        futures_util::future::join(world.notifier.submit_all(many), world.notifier.submit(sms())).await;
    assert_eq!(first.unwrap().len(), 60);
    assert_eq!(overloaded(second), Duration::from_secs(1));
    assert_eq!(stored(&world).await, 60);
    assert_eq!(world.notifier.stats().await.unwrap().refused, 1);
    world.submit(sms()).await;
    world.idle().await;
    assert_eq!(stored(&world).await, 61);
}

#[tokio::test]
async fn nothing_is_accepted_while_too_much_waits() {
    let world = World::configured([], |builder| builder.options(options(|o| o.pending_max = 3))).await;
    let mut later = sms();
    later.schedule = at("2026-01-01T01:00:00Z");
    for _ in 0..3 {
        world.submit(later.clone()).await;
        world.advance_ms(200).await;
    }
    assert_eq!(overloaded(world.notifier.submit(sms()).await), Duration::from_secs(10));
    assert_eq!(overloaded(world.notifier.submit_all(vec![sms(), sms()]).await), Duration::from_secs(10));
    assert_eq!((stored(&world).await, world.provider.calls().len()), (3, 0));
    assert_eq!(world.notifier.stats().await.unwrap().refused, 2);
    world.clock.set(time("2026-01-01T01:00:00Z"));
    world.idle().await;
    assert_eq!(world.provider.calls().len(), 3, "what was accepted goes out");
    world.submit(sms()).await;
}
