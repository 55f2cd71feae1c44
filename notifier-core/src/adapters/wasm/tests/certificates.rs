//! Certificates that sign webhooks: fetched from granted hosts only, once, and believed for as long as they say.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::join_all;
use jiff::SignedDuration;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::call::Grants;
use super::super::certificate::Certificates;
use super::super::spki::der_from_text;
use super::super::verify::VerifyError;
use super::{StoppedClock, config, load, secret};
use crate::adapters::egress::tests::tls::{serve, trusting_client};
use crate::adapters::wasm::WasmProvider;
use crate::ports::clock::Clock;
use crate::ports::provider::{Provider, ReceiveError, Webhook};
use crate::testing::ManualClock;

const CERTIFICATE: &str = include_str!("../../../../testdata/certificates/rsa.pem");
const ENDED: &str = include_str!("../../../../testdata/certificates/rsa-ended.pem");
const KEY: &str = include_str!("../../../../testdata/certificates/rsa.key.pem");
const PUBLIC_KEY: &str = include_str!("../../../../testdata/certificates/rsa.pub.pem");

const TIMEOUT: Duration = Duration::from_secs(20);

/// Where certificates are, and what was asked for.
struct Shelf {
    port: u16,
    seen: Arc<Mutex<Vec<u8>>>,
    clock: Arc<ManualClock>,
    provider: WasmProvider,
}

impl Shelf {
    async fn new() -> Self {
        let (port, seen) = serve(|head| {
            let (status, body) = match head.split(' ').nth(1).unwrap() {
                "/good.pem" | "/also-good.pem" => ("200 OK", CERTIFICATE.to_owned()),
                "/ended.pem" => ("200 OK", ENDED.to_owned()),
                "/text" => ("200 OK", "no certificate".to_owned()),
                "/large" => ("200 OK", "x".repeat(64 * 1024 + 1)),
                "/moved" => ("302 Found", String::new()),
                "/busy" => ("503 Busy", CERTIFICATE.to_owned()),
                _ => ("404 Not Found", CERTIFICATE.to_owned()),
            };
            let length = body.len();
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        })
        .await;
        let host = format!("secure.localhost:{port}");
        let settings = json!({
            "attack": "get",
            "url": format!("https://{host}/after"),
            "certificate": format!("https://{host}/good.pem"),
        });
        let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
        config.secrets.insert("canary".into(), secret("canary-value"));
        let mut provider = load(config);
        let clock = Arc::new(ManualClock::at(StoppedClock.now()));
        let (egress, certificates) = (trusting_client(&[host]), Arc::new(Certificates::default()));
        provider.grants =
            Arc::new(Grants { egress, certificates, clock: clock.clone(), ..Grants::clone(&provider.grants) });
        Self { port, seen, clock, provider }
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, VerifyError> {
        self.fetch(&format!("https://secure.localhost:{}{path}", self.port)).await
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, VerifyError> {
        let grants = &self.provider.grants;
        grants.certificates.public_key(url, grants, TIMEOUT).await
    }

    /// The paths that were asked for.
    fn asked(&self) -> Vec<String> {
        let seen = String::from_utf8(self.seen.lock().unwrap().clone()).unwrap();
        seen.lines()
            .filter_map(|line| line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1"))
            .map(str::to_owned)
            .collect()
    }
}

#[tokio::test]
async fn a_certificate_is_fetched_once_however_many_want_it() {
    let shelf = Shelf::new().await;
    let key = der_from_text(PUBLIC_KEY).unwrap();
    for got in join_all((0..10).map(|_| shelf.get("/good.pem"))).await {
        assert_eq!(got.as_ref(), Ok(&key));
    }
    assert_eq!(shelf.get("/also-good.pem").await, Ok(key.clone()));
    assert_eq!(shelf.asked(), ["/good.pem", "/also-good.pem"]);
    // Kept until it ends, and not believed then.
    shelf.clock.set("2026-12-31T23:59:59Z".parse().unwrap());
    assert_eq!(shelf.get("/good.pem").await, Ok(key));
    assert_eq!(shelf.asked().len(), 2);
    shelf.clock.set("2027-01-01T00:00:01Z".parse().unwrap());
    let ended = shelf.get("/good.pem").await;
    let Err(VerifyError::UnusableKey(problem)) = &ended else { panic!("{ended:?}") };
    assert!(problem.contains("good from 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z only"), "{problem}");
}

#[tokio::test]
async fn what_is_no_certificate_is_not_asked_for_again_at_once() {
    let shelf = Shelf::new().await;
    for (path, expected) in [
        ("/ended.pem", "good from 2024-01-01T00:00:00Z to 2025-01-01T00:00:00Z only"),
        ("/text", "not a certificate in PEM"),
        ("/large", "more than 65536 bytes"),
        ("/moved", "status 302"),
        ("/absent", "status 404"),
    ] {
        for _ in 0..2 {
            let got = shelf.get(path).await;
            assert!(matches!(&got, Err(VerifyError::UnusableKey(problem)) if problem.contains(expected)), "{got:?}");
        }
    }
    let asked = shelf.asked();
    assert_eq!(asked, ["/ended.pem", "/text", "/large", "/moved", "/absent"]);
    assert_eq!(shelf.get("/busy").await, Err(VerifyError::Unreachable("status 503".into())));
    shelf.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(shelf.get("/busy").await, Err(VerifyError::Unreachable("status 503".into())));
    assert_eq!(shelf.asked().len(), asked.len() + 1);
    shelf.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(shelf.get("/busy").await, Err(VerifyError::Unreachable("status 503".into())));
    assert_eq!(shelf.asked().len(), asked.len() + 2);
}

#[tokio::test]
async fn other_places_are_not_looked_at() {
    let shelf = Shelf::new().await;
    for (url, expected) in [
        ("http://example.com/good.pem".into(), "from an `https` URL"),
        ("http://localhost.example.com/good.pem".into(), "from an `https` URL"),
        ("http://127.0.0.1.example.com/good.pem".into(), "from an `https` URL"),
        ("http://10.0.0.7/good.pem".into(), "from an `https` URL"),
        ("http://127.0.0.1/good.pem".into(), "is not granted by name"),
        (format!("https://other.localhost:{}/good.pem", shelf.port), "is not granted by name"),
        ("https://127.0.0.1/good.pem".into(), "is not granted by name"),
        ("https://169.254.169.254/latest/meta-data".into(), "is not granted by name"),
        (format!("https://user@secure.localhost:{}/good.pem", shelf.port), "is not granted by name"),
        ("https://".into(), "cannot be read"),
        (format!("https://secure.localhost:{}/{}", shelf.port, "x".repeat(1_000)), "from an `https` URL"),
        ("file:///etc/passwd".into(), "from an `https` URL"),
    ] {
        let got = shelf.fetch(&url).await;
        assert!(matches!(&got, Err(VerifyError::UnusableKey(problem)) if problem.contains(expected)), "{url}: {got:?}");
    }
    assert!(shelf.asked().is_empty());
}

/// As from the fake of a vendor: nobody listens on the way to this machine.
#[tokio::test]
async fn on_this_machine_it_may_come_without_tls() {
    let shelf = Shelf::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        let length = CERTIFICATE.len();
        let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{CERTIFICATE}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    });
    let url = format!("http://{host}/good.pem");
    let grants = Grants { egress: trusting_client(&[host]), ..Grants::clone(&shelf.provider.grants) };
    let key = grants.certificates.public_key(&url, &grants, TIMEOUT).await;
    assert_eq!(key, Ok(der_from_text(PUBLIC_KEY).unwrap()));
}

fn webhook(body: &str, signature: &[u8]) -> Webhook {
    Webhook {
        method: "POST".into(),
        url: "https://hooks.example.com/v1/receipts/hostile".into(),
        headers: vec![("x-signature".into(), STANDARD.encode(signature))],
        body: body.as_bytes().to_vec(),
    }
}

/// Whoever posts may send us to the place where certificates are, and nowhere else.
#[tokio::test]
async fn a_webhook_is_verified_with_a_certificate() {
    let shelf = Shelf::new().await;
    let key = RsaKeyPair::from_pkcs8(&der_from_text(KEY).unwrap()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"the body", &mut signature).unwrap();

    let forged = shelf.provider.receive(&webhook("another body", &signature), TIMEOUT).await;
    let Err(ReceiveError::Unverified(why)) = &forged else { panic!("{forged:?}") };
    assert!(why.contains("denied: while a webhook is read"), "{why}");
    assert_eq!(shelf.asked(), ["/good.pem"]);

    let reported = shelf.provider.receive(&webhook("the body", &signature), TIMEOUT).await.unwrap();
    let said: Vec<_> = reported.events[0].attributes.iter().map(|(_, value)| value.as_str()).collect();
    let before = "denied: while a webhook is read, no request can be made before its signature was found right";
    assert_eq!(said, [before, "404"]);
    assert_eq!(shelf.asked(), ["/good.pem", "/after"]);
}

/// What cannot be verified now may be posted again.
#[tokio::test]
async fn without_the_certificate_the_vendor_is_asked_to_post_again() {
    let mut shelf = Shelf::new().await;
    let settings = json!({ "certificate": format!("https://secure.localhost:{}/busy", shelf.port) }).to_string();
    shelf.provider.grants = Arc::new(Grants { settings, ..Grants::clone(&shelf.provider.grants) });
    let refused = shelf.provider.receive(&webhook("the body", b"signature"), TIMEOUT).await;
    let Err(ReceiveError::Fault(problem)) = &refused else { panic!("{refused:?}") };
    assert_eq!(problem.code.as_deref(), Some("plugin.unavailable"));
    assert!(problem.message.contains("status 503"), "{problem}");
}
