//! Access tokens: bought once, used until they end, never seen by a plugin; and what is said when there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, Response};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::super::auth::Auth;
use super::super::call::Grants;
use super::super::outgoing::Outgoing;
use super::super::verify::{Algorithm, Key, verify};
use super::vendor::{Answer, Arrived, Vendor, response};
use super::{StoppedClock, config, load, secret};
use crate::adapters::egress::EgressError;
use crate::ports::clock::Clock;
use crate::testing::ManualClock;

const KEY: &str = include_str!("../../../../testdata/certificates/rsa.key.pem");
const PUBLIC_KEY: &str = include_str!("../../../../testdata/certificates/rsa.pub.pem");

/// A service account's key file.
pub(super) fn account() -> String {
    let email = "notifier@project.iam.example.com";
    json!({ "type": "service_account", "client_email": email, "private_key": KEY, "private_key_id": "key-7" })
        .to_string()
}

fn path(arrived: &Arrived) -> &str {
    arrived.head.split(' ').nth(1).unwrap()
}

/// What buys a token, in numbers: the first is `token-number-1`.
fn token(number: usize, expires_in: u64) -> Answer {
    let token = format!("token-number-{number}");
    response(
        "200 OK",
        "",
        &json!({ "access_token": token, "token_type": "Bearer", "expires_in": expires_in }).to_string(),
    )
}

/// A vendor who sells tokens that are good for so long, and takes those that `takes` likes.
async fn vendor(expires_in: u64, takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> Vendor {
    let sold = AtomicUsize::new(0);
    Vendor::start(move |arrived| match path(arrived) {
        "/token" => token(1 + sold.fetch_add(1, SeqCst), expires_in),
        _ if takes(arrived.header("authorization").unwrap_or_default()) => response("200 OK", "", "taken"),
        _ => response("401 Unauthorized", "", "who are you?"),
    })
    .await
}

fn grants(vendor: &Vendor) -> Grants {
    let mut config = config("caller", notifier_plugins::HOSTILE.component, json!({}));
    config.hosts = Some(vec![vendor.host()]);
    config.secrets.insert("account".into(), secret(&account()));
    config.secrets.insert("text".into(), secret("no key file"));
    config.secrets.insert("keyless".into(), secret(r#"{"client_email":"a@example.com","private_key":"AAAA"}"#));
    Grants::clone(&load(config).grants)
}

fn auth(vendor: &Vendor) -> Auth {
    Auth::JwtBearer { account: "account".into(), token_url: vendor.url("/token"), scope: "a-scope".into() }
}

fn outgoing(grants: &Arc<Grants>) -> Outgoing {
    Outgoing::new(Arc::clone(grants), Some(Instant::now() + Duration::from_secs(20)))
}

async fn send(grants: &Arc<Grants>, vendor: &Vendor, auth: &Auth) -> Result<Response<Bytes>, EgressError> {
    let request = Request::post(vendor.url("/send")).body(Bytes::from_static(b"message")).unwrap();
    outgoing(grants).send(request, auth, None).await
}

/// What was sent to these paths, in order.
fn paths(vendor: &Vendor) -> Vec<String> {
    vendor.arrived().iter().map(|arrived| path(arrived).to_owned()).collect()
}

#[tokio::test]
async fn a_token_is_bought_with_a_signed_assertion_and_used_until_its_end() {
    let vendor = vendor(3600, |_| true).await;
    let clock = Arc::new(ManualClock::at(StoppedClock.now()));
    let grants = Arc::new(Grants { clock: clock.clone(), ..grants(&vendor) });
    for _ in 0..3 {
        assert_eq!(send(&grants, &vendor, &auth(&vendor)).await.unwrap().status(), 200);
    }
    clock.advance(SignedDuration::from_secs(3600 - 60 - 1));
    send(&grants, &vendor, &auth(&vendor)).await.unwrap();
    clock.advance(SignedDuration::from_secs(1));
    send(&grants, &vendor, &auth(&vendor)).await.unwrap();
    assert_eq!(paths(&vendor), ["/token", "/send", "/send", "/send", "/send", "/token", "/send"]);

    let arrived = vendor.arrived();
    assert_eq!(arrived[1].header("authorization"), Some("Bearer token-number-1"));
    assert_eq!(arrived[6].header("authorization"), Some("Bearer token-number-2"));
    assert_eq!((arrived[1].body.as_slice(), arrived[1].header("content-length")), (b"message".as_slice(), Some("7")));
    assert_eq!(arrived[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = String::from_utf8(arrived[0].body.clone()).unwrap();
    let prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let parts: Vec<_> = form.strip_prefix(prefix).unwrap().split('.').collect();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&decode(part)).unwrap();
    assert_eq!(read(parts[0]), json!({ "alg": "RS256", "typ": "JWT", "kid": "key-7" }));
    let now = StoppedClock.now().as_second();
    let claims = json!({
        "iss": "notifier@project.iam.example.com", "scope": "a-scope", "aud": vendor.url("/token"),
        "iat": now, "exp": now + 3600,
    });
    assert_eq!(read(parts[1]), claims);
    let der = super::super::spki::der_from_text(PUBLIC_KEY).unwrap();
    let signed = form[prefix.len()..].rsplit_once('.').unwrap().0.as_bytes();
    let (key, signature) = (Key::Public(&der), decode(parts[2]));
    assert_eq!(verify(&grants.keyring, Algorithm::RsaPkcs1Sha256, &key, signed, &signature), Ok(true));
}

#[tokio::test]
async fn many_at_once_buy_one() {
    let vendor = vendor(3600, |_| true).await;
    let grants = Arc::new(grants(&vendor));
    let auth = auth(&vendor);
    let answers = join_all((0..20).map(|_| send(&grants, &vendor, &auth))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status() == 200)), "{answers:?}");
    assert_eq!(paths(&vendor).iter().filter(|path| *path == "/token").count(), 1);
    // Another scope is another token.
    let Auth::JwtBearer { account, token_url, .. } = auth else { panic!("not this kind") };
    let other = Auth::JwtBearer { account, token_url, scope: "another".into() };
    send(&grants, &vendor, &other).await.unwrap();
    assert_eq!(paths(&vendor).iter().filter(|path| *path == "/token").count(), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let vendor = vendor(3600, |token| token == "Bearer token-number-2").await;
    let shared = Arc::new(grants(&vendor));
    assert_eq!(send(&shared, &vendor, &auth(&vendor)).await.unwrap().status(), 200);
    assert_eq!(paths(&vendor), ["/token", "/send", "/token", "/send"]);
    assert_eq!(vendor.arrived()[3].body, b"message");

    let stubborn = super::tokens::vendor(3600, |_| false).await;
    let shared = Arc::new(grants(&stubborn));
    let answer = send(&shared, &stubborn, &auth(&stubborn)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (401, b"who are you?".as_slice()));
    assert_eq!(paths(&stubborn), ["/token", "/send", "/token", "/send"]);
}

/// A 401 that is about something else: the token that it is about is as good as any.
#[tokio::test]
async fn a_vendor_that_refuses_every_token_costs_one_in_a_while() {
    let vendor = vendor(3600, |_| false).await;
    let clock = Arc::new(ManualClock::at(StoppedClock.now()));
    let grants = Arc::new(Grants { clock: clock.clone(), ..grants(&vendor) });
    let bought = || paths(&vendor).iter().filter(|path| *path == "/token").count();
    for _ in 0..10 {
        let answer = send(&grants, &vendor, &auth(&vendor)).await.unwrap();
        assert_eq!(answer.body().as_ref(), b"who are you?");
    }
    assert_eq!((bought(), vendor.arrived().len()), (2, 2 + 11), "the first is sent twice, the others once");
    clock.advance(SignedDuration::from_secs(5 * 60 - 1));
    send(&grants, &vendor, &auth(&vendor)).await.unwrap();
    assert_eq!(bought(), 2);
    clock.advance(SignedDuration::from_secs(1));
    for _ in 0..10 {
        send(&grants, &vendor, &auth(&vendor)).await.unwrap();
    }
    assert_eq!(bought(), 3);
    // Another scope is refused for itself.
    let Auth::JwtBearer { account, token_url, .. } = auth(&vendor) else { panic!("not this kind") };
    send(&grants, &vendor, &Auth::JwtBearer { account, token_url, scope: "another".into() }).await.unwrap();
    assert_eq!(bought(), 5);
}

/// Twenty requests with one old token learn at the same time that it is not good any more.
#[tokio::test]
async fn one_refusal_replaces_one_token() {
    let vendor = vendor(3600, |token| token != "Bearer token-number-1").await;
    let grants = Arc::new(grants(&vendor));
    let auth = auth(&vendor);
    let answers = join_all((0..20).map(|_| send(&grants, &vendor, &auth))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.status() == 200)), "{answers:?}");
    assert_eq!(paths(&vendor).iter().filter(|path| *path == "/token").count(), 2);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_reason_is_told() {
    let refusal = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
    let denied = "denied: no access token: ";
    let unreachable = "unreachable: no access token: ";
    for (answer, expected) in [
        (("400 Bad Request", refusal), format!("{denied}status 400: invalid_grant Invalid JWT Signature.")),
        (("401 Unauthorized", "<html>"), format!("{denied}status 401")),
        (("302 Found", ""), format!("{denied}status 302")),
        (("429 Slow down", ""), format!("{unreachable}status 429")),
        (("503 Busy", "{}"), format!("{unreachable}status 503")),
        (("200 OK", "{}"), format!("{denied}the answer holds none of type `Bearer`")),
        (
            ("200 OK", r#"{"access_token":"token-number-1","token_type":"mac"}"#),
            format!("{denied}the answer holds none"),
        ),
        (
            ("200 OK", r#"{"access_token":"a b c d e f","token_type":"Bearer"}"#),
            format!("{denied}the answer holds none"),
        ),
        (("200 OK", r#"{"access_token":"short","token_type":"Bearer"}"#), format!("{denied}the answer holds none")),
    ] {
        let vendor = Vendor::start(move |_| response(answer.0, "", answer.1)).await;
        let grants = Arc::new(grants(&vendor));
        let outgoing = outgoing(&grants);
        let request = Request::post(vendor.url("/send")).body(Bytes::new()).unwrap();
        let error = outgoing.send(request, &auth(&vendor), None).await.unwrap_err();
        assert!(error.to_string().starts_with(&expected), "{error} instead of {expected}");
        assert!(!outgoing.may_have_been_processed() && !outgoing.was_interrupted(), "{error}");
        assert_eq!(paths(&vendor), ["/token"], "{error}");
    }
    for answer in [|| Answer::HangUp, || Answer::Silence] {
        let vendor = Vendor::start(move |_| answer()).await;
        let grants = Arc::new(grants(&vendor));
        let outgoing = outgoing(&grants);
        let request = Request::post(vendor.url("/send")).body(Bytes::new()).unwrap();
        let timeout = Some(Duration::from_millis(500));
        let error = outgoing.send(request, &auth(&vendor), timeout).await.unwrap_err();
        assert!(matches!(error, EgressError::Unreachable(_)), "{error}");
        assert!(!outgoing.may_have_been_processed() && !outgoing.was_interrupted(), "{error}");
    }
}

#[tokio::test]
async fn accounts_and_addresses_that_cannot_be() {
    let vendor = vendor(3600, |_| true).await;
    let grants = Arc::new(grants(&vendor));
    let jwt = |account: &str, token_url: &str| Auth::JwtBearer {
        account: account.into(),
        token_url: token_url.into(),
        scope: String::new(),
    };
    let here = vendor.url("/token");
    for (account, token_url, expected) in [
        ("absent", here.as_str(), "denied: the secret `absent` is not granted"),
        (
            "text",
            here.as_str(),
            "invalid request: the secret `text` cannot be used: it is not a service account's key file",
        ),
        ("keyless", here.as_str(), "invalid request: the secret `keyless` cannot be used: its `private_key` is not"),
        ("account", "https://elsewhere.example/token", "denied: no access token: `elsewhere.example` is not a granted"),
        ("account", "https://169.254.169.254/token", "denied: no access token: `169.254.169.254` is not a granted"),
        ("account", "no url", "invalid request: `no url` is not a URL"),
        ("account", "/token", "invalid request: no access token: the URL has no scheme"),
    ] {
        let error = send(&grants, &vendor, &jwt(account, token_url)).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error} instead of {expected}");
        assert!(!error.to_string().contains("PRIVATE KEY"), "{error}");
    }
    let mut request = Request::post(vendor.url("/send")).body(Bytes::new()).unwrap();
    request.headers_mut().insert("authorization", http::HeaderValue::from_static("mine"));
    let twice = outgoing(&grants).send(request, &auth(&vendor), None).await;
    assert!(matches!(twice, Err(EgressError::Invalid(_))), "{twice:?}");
    assert!(!paths(&vendor).contains(&"/send".to_owned()));
}

/// Neither the token nor what buys it, from whoever repeats them, then or later.
#[tokio::test]
async fn tokens_and_assertions_are_secrets() {
    let echo = |arrived: &Arrived| format!("{}\n{}", arrived.head, String::from_utf8_lossy(&arrived.body));
    let vendor = Vendor::start(move |arrived| match path(arrived) {
        "/token" => token(1, 3600),
        "/refuse" => {
            let body = json!({ "error": "invalid_grant", "error_description": echo(arrived) });
            response("400 Bad Request", "", &body.to_string())
        }
        "/tell" => response("200 OK", "x-a: token-number-1\r\n", "token-number-1 dG9rZW4tbnVtYmVyLTE= token-number-1"),
        _ => response("200 OK", "", &echo(arrived)),
    })
    .await;
    let grants = Arc::new(grants(&vendor));
    let told = send(&grants, &vendor, &auth(&vendor)).await.unwrap();
    let told = String::from_utf8(told.body().to_vec()).unwrap();
    assert!(told.contains("authorization: Bearer [secret]"), "{told}");

    let request = Request::get(vendor.url("/tell")).body(Bytes::new()).unwrap();
    let later = outgoing(&grants).send(request, &Auth::None, None).await.unwrap();
    assert_eq!(later.headers()["x-a"], "[secret]");
    assert_eq!(later.body().as_ref(), b"[secret] [secret] [secret]");
    assert_eq!(grants.keyring.scrub_text("said token-number-1".into()), "said [secret]");

    let refused =
        Auth::JwtBearer { account: "account".into(), token_url: vendor.url("/refuse"), scope: "a-scope".into() };
    let error = send(&grants, &vendor, &refused).await.unwrap_err().to_string();
    let arrived = vendor.arrived().pop().unwrap();
    let assertion = String::from_utf8(arrived.body).unwrap().split_once("assertion=").unwrap().1.to_owned();
    assert!(error.contains("invalid_grant") && !error.contains(&assertion[..20]), "{error}");
    assert_eq!(grants.keyring.scrub_text(format!("<{assertion}>")), "<[secret]>");
}
