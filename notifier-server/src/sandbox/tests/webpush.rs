//! The push service, with a sender that encrypts and signs by itself.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{Request, StatusCode};
use jiff::Timestamp;
use p256::elliptic_curve::sec1::ToSec1Point;
use ring::{
    aead, agreement, hkdf,
    rand::{SecureRandom, SystemRandom},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

use super::super::{Channel, Service};
use super::fixture::{Answer, Fixture, NOW, exchange, post};

fn now() -> i64 {
    NOW.parse::<Timestamp>().unwrap().as_second()
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

fn subscription(fixture: &Fixture, name: &str) -> Value {
    serde_json::from_str(&fixture.sandbox.webpush_subscription(name)).unwrap()
}

/// A pair of keys that tokens are signed with: the private key in base64url, the public key as a point.
fn vapid_keys(private_key: &str) -> (EcdsaKeyPair, Vec<u8>) {
    let private_key = URL_SAFE_NO_PAD.decode(private_key).unwrap();
    let public_key = p256::SecretKey::from_slice(&private_key).unwrap().public_key().to_sec1_point(false);
    let public_key = public_key.as_bytes().to_vec();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private_key, &public_key, &random).unwrap();
    (pair, public_key)
}

fn vapid(private_key: &str, header: &Value, claims: &Value) -> String {
    let (pair, public_key) = vapid_keys(private_key);
    let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
    let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("vapid t={signed}.{}, k={}", base64url(signature), base64url(public_key))
}

fn header() -> Value {
    json!({ "typ": "JWT", "alg": "ES256" })
}

fn claims(fixture: &Fixture) -> Value {
    json!({ "aud": fixture.sandbox.url(Service::WebPush), "exp": now() + 43_200, "sub": "mailto:office@example.com" })
}

fn authorization(fixture: &Fixture) -> String {
    vapid(&fixture.sandbox.credentials().webpush_vapid_key, &header(), &claims(fixture))
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(salt: &[u8], input: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut derived = vec![0; length];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(input);
    extracted.expand(&[info], Length(length)).unwrap().fill(&mut derived).unwrap();
    derived
}

/// RFC 8291, from the sender's side, with a key made for this message; `padding` zeros behind the text.
fn encrypted(subscription: &Value, plaintext: &[u8], padding: usize) -> Vec<u8> {
    let random = SystemRandom::new();
    let own = agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &random).unwrap();
    let own_public = own.compute_public_key().unwrap().as_ref().to_vec();
    let (theirs, auth) = (decoded(&subscription["keys"]["p256dh"]), decoded(&subscription["keys"]["auth"]));
    let peer = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, &theirs);
    let shared = agreement::agree_ephemeral(own, &peer, <[u8]>::to_vec).unwrap();
    let input = derive(&auth, &shared, &[b"WebPush: info\0", &theirs[..], &own_public].concat(), 32);
    let mut salt = [0; 16];
    random.fill(&mut salt).unwrap();
    let key = derive(&salt, &input, b"Content-Encoding: aes128gcm\0", 16);
    let nonce = derive(&salt, &input, b"Content-Encoding: nonce\0", 12);
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
    let mut record = [plaintext, &[2], &vec![0; padding]].concat();
    let nonce = aead::Nonce::try_assume_unique_for_key(&nonce).unwrap();
    key.seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut record).unwrap();
    [&salt[..], &4_096_u32.to_be_bytes(), &[65], &own_public, &record].concat()
}

async fn push(fixture: &Fixture, name: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let endpoint = subscription(fixture, name)["endpoint"].as_str().unwrap().to_owned();
    let authorization = authorization(fixture);
    let mut all = vec![("authorization", authorization.as_str()), ("content-encoding", "aes128gcm")];
    all.extend(headers);
    post(&endpoint, &all, body).await
}

fn errno(answer: &Answer) -> (u16, Value) {
    (answer.status.as_u16(), answer.json()["errno"].clone())
}

#[tokio::test]
async fn takes_a_message_and_reads_it() {
    let fixture = Fixture::start().await;
    let subscription = subscription(&fixture, "ana");
    let text =
        json!({ "title": "Rent", "body": "Is due ‘soon’", "data": { "url": "https://example.com" } }).to_string();
    let headers = [("ttl", "3600"), ("topic", "rent-1"), ("urgency", "high")];
    let answer = push(&fixture, "ana", &headers, encrypted(&subscription, text.as_bytes(), 100)).await;
    assert_eq!((answer.status, answer.header("ttl")), (StatusCode::CREATED, Some("3600")), "{answer:?}");
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(&format!("{}/m/", fixture.sandbox.url(Service::WebPush))), "{location}");
    let message = fixture.only_message();
    assert_eq!((message.provider, message.channel), (Service::WebPush, Channel::Push));
    assert_eq!(message.provider_message_id, location);
    assert_eq!(json!(message.to), json!([subscription["endpoint"]]));
    assert_eq!((message.subject.as_deref(), message.text.as_deref()), (Some("Rent"), Some(text.as_str())));
    assert_eq!(message.document.as_ref().unwrap()["data"]["url"], "https://example.com");
    let headers: Vec<_> = message.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("topic", "rent-1"), ("ttl", "3600"), ("urgency", "high")]);
}

#[tokio::test]
async fn the_largest_message_and_none_are_taken() {
    let fixture = Fixture::start().await;
    let subscription = subscription(&fixture, "ana");
    let text = "a".repeat(3_993);
    let body = encrypted(&subscription, text.as_bytes(), 0);
    assert_eq!(body.len(), 4_096);
    assert_eq!(push(&fixture, "ana", &[("ttl", "0")], body).await.status, StatusCode::CREATED);
    assert_eq!(fixture.only_message().text.as_deref(), Some(text.as_str()));
    let larger = encrypted(&subscription, text.as_bytes(), 1);
    assert_eq!(errno(&push(&fixture, "ana", &[("ttl", "0")], larger).await), (413, json!(104)));
    assert_eq!(push(&fixture, "ana", &[("ttl", "0")], Vec::new()).await.status, StatusCode::CREATED);
    assert_eq!(fixture.sandbox.inbox().messages()[1].text, None);
    // What is longer than the service keeps is cut, and told.
    let long = push(&fixture, "ana", &[("ttl", "99999999")], Vec::new()).await;
    assert_eq!(long.header("ttl"), Some("5184000"));
}

#[tokio::test]
async fn names_stand_for_errors() {
    let fixture = Fixture::start().await;
    for (name, expected, wait) in [
        ("missing", (404, json!(102)), None),
        ("gone", (410, json!(106)), None),
        ("too-large", (413, json!(104)), None),
        ("throttled", (429, json!(201)), Some("120")),
        ("unavailable", (503, json!(201)), Some("120")),
    ] {
        let answer = push(&fixture, name, &[("ttl", "60")], Vec::new()).await;
        assert_eq!((errno(&answer), answer.header("retry-after")), (expected, wait), "{name}");
        let told = answer.json();
        assert!(told["error"].is_string() && told["message"].is_string() && told["more_info"].is_string(), "{told}");
    }
    let elsewhere = format!("{}/wpush/v1/ana", fixture.sandbox.url(Service::WebPush));
    assert_eq!(errno(&post(&elsewhere, &[("ttl", "60")], Vec::new()).await), (404, json!(102)));
    let endpoint = subscription(&fixture, "ana")["endpoint"].as_str().unwrap().to_owned();
    let get = exchange(Request::get(endpoint).body(Default::default()).unwrap()).await.unwrap();
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn senders_identify_themselves() {
    let fixture = Fixture::start().await;
    let key = fixture.sandbox.credentials().webpush_vapid_key.clone();
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&fixture);
        claims[name] = value;
        vapid(&key, &header(), &claims)
    };
    let good = authorization(&fixture);
    let other = vapid("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", &header(), &claims(&fixture));
    let (_, known_key) = good.split_once(", ").unwrap();
    let (other_token, _) = other.split_once(", ").unwrap();
    let endpoint = subscription(&fixture, "ana")["endpoint"].as_str().unwrap().to_owned();
    for (authorization, message) in [
        (String::new(), "Missing VAPID token"),
        ("Bearer abc".to_owned(), "Unknown auth scheme"),
        (format!("vapid {known_key}"), "Missing VAPID token"),
        ("vapid t=abc".to_owned(), "Missing VAPID public key"),
        ("vapid t=abc, k=abc".to_owned(), "Invalid VAPID public key"),
        (other.clone(), "VAPID public key mismatch"),
        (format!("vapid t=abc, {known_key}"), "InvalidToken"),
        (format!("{other_token}, {known_key}"), "InvalidSignature"),
        (vapid(&key, &json!({ "typ": "JWT", "alg": "HS256" }), &claims(&fixture)), "InvalidSignature"),
        (vapid(&key, &json!({ "alg": "ES256" }), &claims(&fixture)), "InvalidSignature"),
        (changed("aud", json!("https://push.example.com")), "Invalid VAPID audience"),
        (changed("aud", json!(format!("{}/", fixture.sandbox.url(Service::WebPush)))), "Invalid VAPID audience"),
        (changed("exp", json!(now())), "ExpiredSignature"),
        (changed("exp", json!(now() + 86_401)), "The VAPID token expiration is too long"),
        (changed("exp", json!("soon")), "Invalid VAPID expiry"),
        (changed("sub", json!("office@example.com")), "Invalid VAPID subject"),
    ] {
        let answer = post(&endpoint, &[("authorization", &authorization), ("ttl", "60")], Vec::new()).await;
        assert_eq!(
            (errno(&answer), &answer.json()["message"]),
            ((401, json!(109)), &json!(message)),
            "{authorization}"
        );
    }
    let whole_day = changed("exp", json!(now() + 86_400));
    let answer = post(&endpoint, &[("authorization", &whole_day), ("ttl", "60")], Vec::new()).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn headers_and_encryption_are_checked() {
    let fixture = Fixture::start().await;
    let subscription = subscription(&fixture, "ana");
    let body = encrypted(&subscription, b"Rent", 0);
    for (headers, expected) in [
        (vec![], (400, json!(111))),
        (vec![("ttl", "-1")], (400, json!(112))),
        (vec![("ttl", "+1")], (400, json!(112))),
        (vec![("ttl", "60s")], (400, json!(112))),
        (vec![("ttl", "60"), ("topic", "a.b")], (400, json!(113))),
        (vec![("ttl", "60"), ("topic", "abcdefghijklmnopqrstuvwxyzabcdefg")], (400, json!(113))),
        (vec![("ttl", "60"), ("urgency", "urgent")], (400, Value::Null)),
        (vec![("ttl", "60"), ("urgency", "low"), ("urgency", "high")], (400, Value::Null)),
        (vec![("ttl", "60"), ("crypto-key", "dh=abc")], (400, json!(110))),
        (vec![("ttl", "60"), ("encryption", "salt=abc")], (400, json!(110))),
    ] {
        assert_eq!(errno(&push(&fixture, "ana", &headers, body.clone()).await), expected, "{headers:?}");
    }
    let endpoint = subscription["endpoint"].as_str().unwrap();
    let authorization = authorization(&fixture);
    for encoding in ["", "aesgcm", "gzip"] {
        let headers = [("authorization", authorization.as_str()), ("ttl", "60"), ("content-encoding", encoding)];
        assert_eq!(errno(&post(endpoint, &headers, body.clone()).await), (400, json!(110)), "{encoding}");
    }
    let mut broken = body.clone();
    *broken.last_mut().unwrap() ^= 1;
    for unreadable in [broken, b"Rent".to_vec()] {
        assert_eq!(errno(&push(&fixture, "ana", &[("ttl", "60")], unreadable).await), (400, json!(110)));
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
    assert_eq!(push(&fixture, "ana", &[("ttl", "60")], body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn faults_have_the_services_form() {
    let fixture = Fixture::start().await;
    for (fault, expected, wait) in [
        (json!({ "fault": "unavailable", "times": 1 }), (503, json!(201)), Some("120")),
        (json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 1 }), (429, json!(201)), Some("2")),
        (json!({ "fault": "rejected", "times": 1 }), (400, json!(110)), None),
        (json!({ "fault": "rejected", "code": 410, "times": 1 }), (410, json!(106)), None),
    ] {
        fixture.set_fault(Service::WebPush, &fault).await;
        let answer = push(&fixture, "ana", &[("ttl", "60")], Vec::new()).await;
        assert_eq!((errno(&answer), answer.header("retry-after")), (expected, wait), "{fault}");
    }
    assert_eq!(push(&fixture, "ana", &[("ttl", "60")], Vec::new()).await.status, StatusCode::CREATED);
}
