//! Which provider a message goes to, and which is asked after it.

use std::collections::BTreeSet;

use notifier_core::testing::Answer;
use notifier_core::{
    Category, CategoryName, DeliveryState, ProviderPolicy, RejectionKind, RetryPolicy, Route, Standing, TenantId,
    UnknownPolicy,
};

use super::vendor::*;
use super::world::*;

#[tokio::test]
async fn in_order_everything_goes_to_the_first_that_works() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    for _ in 0..20 {
        let id = world.submit(sms()).await.id;
        world.settled(id).await;
    }
    assert_eq!((first.count(), second.count(), world.provider.calls().len()), (20, 0, 0));
}

#[tokio::test]
async fn by_weight_each_gets_about_its_share() {
    let clock = clock();
    let (heavy, light) = (Vendor::new("heavy", &clock), Vendor::new("light", &clock));
    let route = by_weight(&[("heavy", 3), ("light", 1)]);
    let world = World::on(clock, [], |builder| light.join(heavy.join(builder)).route_by(route)).await;
    for _ in 0..200 {
        let id = world.submit(sms()).await.id;
        world.settled(id).await;
    }
    assert_eq!(heavy.count() + light.count(), 200);
    assert!((30..=70).contains(&light.count()), "a quarter is 50: {}", light.count());
}

#[tokio::test]
async fn of_the_routes_that_fit_the_first_counts() {
    let clock = clock();
    let vendors = ["german", "alarms", "acme", "rest"].map(|name| Vendor::new(name, &clock));
    let alarms = CategoryName::new("alarm").unwrap();
    let routes = [
        Route { prefix: Some("+49".into()), ..in_order(&["german"]) },
        Route { category: Some(alarms.clone()), ..in_order(&["alarms"]) },
        Route { tenant: Some(TenantId::new("acme").unwrap()), ..in_order(&["acme"]) },
        in_order(&["rest"]),
    ];
    let world = World::on(clock, [], |builder| {
        let builder = vendors.iter().fold(builder, |builder, vendor| vendor.join(builder));
        routes.into_iter().fold(builder, |builder, route| builder.route_by(route)).category(Category::named(alarms))
    })
    .await;
    let send = async |phone: &str, category: Option<&str>, of: Option<&str>| {
        let mut request = sms();
        request.recipient.phone = Some(phone.into());
        request.category = category.map(Into::into);
        request.tenant = of.map(Into::into);
        let before: Vec<_> = vendors.iter().map(|vendor| vendor.count()).collect();
        world.submit(request).await;
        world.idle().await;
        let called = vendors.iter().zip(before).filter(|(vendor, before)| vendor.count() > *before);
        called.map(|(vendor, _)| vendor.id().to_string()).collect::<Vec<_>>().join(",")
    };
    let (german, american) = ("+4915112345678", "+14155550101");
    assert_eq!(send(german, Some("alarm"), Some("acme")).await, "german");
    assert_eq!(send(american, Some("alarm"), Some("acme")).await, "alarms");
    assert_eq!(send(american, None, Some("acme")).await, "acme");
    assert_eq!(send(american, None, None).await, "rest");
    assert!(world.provider.calls().is_empty(), "`route` comes after every `route_by`");
}

#[tokio::test]
async fn the_next_is_asked_at_once_when_one_is_out_of_service() {
    for failure in [unavailable(), rate_limited(30_000), refused(RejectionKind::Provider)] {
        let (world, first, second) = two_vendors(|builder| builder).await;
        first.will([failure.clone()]);
        let id = world.submit(sms()).await.id;
        world.idle().await;
        let delivery = world.delivery(id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 2), "{failure:?}");
        assert_eq!((first.count(), second.count()), (1, 1), "{failure:?}");
        let keys: BTreeSet<_> =
            first.calls().into_iter().chain(second.calls()).map(|call| call.context.idempotency_key).collect();
        assert_eq!(keys.len(), 1, "one key for all attempts");
        let timeline = world.timeline(id).await;
        assert!(timeline.iter().any(|fact| fact.reason.code == "route.failover"), "{timeline:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_message_or_the_recipient_is_not_tried_elsewhere() {
    for kind in [RejectionKind::Message, RejectionKind::Recipient, RejectionKind::Suppressed, RejectionKind::Plugin] {
        let (world, first, second) = two_vendors(|builder| builder).await;
        first.will([refused(kind)]);
        let id = world.submit(sms()).await.id;
        assert_eq!(world.settled(id).await.deliveries[0].state, DeliveryState::Failed);
        world.advance_in_steps(60_000, 20).await;
        assert_eq!((first.count(), second.count()), (1, 0), "{kind:?}");
    }
}

#[tokio::test]
async fn after_all_were_tried_it_waits_and_begins_with_the_first_again() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.will([unavailable()]);
    second.will([unavailable()]);
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let waiting = world.delivery(id).await;
    assert_eq!((waiting.state, waiting.attempts), (DeliveryState::Pending, 2));
    let wait = world.clock_now().duration_until(waiting.due_at).as_millis();
    assert!((1_000..=2_000).contains(&wait), "the window of the first round: {wait}");
    world.advance_ms(i64::try_from(wait).unwrap() - 1).await;
    assert_eq!((first.count(), second.count()), (1, 1), "not early");
    world.advance_ms(1).await;
    assert_eq!((first.count(), second.count()), (2, 1), "the first again");
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn after_an_unclear_answer_the_same_provider_is_asked_again() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.will([unknown()]);
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(500, 30).await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
    assert_eq!((first.count(), second.count()), (2, 0));
}

#[tokio::test]
async fn after_a_second_unclear_answer_the_next_is_asked_at_once() {
    for unclear in [unknown(), Answer::Never] {
        let (world, first, second) = two_vendors(|builder| builder).await;
        first.always(Some(unclear));
        let id = world.submit(sms()).await.id;
        world.advance_in_steps(500, 200).await;
        let sent = world.delivery(id).await;
        assert_eq!((sent.state, sent.attempts, sent.doubtful_attempts), (DeliveryState::Sent, 3, 2));
        assert_eq!((first.count(), second.count()), (2, 1));
        let timeline = world.timeline(id).await;
        let asked_next = timeline.iter().find(|fact| fact.detail("failover").is_some()).unwrap().at;
        assert_eq!(second.calls()[0].at, asked_next);
    }
}

#[tokio::test]
async fn with_no_other_the_one_in_doubt_is_asked_as_often_as_is_allowed() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.always(Some(unknown()));
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(500, 100).await;
    let ended = world.delivery(id).await;
    assert_eq!((ended.state, ended.doubtful_attempts, only.count()), (DeliveryState::Unknown, 4, 4));
}

#[tokio::test]
async fn what_is_in_doubt_is_not_the_probe_of_an_ill_provider_while_another_takes_calls() {
    let retry = RetryPolicy { delay_min_ms: 20_000, delay_base_ms: 20_000, ..RetryPolicy::default() };
    let late = Category { retry, ..category(UnknownPolicy::Resend) };
    let (world, first, second) = two_vendors(|builder| builder.category(late)).await;
    first.always(Some(unknown()));
    for _ in 0..15 {
        world.submit(sms()).await;
        world.idle().await;
    }
    // Ten calls opened its breaker, for five seconds at most.
    world.advance_in_steps(1_000, 19).await;
    let shown = world.notifier.providers().into_iter().find(|provider| provider.name == first.id()).unwrap();
    assert_eq!(shown.standing, Standing::Probe);
    world.advance_in_steps(1_000, 5).await;
    assert_eq!((first.count(), second.count()), (10, 15));
}

#[tokio::test]
async fn what_is_in_doubt_goes_on_from_a_provider_that_does_badly_lately() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    for number in 0..10 {
        first.always((number >= 8).then(unknown));
        world.submit(sms()).await;
        world.idle().await;
    }
    world.advance_in_steps(500, 6).await;
    assert_eq!((first.count(), second.count()), (10, 2), "a fifth of its calls said nothing");
}

#[tokio::test]
async fn after_an_unclear_answer_the_same_provider_is_asked_again_whatever_the_weights() {
    let clock = clock();
    let (one, other) = (Vendor::new("one", &clock), Vendor::new("other", &clock));
    let route = by_weight(&[("one", 1), ("other", 1)]);
    let world = World::on(clock, [], |builder| other.join(one.join(builder)).route_by(route)).await;
    for round in 0..8 {
        one.always(Some(unknown()));
        other.always(Some(unknown()));
        let id = world.submit(sms()).await.id;
        world.idle().await;
        let asked_first = world.delivery(id).await.last_attempt.unwrap().provider;
        one.always(None);
        other.always(None);
        world.advance_in_steps(500, 40).await;
        let asked_again = world.delivery(id).await.last_attempt.unwrap();
        assert_eq!((asked_again.number, asked_again.provider), (2, asked_first), "round {round}");
    }
}

#[tokio::test]
async fn a_providers_own_retry_policy_outranks_the_categorys() {
    let mut policy = ProviderPolicy::default();
    policy.retry =
        Some(RetryPolicy { attempts_max: 2, delay_min_ms: 90_000, delay_base_ms: 90_000, ..RetryPolicy::default() });
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    only.always(Some(unavailable()));
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let waiting = world.delivery(id).await;
    assert_eq!(world.clock_now().duration_until(waiting.due_at).as_millis(), 90_000);
    world.advance_ms(90_000).await;
    let failed = world.delivery(id).await;
    assert_eq!((failed.state, failed.attempts), (DeliveryState::Failed, 2), "{}", failed.reason);
    assert_eq!(failed.reason.code, "retry.exhausted");
}

fn at_most(attempts_max: u32) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    policy.retry = Some(RetryPolicy { attempts_max, ..category(UnknownPolicy::Resend).retry });
    policy
}

#[tokio::test]
async fn who_may_be_called_once_only_leaves_the_rest_to_the_other() {
    for failure in [unavailable(), unknown()] {
        let (world, first, second) = two_vendors(|builder| builder.provider_policy("first", at_most(1))).await;
        first.always(Some(failure.clone()));
        second.will([unavailable()]);
        let id = world.submit(sms()).await.id;
        world.idle().await;
        assert_eq!((first.count(), second.count()), (1, 1), "at once: {failure:?}");
        world.advance_in_steps(1_000, 10).await;
        assert_eq!((first.count(), second.count()), (1, 2), "{failure:?}");
        assert_eq!(world.state(id).await, DeliveryState::Sent, "{failure:?}");
    }
}

#[tokio::test]
async fn who_was_called_often_enough_stays_so_in_the_next_process_and_until_a_replay() {
    let (world, first, second) = two_vendors(|builder| builder.provider_policy("first", at_most(1))).await;
    first.always(Some(unavailable()));
    second.always(Some(unavailable()));
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let (again, other) = (Vendor::new("first", &world.clock), Vendor::new("second", &world.clock));
    again.always(Some(unavailable()));
    other.always(Some(unavailable()));
    let world = world
        .killed_and_restarted([], |builder| {
            let builder = other.join(again.join(builder)).provider_policy("first", at_most(1));
            builder.route_by(in_order(&["first", "second"]))
        })
        .await;
    world.advance_in_steps(1_000, 60).await;
    let failed = world.delivery(id).await;
    assert_eq!((failed.state, failed.attempts), (DeliveryState::Failed, 4), "as often as the category says in all");
    assert_eq!((again.count(), other.count()), (0, 2));
    world.notifier.replay(&tenant(), id, None).await.unwrap().unwrap();
    world.idle().await;
    assert_eq!((again.count(), other.count()), (1, 3));
}

#[tokio::test]
async fn it_is_given_up_when_nobody_is_left_who_may_be_called() {
    for (failure, state, code) in [
        (unavailable(), DeliveryState::Failed, "retry.exhausted"),
        (unknown(), DeliveryState::Unknown, "unknown.exhausted"),
    ] {
        let (world, first, second) =
            two_vendors(|builder| builder.provider_policy("first", at_most(1)).provider_policy("second", at_most(1)))
                .await;
        first.always(Some(failure.clone()));
        second.always(Some(failure));
        let id = world.submit(sms()).await.id;
        world.advance_in_steps(1_000, 60).await;
        let ended = world.delivery(id).await;
        assert_eq!((ended.state, ended.attempts, ended.reason.code.as_ref()), (state, 2, code), "{}", ended.reason);
        assert_eq!((first.count(), second.count()), (1, 1));
    }
}

#[tokio::test]
async fn what_only_those_could_send_who_may_be_called_no_more_fails() {
    let (world, first, second) = two_vendors(|builder| builder.provider_policy("first", at_most(1))).await;
    first.always(Some(unavailable()));
    second.always(Some(unavailable()));
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let alone = Vendor::new("first", &world.clock);
    let world = world
        .killed_and_restarted([], |builder| {
            alone.join(builder).provider_policy("first", at_most(1)).route_by(in_order(&["first"]))
        })
        .await;
    world.advance_in_steps(1_000, 10).await;
    let failed = world.delivery(id).await;
    assert_eq!((failed.state, failed.reason.code.as_ref()), (DeliveryState::Failed, "retry.exhausted"));
    assert_eq!(alone.count(), 0);
}

#[tokio::test]
async fn a_vendors_wish_to_be_left_alone_rests_that_vendor_only() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.will([rate_limited(30_000)]);
    world.submit(sms()).await;
    world.idle().await;
    for _ in 0..5 {
        world.submit(sms()).await;
        world.advance_ms(5_000).await;
    }
    assert_eq!((first.count(), second.count()), (1, 6), "for 30 seconds nobody calls it, and nothing waits for it");
    let resting = world.notifier.providers().into_iter().find(|provider| provider.name == first.id()).unwrap();
    assert_eq!(resting.rests_until, Some(time("2026-01-01T00:00:30Z")));
    world.advance_ms(5_000).await;
    world.submit(sms()).await;
    world.idle().await;
    assert_eq!((first.count(), second.count()), (2, 6));
}

#[tokio::test]
async fn what_one_vendor_asked_for_holds_also_after_others_were_tried_and_after_a_restart() {
    let patient = || {
        let retry = RetryPolicy {
            attempts_max: 50,
            delay_min_ms: 20_000,
            delay_base_ms: 20_000,
            delay_max_ms: 20_000,
            ..RetryPolicy::default()
        };
        Category { retry, ..Category::default() }
    };
    let (world, first, second) = two_vendors(|builder| builder.category(patient())).await;
    // Ten minutes for this message; the provider as a whole rests for one.
    first.will([rate_limited(600_000)]);
    second.always(Some(unavailable()));
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 300).await;
    assert_eq!(first.count(), 1, "not before the time that it asked for");
    assert!((10..=17).contains(&second.count()), "one in twenty seconds: {}", second.count());
    let (again, other) = (Vendor::new("first", &world.clock), Vendor::new("second", &world.clock));
    other.always(Some(unavailable()));
    let world = world
        .killed_and_restarted([], |builder| {
            other.join(again.join(builder)).route_by(in_order(&["first", "second"])).category(patient())
        })
        .await;
    world.advance_in_steps(1_000, 295).await;
    assert_eq!((again.count(), world.state(id).await), (0, DeliveryState::Pending));
    assert!(other.count() <= 17, "one in twenty seconds: {}", other.count());
    world.advance_in_steps(1_000, 45).await;
    assert_eq!((again.count(), world.state(id).await), (1, DeliveryState::Sent));
    assert!(again.calls()[0].at >= time("2026-01-01T00:10:00Z"));
}

#[tokio::test]
async fn all_attempts_together_are_limited_however_many_providers_there_are() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.always(Some(unavailable()));
    second.always(Some(unavailable()));
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 60).await;
    let failed = world.delivery(id).await;
    assert_eq!((failed.state, failed.attempts), (DeliveryState::Failed, 4));
    assert_eq!((first.count(), second.count()), (2, 2));
}

#[tokio::test]
async fn a_message_that_was_held_is_not_given_to_another_provider() {
    let held = category(UnknownPolicy::Hold);
    let (world, first, second) = two_vendors(|builder| builder.category(held)).await;
    first.will([unknown()]);
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(60_000, 10).await;
    assert_eq!(world.state(id).await, DeliveryState::Unknown);
    assert_eq!((first.count(), second.count()), (1, 0));
}
