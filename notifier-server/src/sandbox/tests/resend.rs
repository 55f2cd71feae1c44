//! Resend's fake, rule by rule.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::super::Service;
use super::fixture::{Answer, Fixture, exchange};

/// A valid email, with every needed field and no other.
pub(super) fn email() -> Value {
    json!({ "from": "rent@example.com", "to": "ana@example.com", "subject": "Rent", "text": "Hello" })
}

pub(super) fn request(fixture: &Fixture, body: &str) -> Request<Full<Bytes>> {
    Request::post(format!("{}/emails", fixture.sandbox.url(Service::Resend)))
        .header("authorization", format!("Bearer {}", fixture.sandbox.credentials().resend_api_key))
        .header("content-type", "application/json")
        .header("user-agent", "test/1")
        .body(body.to_owned().into())
        .unwrap()
}

async fn send(fixture: &Fixture, email: &Value) -> Answer {
    exchange(request(fixture, &email.to_string())).await.unwrap()
}

fn keyed(fixture: &Fixture, key: &str, email: &Value) -> Request<Full<Bytes>> {
    let mut request = request(fixture, &email.to_string());
    request.headers_mut().insert("idempotency-key", HeaderValue::from_str(key).unwrap());
    request
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
        "from": "Rent Office <rent@example.com>",
        "to": ["ana@example.com", "Ben <ben@example.com>"],
        "cc": "carla@example.com",
        "bcc": ["dev@example.com"],
        "reply_to": "office@example.com",
        "subject": "Größe ✓",
        "html": "<p>Grüße</p>",
        "text": "Grüße",
        "headers": { "X-Own": "1" },
        "tags": [{ "name": "category", "value": "rent" }],
        "attachments": [
            { "filename": "a.bin", "content": STANDARD.encode(b"\0\xff"), "content_type": "application/octet-stream" },
            { "filename": "b.png", "content": "AA==", "content_id": "b" },
        ],
    });
    let answer = exchange(keyed(&fixture, "a.email", &email)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let message = fixture.only_message();
    assert_eq!(answer.json(), json!({ "id": message.provider_message_id }));
    assert_eq!(
        (message.from.as_deref(), message.from_name.as_deref()),
        (Some("rent@example.com"), Some("Rent Office"))
    );
    assert_eq!(message.to, ["ana@example.com", "ben@example.com"]);
    assert_eq!(
        (&message.cc[..], &message.bcc[..]),
        (&["carla@example.com".to_owned()][..], &["dev@example.com".to_owned()][..])
    );
    assert_eq!(message.reply_to, ["office@example.com"]);
    assert_eq!((message.text.as_deref(), message.html.as_deref()), (Some("Grüße"), Some("<p>Grüße</p>")));
    assert_eq!((message.subject.as_deref(), &message.headers["X-Own"][..]), (Some("Größe ✓"), "1"));
    assert_eq!((&message.custom_args["category"][..], message.idempotency_key.as_deref()), ("rent", Some("a.email")));
    let [file, picture] = &message.attachments[..] else { panic!("{message:?}") };
    assert_eq!((file.size_bytes, file.content_type.as_deref()), (2, Some("application/octet-stream")));
    assert_eq!(file.sha256, "06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8");
    assert_eq!((picture.disposition, picture.content_id.as_deref()), ("inline", Some("b")));
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_name() {
    let fixture = Fixture::start().await;
    let recipients: Vec<_> = (0..51).map(|n| format!("r{n}@example.com")).collect();
    let tag = |name: &str, value: &str| with("tags", json!([{ "name": name, "value": value }]));
    for (name, email, error) in [
        ("unknown", with("replyTo", json!("a@example.com")), "validation_error"),
        ("wrong type", with("subject", json!(1)), "validation_error"),
        ("to is an object", with("to", json!({})), "validation_error"),
        ("unknown in attachment", with("attachments", json!([{ "name": "a" }])), "validation_error"),
        ("header is a number", with("headers", json!({ "X-A": 1 })), "validation_error"),
        ("no from", with("from", Value::Null), "missing_required_field"),
        ("wrong from", with("from", json!("Rent, Office <rent@example.com>")), "validation_error"),
        ("no to", with("to", Value::Null), "missing_required_field"),
        ("empty to", with("to", json!([])), "missing_required_field"),
        ("wrong to", with("to", json!("ana")), "validation_error"),
        ("51 recipients", with("to", json!(recipients)), "validation_error"),
        ("wrong reply_to", with("reply_to", json!(["x"])), "validation_error"),
        ("no subject", with("subject", Value::Null), "missing_required_field"),
        ("subject with a line break", with("subject", json!("a\nb")), "validation_error"),
        ("no text", with("text", Value::Null), "validation_error"),
        ("a template", with("template", json!({ "id": "t" })), "validation_error"),
        ("written header", with("headers", json!({ "To": "x@example.com" })), "validation_error"),
        ("header with a line break", with("headers", json!({ "X-A": "b\r\nc" })), "validation_error"),
        ("tag with a dot", tag("a.b", "c"), "validation_error"),
        ("tag of 257", tag("a", &"x".repeat(257)), "validation_error"),
        ("time", with("scheduled_at", json!("soon")), "validation_error"),
        ("file of nothing", with("attachments", json!([{ "filename": "a" }])), "invalid_attachment"),
        ("file not base64", with("attachments", json!([{ "filename": "a", "content": "%" }])), "invalid_attachment"),
        (
            "file of an unsupported type",
            with("attachments", json!([{ "filename": "a.exe", "content": "AA==" }])),
            "invalid_attachment",
        ),
        ("file without a name", with("attachments", json!([{ "content": "AA==" }])), "invalid_attachment"),
    ] {
        let answer = send(&fixture, &email).await;
        let told = answer.json();
        assert_eq!((answer.status.as_u16(), &told["statusCode"]), (422, &json!(422)), "{name}: {told}");
        assert_eq!(told["name"], error, "{name}: {told}");
        assert!(told["message"].as_str().is_some_and(|told| !told.is_empty()), "{name}: {told}");
    }
    let broken = exchange(request(&fixture, "{")).await.unwrap();
    assert_eq!((broken.status.as_u16(), &broken.json()["name"]), (400, &json!("validation_error")));
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(fixture.counters(Service::Resend).refused, 26);
}

#[tokio::test]
async fn heads_are_checked() {
    let fixture = Fixture::start().await;
    let body = email().to_string();
    for (name, value, status, error) in [
        ("authorization", "Bearer re_wrong", 403, "invalid_api_key"),
        ("authorization", "re_sandbox_api_key", 401, "missing_api_key"),
        ("content-type", "text/plain", 400, "validation_error"),
        ("idempotency-key", "", 400, "invalid_idempotency_key"),
        ("idempotency-key", &"x".repeat(257), 400, "invalid_idempotency_key"),
    ] {
        let mut wrong = request(&fixture, &body);
        wrong.headers_mut().insert(name, value.parse().unwrap());
        let answer = exchange(wrong).await.unwrap();
        assert_eq!((answer.status.as_u16(), &answer.json()["name"]), (status, &json!(error)), "{name}: {value}");
    }
    let mut wrong = request(&fixture, &body);
    wrong.headers_mut().remove("user-agent");
    let answer = exchange(wrong).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body[..]), (403, &b"error code: 1010"[..]));
    let mut wrong = request(&fixture, &body);
    *wrong.method_mut() = Method::GET;
    assert_eq!(exchange(wrong).await.unwrap().json()["name"], "method_not_allowed");
    let mut wrong = request(&fixture, &body);
    *wrong.uri_mut() = format!("{}/email", fixture.sandbox.url(Service::Resend)).parse().unwrap();
    assert_eq!(exchange(wrong).await.unwrap().json()["name"], "not_found");
    assert_eq!(fixture.counters(Service::Resend).refused, 8);
}

#[tokio::test]
async fn a_key_sends_once() {
    let fixture = Fixture::start().await;
    let first = exchange(keyed(&fixture, "k", &email())).await.unwrap().json();
    let second = exchange(keyed(&fixture, "k", &email())).await.unwrap();
    assert_eq!((second.status, second.json()), (StatusCode::OK, first));
    fixture.only_message();
    let other = exchange(keyed(&fixture, "k", &with("text", json!("Other")))).await.unwrap();
    assert_eq!((other.status.as_u16(), &other.json()["name"]), (409, &json!("invalid_idempotent_request")));
    assert_eq!(send(&fixture, &email()).await.status, StatusCode::OK);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 2, "without a key it is sent again");
}

#[tokio::test]
async fn a_key_whose_answer_is_held_back_is_in_progress() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Resend, &json!({ "fault": "accept_then_hang", "times": 1 })).await;
    let held = tokio::spawn(exchange(keyed(&fixture, "k", &email())));
    fixture.sandbox.inbox().wait_for(1).await;
    let again = exchange(keyed(&fixture, "k", &email())).await.unwrap();
    assert_eq!((again.status.as_u16(), &again.json()["name"]), (409, &json!("concurrent_idempotent_requests")));
    fixture.sandbox.faults().clear(Service::Resend);
    let answered = held.await.unwrap().unwrap();
    assert_eq!(answered.status, StatusCode::OK);
    let later = exchange(keyed(&fixture, "k", &email())).await.unwrap();
    assert_eq!(later.json(), answered.json());
    fixture.only_message();
}

#[tokio::test]
async fn a_key_whose_answer_was_lost_is_answered_again() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Resend, &json!({ "fault": "accept_then_drop", "times": 1 })).await;
    assert!(exchange(keyed(&fixture, "k", &email())).await.unwrap_err().is_incomplete_message());
    let again = exchange(keyed(&fixture, "k", &email())).await.unwrap();
    assert_eq!(again.json(), json!({ "id": fixture.only_message().provider_message_id }));
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free() {
    let fixture = Fixture::start().await;
    assert_eq!(exchange(keyed(&fixture, "k", &with("to", json!("x")))).await.unwrap().status, 422);
    assert_eq!(exchange(keyed(&fixture, "k", &email())).await.unwrap().status, StatusCode::OK);
}
