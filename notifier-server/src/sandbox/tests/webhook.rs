//! The receiver of webhooks.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Request, StatusCode};
use jiff::Timestamp;
use ring::{hmac, signature::Ed25519KeyPair};
use serde_json::json;

use super::super::{Channel, Service};
use super::fixture::{Answer, Fixture, NOW, exchange, post};

const EVENT: &str = r#"{"type":"invoice.paid","timestamp":"2026-03-01T12:00:00Z","data":{"amount":"2,450 €"}}"#;

const ID: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

fn now() -> i64 {
    NOW.parse::<Timestamp>().unwrap().as_second()
}

fn symmetric(fixture: &Fixture, signed: &str) -> String {
    let secret = fixture.sandbox.credentials().webhook_secret.trim_start_matches("whsec_").to_owned();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
    format!("v1,{}", STANDARD.encode(hmac::sign(&key, signed.as_bytes())))
}

fn asymmetric(fixture: &Fixture, signed: &str) -> String {
    let pair = fixture.sandbox.credentials().webhook_signing_key.trim_start_matches("whsk_").to_owned();
    let pair = STANDARD.decode(pair).unwrap();
    let pair = Ed25519KeyPair::from_seed_and_public_key(&pair[..32], &pair[32..]).unwrap();
    format!("v1a,{}", STANDARD.encode(pair.sign(signed.as_bytes())))
}

async fn deliver(fixture: &Fixture, path: &str, id: &str, timestamp: &str, signatures: &str, body: &str) -> Answer {
    let url = format!("{}{path}", fixture.sandbox.url(Service::Webhook));
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signatures),
    ];
    post(&url, &headers, body.to_owned()).await
}

async fn signed(fixture: &Fixture, id: &str, seconds: i64, body: &str) -> Answer {
    let signature = symmetric(fixture, &format!("{id}.{seconds}.{body}"));
    deliver(fixture, "/hooks/rent?a=1", id, &seconds.to_string(), &signature, body).await
}

#[tokio::test]
async fn takes_an_event_and_keeps_all_of_it() {
    let fixture = Fixture::start().await;
    let to_sign = format!("{ID}.{}.{EVENT}", now());
    let signatures = format!("{} {}", symmetric(&fixture, &to_sign), asymmetric(&fixture, &to_sign));
    let answer = deliver(&fixture, "/hooks/rent", ID, &now().to_string(), &signatures, EVENT).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "received": ID })));
    let message = fixture.only_message();
    assert_eq!((message.provider, message.channel), (Service::Webhook, Channel::Webhook));
    assert_eq!((&message.to[..], message.subject.as_deref()), (&["/hooks/rent".to_owned()][..], Some("invoice.paid")));
    assert_eq!((message.text.as_deref(), message.idempotency_key.as_deref()), (Some(EVENT), Some(ID)));
    assert_eq!(message.document.as_ref().unwrap()["data"]["amount"], "2,450 €");
    assert_eq!(message.custom_args["verified"], "v1 v1a");
    assert_eq!(message.headers["webhook-signature"], signatures);
}

#[tokio::test]
async fn one_right_signature_of_either_kind_suffices() {
    let fixture = Fixture::start().await;
    for (id, right) in [("msg_1", "v1"), ("msg_2", "v1a")] {
        let to_sign = format!("{id}.{}.{EVENT}", now());
        let old = symmetric(&fixture, "signed with something else");
        let one = if right == "v1" { symmetric(&fixture, &to_sign) } else { asymmetric(&fixture, &to_sign) };
        let answer = deliver(&fixture, "/", id, &now().to_string(), &format!("{old} {one}"), EVENT).await;
        assert_eq!(answer.status, StatusCode::OK, "{right}");
    }
    let verified: Vec<_> =
        fixture.sandbox.inbox().messages().iter().map(|message| message.custom_args["verified"].clone()).collect();
    assert_eq!(verified, ["v1", "v1a"]);
}

#[tokio::test]
async fn refuses_what_is_not_signed_so() {
    let fixture = Fixture::start().await;
    let time = now().to_string();
    let to_sign = format!("{ID}.{time}.{EVENT}");
    let right = symmetric(&fixture, &to_sign);
    let mislabelled = asymmetric(&fixture, &to_sign).replace("v1a", "v1");
    for (name, id, time, signatures, body, status) in [
        ("another body", ID, time.as_str(), right.as_str(), "{}", 401),
        ("another id", "msg_other", time.as_str(), right.as_str(), EVENT, 401),
        ("another time", ID, "1772366399", right.as_str(), EVENT, 401),
        ("not base64", ID, time.as_str(), "v1,???", EVENT, 401),
        ("no version", ID, time.as_str(), &right[3..], EVENT, 401),
        ("the other key", ID, time.as_str(), mislabelled.as_str(), EVENT, 401),
        ("no signature", ID, time.as_str(), "", EVENT, 400),
        ("no id", "", time.as_str(), right.as_str(), EVENT, 400),
        ("an id with a full stop", "msg.1", time.as_str(), right.as_str(), EVENT, 400),
        ("time in words", ID, "now", right.as_str(), EVENT, 400),
        ("time with a sign", ID, "+1772366400", right.as_str(), EVENT, 400),
    ] {
        let answer = deliver(&fixture, "/", id, time, signatures, body).await;
        assert_eq!(answer.status, status, "{name}: {answer:?}");
    }
    for (seconds, status) in [(now() - 301, 400), (now() + 301, 400), (now() - 300, 200)] {
        assert_eq!(signed(&fixture, "msg_time", seconds, EVENT).await.status, status, "{seconds}");
    }
    assert_eq!(signed(&fixture, "msg_text", now(), "rent").await.status, StatusCode::BAD_REQUEST);
    let url = format!("{}/hooks", fixture.sandbox.url(Service::Webhook));
    let headers = [("webhook-id", ID), ("webhook-timestamp", &time), ("webhook-signature", &right)];
    assert_eq!(post(&url, &headers, EVENT).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let get = exchange(Request::get(&url).body(Default::default()).unwrap()).await.unwrap();
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("POST")));
    assert_eq!(fixture.sandbox.inbox().messages().len(), 1);
}

#[tokio::test]
async fn a_repeat_is_answered_and_not_stored() {
    let fixture = Fixture::start().await;
    // A later attempt has another timestamp and so another signature.
    for seconds in [now(), now() + 30] {
        assert_eq!(signed(&fixture, ID, seconds, EVENT).await.status, StatusCode::OK);
    }
    let counters = fixture.counters(Service::Webhook);
    assert_eq!((counters.accepted, counters.validated), (1, 1));
    assert_eq!(signed(&fixture, ID, now(), "{}").await.status, StatusCode::CONFLICT);
    assert_eq!(signed(&fixture, "msg_other", now(), EVENT).await.status, StatusCode::OK);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 2);
}

#[tokio::test]
async fn paths_stand_for_statuses() {
    let fixture = Fixture::start().await;
    for (status, wait) in [
        (410, None),
        (404, None),
        (401, None),
        (403, None),
        (500, None),
        (502, None),
        (429, Some("30")),
        (503, Some("30")),
    ] {
        let answer = post(&format!("{}/status/{status}", fixture.sandbox.url(Service::Webhook)), &[], EVENT).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (status, wait));
    }
    let moved = post(&format!("{}/status/307", fixture.sandbox.url(Service::Webhook)), &[], EVENT).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (307, Some("/elsewhere")));
    let none = post(&format!("{}/status/200", fixture.sandbox.url(Service::Webhook)), &[], EVENT).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn faults_are_statuses() {
    let fixture = Fixture::start().await;
    for (fault, status, wait) in [
        (json!({ "fault": "unavailable", "times": 1 }), 503, None),
        (json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 1 }), 429, Some("2")),
        (json!({ "fault": "rejected", "times": 1 }), 400, None),
        (json!({ "fault": "rejected", "code": 410, "times": 1 }), 410, None),
    ] {
        fixture.set_fault(Service::Webhook, &fault).await;
        let answer = signed(&fixture, ID, now(), EVENT).await;
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (status, wait), "{fault}");
    }
    assert_eq!(signed(&fixture, ID, now(), EVENT).await.status, StatusCode::OK);
}
