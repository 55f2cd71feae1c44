//! Postmark's fake, rule by rule.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::super::Service;
use super::fixture::{Answer, Fixture, exchange};

/// A valid email, with every needed field and no other.
pub(super) fn email() -> Value {
    json!({ "From": "rent@example.com", "To": "ana@example.com", "Subject": "Rent", "TextBody": "Hello" })
}

pub(super) fn request(fixture: &Fixture, body: &str) -> Request<Full<Bytes>> {
    Request::post(format!("{}/email", fixture.sandbox.url(Service::Postmark)))
        .header("x-postmark-server-token", &fixture.sandbox.credentials().postmark_server_token)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .body(body.to_owned().into())
        .unwrap()
}

async fn send(fixture: &Fixture, email: &Value) -> Answer {
    exchange(request(fixture, &email.to_string())).await.unwrap()
}

fn with(name: &str, value: Value) -> Value {
    let mut email = email();
    email[name] = value;
    email
}

#[tokio::test]
async fn an_email_arrives_whole() {
    let fixture = Fixture::start().await;
    let email = json!({
        "From": "\"Rent, Office\" <rent@example.com>",
        "To": "Ana <ana@example.com>, ben@example.com",
        "Cc": "carla@example.com",
        "Bcc": "dev@example.com",
        "ReplyTo": "office@example.com",
        "Subject": "Größe ✓",
        "Tag": "rent",
        "HtmlBody": "<p>Grüße</p>",
        "TextBody": "Grüße\r\n.\r\n",
        "Headers": [{ "Name": "X-Own", "Value": "1" }],
        "TrackOpens": false,
        "TrackLinks": "None",
        "Metadata": { "notifier_key": "a.email" },
        "MessageStream": "outbound",
        "Attachments": [
            { "Name": "a.txt", "Content": STANDARD.encode(b"\0\xff"), "ContentType": "text/plain" },
            { "Name": "b.png", "Content": "AA==", "ContentType": "image/png", "ContentID": "cid:b" },
        ],
    });
    let answer = send(&fixture, &email).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let told = answer.json();
    assert_eq!((&told["ErrorCode"], &told["Message"], &told["To"]), (&json!(0), &json!("OK"), &email["To"]));
    assert_eq!(told["SubmittedAt"], "2026-03-01T12:00:00.0000000+00:00");
    let message = fixture.only_message();
    assert_eq!(told["MessageID"], json!(message.provider_message_id));
    assert_eq!(message.from_name.as_deref(), Some("Rent, Office"));
    assert_eq!(
        (&message.to[..], &message.cc[..]),
        (&["ana@example.com", "ben@example.com"].map(String::from)[..], &["carla@example.com".to_owned()][..])
    );
    assert_eq!(
        (&message.bcc[..], &message.reply_to[..]),
        (&["dev@example.com".to_owned()][..], &["office@example.com".to_owned()][..])
    );
    assert_eq!((message.text.as_deref(), message.html.as_deref()), (Some("Grüße\r\n.\r\n"), Some("<p>Grüße</p>")));
    assert_eq!((message.subject.as_deref(), &message.headers["X-Own"][..]), (Some("Größe ✓"), "1"));
    assert_eq!(
        (&message.categories[..], message.idempotency_key.as_deref()),
        (&["rent".to_owned()][..], Some("a.email"))
    );
    let [text, picture] = &message.attachments[..] else { panic!("{message:?}") };
    assert_eq!((text.size_bytes, text.disposition, text.content_id.as_deref()), (2, "attachment", None));
    // printf '\0\377' | sha256sum
    assert_eq!(text.sha256, "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8");
    assert_eq!((picture.disposition, picture.content_id.as_deref()), ("inline", Some("b")));
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_code() {
    let fixture = Fixture::start().await;
    let long = |length: usize| json!("x".repeat(length));
    let file = |name: &str, content: &str| json!([{ "Name": name, "Content": content, "ContentType": "text/plain" }]);
    let recipients = (0..51).map(|n| format!("r{n}@example.com")).collect::<Vec<_>>().join(",");
    for (name, email, code) in [
        ("unknown", with("Idempotency", json!("k")), 403),
        ("wrong type", with("Subject", json!(1)), 403),
        ("unknown in header", with("Headers", json!([{ "Name": "a", "Value": "b", "x": 1 }])), 403),
        ("metadata is a number", with("Metadata", json!({ "a": 1 })), 403),
        ("unknown link tracking", with("TrackLinks", json!("All")), 403),
        ("no from", with("From", Value::Null), 300),
        ("wrong from", with("From", json!("rent")), 300),
        ("from of 256", with("From", json!(format!("{} <rent@example.com>", "x".repeat(237)))), 300),
        ("no to", with("To", Value::Null), 300),
        ("wrong to", with("To", json!("ana@example.com, ben")), 300),
        ("51 recipients", with("To", json!(recipients)), 300),
        ("subject of 2001", with("Subject", long(2_001)), 300),
        ("subject with a line break", with("Subject", json!("a\r\nBcc: x@example.com")), 300),
        ("tag of 1001", with("Tag", long(1_001)), 300),
        ("no body", with("TextBody", Value::Null), 300),
        ("body of more than 5 MB", with("TextBody", long(5 * 1024 * 1024 + 1)), 300),
        ("unknown stream", with("MessageStream", json!("other")), 1235),
        ("header with a line break", with("Headers", json!([{ "Name": "a", "Value": "b\nc" }])), 300),
        ("key of 21", with("Metadata", json!({ "x".repeat(21): "1" })), 300),
        ("value of 81", with("Metadata", json!({ "a": "x".repeat(81) })), 300),
        ("keys that differ in case", with("Metadata", json!({ "a": "1", "A": "2" })), 300),
        ("not base64", with("Attachments", file("a.txt", "%")), 300),
        ("forbidden type", with("Attachments", file("a.EXE", "AA==")), 411),
        (
            "content id without its scheme",
            {
                let mut files = file("a.txt", "AA==");
                files[0]["ContentID"] = json!("a");
                with("Attachments", files)
            },
            300,
        ),
    ] {
        let answer = send(&fixture, &email).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {answer:?}");
        assert_eq!(answer.json()["ErrorCode"], code, "{name}: {answer:?}");
        assert_eq!(answer.header("x-pm-apierrorcode"), Some(code.to_string().as_str()), "{name}");
        assert!(answer.json()["Message"].as_str().is_some_and(|told| !told.is_empty()), "{name}");
    }
    let broken = exchange(request(&fixture, "{")).await.unwrap();
    assert_eq!((broken.status.as_u16(), &broken.json()["ErrorCode"]), (422, &json!(402)));
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Postmark).refused, 25);
}

#[tokio::test]
async fn heads_are_checked() {
    let fixture = Fixture::start().await;
    let body = email().to_string();
    for (name, value, status, code) in [
        ("x-postmark-server-token", "wrong", 401, 10),
        ("x-postmark-server-token", "", 401, 10),
        ("content-type", "text/plain", 415, 415),
        ("accept", "text/html", 415, 415),
    ] {
        let mut wrong = request(&fixture, &body);
        wrong.headers_mut().insert(name, value.parse().unwrap());
        let answer = exchange(wrong).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["ErrorCode"]), (status, &json!(code)), "{name}: {value}");
    }
    let mut wrong = request(&fixture, &body);
    *wrong.method_mut() = Method::GET;
    assert_eq!(exchange(wrong).await.unwrap().status, StatusCode::METHOD_NOT_ALLOWED);
    let mut wrong = request(&fixture, &body);
    *wrong.uri_mut() = format!("{}/email/x", fixture.sandbox.url(Service::Postmark)).parse().unwrap();
    assert_eq!(exchange(wrong).await.unwrap().status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.counters(Service::Postmark).refused, 6);
}

#[tokio::test]
async fn the_token_for_tests_sends_nothing() {
    let fixture = Fixture::start().await;
    let mut test = request(&fixture, &email().to_string());
    test.headers_mut().insert("x-postmark-server-token", "POSTMARK_API_TEST".parse().unwrap());
    let answer = exchange(test).await.unwrap();
    assert_eq!((answer.status, &answer.json()["Message"]), (StatusCode::OK, &json!("Test job accepted")));
    assert_eq!(fixture.counters(Service::Postmark).validated, 1);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}
