//! Why something is where it is and what comes next; and that it then does.

use notifier_core::{
    Category, Channel, DeliveryExplanation, DeliveryState, FactKind, Goal, ListQuery, NotificationId,
    NotificationRequest, Override, Preferences, Prospect, ProviderPolicy, Strategy, SubmitError, UnknownPolicy,
};

use super::vendor::*;
use super::world::*;

async fn explained(world: &World, id: NotificationId) -> DeliveryExplanation {
    let mut explanation = world.notifier.explain(&tenant(), id).await.unwrap().unwrap();
    assert_eq!((explanation.notification, explanation.deliveries.len()), (Some(id), 1));
    explanation.deliveries.remove(0)
}

async fn supposed(world: &World, request: NotificationRequest) -> DeliveryExplanation {
    let mut explanation = world.notifier.explain_request(request).await.unwrap();
    assert_eq!(explanation.notification, None);
    explanation.deliveries.remove(0)
}

async fn rules(world: &World) -> String {
    world.notifier.explain_request(sms()).await.unwrap().rules_version
}

fn in_an_hour() -> NotificationRequest {
    let mut request = sms();
    request.schedule = at("2026-01-01T01:00:00Z");
    request
}

async fn an_hour_later(world: &World) {
    world.clock.set(time("2026-01-01T01:00:00Z"));
    world.idle().await;
}

#[tokio::test]
async fn what_will_be_sent_is_sent_then_and_through_that_provider() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    world.notifier.set_breaker(&first.id(), Some(Override::Open)).await.unwrap();
    let id = world.submit(in_an_hour()).await.id;
    let ahead = explained(&world, id).await;
    let due_at = time("2026-01-01T01:00:00Z");
    assert_eq!(ahead.prospect, Prospect::Send { at: due_at, provider: second.id() });
    assert_eq!(ahead.state, Some(DeliveryState::Pending));
    let codes: Vec<_> = ahead.passed.iter().map(|reason| reason.code.as_ref()).collect();
    assert_eq!(codes, ["preference.default", "recipient.directory", "template.rendered", "route.chosen"]);
    assert_eq!(ahead.past.iter().map(|fact| fact.kind).collect::<Vec<_>>(), [FactKind::Accepted]);
    an_hour_later(&world).await;
    assert_eq!((first.count(), second.count(), second.calls()[0].at), (0, 1, due_at));
    let then: Vec<_> = world.timeline(id).await.into_iter().map(|fact| fact.reason.code.to_string()).collect();
    assert_eq!(then[1..5], codes, "the timeline tells the same");
}

#[tokio::test]
async fn what_will_be_suppressed_fail_or_expire_does() {
    let world = World::with([]).await;
    let off = Preferences { channels: [(Channel::Sms, false)].into(), ..Preferences::default() };
    world.lookup.put_recipient(person("2"));
    world.notifier.put_preferences(&tenant(), &person("2").id, off).await.unwrap();
    let mut unwanted = in_an_hour();
    unwanted.recipient.id = "2".into();
    let mut nobody = in_an_hour();
    nobody.recipient.id = "nobody".into();
    let cases = [
        (unwanted, Prospect::Suppress, "preference.channel_off", DeliveryState::Suppressed),
        (nobody, Prospect::Fail, "recipient.unknown", DeliveryState::Failed),
    ];
    for (request, prospect, code, state) in cases {
        let before = supposed(&world, request.clone()).await;
        assert_eq!((&before.prospect, before.reason.code.as_ref()), (&prospect, code));
        let id = world.submit(request).await.id;
        let ahead = explained(&world, id).await;
        assert_eq!((ahead.prospect, ahead.reason.code.as_ref()), (prospect, code));
        an_hour_later(&world).await;
        let delivery = world.delivery(id).await;
        assert_eq!((delivery.state, delivery.reason.code.as_ref()), (state, code));
        world.clock.set(time("2026-01-01T00:00:00Z"));
    }
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn what_will_expire_before_it_can_be_sent_says_so() {
    let world = World::with([unavailable()]).await;
    let mut request = sms();
    request.expires_at = Some("2026-01-01T02:00:00Z".into());
    let id = world.submit(request).await.id;
    world.idle().await;
    world.notifier.stop();
    world.idle().await;
    world.clock.set(time("2026-01-01T03:00:00Z"));
    let ahead = explained(&world, id).await;
    assert_eq!((ahead.prospect, ahead.reason.code.as_ref()), (Prospect::Expire, "schedule.expired"));
    let world = world.killed_and_restarted([], |builder| builder).await;
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Expired);
}

#[tokio::test]
async fn while_another_system_does_not_answer_nothing_can_be_said() {
    let world = World::with([]).await;
    let id = world.submit(in_an_hour()).await.id;
    world.lookup.set_down(true);
    let ahead = explained(&world, id).await;
    assert_eq!((ahead.prospect, ahead.reason.code.as_ref()), (Prospect::Retry, "directory.unavailable"));
    an_hour_later(&world).await;
    assert_eq!(world.delivery(id).await.reason.code, "directory.unavailable");
    world.lookup.set_down(false);
    world.advance_in_steps(1_000, 5).await;
    assert_eq!(world.state(id).await, DeliveryState::Sent);
}

#[tokio::test]
async fn while_no_provider_takes_calls_it_says_when_one_may() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([rate_limited(30_000)]);
    world.submit(sms()).await;
    world.idle().await;
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let ahead = explained(&world, id).await;
    let Prospect::Send { at, provider } = &ahead.prospect else {
        let Prospect::Wait { until } = ahead.prospect else { panic!("{:?}", ahead.prospect) };
        assert!(until >= time("2026-01-01T00:00:30Z"), "{until}");
        assert_eq!(ahead.reason.code, "route.none_takes_calls");
        return;
    };
    panic!("it rests, and nothing is sent at {at} through {provider}");
}

#[tokio::test]
async fn what_waits_for_another_channel_says_so() {
    let strategy = Strategy::Sequence { until: Goal::Delivered, wait_ms: 600_000 };
    let channels = vec![Channel::Sms, Channel::Email];
    let world = World::configured([accepted_later()], |builder| {
        builder.category(Category { strategy, channels, ..category(UnknownPolicy::Hold) })
    })
    .await;
    let id = world.submit(both()).await.id;
    world.idle().await;
    let explanation = world.notifier.explain(&tenant(), id).await.unwrap().unwrap();
    let [first, second] = explanation.deliveries.as_slice() else { panic!("{explanation:?}") };
    assert_eq!((first.channel, &first.prospect), (Channel::Sms, &Prospect::BeingSent));
    let due_at = time("2026-01-01T00:10:00Z");
    let then = Prospect::Send { at: due_at, provider: provider_name("scripted") };
    assert_eq!((second.channel, &second.prospect), (Channel::Email, &then));
    let in_turn = second.passed.iter().find(|reason| reason.code == "strategy.next").unwrap();
    assert!(in_turn.text.contains("the sms is sending"), "{in_turn}");
    world.provider.let_one_go();
    world.idle().await;
    let explanation = world.notifier.explain(&tenant(), id).await.unwrap().unwrap();
    assert_eq!(explanation.deliveries[0].prospect, Prospect::Ended);
    assert_eq!(explanation.deliveries[1].prospect, then);
    world.clock.set(due_at);
    world.idle().await;
    assert_eq!(world.on_channel(id, Channel::Email).await.state, DeliveryState::Sent);
}

#[tokio::test]
async fn looking_does_not_make_a_provider_look_ill() {
    let strategy = Strategy::Sequence { until: Goal::Delivered, wait_ms: 600_000 };
    let channels = vec![Channel::Sms, Channel::Email];
    let fallback = Category { strategy, channels, ..category(UnknownPolicy::Hold) };
    let (world, only) = one_vendor(|builder| builder.category(fallback)).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(world.submit(both()).await.id);
    }
    world.idle().await;
    assert_eq!(only.count(), 12);
    for _ in 0..20 {
        world.notifier.explain(&tenant(), ids[0]).await.unwrap();
    }
    world.advance_in_steps(1_000, 3).await;
    let provider = world.notifier.providers().into_iter().find(|provider| provider.name == only.id()).unwrap();
    assert_eq!(provider.health.percent, 100, "no receipt is missing yet");
}

#[tokio::test]
async fn a_receipt_that_is_missing_is_counted_once_however_often_the_next_channel_is_tried() {
    let strategy = Strategy::Sequence { until: Goal::Delivered, wait_ms: 1_000 };
    let channels = vec![Channel::Sms, Channel::Email];
    let fallback = Category { strategy, channels, ..category(UnknownPolicy::Hold) };
    let (world, only) = one_vendor(|builder| builder.category(fallback)).await;
    world.lookup.put_recipient(person("1"));
    for _ in 0..30 {
        let mut alone = sms();
        alone.channels = Some(vec![Channel::Sms]);
        world.submit(alone).await;
    }
    world.submit(both()).await;
    world.idle().await;
    assert_eq!(only.count(), 31);
    // One of 31 is nothing to worry about; the email cannot be made, and is looked at again and again.
    world.lookup.set_down(true);
    for _ in 0..90 {
        world.advance_ms(100).await;
    }
    let provider = world.notifier.providers().into_iter().find(|provider| provider.name == only.id()).unwrap();
    assert_eq!(provider.health.percent, 100);
}

#[tokio::test]
async fn what_has_ended_is_told_from_its_timeline() {
    let world = World::with([rejected()]).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    let told = explained(&world, id).await;
    assert_eq!((told.prospect, told.state), (Prospect::Ended, Some(DeliveryState::Failed)));
    assert_eq!(told.reason.code, "attempt.rejected.recipient");
    assert_eq!(told.past, world.timeline(id).await);
    let nobody = NotificationId::from_parts(1, [0; 10]);
    assert_eq!(world.notifier.explain(&tenant(), nobody).await.unwrap(), None);
}

#[tokio::test]
async fn supposing_a_request_stores_and_sends_nothing() {
    let world = World::with([]).await;
    let mut request = sms();
    request.idempotency_key = Some("k".into());
    let ahead = supposed(&world, request.clone()).await;
    let provider = provider_name("scripted");
    assert_eq!(ahead.prospect, Prospect::Send { at: time("2026-01-01T00:00:00Z"), provider });
    assert_eq!((ahead.delivery, ahead.state, ahead.past), (None, None, Vec::new()));
    world.advance_in_steps(1_000, 5).await;
    assert!(world.provider.calls().is_empty());
    assert!(world.notifier.list(&ListQuery::of(tenant(), 10)).await.unwrap().items.is_empty());
    let mut bad = sms();
    bad.category = Some("unheard-of".into());
    let refused = world.notifier.explain_request(bad).await;
    assert!(matches!(refused, Err(SubmitError::Invalid(_))), "{refused:?}");
    assert!(!world.submit(request).await.repeated, "the key is still free");
}

#[tokio::test]
async fn the_version_of_the_rules_changes_with_the_rules_and_not_otherwise() {
    let (world, ..) = two_vendors(|builder| builder).await;
    let (same, ..) = two_vendors(|builder| builder).await;
    let (category_changed, ..) = two_vendors(|builder| builder.category(category(UnknownPolicy::Hold))).await;
    let (route_added, ..) = two_vendors(|builder| builder.route_by(in_order(&["second"]))).await;
    let version = rules(&world).await;
    assert_eq!(rules(&same).await, version);
    assert_ne!(rules(&category_changed).await, version);
    assert_ne!(rules(&route_added).await, version);
    let id = world.submit(in_an_hour()).await.id;
    assert_eq!(world.notifier.explain(&tenant(), id).await.unwrap().unwrap().rules_version, version);
}

#[tokio::test]
async fn limits_are_told_and_looking_takes_nothing_of_them() {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_day_max = Some(2);
    let (world, first, second) = two_vendors(|builder| builder.provider_policy("first", policy.clone())).await;
    for _ in 0..2 {
        assert_eq!(supposed(&world, sms()).await.reason.code, "route.chosen");
        world.submit(sms()).await;
        world.idle().await;
    }
    let ahead = supposed(&world, sms()).await;
    assert_eq!(
        (ahead.prospect, ahead.reason.code.as_ref()),
        (Prospect::Send { at: world.clock_now(), provider: second.id() }, "route.limited",)
    );
    let mut tomorrow = sms();
    tomorrow.schedule = at("2026-01-02T09:00:00Z");
    let ahead = supposed(&world, tomorrow).await;
    let then = Prospect::Send { at: time("2026-01-02T09:00:00Z"), provider: first.id() };
    assert_eq!(ahead.prospect, then, "by then it has another day");
    world.notifier.set_breaker(&second.id(), Some(Override::Open)).await.unwrap();
    let ahead = supposed(&world, sms()).await;
    assert!(matches!(ahead.prospect, Prospect::Wait { .. }), "{:?}", ahead.prospect);
    assert_eq!((first.count(), second.count()), (2, 0));
}

#[tokio::test]
async fn a_pace_that_is_full_is_told_and_looking_takes_no_turn() {
    let mut policy = ProviderPolicy::default();
    policy.calls_per_second_max = std::num::NonZeroU32::new(1);
    let (world, only) = one_vendor(|builder| builder.provider_policy("only", policy)).await;
    for _ in 0..21 {
        world.submit(sms()).await;
        world.idle().await;
    }
    for _ in 0..10 {
        let ahead = supposed(&world, sms()).await;
        assert_eq!(ahead.prospect, Prospect::Wait { until: time("2026-01-01T00:00:21Z") }, "{}", ahead.reason);
        assert_eq!(ahead.reason.code, "limit.per_second");
    }
    let id = world.submit(sms()).await.id;
    world.idle().await;
    assert_eq!((only.count(), world.delivery(id).await.due_at), (1, time("2026-01-01T00:00:21Z")), "as it was told");
}
