//! What SES, Resend, Mailgun and Postmark report, to a listener that keeps what it is sent.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use ring::{hmac, signature};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinSet};

use super::super::{Fate, PostmarkWebhook, SandboxOptions, Service, listener};
use super::fixture::{Answer, Fixture, PATIENCE, basic, exchange, options};
use super::{mailgun, postmark, resend, ses};

#[derive(Clone, Debug)]
struct Posted {
    headers: HeaderMap,
    body: Bytes,
}

#[derive(Clone)]
struct Subscriber {
    posted: Arc<Mutex<Vec<Posted>>>,
    count: watch::Sender<usize>,
}

struct World {
    fixture: Fixture,
    subscriber: Subscriber,
    url: String,
    _serving: JoinSet<()>,
}

async fn take(State(subscriber): State<Subscriber>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut posted = subscriber.posted.lock().unwrap();
    posted.push(Posted { headers, body });
    subscriber.count.send_replace(posted.len());
    StatusCode::NO_CONTENT
}

impl World {
    async fn start() -> Self {
        Self::with(options()).await
    }

    async fn with(options: SandboxOptions) -> Self {
        let fixture = Fixture::with(options).await;
        let subscriber = Subscriber { posted: Arc::default(), count: watch::Sender::new(0) };
        let router = Router::new().route("/r", post(take)).with_state(subscriber.clone());
        let socket = listener::bind(0).await.unwrap();
        let url = format!("http://{}/r", socket.local_addr().unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(listener::serve(socket, router));
        for vendor in [Service::Resend, Service::Mailgun, Service::Postmark] {
            fixture.sandbox.receipts().post_events_to(vendor, &url);
        }
        Self { fixture, subscriber, url, _serving: serving }
    }

    async fn posted(&self, count: usize) -> Vec<Posted> {
        let mut posted = self.subscriber.count.subscribe();
        tokio::time::timeout(PATIENCE, posted.wait_for(|posted| *posted >= count)).await.unwrap().unwrap();
        self.subscriber.posted.lock().unwrap().clone()
    }

    async fn send(&self, request: Request<Full<Bytes>>) {
        let answer = exchange(request).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    /// To these addresses.
    async fn resend(&self, to: &[&str]) {
        let mut email = resend::email();
        (email["to"], email["tags"]) = (json!(to), json!([{ "name": "k", "value": "v" }]));
        self.send(resend::request(&self.fixture, &email.to_string())).await;
    }

    async fn postmark(&self, to: &str) {
        let mut email = postmark::email();
        (email["To"], email["Metadata"]) = (json!(to), json!({ "k": "v" }));
        self.send(postmark::request(&self.fixture, &email.to_string())).await;
    }

    async fn mailgun(&self) {
        let mut message = mailgun::MESSAGE.to_vec();
        message.extend([("v:k", "v"), ("o:tag", "rent")]);
        self.send(mailgun::request(&self.fixture, &message)).await;
    }

    async fn ses(&self, to: &[&str]) {
        let mut message = ses::message();
        message["Destination"]["ToAddresses"] = json!(to);
        message["EmailTags"] = json!([{ "Name": "k", "Value": "v" }]);
        self.send(ses::request(&self.fixture, &message.to_string())).await;
    }

    async fn get(&self, url: &str) -> Answer {
        exchange(Request::get(url).body(Full::default()).unwrap()).await.unwrap()
    }

    fn choose(&self, vendor: Service, fate: Fate) {
        assert!(self.fixture.sandbox.receipts().choose(vendor, fate));
    }

    /// Answers the question that SNS asked.
    async fn confirm(&self) -> Value {
        assert!(!self.fixture.sandbox.receipts().subscribe(&self.url).await);
        let question = json(&self.posted(1).await[0]);
        let answer = self.get(question["SubscribeURL"].as_str().unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        question
    }
}

fn json(posted: &Posted) -> Value {
    serde_json::from_slice(&posted.body).unwrap()
}

fn header<'a>(posted: &'a Posted, name: &str) -> &'a str {
    posted.headers[name].to_str().unwrap()
}

/// Checks a message of SNS as its subscribers do, with the certificate that it names.
async fn verify_sns(world: &World, message: &Value) {
    let pem = world.get(message["SigningCertURL"].as_str().unwrap()).await;
    let text = std::str::from_utf8(&pem.body).unwrap();
    let der = STANDARD.decode(text.lines().filter(|line| !line.starts_with("---")).collect::<String>()).unwrap();
    // The key of 2,048 bits in the certificate: a sequence of 266 bytes in a bit string.
    let prefix = [0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a];
    let at = der.windows(prefix.len()).position(|window| window == prefix).unwrap() + 5;
    let key = signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &der[at..at + 270]);
    let names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    let present = names.into_iter().filter_map(|name| Some((name, message[name].as_str()?)));
    let said: String = present.flat_map(|(name, value)| [name, "\n", value, "\n"]).collect();
    assert_eq!(message["SignatureVersion"], "2");
    key.verify(said.as_bytes(), &STANDARD.decode(message["Signature"].as_str().unwrap()).unwrap()).unwrap();
}

#[tokio::test]
async fn sns_asks_before_it_posts_and_signs_with_its_certificate() {
    let world = World::start().await;
    world.ses(&["ana@example.com"]).await;
    let question = world.confirm().await;
    verify_sns(&world, &question).await;
    assert_eq!(question["Type"], "SubscriptionConfirmation");
    assert_eq!(header(&world.posted(1).await[0], "x-amz-sns-message-type"), "SubscriptionConfirmation");
    world.ses(&["ana@example.com"]).await;
    let posted = world.posted(3).await;
    assert_eq!(posted.len(), 3, "nothing from before it was confirmed: {posted:?}");
    for (posted, kind) in posted[1..].iter().zip(["Send", "Delivery"]) {
        let message = json(posted);
        verify_sns(&world, &message).await;
        assert_eq!(header(posted, "content-type"), "text/plain; charset=UTF-8");
        assert_eq!(message["Type"], "Notification");
        let event: Value = serde_json::from_str(message["Message"].as_str().unwrap()).unwrap();
        assert_eq!(event["eventType"], kind);
        let id = &world.fixture.sandbox.inbox().messages()[1].provider_message_id;
        assert_eq!((&event["mail"]["messageId"], &event["mail"]["tags"]), (&json!(id), &json!({ "k": ["v"] })));
    }
}

#[tokio::test]
async fn a_wrong_token_confirms_nothing() {
    let world = World::start().await;
    assert!(!world.fixture.sandbox.receipts().subscribe(&world.url).await);
    let question = json(&world.posted(1).await[0]);
    let url = question["SubscribeURL"].as_str().unwrap();
    let answer = world.get(&format!("{}0", url)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    world.ses(&["ana@example.com"]).await;
    assert_eq!(world.get(url).await.status, StatusCode::OK);
    world.ses(&["ana@example.com"]).await;
    assert_eq!(world.posted(3).await.len(), 3);
}

#[tokio::test]
async fn the_mailbox_simulator_of_ses_ends_as_its_names_say() {
    let world = World::start().await;
    world.confirm().await;
    let simulator = |name: &str| format!("{name}@simulator.amazonses.com");
    let names = ["success", "ooto", "bounce+label", "suppressionlist", "complaint"].map(simulator);
    world.ses(&names.each_ref().map(String::as_str)).await;
    let events: Vec<Value> = world.posted(8).await[2..]
        .iter()
        .map(|posted| serde_json::from_str(json(posted)["Message"].as_str().unwrap()).unwrap())
        .collect();
    let told: Vec<_> = events.iter().map(|event| (&event["eventType"], &event["bounce"]["bounceSubType"])).collect();
    let expected = [
        (json!("Delivery"), Value::Null),
        (json!("Delivery"), Value::Null),
        (json!("Bounce"), json!("General")),
        (json!("Bounce"), json!("Suppressed")),
        (json!("Delivery"), Value::Null),
        (json!("Complaint"), Value::Null),
    ];
    assert_eq!(told, expected.iter().map(|(kind, sub)| (kind, sub)).collect::<Vec<_>>());
    world.choose(Service::Ses, Fate::Failed);
    world.ses(&["ana@example.com"]).await;
    let last: Value = serde_json::from_str(json(&world.posted(10).await[9])["Message"].as_str().unwrap()).unwrap();
    assert_eq!(last["bounce"]["bounceType"], "Transient");
}

#[tokio::test]
async fn resend_signs_as_svix_does() {
    let world = World::start().await;
    world.resend(&["ana@example.com"]).await;
    let posted = world.posted(2).await;
    let secret = world.fixture.sandbox.credentials().resend_webhook_secret.clone();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    for (posted, kind) in posted.iter().zip(["email.sent", "email.delivered"]) {
        let said = [
            header(posted, "svix-id").as_bytes(),
            b".",
            header(posted, "svix-timestamp").as_bytes(),
            b".",
            &posted.body,
        ];
        let tag = STANDARD.decode(header(posted, "svix-signature").strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&key, &said.concat(), &tag).unwrap();
        let event = json(posted);
        assert_eq!((&event["type"], &event["data"]["to"]), (&json!(kind), &json!(["ana@example.com"])));
        assert_eq!(event["data"]["email_id"], json!(world.fixture.only_message().provider_message_id));
        assert_eq!(event["data"]["tags"], json!({ "k": "v" }));
    }
    assert_ne!(posted[0].headers["svix-id"], posted[1].headers["svix-id"]);
}

#[tokio::test]
async fn resend_ends_as_chosen_and_as_its_addresses_for_tests_say() {
    let world = World::start().await;
    let to = ["bounced@resend.dev", "complained@resend.dev", "suppressed@resend.dev", "delivered+label@resend.dev"];
    world.resend(&to).await;
    let kinds = |posted: &[Posted]| posted.iter().map(|posted| json(posted)["type"].clone()).collect::<Vec<_>>();
    let expected =
        ["email.sent", "email.bounced", "email.delivered", "email.complained", "email.suppressed", "email.delivered"];
    assert_eq!(kinds(&world.posted(6).await), expected);
    for (fate, kind) in [(Fate::Failed, "Transient"), (Fate::Bounced, "Permanent")] {
        let before = world.subscriber.posted.lock().unwrap().len();
        world.choose(Service::Resend, fate);
        world.resend(&["ana@example.com"]).await;
        let event = json(&world.posted(before + 2).await[before + 1]);
        assert_eq!((&event["type"], &event["data"]["bounce"]["type"]), (&json!("email.bounced"), &json!(kind)));
    }
}

#[tokio::test]
async fn mailgun_signs_in_the_body() {
    let world = World::start().await;
    world.mailgun().await;
    let posted = world.posted(2).await;
    let key = world.fixture.sandbox.credentials().mailgun_webhook_signing_key.clone();
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let id = world.fixture.only_message().provider_message_id.clone();
    let mut tokens = Vec::new();
    for (posted, kind) in posted.iter().zip(["accepted", "delivered"]) {
        let body = json(posted);
        let part = |name: &str| body["signature"][name].as_str().unwrap().to_owned();
        let tag = hmac::sign(&key, format!("{}{}", part("timestamp"), part("token")).as_bytes());
        assert_eq!(part("signature"), super::super::hex::encode(tag.as_ref()));
        assert_eq!(part("token").len(), 50);
        tokens.push(part("token"));
        let event = &body["event-data"];
        assert_eq!((&event["event"], &event["recipient"]), (&json!(kind), &json!("ana@example.com")));
        assert_eq!(format!("<{}>", event["message"]["headers"]["message-id"].as_str().unwrap()), id);
        assert_eq!((&event["user-variables"], &event["tags"]), (&json!({ "k": "v" }), &json!(["rent"])));
    }
    assert_ne!(tokens[0], tokens[1]);
    for (fate, severity, code) in [(Fate::Failed, "temporary", 421), (Fate::Bounced, "permanent", 550)] {
        let before = world.subscriber.posted.lock().unwrap().len();
        world.choose(Service::Mailgun, fate);
        world.mailgun().await;
        let event = json(&world.posted(before + 2).await[before + 1])["event-data"].clone();
        assert_eq!((&event["event"], &event["severity"]), (&json!("failed"), &json!(severity)));
        assert_eq!(event["delivery-status"]["code"], code);
    }
}

#[tokio::test]
async fn postmark_says_its_password() {
    let world = World::start().await;
    world.postmark("ana@example.com").await;
    let posted = world.posted(1).await;
    assert_eq!(header(&posted[0], "authorization"), basic("postmark", "sandbox-postmark-webhook"));
    let record = json(&posted[0]);
    assert_eq!((&record["RecordType"], &record["Recipient"]), (&json!("Delivery"), &json!("ana@example.com")));
    assert_eq!(record["MessageID"], json!(world.fixture.only_message().provider_message_id));
    assert_eq!(record["Metadata"], json!({ "k": "v" }));
    for (to, fate, kind, inactive) in [
        ("ana@example.com", Fate::Failed, "SoftBounce", false),
        ("ana@example.com", Fate::Bounced, "HardBounce", true),
        ("HardBounce@bounce-testing.postmarkapp.com", Fate::Delivered, "HardBounce", true),
        ("softbounce@bounce-testing.postmarkapp.com", Fate::Delivered, "SoftBounce", false),
    ] {
        let before = world.subscriber.posted.lock().unwrap().len();
        world.choose(Service::Postmark, fate);
        world.postmark(to).await;
        let record = json(&world.posted(before + 1).await[before]);
        assert_eq!((&record["RecordType"], &record["Type"]), (&json!("Bounce"), &json!(kind)), "{to}");
        assert_eq!((&record["Inactive"], &record["Email"]), (&json!(inactive), &json!(to)), "{to}");
    }
}

#[tokio::test]
async fn postmark_can_say_a_header_in_its_place() {
    let mut options = options();
    options.credentials.postmark_webhook =
        PostmarkWebhook::Header { name: "x-webhook-token".into(), value: "secret".into() };
    let world = World::with(options).await;
    world.postmark("ana@example.com").await;
    let posted = world.posted(1).await;
    assert_eq!((header(&posted[0], "x-webhook-token"), posted[0].headers.get("authorization")), ("secret", None));
}
