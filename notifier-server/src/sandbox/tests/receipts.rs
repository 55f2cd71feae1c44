//! What the fakes report, to a listener that keeps what it is sent.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Method, StatusCode, Uri};
use ring::{hmac, signature};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::{Service, listener};
use super::fixture::{Fixture, PATIENCE, SMS, encode, mail};

/// A request that was posted.
#[derive(Clone)]
struct Posted {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone)]
struct Vendor {
    posted: Arc<Mutex<Vec<Posted>>>,
    count: watch::Sender<usize>,
    /// What the next requests are answered with, then 204.
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

struct World {
    fixture: Fixture,
    caller: Vendor,
    url: String,
    _serving: tokio::task::JoinSet<()>,
}

async fn take(State(vendor): State<Vendor>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut posted = vendor.posted.lock().unwrap();
    posted.push(Posted { path: uri.to_string(), headers, body });
    vendor.count.send_replace(posted.len());
    vendor.answers.lock().unwrap().pop().unwrap_or(StatusCode::NO_CONTENT)
}

impl World {
    async fn start() -> Self {
        let fixture = Fixture::start().await;
        let caller = Vendor { posted: Arc::default(), count: watch::Sender::new(0), answers: Arc::default() };
        let router = Router::new().route("/{*path}", post(take)).with_state(caller.clone());
        let socket = listener::bind(0).await.unwrap();
        let url = format!("http://{}/r?delivery=a.sms", socket.local_addr().unwrap());
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(listener::serve(socket, router));
        Self { fixture, caller, url, _serving: serving }
    }

    async fn choose(&self, service: Service, fate: &Value) {
        let path = format!("/sandbox/receipts/{}", service.name());
        let answer = self.fixture.console(Method::PUT, &path, &fate.to_string()).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, fate.clone()));
    }

    async fn send_sms(&self) {
        let answer = self.fixture.send_sms(&format!("{SMS}&StatusCallback={}", encode(&self.url))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    }

    async fn send_mail(&self) {
        self.fixture.sandbox.receipts().post_events_to(Service::SendGrid, &self.url);
        let mut mail = mail();
        mail["custom_args"] = json!({"notifier_key": "a.email"});
        assert_eq!(self.fixture.send_mail(&mail).await.status, StatusCode::ACCEPTED);
    }

    async fn posted(&self, count: usize) -> Vec<Posted> {
        let mut posted = self.caller.count.subscribe();
        tokio::time::timeout(PATIENCE, posted.wait_for(|posted| *posted >= count)).await.unwrap().unwrap();
        self.caller.posted.lock().unwrap().clone()
    }
}

fn fields(posted: &Posted) -> Vec<(String, String)> {
    super::super::form::pairs(&posted.body).map(Result::unwrap).collect()
}

fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn twilio_reports_each_step_and_signs_it() {
    let world = World::start().await;
    world.send_sms().await;
    let posted = world.posted(2).await;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"sandbox-twilio-auth-token");
    for (posted, status) in posted.iter().zip(["sent", "delivered"]) {
        assert_eq!(posted.path, "/r?delivery=a.sms");
        let mut fields = fields(posted);
        assert_eq!((field(&fields, "MessageStatus"), field(&fields, "To")), (Some(status), Some("+14155550101")));
        assert_eq!(field(&fields, "MessageSid"), Some(world.fixture.only_message().provider_message_id.as_str()));
        fields.sort();
        let said: String = fields.into_iter().flat_map(|(name, value)| [name, value]).collect();
        let signature = STANDARD.decode(posted.headers["x-twilio-signature"].as_bytes()).unwrap();
        hmac::verify(&key, format!("{}{said}", world.url).as_bytes(), &signature).unwrap();
    }
}

#[tokio::test]
async fn sendgrid_reports_to_its_webhook_and_signs_it() {
    let world = World::start().await;
    world.send_mail().await;
    let posted = world.posted(1).await;
    let events: Value = serde_json::from_slice(&posted[0].body).unwrap();
    let named: Vec<&Value> = events.as_array().unwrap().iter().map(|event| &event["event"]).collect();
    assert_eq!(named, ["processed", "delivered"]);
    assert_eq!(events[1]["notifier_key"], "a.email");
    let id = &world.fixture.only_message().provider_message_id;
    assert!(events[0]["sg_message_id"].as_str().unwrap().starts_with(&format!("{id}.")), "{events}");
    let der = STANDARD.decode(world.fixture.sandbox.receipts().sendgrid_public_key()).unwrap();
    let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, &der[26..]);
    let header = |name: &str| posted[0].headers[name].to_str().unwrap().to_owned();
    let signature = STANDARD.decode(header("x-twilio-email-event-webhook-signature")).unwrap();
    let timestamp = header("x-twilio-email-event-webhook-timestamp");
    key.verify(&[timestamp.as_bytes(), &posted[0].body].concat(), &signature).unwrap();
}

#[tokio::test]
async fn what_becomes_of_messages_can_be_chosen() {
    let world = World::start().await;
    for (index, (fate, code)) in [("failed", "30008"), ("bounced", "30005")].into_iter().enumerate() {
        world.choose(Service::Twilio, &json!({"receipt": fate})).await;
        world.send_sms().await;
        let fields = fields(&world.posted(2 * index + 2).await[2 * index + 1]);
        assert_eq!((field(&fields, "MessageStatus"), field(&fields, "ErrorCode")), (Some("undelivered"), Some(code)));
    }
    for (index, (fate, kind)) in [("failed", "blocked"), ("bounced", "bounce")].into_iter().enumerate() {
        world.choose(Service::SendGrid, &json!({"receipt": fate})).await;
        world.send_mail().await;
        let events: Value = serde_json::from_slice(&world.posted(5 + index).await[4 + index].body).unwrap();
        assert_eq!((&events[1]["event"], &events[1]["type"]), (&json!("bounce"), &json!(kind)));
    }
    let all = world.fixture.get("/sandbox/receipts").await.json();
    assert_eq!((&all["twilio"], &all["sendgrid"]), (&json!({"receipt": "bounced"}), &json!({"receipt": "bounced"})));
    assert_eq!(all["ses"], json!({"receipt": "delivered"}));
}

#[tokio::test]
async fn a_late_report_comes_when_another_fate_is_chosen_and_none_never() {
    let world = World::start().await;
    world.choose(Service::Twilio, &json!({"receipt": "none"})).await;
    world.send_sms().await;
    world.choose(Service::Twilio, &json!({"receipt": "late", "delay_ms": 600_000})).await;
    world.send_sms().await;
    assert!(world.caller.posted.lock().unwrap().is_empty());
    let answer = world.fixture.console(Method::DELETE, "/sandbox/receipts/twilio", "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let second = world.fixture.sandbox.inbox().messages()[1].provider_message_id.clone();
    for posted in world.posted(2).await {
        assert_eq!(field(&fields(&posted), "MessageSid"), Some(second.as_str()));
    }
}

#[tokio::test]
async fn what_is_not_taken_is_posted_again() {
    let world = World::start().await;
    world.caller.answers.lock().unwrap().push(StatusCode::SERVICE_UNAVAILABLE);
    world.send_mail().await;
    let posted = world.posted(2).await;
    assert_eq!(posted[0].body, posted[1].body);
}

#[tokio::test]
async fn a_fate_that_is_none_is_refused() {
    let fixture = Fixture::start().await;
    for (service, body, status, name) in [
        ("twilio", json!({}), 400, Some("receipt")),
        ("twilio", json!({"receipt": "lost"}), 400, Some("receipt")),
        ("twilio", json!({"receipt": "failed", "delay_ms": 1}), 400, Some("delay_ms")),
        ("twilio", json!({"receipt": "late", "delay_ms": 0}), 400, Some("delay_ms")),
        ("sendgrid", json!({"receipt": "late", "delay_ms": 600_001}), 400, Some("delay_ms")),
        ("directory", json!({"receipt": "none"}), 404, None),
        ("slack", json!({"receipt": "none"}), 404, None),
        ("nobody", json!({"receipt": "none"}), 404, None),
    ] {
        let answer = fixture.console(Method::PUT, &format!("/sandbox/receipts/{service}"), &body.to_string()).await;
        assert_eq!(answer.status, status, "{service} {body}: {answer:?}");
        // serde names a missing field in its words only.
        let told = answer.json();
        let names = name.is_none_or(|name| told["field"] == name || told["detail"].as_str().unwrap().contains(name));
        assert!(names, "{told}");
    }
    assert_eq!(fixture.get("/sandbox/receipts/twilio").await.json(), json!({"receipt": "delivered"}));
}

#[tokio::test]
async fn vonage_reports_each_step_and_signs_it() {
    let world = World::start().await;
    let url = format!("{}/sms/json", world.fixture.sandbox.url(Service::Vonage));
    let form = format!(
        "api_key=abcd1234&api_secret=Sandbox123456789&from=AcmeInc&to=447700900000&text=Hello&client-ref=a%26b&callback={}",
        encode(&world.url)
    );
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let id = super::fixture::post(&url, &headers, form.clone()).await.json()["messages"][0]["message-id"].clone();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"sandbox-vonage-signature-secret");
    for (posted, status) in world.posted(2).await.iter().zip(["accepted", "delivered"]) {
        assert_eq!(posted.path, "/r?delivery=a.sms");
        assert_eq!(posted.headers["content-type"], "application/json");
        let told: std::collections::BTreeMap<String, String> = serde_json::from_slice(&posted.body).unwrap();
        assert_eq!((told["status"].as_str(), told["err-code"].as_str()), (status, "0"));
        assert_eq!((&json!(told["messageId"]), told["msisdn"].as_str()), (&id, "447700900000"));
        assert_eq!((told["client-ref"].as_str(), told["timestamp"].as_str()), ("a&b", "1772366400"));
        let fields = told.iter().filter(|(name, _)| *name != "sig");
        let signed: String =
            fields.map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect();
        let signature: String =
            hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(told["sig"], signature);
    }
    for (index, (fate, code)) in [("failed", "2"), ("bounced", "3")].into_iter().enumerate() {
        world.choose(Service::Vonage, &json!({"receipt": fate})).await;
        super::fixture::post(&url, &headers, form.clone()).await;
        let told: Value = serde_json::from_slice(&world.posted(2 * index + 4).await[2 * index + 3].body).unwrap();
        assert_eq!((&told["status"], &told["err-code"]), (&json!("failed"), &json!(code)));
    }
    // Each part of a longer text is a message of its own.
    let long = form.replace("Hello", &"Hello".repeat(40));
    let parts = super::fixture::post(&url, &headers, long).await.json()["messages"].as_array().unwrap().clone();
    let of_part = |posted: &Posted| serde_json::from_slice::<Value>(&posted.body).unwrap()["messageId"].clone();
    let told: Vec<_> = world.posted(10).await[6..].iter().map(of_part).collect();
    let ids: Vec<_> = parts.iter().map(|part| part["message-id"].clone()).collect();
    assert_eq!((ids.len(), told), (2, [&ids[..], &ids[..]].concat()));
}
