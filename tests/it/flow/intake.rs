//! What is refused at once, and what an idempotency key means.

use std::collections::BTreeMap;
use std::sync::Arc;

use notifier_core::testing::ScriptedProvider;
use notifier_core::{
    Channel, ChatSource, Content, EmailSource, Limits, NotificationRequest, Notifier, PushSource, SmsSource,
    SubmitError, Template, TemplateName, TemplateRequest, Variable, VariableKind, WebhookSource,
};

use super::world::*;

async fn refused(notifier: &Notifier, request: NotificationRequest) -> Vec<String> {
    match notifier.submit(request).await {
        Err(SubmitError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_can_be_known_at_once_is_refused_at_once() {
    let world = World::with([]).await;
    let template = Template {
        name: TemplateName::new("rent").unwrap(),
        version: 0,
        content: Content { sms: Some(SmsSource { text: "{{amount}}".into() }), ..Content::default() },
        locales: BTreeMap::new(),
        variables: [("amount".to_owned(), Variable { kind: VariableKind::Number, required: true })].into(),
    };
    world.notifier.put_template(&tenant(), template).await.unwrap();
    let from = |name: &str, version| {
        let mut request = NotificationRequest::to("1");
        request.template = Some(TemplateRequest { name: name.into(), version });
        request
    };
    let mut complete = from("rent", None);
    complete.variables.insert("amount".into(), 900.into());
    assert!(world.notifier.submit(complete.clone()).await.is_ok());

    assert_eq!(refused(&world.notifier, from("rent", None)).await, ["variables.amount"]);
    assert_eq!(refused(&world.notifier, from("none", None)).await, ["template.name"]);
    assert_eq!(refused(&world.notifier, from("rent", Some(2))).await, ["template.version"]);
    complete.channels = Some(vec![Channel::Email]);
    assert_eq!(refused(&world.notifier, complete).await, ["channels"]);
    let mut other = sms();
    other.category = Some("unheard-of".into());
    assert_eq!(refused(&world.notifier, other).await, ["category"]);
    let page = world.notifier.list(&list()).await.unwrap();
    assert_eq!(page.items.len(), 1, "what is refused is not stored");
}

#[tokio::test]
async fn a_channel_without_a_provider_is_refused_when_asked_for_and_left_out_when_not() {
    let notifier = bare(&Arc::new(ScriptedProvider::accepting())).start().await.unwrap();
    let mut asked = both();
    asked.recipient.phone = Some("+14155550101".into());
    assert_eq!(notifier.submit(asked.clone()).await.unwrap().deliveries.len(), 1);
    asked.channels = Some(vec![Channel::Email]);
    assert_eq!(refused(&notifier, asked).await, ["channels"]);
}

#[tokio::test]
async fn what_could_never_be_looked_up_is_refused_at_once() {
    let notifier = bare(&Arc::new(ScriptedProvider::accepting())).start().await.unwrap();
    assert_eq!(refused(&notifier, sms()).await, ["recipient"]);
    let mut with_address = sms_to_a_number();
    assert!(notifier.submit(with_address.clone()).await.is_ok());
    with_address.subject = Some("p1".into());
    assert_eq!(refused(&notifier, with_address).await, ["subject"]);
}

#[tokio::test]
async fn email_without_a_sender_does_not_start() {
    let result = bare(&Arc::new(ScriptedProvider::accepting())).route(Channel::Email, "scripted").start().await;
    let error = result.err().unwrap().to_string();
    assert!(error.contains("senders.email"), "{error}");
}

#[tokio::test]
async fn attachments_that_no_provider_could_take_do_not_start() {
    let mut limits = Limits::default();
    limits.attachments_bytes_max = Limits::ATTACHMENTS_BYTES_MAX + 1;
    let result = bare(&Arc::new(ScriptedProvider::accepting())).limits(limits).start().await;
    let error = result.err().unwrap().to_string();
    assert!(error.contains("limits.attachments_bytes_max"), "{error}");
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_after_its_time_has_passed() {
    let world = World::with([]).await;
    let mut request = sms();
    request.idempotency_key = Some("k".into());
    request.schedule = at("2026-01-01T00:00:05Z");
    let first = world.submit(request.clone()).await;
    world.advance_ms(60_000).await;
    let again = world.submit(request.clone()).await;
    assert_eq!((again.id, again.repeated, again.due_at), (first.id, true, first.due_at));
    assert_eq!(world.provider.calls().len(), 1);

    let mut other = request.clone();
    other.schedule = at("2026-01-01T00:00:06Z");
    assert!(matches!(world.notifier.submit(other).await, Err(SubmitError::KeyReused { .. })));
    request.idempotency_key = Some("another".into());
    assert_eq!(refused(&world.notifier, request).await, ["schedule.at"]);
}

#[tokio::test]
async fn the_same_key_and_request_is_the_same_notification() {
    let world = World::with([]).await;
    let mut request = sms();
    request.idempotency_key = Some("rent-2026-01-unit-4b".into());
    let first = world.submit(request.clone()).await;
    let second = world.submit(request.clone()).await;
    assert_eq!((second.id, second.repeated, first.repeated), (first.id, true, false));
    assert_eq!(second.deliveries, first.deliveries);
    world.settled(first.id).await;
    assert_eq!(world.provider.calls().len(), 1);

    request.variables.insert("x".into(), 1.into());
    match world.notifier.submit(request).await {
        Err(SubmitError::KeyReused { existing, .. }) => assert_eq!(existing, first.id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_field_of_a_request_is_part_of_what_a_key_stands_for() {
    let world = World::with([]).await;
    let mut original = both();
    original.idempotency_key = Some("k".into());
    world.submit(original.clone()).await;
    let changes: &[fn(&mut NotificationRequest)] = &[
        |r| r.recipient.id = "2".into(),
        |r| r.recipient.email = Some("b@example.com".into()),
        |r| r.recipient.phone = Some("+14155550100".into()),
        |r| r.recipient.push_token = Some("a".into()),
        |r| r.recipient.chat_id = Some("a".into()),
        |r| r.recipient.webhook_url = Some("https://example.com/a".into()),
        |r| r.recipient.locale = Some("es".into()),
        |r| r.recipient.time_zone = Some("UTC".into()),
        |r| r.channels = Some(vec![Channel::Sms]),
        |r| r.content.as_mut().unwrap().sms = Some(SmsSource { text: "Other".into() }),
        |r| {
            r.content.as_mut().unwrap().email =
                Some(EmailSource { subject: "Hi".into(), text: Some("Other".into()), html: None })
        },
        |r| {
            let push = PushSource { title: "Hi".into(), body: "Hello".into(), ..PushSource::default() };
            r.content.as_mut().unwrap().push = Some(push);
        },
        |r| r.content.as_mut().unwrap().chat = Some(ChatSource { text: "Hello".into(), layout: None }),
        |r| {
            let webhook = WebhookSource { kind: "hello".into(), payload: "{}".into() };
            r.content.as_mut().unwrap().webhook = Some(webhook);
        },
        |r| drop(r.variables.insert("x".into(), 1.into())),
        |r| r.subject = Some("p1".into()),
        |r| r.options.reply_to = Some("c@example.com".into()),
        |r| r.options.headers = vec![("X-A".into(), "b".into())],
        |r| r.options.media_urls = vec!["https://example.com/a.png".into()],
        |r| r.schedule = at("2026-01-02T00:00:00Z"),
        |r| r.expires_at = Some("2026-01-02T00:00:00Z".into()),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut request = original.clone();
        change(&mut request);
        let answer = world.notifier.submit(request).await;
        assert!(matches!(answer, Err(SubmitError::KeyReused { .. })), "change {index}: {answer:?}");
    }
}

fn list() -> notifier_core::ListQuery {
    notifier_core::ListQuery::of(tenant(), 100)
}
