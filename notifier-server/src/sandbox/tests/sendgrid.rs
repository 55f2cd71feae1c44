//! SendGrid's fake, rule by rule.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::Service;
use super::fixture::{Fixture, exchange, mail};

/// A valid mail with one value put in, or removed if that is null.
fn mail_with(pointer: &str, value: Value) -> Value {
    let mut mail = mail();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match mail.pointer_mut(parent).unwrap() {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        Value::Object(fields) if value.is_null() => drop(fields.remove(name).unwrap()),
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        other => panic!("{pointer} is in {other}"),
    }
    mail
}

fn recipients(count: usize) -> Value {
    (0..count).map(|n| json!({ "email": format!("r{n}@example.com") })).collect()
}

async fn check_refused(cases: &[(&str, Value, &str)]) {
    let fixture = Fixture::start().await;
    for (name, mail, field) in cases {
        let answer = fixture.send_mail(mail).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {answer:?}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors.as_array().map(Vec::len), Some(1), "{name}: {errors}");
        assert_eq!(errors[0]["field"], *field, "{name}: {errors}");
        assert!(errors[0]["message"].as_str().is_some_and(|message| !message.is_empty()), "{name}: {errors}");
        assert_eq!(errors[0]["help"], Value::Null, "{name}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::SendGrid).refused, cases.len() as u64);
}

#[tokio::test]
async fn refuses_unknown_names_and_wrong_types() {
    check_refused(&[
        ("unknown", mail_with("/idempotency_key", json!("k")), "idempotency_key"),
        ("unknown in personalization", mail_with("/personalizations/0/x", json!(1)), "personalizations.0.x"),
        ("unknown in address", mail_with("/from/address", json!("a@example.com")), "from.address"),
        ("unknown in recipient", mail_with("/personalizations/0/to/0/x", json!(1)), "personalizations.0.to.0.x"),
        ("unknown in content", mail_with("/content/0/charset", json!("utf-8")), "content.0.charset"),
        ("unknown in attachment", mail_with("/attachments", json!([{ "name": "a" }])), "attachments.0.name"),
        ("unknown in asm", mail_with("/asm", json!({ "group": 1 })), "asm.group"),
        ("unknown mail setting", mail_with("/mail_settings", json!({ "test": {} })), "mail_settings.test"),
        (
            "unknown in sandbox mode",
            mail_with("/mail_settings", json!({ "sandbox_mode": { "enabled": true } })),
            "mail_settings.sandbox_mode.enabled",
        ),
        (
            "unknown in tracking",
            mail_with("/tracking_settings", json!({ "open_tracking": { "on": true } })),
            "tracking_settings.open_tracking.on",
        ),
        ("to is an object", mail_with("/personalizations/0/to", json!({})), "personalizations.0.to"),
        ("subject is a number", mail_with("/subject", json!(1)), "subject"),
        (
            "null",
            {
                let mut mail = mail();
                mail["reply_to"] = Value::Null;
                mail
            },
            "reply_to",
        ),
        ("argument is a number", mail_with("/custom_args", json!({ "a": 1 })), "custom_args.a"),
        ("header is a list", mail_with("/headers", json!({ "X-A": ["b"] })), "headers.X-A"),
        ("send_at is a text", mail_with("/send_at", json!("1")), "send_at"),
        ("category is a number", mail_with("/categories", json!(["a", 2])), "categories.1"),
        (
            "enable is a text",
            mail_with("/mail_settings", json!({ "sandbox_mode": { "enable": "yes" } })),
            "mail_settings.sandbox_mode.enable",
        ),
    ])
    .await;
}

#[tokio::test]
async fn refuses_wrong_recipients_and_senders() {
    let recipient = |email: &str| mail_with("/personalizations/0/to/0/email", json!(email));
    let invalid = "personalizations.0.to.0.email";
    check_refused(&[
        ("no personalizations", mail_with("/personalizations", Value::Null), "personalizations"),
        ("empty personalizations", mail_with("/personalizations", json!([])), "personalizations"),
        ("no to", mail_with("/personalizations/0", json!({})), "personalizations.0.to"),
        ("empty to", mail_with("/personalizations/0/to", json!([])), "personalizations.0.to"),
        ("1001 recipients", mail_with("/personalizations/0/to", recipients(1_001)), "personalizations"),
        ("no address", mail_with("/personalizations/0/to/0", json!({ "name": "Ana" })), invalid),
        ("no at", recipient("example.com"), invalid),
        ("no domain", recipient("ana@"), invalid),
        ("no local part", recipient("@example.com"), invalid),
        ("one label", recipient("ana@localhost"), invalid),
        ("space", recipient("ana b@example.com"), invalid),
        ("double dot", recipient("ana..b@example.com"), invalid),
        ("label with hyphen", recipient("ana@-example.com"), invalid),
        ("line break", recipient("ana@example.com\r\nBcc: x@example.com"), invalid),
        ("local part of 65", recipient(&format!("{}@example.com", "a".repeat(65))), invalid),
        (
            "repeated in to, in another case",
            mail_with("/personalizations/0/cc", json!([{ "email": "ANA@example.com" }])),
            "personalizations.0",
        ),
        ("wrong cc", mail_with("/personalizations/0/cc", json!([{ "email": "x" }])), "personalizations.0.cc.0.email"),
        (
            "wrong own sender",
            mail_with("/personalizations/0/from", json!({ "email": "x" })),
            "personalizations.0.from.email",
        ),
        ("no from", mail_with("/from", Value::Null), "from"),
        ("empty from", mail_with("/from", json!({})), "from.email"),
        ("wrong from", mail_with("/from/email", json!("rent")), "from.email"),
        ("name with line break", mail_with("/from/name", json!("a\nb")), "from.name"),
        ("wrong reply_to", mail_with("/reply_to", json!({ "email": "x@" })), "reply_to.email"),
        (
            "both reply_to",
            {
                let mut mail = mail_with("/reply_to", json!({ "email": "a@example.com" }));
                mail["reply_to_list"] = json!([{ "email": "b@example.com" }]);
                mail
            },
            "reply_to_list",
        ),
    ])
    .await;
}

#[tokio::test]
async fn refuses_wrong_content() {
    let html = json!({ "type": "text/html", "value": "<p>Hello" });
    let plain = json!({ "type": "text/plain", "value": "Hello" });
    let calendar = json!({ "type": "text/calendar", "value": "BEGIN" });
    check_refused(&[
        ("no subject", mail_with("/subject", Value::Null), "subject"),
        ("empty subject", mail_with("/subject", json!("")), "subject"),
        ("subject with line break", mail_with("/subject", json!("a\r\nBcc: x")), "subject"),
        ("empty own subject", mail_with("/personalizations/0/subject", json!("")), "personalizations.0.subject"),
        ("no content", mail_with("/content", Value::Null), "content"),
        ("empty content", mail_with("/content", json!([])), "content"),
        ("no type", mail_with("/content/0/type", Value::Null), "content.0.type"),
        ("type with parameter", mail_with("/content/0/type", json!("text/plain; charset=utf-8")), "content.0.type"),
        ("no value", mail_with("/content/0/value", Value::Null), "content.0.value"),
        ("empty value", mail_with("/content/0/value", json!("")), "content.0.value"),
        ("html before plain", mail_with("/content", json!([html, plain])), "content"),
        ("other before html", mail_with("/content", json!([plain, calendar, html])), "content"),
    ])
    .await;

    // Two complaints: repeated, and the second is not in its place.
    let fixture = Fixture::start().await;
    let answer = fixture.send_mail(&mail_with("/content", json!([html, html]))).await;
    assert_eq!(answer.json()["errors"].as_array().map(Vec::len), Some(2), "{answer:?}");
}

#[tokio::test]
async fn refuses_wrong_extras() {
    let file = |name: &str, value: Value| {
        let mut file = json!({ "content": "SGVsbG8=", "filename": "a.txt", "type": "text/plain" });
        file[name] = value;
        mail_with("/attachments", json!([file]))
    };
    let many: Vec<_> = (0..11).map(|n| n.to_string()).collect();
    check_refused(&[
        ("reserved header", mail_with("/headers", json!({ "Reply-To": "a@example.com" })), "headers.Reply-To"),
        ("reserved, another case", mail_with("/headers", json!({ "dkim-Signature": "v=1" })), "headers.dkim-Signature"),
        (
            "reserved in personalization",
            mail_with("/personalizations/0/headers", json!({ "BCC": "a@example.com" })),
            "personalizations.0.headers.BCC",
        ),
        ("header with line break", mail_with("/headers", json!({ "X-A": "b\r\nBcc: c" })), "headers.X-A"),
        ("header name with space", mail_with("/headers", json!({ "X A": "b" })), "headers.X A"),
        ("11 categories", mail_with("/categories", json!(many)), "categories"),
        ("category of 256", mail_with("/categories", json!(["é".repeat(256)])), "categories.0"),
        ("category twice", mail_with("/categories", json!(["a", "a"])), "categories"),
        ("arguments of 10,001 bytes", mail_with("/custom_args", json!({ "a": "b".repeat(10_000) })), "custom_args"),
        (
            "own arguments of 10,001 bytes",
            mail_with("/personalizations/0/custom_args", json!({ "a": "b".repeat(10_000) })),
            "personalizations.0.custom_args",
        ),
        ("file not base64", file("content", json!("SGVsbG8")), "attachments.0.content"),
        ("file url-safe base64", file("content", json!("_-__")), "attachments.0.content"),
        ("file empty", file("content", json!("")), "attachments.0.content"),
        ("file without name", file("filename", json!("")), "attachments.0.filename"),
        ("file of unknown disposition", file("disposition", json!("hidden")), "attachments.0.disposition"),
        ("file with empty type", file("type", json!("")), "attachments.0.type"),
        ("file with empty id", file("content_id", json!("")), "attachments.0.content_id"),
        ("file name with line break", file("filename", json!("a\r\nb")), "attachments.0.filename"),
        ("asm without group", mail_with("/asm", json!({})), "asm.group_id"),
        (
            "26 groups",
            mail_with("/asm", json!({ "group_id": 1, "groups_to_display": vec![1; 26] })),
            "asm.groups_to_display",
        ),
        ("pool name of one", mail_with("/ip_pool_name", json!("a")), "ip_pool_name"),
        ("four days ahead", mail_with("/send_at", json!(1_772_366_400 + 4 * 86_400)), "send_at"),
    ])
    .await;
}

#[tokio::test]
async fn checks_credentials_path_method_type_and_syntax() {
    let fixture = Fixture::start().await;
    let url = fixture.mail_url();
    let key = format!("Bearer {}", fixture.sandbox.credentials().sendgrid_api_key);
    let json = "application/json";
    let valid = mail().to_string();
    let cases = [
        ("no key", Method::POST, url.clone(), "", json, valid.as_str(), 401),
        ("wrong key", Method::POST, url.clone(), "Bearer SG.wrong", json, &valid, 401),
        ("basic", Method::POST, url.clone(), "Basic SG.sandbox-api-key", json, &valid, 401),
        ("unknown path", Method::POST, url.replace("send", "sent"), &key, json, &valid, 404),
        ("wrong method", Method::PUT, url.clone(), &key, json, &valid, 405),
        ("form", Method::POST, url.clone(), &key, "application/x-www-form-urlencoded", &valid, 415),
        ("no type", Method::POST, url.clone(), &key, "", &valid, 415),
        ("not JSON", Method::POST, url.clone(), &key, json, "{", 400),
        ("two documents", Method::POST, url.clone(), &key, json, "{} {}", 400),
        ("empty", Method::POST, url.clone(), &key, json, "", 400),
    ];
    for (name, method, url, authorization, content_type, body, status) in cases {
        let mut request = Request::builder().method(method).uri(url);
        for (header, value) in [("authorization", authorization), ("content-type", content_type)] {
            if !value.is_empty() {
                request = request.header(header, value);
            }
        }
        let answer = exchange(request.body(body.to_owned().into()).unwrap()).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{name}: {answer:?}");
        assert_eq!(answer.json()["errors"][0]["field"], Value::Null, "{name}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn a_mail_above_30_megabytes_is_too_large() {
    let fixture = Fixture::start().await;
    let file = json!({ "content": "QUFB".repeat(8 * 1024 * 1024), "filename": "a.bin" });
    let answer = fixture.send_mail(&mail_with("/attachments", json!([file]))).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
    let file = json!({ "content": "QUFB".repeat(7 * 1024 * 1024), "filename": "a.bin" });
    let answer = fixture.send_mail(&mail_with("/attachments", json!([file]))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(fixture.only_message().attachments[0].size_bytes, 21 * 1024 * 1024);
}

#[tokio::test]
async fn takes_a_full_mail_and_keeps_all_of_it() {
    let fixture = Fixture::start().await;
    let mail = json!({
        "personalizations": [
            {
                "to": [{ "email": "ana@example.com", "name": "Ana" }],
                "cc": [{ "email": "cc@example.com" }],
                "bcc": [{ "email": "bcc@example.com" }],
                "subject": "Own subject",
                "headers": { "X-Own": "1" },
                "custom_args": { "notifier_key": "key-1" },
            },
            { "to": [{ "email": "ben@example.com" }], "from": { "email": "own@example.com" } },
        ],
        "from": { "email": "rent@example.com", "name": "Rent" },
        "reply_to": { "email": "reply@example.com" },
        "subject": "Shared subject",
        "content": [
            { "type": "text/plain", "value": "Hello \u{1f600}" },
            { "type": "text/html", "value": "<p>Hello" },
            { "type": "text/calendar", "value": "BEGIN" },
        ],
        "attachments": [{ "content": "SGVsbG8=", "filename": "a.png", "type": "image/png", "disposition": "inline", "content_id": "logo" }],
        "headers": { "List-Unsubscribe": "<https://example.com/u>" },
        "categories": ["rent-reminder"],
        "custom_args": { "tenant": "default" },
        "send_at": 1_772_366_400,
        "asm": { "group_id": 1, "groups_to_display": [1] },
        "ip_pool_name": "main",
        "batch_id": "b",
        "mail_settings": { "sandbox_mode": { "enable": false }, "footer": { "enable": true, "text": "f", "html": "f" } },
        "tracking_settings": { "click_tracking": { "enable": true, "enable_text": false } },
    });
    let answer = fixture.send_mail(&mail).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert!(answer.body.is_empty());
    let id = answer.header("x-message-id").unwrap();
    assert_eq!(id.len(), 22);

    let messages = fixture.sandbox.inbox().messages();
    let [first, second] = &messages[..] else { panic!("{messages:?}") };
    assert_eq!(
        (first.to.join(","), first.cc.join(","), first.bcc.join(",")),
        ("ana@example.com".into(), "cc@example.com".into(), "bcc@example.com".into())
    );
    assert_eq!(first.subject.as_deref(), Some("Own subject"));
    assert_eq!((first.from.as_deref(), first.from_name.as_deref()), (Some("rent@example.com"), Some("Rent")));
    assert_eq!(first.text.as_deref(), Some("Hello \u{1f600}"));
    assert_eq!(first.html.as_deref(), Some("<p>Hello"));
    assert_eq!(first.headers.keys().cloned().collect::<Vec<_>>(), ["List-Unsubscribe", "X-Own"]);
    assert_eq!(first.idempotency_key.as_deref(), Some("key-1"));
    assert_eq!(first.custom_args["tenant"], "default");
    assert_eq!(first.categories, ["rent-reminder"]);
    assert_eq!(first.reply_to, ["reply@example.com"]);
    assert_eq!((first.attachments[0].size_bytes, first.attachments[0].disposition), (5, "inline"));
    assert_eq!(first.provider_message_id, id);
    assert_eq!((second.subject.as_deref(), second.from.as_deref()), (Some("Shared subject"), Some("own@example.com")));
    assert_eq!((second.idempotency_key.as_deref(), second.from_name.as_deref()), (None, None));
    assert_eq!((second.seq, second.provider_message_id.as_str()), (2, id));
}

#[tokio::test]
async fn a_thousand_recipients_are_taken() {
    let fixture = Fixture::start().await;
    let answer = fixture.send_mail(&mail_with("/personalizations/0/to", recipients(1_000))).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(fixture.only_message().to.len(), 1_000);
}

#[tokio::test]
async fn sandbox_mode_checks_only() {
    let fixture = Fixture::start().await;
    let settings = json!({ "sandbox_mode": { "enable": true } });
    let answer = fixture.send_mail(&mail_with("/mail_settings", settings.clone())).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(answer.header("x-message-id").is_some());
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::SendGrid).validated, 1);

    let mut wrong = mail_with("/subject", Value::Null);
    wrong["mail_settings"] = settings;
    assert_eq!(fixture.send_mail(&wrong).await.status, StatusCode::BAD_REQUEST);
}
