//! What is looked up when a notification falls due and not before, and what happens when it cannot be.

use std::collections::BTreeMap;
use std::sync::Arc;

use notifier_core::testing::ScriptedProvider;
use notifier_core::{
    Channel, Content, DeliveryState, MemoryStore, MessageContent, NotificationRequest, Notifier, Preferences, Prospect,
    RecipientId, SmsSource, Template, TemplateName,
};

use super::world::*;

fn off(channels: &[Channel]) -> Preferences {
    Preferences { channels: channels.iter().map(|channel| (*channel, false)).collect(), ..Preferences::default() }
}

async fn prefer(world: &World, preferences: Preferences) {
    let id = RecipientId::new("1").unwrap();
    world.notifier.put_preferences(&tenant(), &id, preferences).await.unwrap();
}

fn template(text: &str) -> Template {
    Template {
        name: TemplateName::new("reminder").unwrap(),
        version: 0,
        content: Content { sms: Some(SmsSource { text: text.into() }), ..Content::default() },
        locales: BTreeMap::new(),
        variables: BTreeMap::new(),
    }
}

fn from_template(version: Option<u32>) -> NotificationRequest {
    let mut request = NotificationRequest::to("1");
    request.template = Some(notifier_core::TemplateRequest { name: "reminder".into(), version });
    request.schedule = at("2026-01-01T00:00:05Z");
    request
}

fn said(world: &World) -> Vec<String> {
    let text = |content: MessageContent| match content {
        MessageContent::Sms(sms) => sms.text,
        MessageContent::Email(email) => email.text.unwrap_or_default(),
        MessageContent::Push(push) => push.body,
        MessageContent::Chat(chat) => chat.text,
        MessageContent::Webhook(event) => event.payload,
    };
    world.provider.calls().into_iter().map(|(message, _)| text(message.content)).collect()
}

#[tokio::test]
async fn a_channel_that_is_switched_off_is_suppressed_and_the_other_is_not() {
    let world = World::with([]).await;
    prefer(&world, off(&[Channel::Sms])).await;
    let status = {
        let submitted = world.submit(both()).await;
        world.settled(submitted.id).await
    };
    let states: Vec<_> = status.deliveries.iter().map(|d| (d.state, d.reason.code.to_string())).collect();
    assert_eq!(states[0].0, DeliveryState::Sent);
    assert_eq!(states[1], (DeliveryState::Suppressed, "preference.channel_off".into()));
    assert_eq!(world.provider.calls().len(), 1);
}

#[tokio::test]
async fn somebody_who_wants_nothing_gets_nothing_and_the_timeline_says_why() {
    let world = World::with([]).await;
    prefer(&world, off(&[Channel::Email, Channel::Sms])).await;
    let submitted = world.submit(both()).await;
    world.settled(submitted.id).await;
    assert!(world.provider.calls().is_empty());
    let reasons: Vec<_> = world.timeline(submitted.id).await.into_iter().map(|fact| fact.reason.text).collect();
    for expected in ["the recipient switched email off", "the recipient switched sms off"] {
        assert!(reasons.iter().any(|reason| reason == expected), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_preference_changed_after_acceptance_counts() {
    let world = World::with([]).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T00:00:05Z");
    let submitted = world.submit(request).await;
    prefer(&world, off(&[Channel::Sms])).await;
    world.advance_ms(5_000).await;
    assert_eq!(world.state(submitted.id).await, DeliveryState::Suppressed);
}

#[tokio::test]
async fn a_template_changed_after_acceptance_counts_unless_its_version_is_pinned() {
    let world = World::with([]).await;
    assert_eq!(world.notifier.put_template(&tenant(), template("old")).await.unwrap().version, 1);
    world.submit(from_template(None)).await;
    world.submit(from_template(Some(1))).await;
    assert_eq!(world.notifier.put_template(&tenant(), template("new")).await.unwrap().version, 2);
    assert_eq!(world.notifier.put_template(&tenant(), template("new")).await.unwrap().version, 2);
    world.advance_ms(5_000).await;
    let mut texts = said(&world);
    texts.sort();
    assert_eq!(texts, ["new", "old"]);
}

#[tokio::test]
async fn an_address_changed_after_acceptance_counts() {
    let world = World::with([]).await;
    let mut request = sms();
    request.schedule = at("2026-01-01T00:00:05Z");
    world.submit(request).await;
    let mut moved = person("1");
    moved.phone = Some(notifier_core::PhoneNumber::parse("+14155550199").unwrap());
    world.lookup.put_recipient(moved);
    world.advance_ms(5_000).await;
    assert_eq!(world.provider.calls()[0].0.content.recipient_address(), "+14155550199");
}

#[tokio::test]
async fn addresses_in_the_request_outrank_the_user_database() {
    let world = World::with([]).await;
    world.lookup.set_down(true);
    let mut request = sms();
    request.recipient.phone = Some("+442079460958".into());
    let submitted = world.submit(request).await;
    world.settled(submitted.id).await;
    assert_eq!(world.provider.calls()[0].0.content.recipient_address(), "+442079460958");
}

#[tokio::test]
async fn an_outage_of_the_user_database_loses_nothing_and_costs_no_attempt() {
    let world = World::with([]).await;
    world.lookup.set_down(true);
    let submitted = world.submit(sms()).await;
    for _ in 0..30 {
        world.advance_ms(60_000).await;
        assert_eq!(world.state(submitted.id).await, DeliveryState::Pending);
    }
    assert!(world.provider.calls().is_empty());
    world.lookup.set_down(false);
    world.advance_ms(3_600_000).await;
    let status = world.settled(submitted.id).await;
    assert_eq!((status.deliveries[0].state, status.deliveries[0].attempts), (DeliveryState::Sent, 1));
    let codes: Vec<_> = world.timeline(submitted.id).await.into_iter().map(|fact| fact.reason.code).collect();
    assert!(codes.iter().any(|code| code == "directory.unavailable"), "{codes:?}");
}

#[tokio::test]
async fn an_outage_that_lasts_too_long_expires_the_delivery() {
    let world = World::with([]).await;
    world.lookup.set_down(true);
    let mut request = sms();
    request.expires_at = Some("2026-01-01T00:10:00Z".into());
    let submitted = world.submit(request).await;
    for _ in 0..11 {
        world.advance_ms(60_000).await;
    }
    assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Expired);
    assert!(world.provider.calls().is_empty());
}

#[tokio::test]
async fn what_other_systems_do_not_know_fails_with_a_reason() {
    let world = World::with([]).await;
    let mut stranger = sms();
    stranger.recipient.id = "nobody".into();
    let mut nowhere = sms();
    nowhere.subject = Some("nothing".into());
    for (request, code) in [(stranger, "recipient.unknown"), (nowhere, "subject.unknown")] {
        let submitted = world.submit(request).await;
        let delivery = world.settled(submitted.id).await.deliveries.remove(0);
        assert_eq!((delivery.state, delivery.reason.code.as_ref()), (DeliveryState::Failed, code));
    }
}

#[tokio::test]
async fn somebody_without_an_address_on_a_channel_is_suppressed_there() {
    let world = World::with([]).await;
    let mut unreachable = person("2");
    unreachable.phone = None;
    world.lookup.put_recipient(unreachable);
    let mut request = sms();
    request.recipient.id = "2".into();
    let submitted = world.submit(request).await;
    let delivery = world.settled(submitted.id).await.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.reason.code.as_ref()), (DeliveryState::Suppressed, "recipient.no_address"));
}

#[tokio::test]
async fn a_variable_that_is_missing_when_due_fails_with_its_name() {
    let world = World::with([]).await;
    let mut request = sms();
    request.content =
        Some(Content { sms: Some(SmsSource { text: "Dear {{recipient.first_name}}".into() }), ..Content::default() });
    let submitted = world.submit(request).await;
    let delivery = world.settled(submitted.id).await.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.reason.code.as_ref()), (DeliveryState::Failed, "template.render"));
    assert!(delivery.reason.text.contains("first_name"), "{}", delivery.reason);
}

#[tokio::test]
async fn templates_see_the_recipient_and_the_subject() {
    let world = World::with([]).await;
    let mut request = sms();
    let text = "{{recipient.phone}} {{subject.address}} {{amount}}";
    request.content = Some(Content { sms: Some(SmsSource { text: text.into() }), ..Content::default() });
    request.subject = Some("p1".into());
    request.variables.insert("amount".into(), "9 €".into());
    let submitted = world.submit(request).await;
    world.settled(submitted.id).await;
    assert_eq!(said(&world), ["+14155550101 1 Main St 9 €"]);
}

#[tokio::test]
async fn what_waits_on_a_channel_that_lost_its_route_fails_when_it_is_due() {
    for (lost, kept) in [(Channel::Sms, Channel::Email), (Channel::Email, Channel::Sms)] {
        let (clock, memory) = (clock(), Arc::new(MemoryStore::new()));
        let provider = Arc::new(ScriptedProvider::accepting());
        let engine = || {
            let builder = Notifier::builder().store(Arc::clone(&memory) as _).clock(Arc::clone(&clock) as _);
            builder.provider("scripted", Arc::clone(&provider) as _).route(kept, "scripted")
        };
        let before = engine().route(lost, "scripted").sender_email("office@example.com").start().await.unwrap();
        let mut request = both();
        request.channels = Some(vec![lost]);
        request.recipient.phone = Some("+14155550101".into());
        request.recipient.email = Some("ada@example.com".into());
        request.schedule = at("2026-01-01T01:00:00Z");
        let id = before.submit(request).await.unwrap().id;
        drop(before);
        idle().await;
        memory.restart();
        let engine = if kept == Channel::Email { engine().sender_email("office@example.com") } else { engine() };
        let after = engine.start().await.unwrap();
        idle().await;
        let explained = after.explain(&tenant(), id).await.unwrap().unwrap();
        let ahead = &explained.deliveries[0];
        assert_eq!((&ahead.prospect, ahead.reason.code.as_ref()), (&Prospect::Fail, "route.none"), "{lost}");
        clock.set(time("2026-01-01T01:00:00Z"));
        idle().await;
        let status = after.status(&tenant(), id).await.unwrap().unwrap();
        let ended = &status.deliveries[0];
        assert_eq!((ended.state, ended.reason.code.as_ref()), (DeliveryState::Failed, "route.none"), "{lost}");
        assert!(provider.calls().is_empty());
    }
}
