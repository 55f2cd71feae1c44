//! What is asked about attempts without a clear answer, where the provider can look them up.

use std::sync::Arc;
use std::time::Duration;

use notifier_core::testing::{Answer, ScriptedProvider};
use notifier_core::{
    Category, DeliveryState, FactKind, LookUp, NotificationId, NotifierBuilder, Problem, RetryPolicy, UnknownPolicy,
};

use super::vendor::*;
use super::world::*;

const POLICIES: [UnknownPolicy; 2] = [UnknownPolicy::Resend, UnknownPolicy::Hold];

fn found() -> Option<LookUp> {
    Some(LookUp::Found { message_id: Some("SM7".into()) })
}

fn unclear() -> Option<LookUp> {
    Some(LookUp::Unclear(Problem::coded("busy", "ask me later")))
}

/// An engine of that policy whose provider answers and says this.
async fn saying(
    policy: UnknownPolicy,
    answers: impl IntoIterator<Item = Answer>,
    said: impl IntoIterator<Item = Option<LookUp>>,
) -> World {
    let world = World::configured(answers, |builder| builder.category(category(policy))).await;
    world.provider.will_say(said);
    world
}

async fn stands(world: &World, id: NotificationId) -> (DeliveryState, String) {
    let delivery = world.delivery(id).await;
    (delivery.state, delivery.reason.code.into_owned())
}

fn at(state: DeliveryState, code: &str) -> (DeliveryState, String) {
    (state, code.to_owned())
}

#[tokio::test]
async fn what_the_provider_has_is_sent_and_not_sent_twice() {
    for policy in POLICIES {
        let world = saying(policy, [unknown()], [found()]).await;
        let id = world.submit(sms()).await.id;
        assert_eq!(stands(&world, id).await, at(DeliveryState::Sent, "attempt.found"), "{policy:?}");
        let delivery = world.delivery(id).await;
        let attempt = delivery.last_attempt.unwrap();
        assert_eq!((attempt.provider_message_id.as_deref(), delivery.doubtful_attempts), (Some("SM7"), 0));
        let timeline = world.timeline(id).await;
        let told: Vec<_> = timeline.iter().map(|fact| (fact.kind, fact.reason.code.as_ref())).collect();
        let expected = [
            (FactKind::Attempting, "attempt.begin"),
            (FactKind::Unknown, "attempt.unknown"),
            (FactKind::Sent, "attempt.found"),
        ];
        assert!(told.ends_with(&expected), "{told:?}");
        assert_eq!(timeline.last().unwrap().detail("provider_message_id"), Some("SM7"));
        world.advance_in_steps(60_000, 30).await;
        assert_eq!((world.provider.calls().len(), world.provider.sought().len()), (1, 1), "{policy:?}");
    }
}

#[tokio::test]
async fn the_question_names_what_is_known_of_the_attempt() {
    let world = saying(UnknownPolicy::Resend, [unavailable(), unknown()], [found()]).await;
    let submitted = world.submit(sms()).await;
    world.next_attempt(submitted.id).await;
    let sought = world.provider.sought();
    let [sought] = &sought[..] else { panic!("only what is in doubt is asked about: {sought:?}") };
    let (message, context) = &world.provider.calls()[1];
    assert_eq!((sought.delivery, &sought.idempotency_key), (message.delivery, &context.idempotency_key));
    assert_eq!((sought.attempt, sought.channel), (2, submitted.deliveries[0].channel));
    assert_eq!((sought.address.as_str(), sought.called_at), ("+14155550101", world.clock_now()));
}

#[tokio::test]
async fn what_the_provider_never_took_is_tried_again_also_where_doubt_is_held() {
    for policy in POLICIES {
        let world = saying(policy, [unknown()], [Some(LookUp::NotFound)]).await;
        let id = world.submit(sms()).await.id;
        assert_eq!(stands(&world, id).await, at(DeliveryState::Pending, "attempt.not_found"), "{policy:?}");
        let waited = world.next_attempt(id).await.as_millis();
        assert!((1_000..=2_000).contains(&waited), "by the usual schedule: {waited}");
        assert_eq!(world.state(id).await, DeliveryState::Sent, "{policy:?}");
        let world = saying(policy, [unknown(), rejected()], [Some(LookUp::NotFound)]).await;
        let id = world.submit(sms()).await.id;
        world.next_attempt(id).await;
        let ended = stands(&world, id).await;
        assert_eq!(ended, at(DeliveryState::Failed, "attempt.rejected.recipient"), "no doubt is left");
    }
}

#[tokio::test]
async fn another_provider_is_tried_at_once_when_the_first_never_took_it() {
    let scripted = Arc::new(ScriptedProvider::answering([unknown()]));
    scripted.will_say([Some(LookUp::NotFound)]);
    let clock = clock();
    let second = Vendor::new("second", &clock);
    let world = World::on(clock, [], |builder| {
        let builder = second.join(builder).provider("first", Arc::clone(&scripted) as _);
        builder.route_by(in_order(&["first", "second"])).category(category(UnknownPolicy::Hold))
    })
    .await;
    let id = world.submit(sms()).await.id;
    assert_eq!((world.state(id).await, scripted.calls().len(), second.count()), (DeliveryState::Sent, 1, 1));
}

#[tokio::test]
async fn the_policy_decides_where_the_provider_cannot_say() {
    for (policy, expected) in [
        (UnknownPolicy::Hold, at(DeliveryState::Unknown, "unknown.hold")),
        (UnknownPolicy::Resend, at(DeliveryState::Pending, "unknown.resend")),
    ] {
        let world = saying(policy, [unknown()], [unclear()]).await;
        let id = world.submit(sms()).await.id;
        assert_eq!(stands(&world, id).await, expected);
        assert_eq!(world.delivery(id).await.doubtful_attempts, 1);
        let timeline = world.timeline(id).await;
        let seen = timeline.iter().find(|fact| fact.reason.code == "attempt.unknown").unwrap();
        assert_eq!(seen.detail("look_up"), Some("unclear: ask me later (busy)"));
        // One that never says is not waited for longer than a third of the margin.
        let world = saying(policy, [unknown()], [None]).await;
        let id = world.submit(sms()).await.id;
        world.advance_ms(9_999).await;
        assert_eq!(world.state(id).await, DeliveryState::Sending);
        world.advance_ms(1).await;
        assert_eq!(stands(&world, id).await, expected);
        let timeline = world.timeline(id).await;
        let seen = timeline.iter().find(|fact| fact.reason.code == "attempt.unknown").unwrap();
        assert!(seen.detail("look_up").is_some_and(|said| said.contains("look_up.timeout")), "{seen:?}");
    }
}

#[tokio::test]
async fn before_a_repeat_in_doubt_the_provider_is_asked_once_more() {
    let world = saying(UnknownPolicy::Resend, [unknown()], [unclear(), found()]).await;
    let id = world.submit(sms()).await.id;
    world.clock.set(world.delivery(id).await.due_at);
    world.idle().await;
    assert_eq!(stands(&world, id).await, at(DeliveryState::Sent, "attempt.found"));
    let delivery = world.delivery(id).await;
    assert_eq!(delivery.last_attempt.unwrap().provider_message_id.as_deref(), Some("SM7"));
    assert_eq!((world.provider.calls().len(), world.provider.sought().len()), (1, 2));

    let world = saying(UnknownPolicy::Resend, [unknown(), rejected()], [unclear(), Some(LookUp::NotFound)]).await;
    let id = world.submit(sms()).await.id;
    world.next_attempt(id).await;
    assert_eq!(stands(&world, id).await, at(DeliveryState::Failed, "attempt.rejected.recipient"), "no doubt is left");
    assert!(world.timeline(id).await.iter().any(|fact| fact.reason.code == "attempt.not_found"));

    let world = saying(UnknownPolicy::Resend, [unknown()], [unclear(), unclear()]).await;
    let id = world.submit(sms()).await.id;
    world.next_attempt(id).await;
    assert_eq!((world.state(id).await, world.provider.sought().len()), (DeliveryState::Sent, 2));
}

#[tokio::test]
async fn what_is_put_off_after_the_provider_was_asked_again_is_not_asked_about_each_time() {
    let world = saying(UnknownPolicy::Resend, [unknown()], vec![unclear(); 5]).await;
    let id = world.submit(sms()).await.id;
    world.lookup.set_down(true);
    world.advance_in_steps(1_000, 30).await;
    assert_eq!(stands(&world, id).await, at(DeliveryState::Pending, "directory.unavailable"));
    world.lookup.set_down(false);
    world.advance_in_steps(10_000, 30).await;
    assert_eq!((world.state(id).await, world.provider.sought().len()), (DeliveryState::Sent, 2));
}

#[tokio::test]
async fn what_is_found_before_a_repeat_is_sent_on_a_store_on_disk_too() {
    let directory = tempfile::tempdir().unwrap();
    let provider = Arc::new(ScriptedProvider::answering([unknown()]));
    provider.will_say([unclear(), found()]);
    let retry = RetryPolicy { delay_min_ms: 1, delay_base_ms: 1, ..RetryPolicy::default() };
    let notifier = bare(&provider).category(Category { retry, ..Category::default() });
    let notifier = notifier.data_dir(directory.path()).start().await.unwrap();
    let id = notifier.submit(sms_to_a_number()).await.unwrap().id;
    let status = notifier.wait(&tenant(), id).await.unwrap().unwrap();
    let delivery = &status.deliveries[0];
    let message_id = delivery.last_attempt.as_ref().and_then(|attempt| attempt.provider_message_id.as_deref());
    assert_eq!((delivery.state, message_id), (DeliveryState::Sent, Some("SM7")), "{}", delivery.reason);
    assert_eq!((provider.calls().len(), provider.sought().len()), (1, 2));
    let now = notifier.stats().await.unwrap().now;
    assert_eq!(now.sending + now.pending.urgent + now.pending.normal + now.pending.bulk, 0, "nothing is left waiting");
    notifier.shutdown(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn a_look_up_takes_no_place_of_another_message() {
    let provider = Arc::new(ScriptedProvider::answering([unknown()]).taking(1));
    provider.will_say([None]);
    let world = World::on(clock(), [], |builder| {
        builder.provider("narrow", Arc::clone(&provider) as _).route_by(in_order(&["narrow"]))
    })
    .await;
    let first = world.submit(sms()).await.id;
    let second = world.submit(sms()).await.id;
    assert_eq!(world.state(first).await, DeliveryState::Sending);
    assert_eq!(world.state(second).await, DeliveryState::Sent);
}

/// An engine that was killed while these were being sent, on a provider that says this about them.
async fn killed_while_sending(
    policy: UnknownPolicy,
    count: usize,
    said: impl IntoIterator<Item = Option<LookUp>>,
) -> (World, Vec<NotificationId>, Arc<ScriptedProvider>) {
    let route = |builder: NotifierBuilder, provider: &Arc<ScriptedProvider>| {
        let builder = builder.provider("only", Arc::clone(provider) as _).category(category(policy));
        builder.route_by(in_order(&["only"]))
    };
    let lost = Arc::new(ScriptedProvider::answering(vec![Answer::Never; count]));
    let world = World::configured([], |builder| route(builder, &lost)).await;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.submit(sms()).await.id);
    }
    assert_eq!(lost.calls().len(), count);
    let next = Arc::new(ScriptedProvider::accepting());
    next.will_say(said);
    let world = world.killed_and_restarted([], |builder| route(builder, &next)).await;
    world.idle().await;
    (world, ids, next)
}

#[tokio::test]
async fn what_was_interrupted_by_a_crash_is_asked_about_before_it_is_called_again() {
    for policy in POLICIES {
        let (world, ids, next) = killed_while_sending(policy, 1, [found()]).await;
        assert_eq!(stands(&world, ids[0]).await, at(DeliveryState::Sent, "attempt.found"), "{policy:?}");
        world.advance_in_steps(60_000, 30).await;
        assert_eq!((next.calls().len(), next.sought().len()), (0, 1), "{policy:?}");

        let (world, ids, next) = killed_while_sending(policy, 1, [Some(LookUp::NotFound)]).await;
        assert_eq!(stands(&world, ids[0]).await, at(DeliveryState::Pending, "attempt.not_found"), "{policy:?}");
        world.advance_in_steps(1_000, 10).await;
        assert_eq!((world.state(ids[0]).await, next.calls().len()), (DeliveryState::Sent, 1), "{policy:?}");
    }
    let (world, ids, next) = killed_while_sending(UnknownPolicy::Hold, 1, [unclear()]).await;
    assert_eq!(stands(&world, ids[0]).await, at(DeliveryState::Unknown, "unknown.hold"));
    assert!(next.calls().is_empty());
}

#[tokio::test]
async fn after_a_crash_none_waits_for_what_is_looked_up_about_another() {
    let (world, ids, next) = killed_while_sending(UnknownPolicy::Hold, 3, [None, found(), found()]).await;
    let mut states = Vec::new();
    for id in &ids {
        states.push(world.state(*id).await);
    }
    states.sort();
    assert_eq!(states, [DeliveryState::Sending, DeliveryState::Sent, DeliveryState::Sent]);
    world.advance_ms(10_000).await;
    let mut still = Vec::new();
    for id in &ids {
        still.push(world.state(*id).await);
    }
    assert!(still.contains(&DeliveryState::Unknown), "{still:?}");
    assert_eq!(next.sought().len(), 3);
}

#[tokio::test]
async fn a_shutdown_leaves_what_recovery_asks_about_to_the_next_process() {
    let (world, ids, _) = killed_while_sending(UnknownPolicy::Hold, 1, [None]).await;
    world.notifier.stop();
    world.idle().await;
    world.advance_ms(20_000).await;
    assert_eq!(world.state(ids[0]).await, DeliveryState::Sending);
    let next = Arc::new(ScriptedProvider::accepting());
    next.will_say([found()]);
    let world = world
        .killed_and_restarted([], |builder| {
            let builder = builder.provider("only", Arc::clone(&next) as _).category(category(UnknownPolicy::Hold));
            builder.route_by(in_order(&["only"]))
        })
        .await;
    world.idle().await;
    assert_eq!(stands(&world, ids[0]).await, at(DeliveryState::Sent, "attempt.found"));
}
