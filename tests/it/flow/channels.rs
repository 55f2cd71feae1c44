//! Every channel goes the same way: accepted, looked up, rendered, handed over, reported about, and in turns with the others.

use std::sync::Arc;

use notifier_core::{
    Category, Channel, ChatId, ChatMessage, ChatSource, Content, DeliveryState, Goal, MessageContent,
    NotificationRequest, Notifier, Preferences, PushMessage, PushSource, PushToken, ReceiptStatus, RecipientId,
    RejectionKind, Route, Strategy, SubmitError, SuppressionCause, UnknownPolicy, WebhookMessage, WebhookSource,
    WebhookUrl,
};

use super::receipts::{event, webhook};
use super::vendor::*;
use super::world::*;

const SUBSCRIPTION: &str = r#"{"endpoint":"https://push.example.com/7","keys":{"auth":"a","p256dh":"b"}}"#;
const CHAT: &str = "C0123ADA";
const HOOK: &str = "https://example.com/hooks/7";
/// Those that are neither email nor text messages.
const MORE: [Channel; 3] = [Channel::Push, Channel::Chat, Channel::Webhook];

/// Words for every channel.
fn words() -> Content {
    let Some(content) = both().content else { unreachable!("it has content") };
    let data = [("amount".to_owned(), "{{amount}}".to_owned())].into();
    Content {
        push: Some(PushSource { title: "Rent".into(), body: "Dear {{name}}".into(), data }),
        chat: Some(ChatSource { text: "Dear {{name}}".into(), layout: Some(r#"[{"text": "Dear {{name}}"}]"#.into()) }),
        webhook: Some(WebhookSource {
            kind: "rent.due".into(),
            payload: r#"{"name": "{{name}}", "amount": {{amount}}}"#.into(),
        }),
        ..content
    }
}

/// To person 1, on these channels.
fn on(channels: &[Channel]) -> NotificationRequest {
    let mut request = NotificationRequest::to("1");
    request.channels = Some(channels.to_vec());
    request.content = Some(words());
    request.variables.insert("name".into(), "Ada \"the Countess\"\n".into());
    request.variables.insert("amount".into(), 12.into());
    request
}

/// The user database knows every address of person 1; all channels go through one vendor.
async fn world(category: Category) -> (World, Arc<Vendor>) {
    let clock = clock();
    let only = Vendor::new("only", &clock);
    let world = World::on(clock, [], |builder| {
        let routed = Channel::ALL
            .into_iter()
            .fold(only.join(builder), |builder, channel| builder.route_by(Route { channel, ..in_order(&["only"]) }));
        routed.category(category)
    })
    .await;
    let mut ada = person("1");
    ada.push_token = Some(PushToken::parse(SUBSCRIPTION).unwrap());
    ada.chat_id = Some(ChatId::parse(CHAT).unwrap());
    ada.webhook_url = Some(WebhookUrl::parse(HOOK).unwrap());
    world.lookup.put_recipient(ada);
    (world, only)
}

async fn report(world: &World, only: &Vendor, message: &str, status: ReceiptStatus) {
    only.will_read(Ok(vec![event(message, status)]));
    world.notifier.receive(&only.id(), &webhook("https://n.example.com/v1/receipts/only")).await.unwrap();
    world.idle().await;
}

fn expected(channel: Channel) -> MessageContent {
    let name = "Ada \"the Countess\"\n";
    let escaped = r#"Ada \"the Countess\"\n"#;
    match channel {
        Channel::Push => MessageContent::Push(PushMessage {
            recipient: PushToken::parse(SUBSCRIPTION).unwrap(),
            title: "Rent".into(),
            body: format!("Dear {name}"),
            data: vec![("amount".into(), "12".into())],
        }),
        Channel::Chat => MessageContent::Chat(ChatMessage {
            recipient: ChatId::parse(CHAT).unwrap(),
            text: format!("Dear {name}"),
            layout: Some(format!(r#"[{{"text": "Dear {escaped}"}}]"#)),
        }),
        Channel::Webhook => MessageContent::Webhook(WebhookMessage {
            recipient: WebhookUrl::parse(HOOK).unwrap(),
            kind: "rent.due".into(),
            payload: format!(r#"{{"name": "{escaped}", "amount": 12}}"#),
        }),
        other => panic!("{other} has stories of its own"),
    }
}

#[tokio::test]
async fn each_goes_to_the_address_of_the_user_database_and_is_reported_about() {
    for channel in MORE {
        let (world, only) = world(category(UnknownPolicy::Hold)).await;
        let id = world.submit(on(&[channel])).await.id;
        assert_eq!(world.settled(id).await.deliveries[0].state, DeliveryState::Sent);
        let call = only.calls().remove(0);
        assert_eq!((call.message.content, call.message.delivery.channel), (expected(channel), channel));
        assert_eq!((call.message.tenant, call.message.category.as_str()), (tenant(), "default"));
        let attempt = world.delivery(id).await.last_attempt.unwrap();
        assert_eq!((attempt.address.as_str(), attempt.sender), (expected(channel).recipient_address(), None));
        report(&world, &only, "only-1", ReceiptStatus::Delivered).await;
        assert_eq!(world.state(id).await, DeliveryState::Delivered, "{channel}");
    }
}

#[tokio::test]
async fn a_change_in_the_user_database_counts_until_it_is_due() {
    let (world, only) = world(category(UnknownPolicy::Hold)).await;
    let mut later = on(&MORE);
    later.schedule = at("2026-01-01T01:00:00Z");
    let id = world.submit(later).await.id;
    let mut moved = person("1");
    moved.push_token = Some(PushToken::parse("a new phone").unwrap());
    moved.unusable.insert(Channel::Webhook, "not a URL".into());
    world.lookup.put_recipient(moved);
    world.advance_ms(3_600_000).await;
    world.settled(id).await;
    assert_eq!(only.count(), 1);
    assert_eq!(only.calls()[0].message.content.recipient_address(), "a new phone");
    let chat = world.on_channel(id, Channel::Chat).await;
    assert_eq!((chat.state, chat.reason.code.as_ref()), (DeliveryState::Suppressed, "recipient.no_address"));
    let hook = world.on_channel(id, Channel::Webhook).await;
    assert_eq!((hook.state, hook.reason.code.as_ref()), (DeliveryState::Failed, "recipient.bad_address"));
}

#[tokio::test]
async fn an_address_in_the_request_is_enough() {
    let only = Vendor::new("only", &clock());
    let builder = MORE.into_iter().fold(Notifier::builder(), |builder, channel| builder.route(channel, "only"));
    let notifier = only.join(builder).start().await.unwrap();
    let refused = notifier.submit(on(&MORE)).await.unwrap_err();
    assert!(matches!(&refused, SubmitError::Invalid(errors) if errors[0].field == "recipient"), "{refused:?}");
    let mut request = on(&MORE);
    request.recipient.push_token = Some(SUBSCRIPTION.into());
    request.recipient.chat_id = Some(CHAT.into());
    request.recipient.webhook_url = Some(HOOK.into());
    let id = notifier.submit(request).await.unwrap().id;
    notifier.wait(&tenant(), id).await.unwrap();
    let mut sent: Vec<_> = only.calls().into_iter().map(|call| call.message.content).collect();
    sent.sort_by_key(MessageContent::channel);
    assert_eq!(sent, MORE.map(expected));
}

#[tokio::test]
async fn push_falls_back_to_a_text_message_and_that_to_email() {
    let strategy = Strategy::Sequence { until: Goal::Delivered, wait_ms: 600_000 };
    let channels = vec![Channel::Push, Channel::Sms, Channel::Email];
    let patient = Category { strategy, channels: channels.clone(), ..category(UnknownPolicy::Hold) };
    for arrives in [None, Some(0), Some(1), Some(2)] {
        let (world, only) = world(patient.clone()).await;
        let mut request = on(&channels);
        request.channels = None;
        let id = world.submit(request).await.id;
        for turn in 0..channels.len() {
            let called: Vec<_> = only.calls().iter().map(|call| call.message.content.channel()).collect();
            assert_eq!(called, channels[..=turn.min(arrives.unwrap_or(turn))], "{arrives:?} turn {turn}");
            if arrives == Some(turn) {
                report(&world, &only, &format!("only-{}", turn + 1), ReceiptStatus::Delivered).await;
            }
            world.advance_ms(600_000).await;
        }
        let mut states = Vec::new();
        for channel in &channels {
            states.push(world.on_channel(id, *channel).await.state);
        }
        let sent = arrives.unwrap_or(channels.len());
        let then = |turn: usize| match turn.cmp(&sent) {
            std::cmp::Ordering::Less => DeliveryState::Sent,
            std::cmp::Ordering::Equal => DeliveryState::Delivered,
            std::cmp::Ordering::Greater => DeliveryState::Suppressed,
        };
        assert_eq!(states, [0, 1, 2].map(then), "{arrives:?}");
    }
}

#[tokio::test]
async fn without_channels_those_go_out_that_have_words_and_a_route() {
    let (world, only) = world(category(UnknownPolicy::Hold)).await;
    let mut request = on(&Channel::ALL);
    request.channels = None;
    let submitted = world.submit(request.clone()).await;
    assert_eq!(submitted.deliveries.iter().map(|id| id.channel).collect::<Vec<_>>(), Channel::ALL);
    request.content = Some(Content { email: None, chat: None, ..words() });
    let submitted = world.submit(request).await;
    let expected = [Channel::Sms, Channel::Push, Channel::Webhook];
    assert_eq!(submitted.deliveries.iter().map(|id| id.channel).collect::<Vec<_>>(), expected);
    world.settled(submitted.id).await;
    assert_eq!(only.count(), Channel::ALL.len() + expected.len());
}

#[tokio::test]
async fn what_a_recipient_switched_off_stays_off() {
    for channel in MORE {
        let (world, only) = world(category(UnknownPolicy::Hold)).await;
        let off = Preferences { channels: [(channel, false)].into(), ..Preferences::default() };
        world.notifier.put_preferences(&tenant(), &RecipientId::new("1").unwrap(), off).await.unwrap();
        let id = world.submit(on(&MORE)).await.id;
        world.settled(id).await;
        assert_eq!(world.on_channel(id, channel).await.reason.code, "preference.channel_off");
        assert!(only.count() == 2 && only.calls().iter().all(|call| call.message.content.channel() != channel));
    }
}

#[tokio::test]
async fn an_address_that_the_vendor_refuses_for_good_is_not_used_again() {
    for channel in MORE {
        let (world, only) = world(category(UnknownPolicy::Hold)).await;
        let address = expected(channel).recipient_address().to_owned();
        only.will([refused(RejectionKind::Suppressed)]);
        let id = world.submit(on(&[channel])).await.id;
        assert_eq!(world.settled(id).await.deliveries[0].state, DeliveryState::Failed);
        let listed = world.notifier.suppression(&tenant(), channel, &address).await.unwrap().unwrap();
        assert_eq!((listed.address.as_str(), listed.cause), (address.as_str(), SuppressionCause::Unsubscribed));
        let id = world.submit(on(&[channel])).await.id;
        assert_eq!(world.settled(id).await.deliveries[0].reason.code, "suppression.listed");
        assert!(world.notifier.allow(&tenant(), channel, &address).await.unwrap());
        let id = world.submit(on(&[channel])).await.id;
        assert_eq!(world.settled(id).await.deliveries[0].state, DeliveryState::Sent);
    }
}

/// A value that would make the document say something else makes it say nothing.
#[tokio::test]
async fn a_payload_that_is_no_json_with_its_values_is_not_sent() {
    let (world, only) = world(category(UnknownPolicy::Hold)).await;
    let mut request = on(&[Channel::Webhook]);
    request.variables.insert("amount".into(), "1, \"paid\": true".into());
    let id = world.submit(request).await.id;
    let delivery = world.settled(id).await.deliveries.remove(0);
    assert_eq!((delivery.state, delivery.reason.code.as_ref()), (DeliveryState::Failed, "template.render"));
    assert!(delivery.reason.text.contains("webhook.payload: ") && !delivery.reason.text.contains("paid"));
    assert_eq!(only.count(), 0);
}
