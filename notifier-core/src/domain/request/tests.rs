//! Every field, wrong in every way that we could think of.

use serde_json::json;

use super::super::template::{ChatSource, EmailSource, PushSource, SmsSource, WebhookSource};
use super::*;

fn good() -> NotificationRequest {
    NotificationRequest {
        recipient: RecipientRequest {
            id: "1".into(),
            email: Some("ada@example.com".into()),
            phone: Some("+14155550101".into()),
            push_token: Some(r#"{"endpoint":"https://push.example.com/7"}"#.into()),
            chat_id: Some("C0123ADA".into()),
            webhook_url: Some("https://example.com/hooks/7".into()),
            locale: Some("en-GB".into()),
            time_zone: Some("Europe/London".into()),
        },
        content: Some(Content {
            email: Some(EmailSource { subject: "Hi".into(), text: Some("{{x}}".into()), html: None }),
            sms: Some(SmsSource { text: "Hi".into() }),
            push: Some(PushSource { title: "Hi".into(), body: "{{x}}".into(), ..PushSource::default() }),
            chat: Some(ChatSource { text: "Hi".into(), layout: Some(r#"["{{x}}"]"#.into()) }),
            webhook: Some(WebhookSource { kind: "hi".into(), payload: r#"{"x": "{{x}}"}"#.into() }),
        }),
        ..NotificationRequest::default()
    }
}

fn attachment() -> Attachment {
    Attachment { filename: "a.pdf".into(), content_type: "application/pdf".into(), content_id: None, data: vec![1] }
}

fn fields(request: NotificationRequest) -> Vec<String> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let errors = request.check(now, &Limits::default()).err().unwrap_or_default();
    errors.into_iter().map(|error| error.field).collect()
}

#[test]
fn a_good_request_passes() {
    let mut request = good();
    request.options = OptionsRequest {
        reply_to: Some("Office <office@example.com>".into()),
        headers: vec![("X-Unit".into(), "4B".into())],
        attachments: vec![attachment()],
        media_urls: vec!["https://example.com/a.png".into()],
    };
    request.schedule =
        Some(ScheduleRequest { local_time: Some("2026-02-01T09:00".into()), ..ScheduleRequest::default() });
    request.expires_at = Some("2026-02-02T09:00:00Z".into());
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let draft = request.check(now, &Limits::default()).unwrap();
    assert_eq!(draft.due_at.unwrap().to_string(), "2026-02-01T09:00:00Z");
    assert_eq!(draft.tenant, TenantId::unnamed());
    assert!(draft.recipient.has_address());
}

// Long because it is one table.
#[test]
fn each_bad_field_is_named() {
    type Spoil = fn(&mut NotificationRequest);
    let cases: &[(&str, Spoil)] = &[
        ("tenant", |r| r.tenant = Some("Not A Name".into())),
        ("recipient.id", |r| r.recipient.id = String::new()),
        ("recipient.id", |r| r.recipient.id = "a\u{0}b".into()),
        ("recipient.email", |r| r.recipient.email = Some("ada@example.com\r\nBcc: b@example.com".into())),
        ("recipient.phone", |r| r.recipient.phone = Some("555-0101".into())),
        ("recipient.push_token", |r| r.recipient.push_token = Some("a\nb".into())),
        ("recipient.push_token", |r| r.recipient.push_token = Some("a".repeat(4_097))),
        ("recipient.chat_id", |r| r.recipient.chat_id = Some(String::new())),
        ("recipient.chat_id", |r| r.recipient.chat_id = Some("a".repeat(257))),
        ("recipient.webhook_url", |r| r.recipient.webhook_url = Some("http://example.com/hooks/7".into())),
        ("recipient.webhook_url", |r| r.recipient.webhook_url = Some("https://a:b@example.com/".into())),
        ("recipient.locale", |r| r.recipient.locale = Some("english please".into())),
        ("recipient.time_zone", |r| r.recipient.time_zone = Some("Mars/Olympus".into())),
        ("category", |r| r.category = Some("no spaces".into())),
        ("channels", |r| r.channels = Some(vec![])),
        ("channels", |r| r.channels = Some(vec![Channel::Sms, Channel::Sms])),
        ("template", |r| r.content = None),
        ("content", |r| r.template = Some(TemplateRequest { name: "t".into(), version: None })),
        ("template.name", |r| {
            r.content = None;
            r.template = Some(TemplateRequest { name: "T!".into(), version: None });
        }),
        ("template.version", |r| {
            r.content = None;
            r.template = Some(TemplateRequest { name: "t".into(), version: Some(0) });
        }),
        ("content", |r| r.content = Some(Content::default())),
        ("content.sms.text", |r| r.content.as_mut().unwrap().sms = Some(SmsSource { text: "{{#if".into() })),
        ("content.push.title", |r| r.content.as_mut().unwrap().push.as_mut().unwrap().title = String::new()),
        ("content.push.data.a", |r| {
            let push = r.content.as_mut().unwrap().push.as_mut().unwrap();
            push.data.insert("a".into(), "{{".into());
        }),
        ("content.chat.layout", |r| {
            r.content.as_mut().unwrap().chat.as_mut().unwrap().layout = Some("not JSON".into());
        }),
        ("content.webhook.kind", |r| r.content.as_mut().unwrap().webhook.as_mut().unwrap().kind = "Rent Due".into()),
        ("content.webhook.payload", |r| {
            r.content.as_mut().unwrap().webhook.as_mut().unwrap().payload = "{{{x}}}".into();
        }),
        ("content.push", |r| {
            r.channels = Some(vec![Channel::Push, Channel::Sms]);
            r.content.as_mut().unwrap().push = None;
        }),
        ("content.sms", |r| {
            r.channels = Some(vec![Channel::Email, Channel::Sms]);
            r.content.as_mut().unwrap().sms = None;
        }),
        ("variables.recipient", |r| drop(r.variables.insert("recipient".into(), json!(1)))),
        ("variables", |r| drop(r.variables.insert("x".into(), json!("x".repeat(70_000))))),
        ("variables", |r| drop(r.variables.insert("x".into(), json!(vec![1; 1_001])))),
        ("variables", |r| {
            let deep = (0..20).fold(json!(1), |inner, _| json!([inner]));
            r.variables.insert("x".into(), deep);
        }),
        ("subject", |r| r.subject = Some(" p1".into())),
        ("options.reply_to", |r| r.options.reply_to = Some("nobody".into())),
        ("options.headers.X-A", |r| r.options.headers = vec![("X-A".into(), "a\r\nBcc: b@example.com".into())]),
        ("options.headers.Bcc", |r| r.options.headers = vec![("Bcc".into(), "b@example.com".into())]),
        ("options.headers.A: b", |r| r.options.headers = vec![("A: b\r\n".into(), "c".into())]),
        ("options.headers.X-SG-EID", |r| r.options.headers = vec![("X-SG-EID".into(), "1".into())]),
        ("options.headers.Resent-Bcc", |r| r.options.headers = vec![("Resent-Bcc".into(), "b@example.com".into())]),
        ("options.headers.x-unit", |r| {
            r.options.headers = vec![("X-Unit".into(), "4B".into()), ("x-unit".into(), "4C".into())];
        }),
        ("options.headers", |r| r.options.headers = (0..21).map(|n| (format!("X-{n}"), "v".into())).collect()),
        ("options.attachments", |r| r.options.attachments = vec![attachment(); 11]),
        ("options.attachments", |r| {
            r.options.attachments = vec![Attachment { data: vec![0; 600_000], ..attachment() }];
        }),
        ("options.attachments[0].filename", |r| {
            r.options.attachments = vec![Attachment { filename: "../a".into(), ..attachment() }];
        }),
        ("options.attachments[0].content_type", |r| {
            r.options.attachments = vec![Attachment { content_type: "pdf\r\n".into(), ..attachment() }];
        }),
        ("options.attachments[0].content_id", |r| {
            r.options.attachments = vec![Attachment { content_id: Some("<a>".into()), ..attachment() }];
        }),
        ("options.attachments[0].data", |r| r.options.attachments = vec![Attachment { data: vec![], ..attachment() }]),
        ("options.media_urls[0]", |r| r.options.media_urls = vec!["file:///etc/passwd".into()]),
        ("options.media_urls", |r| r.options.media_urls = vec!["https://example.com/a".into(); 11]),
        ("schedule.at", |r| {
            r.schedule =
                Some(ScheduleRequest { at: Some("2020-01-01T00:00:00Z".into()), ..ScheduleRequest::default() });
        }),
        ("schedule.time_zone", |r| {
            r.schedule = Some(ScheduleRequest {
                local_time: Some("2026-02-01T09:00".into()),
                time_zone: Some("Nowhere".into()),
                at: None,
            });
        }),
        ("expires_at", |r| r.expires_at = Some("soon".into())),
        ("expires_at", |r| r.expires_at = Some("2025-01-01T00:00:00Z".into())),
        ("idempotency_key", |r| r.idempotency_key = Some(String::new())),
    ];
    for (field, spoil) in cases {
        let mut request = good();
        spoil(&mut request);
        assert_eq!(fields(request), [*field]);
    }
    assert_eq!(fields(good()), Vec::<String>::new());
}

#[test]
fn every_error_is_reported_at_once() {
    let mut request = good();
    request.recipient.email = Some("x".into());
    request.recipient.phone = Some("y".into());
    request.expires_at = Some("z".into());
    assert_eq!(fields(request), ["recipient.email", "recipient.phone", "expires_at"]);
}

/// What the plugins refuse for good must not be accepted: these are the headers that SendGrid's reserves.
#[test]
fn what_a_plugin_reserves_is_refused_at_intake() {
    for name in [
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "dkim-signature",
        "from",
        "received",
        "reply-to",
        "subject",
        "to",
        "x-sg-eid",
        "x-sg-id",
    ] {
        let mut request = good();
        request.options.headers = vec![(name.to_uppercase(), "v".into())];
        assert_eq!(fields(request), [format!("options.headers.{}", name.to_uppercase())]);
    }
    let mut request = good();
    request.options.headers = vec![("List-Unsubscribe".into(), "<https://example.com/u>".into())];
    assert_eq!(fields(request), Vec::<String>::new());
}

#[test]
fn too_many_items_are_one_error_and_not_one_each() {
    let mut request = good();
    request.options.media_urls = vec![String::new(); 10_000];
    request.options.attachments = vec![Attachment { filename: String::new(), ..attachment() }; 10_000];
    request.options.headers = (0..10_000).map(|n| (format!("X {n}"), "v".into())).collect();
    let fields = fields(request);
    for (prefix, most) in [("options.media_urls", 11), ("options.attachments", 11), ("options.headers", 21)] {
        assert_eq!(fields.iter().filter(|field| field.starts_with(prefix)).count(), most, "{prefix}");
    }
}
