//! Authentication that is more than a header: web push senders, signed webhooks, secrets in paths and forms, and signatures
//! that are made again.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use jiff::SignedDuration;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::auth::Auth;
use super::super::call::Grants;
use super::super::outgoing::Outgoing;
use super::vendor::{Vendor, response};
use super::{StoppedClock, config, load, secret};
use crate::adapters::egress::EgressError;
use crate::ports::clock::Clock;
use crate::testing::ManualClock;

/// Of Svix's own tests (`server/svix-server/src/worker.rs`).
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const WHSK: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const WHSK_SEED: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=";
const V1: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const V1A: &str = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

/// Of RFC 8291 section 5: a pair on P-256.
const VAPID: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const VAPID_PUBLIC: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

const SECRETS: &[(&str, &str)] = &[
    ("whsec", WHSEC),
    ("whsk", WHSK),
    ("seed", WHSK_SEED),
    ("vapid", VAPID),
    ("path", "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
    ("bot", "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11"),
    ("field", "k~y with +/= ä"),
    ("odd", "odd value?#"),
    ("up", "a/../b"),
    ("dot", "./ab"),
    ("slash", "/abc"),
    ("slashes", "ab//cd"),
    ("short-key", "whsk_AAAA"),
    ("wrong-pair", "whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="),
    ("no-base64", "whsec_???"),
];

async fn vendor() -> Vendor {
    Vendor::start(|_| response("200 OK", "", "")).await
}

fn grants_at(vendor: &Vendor, clock: Arc<dyn Clock>) -> Arc<Grants> {
    let mut config = config("caller", notifier_plugins::HOSTILE.component, json!({}));
    config.hosts = Some(vec![vendor.host()]);
    config.secrets = SECRETS.iter().map(|(name, value)| ((*name).to_owned(), secret(value))).collect();
    Arc::new(Grants { clock, ..Grants::clone(&load(config).grants) })
}

fn grants(vendor: &Vendor) -> Arc<Grants> {
    grants_at(vendor, Arc::new(StoppedClock))
}

async fn send(grants: &Arc<Grants>, request: Request<Bytes>, auth: &Auth) -> Result<Response<Bytes>, EgressError> {
    let deadline = Instant::now() + Duration::from_secs(20);
    Outgoing::new(Arc::clone(grants), Some(deadline)).send(request, auth, None).await
}

fn request(url: &str, headers: &[(&str, &str)], body: &'static str) -> Request<Bytes> {
    let request = headers.iter().fold(Request::post(url), |request, (name, value)| request.header(*name, *value));
    request.body(Bytes::from_static(body.as_bytes())).unwrap()
}

fn names(names: &[&str]) -> Auth {
    Auth::StandardWebhook(names.iter().map(|name| (*name).to_owned()).collect())
}

#[tokio::test]
async fn webhooks_are_signed_as_the_standard_says() {
    let vendor = vendor().await;
    let grants = grants_at(&vendor, Arc::new(ManualClock::at("2021-02-25T15:02:10Z".parse().unwrap())));
    let id = ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    for (keys, expected) in [
        (&["whsec"][..], V1.to_owned()),
        (&["whsk"], V1A.to_owned()),
        (&["seed"], V1A.to_owned()),
        (&["whsec", "whsk"], format!("{V1} {V1A}")),
    ] {
        let request = request(&vendor.url("/"), &[id], r#"{"test": 2432232314}"#);
        send(&grants, request, &names(keys)).await.unwrap();
        let arrived = vendor.arrived().pop().unwrap();
        assert_eq!(arrived.header("webhook-timestamp"), Some("1614265330"));
        assert_eq!(arrived.header("webhook-signature"), Some(expected.as_str()), "{keys:?}");
        assert_eq!(arrived.header("webhook-id"), Some(id.1));
    }
}

#[tokio::test]
async fn webhooks_that_cannot_be_signed() {
    let vendor = vendor().await;
    let grants = grants(&vendor);
    let id = ("webhook-id", "msg_1");
    let long = "x".repeat(257);
    let url = vendor.url("/");
    for (headers, auth, expected) in [
        (&[][..], names(&["whsec"]), "`webhook-id` is needed, once"),
        (&[id, id], names(&["whsec"]), "`webhook-id` is needed, once"),
        (&[("webhook-id", "")], names(&["whsec"]), "visible characters without a dot"),
        (&[("webhook-id", "msg.1")], names(&["whsec"]), "visible characters without a dot"),
        (&[("webhook-id", "msg_1.1614265330.{}")], names(&["whsec"]), "visible characters without a dot"),
        (&[("webhook-id", "msg 1")], names(&["whsec"]), "visible characters without a dot"),
        (&[("webhook-id", long.as_str())], names(&["whsec"]), "visible characters without a dot"),
        (&[id, ("webhook-timestamp", "1")], names(&["whsec"]), "are set by the signature"),
        (&[id, ("Webhook-Signature", "v1,x")], names(&["whsec"]), "are set by the signature"),
        (&[id], names(&[]), "1 to 8 secrets"),
        (&[id], names(&["whsec"; 9]), "1 to 8 secrets"),
        (&[id], names(&["whsec", "absent"]), "the secret `absent` is not granted"),
        (&[id], names(&["vapid"]), "neither `whsec_` nor `whsk_`"),
        (&[id], names(&["no-base64"]), "the base64 of a key"),
        (&[id], names(&["short-key"]), "the base64 of an Ed25519 key"),
        (&[id], names(&["wrong-pair"]), "the base64 of an Ed25519 key"),
    ] {
        let error = send(&grants, request(&url, headers, "{}"), &auth).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error} instead of {expected}");
        assert!(!error.contains("whsec_MfKQ") && !error.contains("AAAA"), "{error}");
    }
    assert!(vendor.arrived().is_empty());
}

fn vapid(name: &str, subject: &str) -> Auth {
    Auth::Vapid { private_key: name.into(), subject: subject.into() }
}

/// RFC 8292 sections 2 and 3.
#[tokio::test]
async fn a_web_push_sender_identifies_itself() {
    let vendor = vendor().await;
    let clock = Arc::new(ManualClock::at(StoppedClock.now()));
    let grants = grants_at(&vendor, clock.clone());
    let auth = vapid("vapid", "mailto:ops@example.com");
    let identify = async || {
        send(&grants, request(&vendor.url("/push/1?a=b"), &[], ""), &auth).await.unwrap();
        vendor.arrived().pop().unwrap().header("authorization").unwrap().to_owned()
    };
    let value = identify().await;
    let (token, key) = value.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(key, VAPID_PUBLIC);
    let parts: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
    let read = |part: &[u8]| serde_json::from_slice::<Value>(part).unwrap();
    assert_eq!(read(&parts[0]), json!({ "typ": "JWT", "alg": "ES256" }));
    let expires_at = StoppedClock.now().as_second() + 12 * 3600;
    let claims =
        json!({ "aud": format!("http://{}", vendor.host()), "exp": expires_at, "sub": "mailto:ops@example.com" });
    assert_eq!(read(&parts[1]), claims);
    let signed = token.rsplit_once('.').unwrap().0;
    let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, URL_SAFE_NO_PAD.decode(key).unwrap());
    public.verify(signed.as_bytes(), &parts[2]).unwrap();

    // The same for hours, and no longer.
    clock.advance(SignedDuration::from_secs(6 * 3600 - 1));
    assert_eq!(identify().await, value);
    clock.advance(SignedDuration::from_secs(1));
    assert_ne!(identify().await, value);
    assert_eq!(grants.keyring.scrub_text(format!("<{token}>")), "<[secret]>");
}

#[tokio::test]
async fn senders_that_cannot_be_identified() {
    let vendor = vendor().await;
    let grants = grants(&vendor);
    for (auth, expected) in [
        (vapid("absent", "mailto:a@example.com"), "the secret `absent` is not granted"),
        (vapid("path", "mailto:a@example.com"), "not a private key on P-256"),
        (vapid("whsec", "mailto:a@example.com"), "not a private key on P-256"),
        (vapid("vapid", "ops@example.com"), "`mailto:` or `https:` URL"),
        (vapid("vapid", "http://example.com"), "`mailto:` or `https:` URL"),
    ] {
        let error = send(&grants, request(&vendor.url("/"), &[], ""), &auth).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error} instead of {expected}");
    }
    let twice = request(&vendor.url("/"), &[("authorization", "mine")], "");
    let error = send(&grants, twice, &vapid("vapid", "mailto:a@example.com")).await;
    assert!(matches!(error, Err(EgressError::Invalid(_))), "{error:?}");
    assert!(vendor.arrived().is_empty());
}

#[tokio::test]
async fn a_secret_stands_in_the_path() {
    let vendor = vendor().await;
    let grants = grants(&vendor);
    for (name, path, expected) in [
        ("path", "/services/{secret}", "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"),
        ("bot", "/bot{secret}/sendMessage?a=1", "/bot123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11/sendMessage?a=1"),
    ] {
        send(&grants, request(&vendor.url(path), &[], ""), &Auth::Path(name.into())).await.unwrap();
        let head = vendor.arrived().pop().unwrap().head;
        assert!(head.starts_with(&format!("POST {expected} HTTP/1.1\r\n")), "{head}");
    }
    let sent = vendor.arrived().len();
    for (name, path, expected) in [
        ("absent", "/{secret}", "the secret `absent` is not granted"),
        ("path", "/", "`{secret}` exactly once"),
        ("path", "/{secret}/{secret}", "`{secret}` exactly once"),
        ("path", "/?a={secret}", "`{secret}` exactly once"),
        ("path", "/{secret}?a={secret}", "`{secret}` exactly once"),
        ("path", "/%7Bsecret%7D", "`{secret}` exactly once"),
        ("path", "/a/../{secret}", "a segment `.` or `..`"),
        ("odd", "/{secret}", "letters, digits and `-._~:/` only"),
        ("field", "/{secret}", "letters, digits and `-._~:/` only"),
        ("up", "/{secret}", "an empty segment, `.` or `..`"),
        ("dot", "/{secret}", "an empty segment, `.` or `..`"),
        ("slash", "/{secret}", "an empty segment, `.` or `..`"),
        ("slashes", "/{secret}", "an empty segment, `.` or `..`"),
    ] {
        let error = send(&grants, request(&vendor.url(path), &[], ""), &Auth::Path(name.into())).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{name} {path}: {error} instead of {expected}");
        assert!(!error.contains("XXXX") && !error.contains("odd value"), "{error}");
    }
    // Never in the host, whatever a parser makes of it.
    assert!("https://{secret}.example.com/".parse::<http::Uri>().is_err());
    assert_eq!(vendor.arrived().len(), sent);
}

fn field(field: &str, secret: &str) -> Auth {
    Auth::FormField { field: field.into(), secret: secret.into() }
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn a_secret_is_appended_to_a_form() {
    let vendor = vendor().await;
    let grants = grants(&vendor);
    let encoded = "k~y+with+%2B%2F%3D+%C3%A4";
    for (content_type, name, body, expected) in [
        (FORM.1, "token", "a=b&c", format!("a=b&c&token={encoded}")),
        (FORM.1, "api key", "", format!("api+key={encoded}")),
        ("Application/X-WWW-Form-URLEncoded; charset=utf-8", "token", "tokens=1", format!("tokens=1&token={encoded}")),
    ] {
        let request = request(&vendor.url("/"), &[("content-type", content_type)], body);
        send(&grants, request, &field(name, "field")).await.unwrap();
        let arrived = vendor.arrived().pop().unwrap();
        assert_eq!(String::from_utf8(arrived.body.clone()).unwrap(), expected);
        assert_eq!(arrived.header("content-length"), Some(arrived.body.len().to_string().as_str()));
    }
    let sent = vendor.arrived().len();
    for (headers, body, auth, expected) in [
        (&[][..], "a=b", field("token", "field"), "needs a body of"),
        (&[("content-type", "application/json")], "{}", field("token", "field"), "needs a body of"),
        (&[FORM, FORM], "a=b", field("token", "field"), "needs a body of"),
        (&[FORM, ("content-type", "text/plain")], "a=b", field("token", "field"), "needs a body of"),
        (&[FORM], "token=mine", field("token", "field"), "`token` is set twice"),
        (&[FORM], "a=b&t%6fken", field("token", "field"), "`token` is set twice"),
        (&[FORM], "a=b", field("", "field"), "has no name"),
        (&[FORM], "a=b", field("token", "absent"), "the secret `absent` is not granted"),
    ] {
        let error = send(&grants, request(&vendor.url("/"), headers, body), &auth).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error} instead of {expected}");
    }
    assert_eq!(vendor.arrived().len(), sent);
}

fn aws() -> Auth {
    let (id, key) = ("bot".to_owned(), "vapid".to_owned());
    Auth::AwsSigV4 {
        service: "ses".into(),
        region: "eu-west-1".into(),
        access_key_id: id,
        secret_access_key: key,
        session_token: None,
    }
}

/// Our clock is an hour behind: one request is signed twice, all others at the vendor's time.
#[tokio::test]
async fn a_signature_is_made_again_for_the_time_of_the_vendor() {
    let vendor = Vendor::start(|arrived| match arrived.header("x-amz-date") {
        Some("20260304T060607Z") => response("200 OK", "", "taken"),
        _ => {
            let body = "<Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message>";
            response("403 Forbidden", "date: Wed, 04 Mar 2026 06:06:07 GMT\r\n", body)
        }
    })
    .await;
    let grants = grants(&vendor);
    for sent in [2, 3, 4] {
        let answer = send(&grants, request(&vendor.url("/"), &[], "message"), &aws()).await.unwrap();
        assert_eq!((answer.status().as_u16(), vendor.arrived().len()), (200, sent));
        assert_eq!(vendor.arrived()[sent - 1].body, b"message");
    }
    // Where the vendor is never content, it is asked twice and no more.
    let vendor = Vendor::start(|arrived| {
        let is_first = arrived.header("x-amz-date") == Some("20260304T050607Z");
        let date = if is_first { "Wed, 04 Mar 2026 06:06:07 GMT" } else { "Wed, 04 Mar 2026 08:06:07 GMT" };
        response("403 Forbidden", &format!("date: {date}\r\n"), "<Code>RequestTimeTooSkewed</Code>")
    })
    .await;
    let grants = self::grants(&vendor);
    let answer = send(&grants, request(&vendor.url("/"), &[], "message"), &aws()).await.unwrap();
    assert_eq!((answer.status().as_u16(), vendor.arrived().len()), (403, 2));
}
