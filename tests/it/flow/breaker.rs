//! When a provider is not called any more, and how it comes back.

use std::sync::Arc;

use notifier_core::testing::Answer;
use notifier_core::{
    Breaker, Category, CategoryName, Chain, Channel, DeliveryState, FactKind, Goal, ListQuery, Override,
    ProviderPolicy, ProviderStatus, ReceiptEvent, ReceiptStatus, Route, Standing, Strategy, UnknownPolicy,
};

use super::receipts::{event, webhook};
use super::vendor::*;
use super::world::*;

fn status(world: &World, vendor: &Arc<Vendor>) -> ProviderStatus {
    world.notifier.providers().into_iter().find(|provider| provider.name == vendor.id()).unwrap()
}

fn is_open(world: &World, vendor: &Arc<Vendor>) -> bool {
    matches!(status(world, vendor).health.breaker, Breaker::Open { .. })
}

/// Makes so many calls fail, too far apart for the share of failures to say anything.
async fn fail_in_a_row(world: &World, times: usize) {
    for _ in 0..times {
        world.submit(sms()).await;
        world.advance_ms(11_000).await;
    }
}

/// One that takes nothing for a while, so that its breaker opens; at most 15 messages wait for it then.
async fn break_down(world: &World, vendor: &Arc<Vendor>) {
    vendor.always(Some(unavailable()));
    for _ in 0..15 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert!(is_open(world, vendor));
}

#[tokio::test]
async fn fifteen_failures_in_a_row_open_it_and_the_second_is_called_without_asking_the_first() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.always(Some(unavailable()));
    fail_in_a_row(&world, 14).await;
    assert!(!is_open(&world, &first));
    assert_eq!((first.count(), second.count()), (14, 14));
    world.submit(sms()).await;
    world.idle().await;
    assert!(is_open(&world, &first));
    let last = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!((first.count(), second.count()), (15, 16), "not asked again");
    let sent = world.delivery(last).await;
    assert_eq!((sent.state, sent.attempts), (DeliveryState::Sent, 1));
}

#[tokio::test]
async fn a_success_in_between_begins_the_count_anew() {
    let (world, first, _) = two_vendors(|builder| builder).await;
    for _ in 0..3 {
        first.always(Some(unavailable()));
        fail_in_a_row(&world, 14).await;
        first.always(None);
        fail_in_a_row(&world, 1).await;
    }
    assert_eq!(status(&world, &first).health.breaker, Breaker::Closed);
    assert_eq!(status(&world, &first).reason, "", "it never opened");
}

#[tokio::test]
async fn what_is_wrong_with_messages_does_not_open_it() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.always(Some(rejected()));
    for _ in 0..40 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert_eq!(status(&world, &first).health.breaker, Breaker::Closed);
    assert_eq!((first.count(), second.count()), (40, 0));
}

#[tokio::test]
async fn half_of_the_calls_failing_opens_it_before_fifteen_in_a_row_do() {
    let (world, only) = one_vendor(|builder| builder).await;
    for number in 0..10 {
        only.always((number % 2 == 1).then(unavailable));
        world.submit(sms()).await;
        world.idle().await;
        assert_eq!(is_open(&world, &only), number == 9, "call {number}");
    }
}

#[tokio::test]
async fn with_no_other_provider_they_wait_without_costing_attempts_and_go_out_after_probes() {
    let (world, only) = one_vendor(|builder| builder).await;
    break_down(&world, &only).await;
    let called = only.count();
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(world.submit(sms()).await.id);
    }
    world.idle().await;
    for id in &waiting {
        let delivery = world.delivery(*id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));
        assert_eq!(delivery.reason.code, "route.none_takes_calls");
    }
    assert_eq!(only.count(), called, "nobody calls it");
    only.always(None);
    let Breaker::Open { until } = status(&world, &only).health.breaker else { panic!("it is open") };
    world.clock.set(until - jiff::SignedDuration::from_millis(1));
    world.idle().await;
    assert_eq!(only.count(), called, "not before it is asked again");
    world.advance_in_steps(100, 300).await;
    assert_eq!(status(&world, &only).health.breaker, Breaker::Closed);
    for id in &waiting {
        let delivery = world.delivery(*id).await;
        assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Sent, 1), "{}", delivery.reason);
    }
}

#[tokio::test]
async fn one_call_at_a_time_finds_out_whether_it_works_again() {
    let (world, only) = one_vendor(|builder| builder).await;
    break_down(&world, &only).await;
    let called = only.count();
    only.always(Some(accepted_later()));
    for _ in 0..50 {
        world.submit(sms()).await;
    }
    world.advance_in_steps(100, 100).await;
    assert_eq!(only.count(), called + 1, "the others wait for what the probe finds");
    assert_eq!(status(&world, &only).calls_in_flight, 1);
    let waiting = world.notifier.list(&ListQuery::of(tenant(), 1)).await.unwrap().items.remove(0);
    let timeline = world.timeline(waiting.notification.id).await;
    let deferred = timeline.iter().filter(|fact| fact.kind == FactKind::Deferred).count();
    assert_eq!(deferred, 1, "the timeline says so once, however often it was looked at: {timeline:?}");
}

#[tokio::test]
async fn a_probe_that_fails_opens_it_for_longer() {
    let (world, only) = one_vendor(|builder| builder).await;
    break_down(&world, &only).await;
    let Breaker::Open { until: first_end } = status(&world, &only).health.breaker else { panic!("it is open") };
    let first_pause = world.clock_now().duration_until(first_end);
    let called = only.count();
    world.submit(sms()).await;
    while only.count() == called {
        world.advance_ms(50).await;
    }
    let after = status(&world, &only);
    let Breaker::Open { until: second_end } = after.health.breaker else { panic!("it is open") };
    let second_pause = after.health.changed_at.duration_until(second_end);
    assert!(second_pause > first_pause * 3 / 2, "{second_pause} after {first_pause}");
    assert_eq!(only.count(), called + 1);
}

#[tokio::test]
async fn it_is_still_open_after_a_restart() {
    let (world, only) = one_vendor(|builder| builder).await;
    break_down(&world, &only).await;
    let before = status(&world, &only);
    let (clock, again) = (Arc::clone(&world.clock), Vendor::new("only", &world.clock));
    let world = world.killed_and_restarted([], |builder| again.join(builder).route_by(in_order(&["only"]))).await;
    assert!(Arc::ptr_eq(&clock, &world.clock));
    let after = status(&world, &again);
    assert_eq!((after.health, &after.reason), (before.health, &before.reason));
    let id = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!(again.count(), 0);
    assert_eq!(world.delivery(id).await.reason.code, "route.none_takes_calls");
}

#[tokio::test]
async fn by_hand_it_is_taken_out_of_service_at_once_and_for_as_long_as_it_takes() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    assert!(world.notifier.set_breaker(&first.id(), Some(Override::Open)).await.unwrap());
    for _ in 0..3 {
        world.submit(sms()).await;
        world.advance_ms(3_600_000).await;
    }
    assert_eq!((first.count(), second.count()), (0, 3));
    let shown = status(&world, &first);
    assert_eq!(shown.health.set_by_hand, Some(Override::Open));
    assert!(matches!(shown.standing, Standing::Refuses { .. }));
    let (third, fourth) = (Vendor::new("first", &world.clock), Vendor::new("second", &world.clock));
    let world = world
        .killed_and_restarted([], |builder| fourth.join(third.join(builder)).route_by(in_order(&["first", "second"])))
        .await;
    world.submit(sms()).await;
    world.idle().await;
    assert_eq!((third.count(), fourth.count()), (0, 1), "after a restart, too");
    assert!(world.notifier.set_breaker(&third.id(), None).await.unwrap());
    world.submit(sms()).await;
    world.idle().await;
    assert_eq!((third.count(), fourth.count()), (1, 1));
    assert!(!world.notifier.set_breaker(&provider_name("nobody"), None).await.unwrap());
}

#[tokio::test]
async fn by_hand_it_is_kept_in_service_whatever_happens() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    world.notifier.set_breaker(&first.id(), Some(Override::Closed)).await.unwrap();
    first.always(Some(unavailable()));
    for _ in 0..40 {
        world.submit(sms()).await;
        world.idle().await;
    }
    assert_eq!((first.count(), second.count()), (40, 40), "each was asked first");
    let shown = status(&world, &first);
    let is_closed = (Breaker::Closed, Some(Override::Closed), Standing::Takes { percent: 100 });
    assert_eq!((shown.health.breaker, shown.health.set_by_hand, shown.standing), is_closed, "{}", shown.reason);
}

#[tokio::test]
async fn what_waits_for_a_breaker_goes_out_soon_after_an_operator_closed_it() {
    let mut policy = ProviderPolicy::default();
    (policy.health.open_min_ms, policy.health.open_max_ms) = (3_600_000, 3_600_000);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    break_down(&world, &only).await;
    let called = only.count();
    only.always(None);
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 300).await;
    assert_eq!((only.count(), world.delivery(id).await.reason.code.as_ref()), (called, "route.none_takes_calls"));
    world.notifier.set_breaker(&only.id(), None).await.unwrap();
    // Half a minute, and a little more, so that not all come at once.
    world.advance_in_steps(1_000, 32).await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn of_two_that_are_ready_for_the_same_probe_one_makes_it_and_the_other_spends_nothing() {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = std::num::NonZeroU32::new(100);
    policy.calls_per_day_max = Some(1_000);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    only.always(Some(unavailable()));
    for _ in 0..15 {
        world.submit(sms()).await;
        world.advance_ms(100).await;
    }
    assert!(is_open(&world, &only));
    for id in world.notifier.list(&ListQuery::of(tenant(), 100)).await.unwrap().items {
        world.notifier.cancel(&tenant(), id.notification.id).await.unwrap();
    }
    let called = only.count();
    only.always(Some(accepted_later()));
    let mut both = Vec::new();
    for _ in 0..2 {
        let mut request = sms();
        request.schedule = at("2026-01-01T00:01:00Z");
        both.push(world.submit(request).await.id);
    }
    // Both are prepared ahead, and both for the probe.
    world.clock.set(time("2026-01-01T00:00:59.950Z"));
    world.idle().await;
    world.clock.set(time("2026-01-01T00:01:00Z"));
    world.idle().await;
    assert_eq!((only.count(), status(&world, &only).calls_today), (called + 1, Some(called as u64 + 1)));
    let mut states = Vec::new();
    for id in both {
        let delivery = world.delivery(id).await;
        states.push(delivery.state);
        let wait = world.clock_now().duration_until(delivery.due_at).as_millis();
        assert!(delivery.state == DeliveryState::Sending || (500..=2_500).contains(&wait), "it waits a little: {wait}");
    }
    states.sort_by_key(|state| state.name());
    assert_eq!(states, [DeliveryState::Pending, DeliveryState::Sending]);
    assert_eq!(status(&world, &only).calls_in_flight, 1, "and holds no place meanwhile");
}

#[tokio::test]
async fn a_receipt_that_did_not_come_is_held_against_its_provider_once() {
    for (shift_at_percent, is_shifted) in [(15, false), (10, true)] {
        let clock = clock();
        let (only, mail) = (Vendor::new("only", &clock), Vendor::taking("mail", &clock, 1));
        let mut policy = ProviderPolicy::default();
        (policy.health.window_s, policy.health.shift_at_percent) = (3_600, shift_at_percent);
        let strategy = Strategy::Sequence { until: Goal::Delivered, wait_ms: 1_000 };
        let channels = vec![Channel::Sms, Channel::Email];
        let sequence = Category { strategy, channels, ..category(UnknownPolicy::Hold) };
        let plain = Category::named(CategoryName::new("plain").unwrap());
        let by_mail = Route::of(Channel::Email, Chain::Ordered(vec![mail.id()]));
        let world = World::on(clock, [], |builder| {
            let builder = mail.join(only.join(builder)).route_by(in_order(&["only"])).route_by(by_mail);
            builder.provider_policy("only", policy).category(sequence).category(plain)
        })
        .await;
        mail.always(Some(accepted_later()));
        for _ in 0..9 {
            let mut request = sms();
            request.category = Some("plain".into());
            world.submit(request).await;
        }
        let mut first_mail = both();
        (first_mail.category, first_mail.channels) = (Some("plain".into()), Some(vec![Channel::Email]));
        world.submit(first_mail).await;
        world.idle().await;
        let id = world.submit(both()).await.id;
        // Its second channel waits for the place of the other email, and is looked at again and again meanwhile.
        world.advance_in_steps(500, 10).await;
        mail.let_go(2);
        world.advance_in_steps(500, 2).await;
        assert_eq!(world.on_channel(id, Channel::Email).await.state, DeliveryState::Sent);
        world.advance_in_steps(500, 2).await;
        assert_eq!((only.count(), status(&world, &only).health.percent < 100), (10, is_shifted));
    }
}

#[tokio::test]
async fn what_waits_for_an_operator_goes_out_soon_after_the_operator_acted() {
    let (world, only) = one_vendor(|builder| builder).await;
    world.notifier.set_breaker(&only.id(), Some(Override::Open)).await.unwrap();
    let id = world.submit(sms()).await.id;
    world.advance_in_steps(1_000, 30).await;
    assert_eq!(only.count(), 0);
    world.notifier.set_breaker(&only.id(), None).await.unwrap();
    world.advance_in_steps(1_000, 15).await;
    let sent = world.delivery(id).await;
    assert_eq!((sent.state, sent.attempts), (DeliveryState::Sent, 1));
}

#[tokio::test]
async fn calls_that_hang_open_it_before_one_of_them_has_ended() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.always(Some(Answer::Never));
    for _ in 0..15 {
        world.submit(sms()).await;
    }
    world.idle().await;
    assert_eq!((first.count(), status(&world, &first).calls_in_flight), (15, 15));
    world.advance_ms(3_999).await;
    assert!(!is_open(&world, &first));
    world.advance_ms(1).await;
    assert!(is_open(&world, &first), "after `slow_ms`");
    assert_eq!(status(&world, &first).calls_in_flight, 15, "and none has ended");
    let id = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
    assert_eq!((first.count(), second.count()), (15, 1));
}

#[tokio::test]
async fn what_waits_for_a_place_at_one_that_hangs_goes_to_the_next_when_it_opens() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.always(Some(Answer::Never));
    for _ in 0..100 {
        world.submit(sms()).await;
    }
    world.idle().await;
    assert_eq!((first.count(), second.count()), (48, 0), "as many as the normal lane may take of 64 places");
    world.advance_ms(4_000).await;
    assert!(is_open(&world, &first));
    world.advance_in_steps(500, 4).await;
    assert_eq!((first.count(), second.count()), (48, 52));
}

#[tokio::test]
async fn who_comes_while_the_first_hangs_goes_to_the_next_before_it_opens() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.always(Some(Answer::Never));
    for _ in 0..100 {
        world.submit(sms()).await;
    }
    world.idle().await;
    world.advance_ms(1_000).await;
    let mut last = None;
    for _ in 0..1_000 {
        last = Some(world.submit(sms()).await.id);
    }
    world.advance_in_steps(10, 5).await;
    assert!(!is_open(&world, &first));
    assert_eq!((first.count(), second.count()), (48, 1_000), "nobody is put off for the time after the trouble");
    let timeline = world.timeline(last.unwrap()).await;
    let reason = &timeline.iter().find(|fact| fact.reason.code == "route.limited").unwrap().reason.text;
    assert!(reason.contains("in place of `first` (its calls take long"), "{reason}");
}

#[tokio::test]
async fn that_nobody_acknowledges_says_nothing_about_the_provider() {
    let strategy = Strategy::Sequence { until: Goal::Acknowledged, wait_ms: 1_000 };
    let channels = vec![Channel::Sms, Channel::Email];
    let escalating = Category { strategy, channels, ..category(UnknownPolicy::Hold) };
    let (world, only) = one_vendor(|builder| builder.category(escalating)).await;
    for _ in 0..20 {
        world.submit(both()).await;
    }
    world.advance_in_steps(500, 8).await;
    assert_eq!((only.count(), world.provider.calls().len()), (20, 20));
    assert_eq!(status(&world, &only).health.percent, 100);
}

#[tokio::test]
async fn everybody_can_see_how_the_providers_are() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    first.will([unavailable()]);
    for _ in 0..3 {
        world.submit(sms()).await;
        world.idle().await;
    }
    let (one, other) = (status(&world, &first), status(&world, &second));
    assert_eq!((one.good_calls_lately, one.bad_calls_lately), (2, 1));
    assert_eq!((other.good_calls_lately, other.bad_calls_lately), (1, 0));
    assert_eq!((one.standing, one.health.percent), (Standing::Takes { percent: 100 }, 100));
    assert_eq!((one.routed.as_slice(), one.calls_today), ([Channel::Sms].as_slice(), None));
    assert_eq!((one.calls_in_flight, one.concurrent_calls_max), (0, 64));
    break_down(&world, &first).await;
    let broken = status(&world, &first);
    assert!(broken.reason.contains("failed"), "{}", broken.reason);
    assert!(matches!(broken.standing, Standing::Refuses { .. }), "{:?}", broken.standing);
}

#[tokio::test]
async fn only_what_is_new_and_its_own_fault_is_held_against_a_provider_that_reports_it() {
    let lost = |message: &str, status, class: &str| ReceiptEvent {
        attributes: vec![("class".into(), class.into())],
        ..event(message, status)
    };
    let again = vec![lost("only-1", ReceiptStatus::Failed, "provider"); 9];
    let foreign = (0..9).map(|number| lost(&format!("foreign-{number}"), ReceiptStatus::Failed, "unavailable"));
    let of_each = |status, class: &str| (1..=9).map(|number| lost(&format!("only-{number}"), status, class)).collect();
    for (what, events, is_shifted) in [
        ("the phone is off", of_each(ReceiptStatus::Failed, "recipient"), false),
        ("it was filtered", of_each(ReceiptStatus::Failed, "message"), false),
        ("goes on trying", of_each(ReceiptStatus::Other, "unavailable"), false),
        ("one, nine times", again, false),
        ("of somebody else", foreign.collect(), false),
        ("lost", of_each(ReceiptStatus::Failed, "unavailable"), true),
        ("went too fast", of_each(ReceiptStatus::Failed, "rate-limited"), true),
        ("the account", of_each(ReceiptStatus::Failed, "provider"), true),
    ] {
        let mut policy = ProviderPolicy::default();
        (policy.health.window_s, policy.health.shift_at_percent) = (3_600, 20);
        let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
        for _ in 0..10 {
            world.submit(sms()).await;
        }
        world.idle().await;
        only.will_read(Ok(events));
        world.notifier.receive(&only.id(), &webhook("https://n.example.com/v1/receipts/only")).await.unwrap();
        world.advance_in_steps(500, 4).await;
        assert_eq!((only.count(), status(&world, &only).health.percent < 100), (10, is_shifted), "{what}");
    }
}
