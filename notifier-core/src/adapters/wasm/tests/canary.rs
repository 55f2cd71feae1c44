//! One secret, followed through everything that the host lets out: outcomes, logs, errors.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::super::keyring::Keyring;
use super::super::logbook::{Level, Logbook};
use super::tokens::account;
use super::vendor::{Arrived, Vendor, response};
use super::{config, context, load, secret, sms};
use crate::domain::id::ProviderName;
use crate::domain::outcome::Outcome;
use crate::ports::provider::Provider;

/// Everything that was logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Logs of this thread, down to the finest.
fn capture() -> (Captured, tracing::subscriber::DefaultGuard) {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(captured.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .finish();
    (captured, tracing::subscriber::set_default(subscriber))
}

const CANARY: &str = "yellow-canary-0123456789";

#[tokio::test]
async fn the_canary_stays_in_its_cage() {
    let (captured, _guard) = capture();
    let body = format!("{CANARY} eWVsbG93LWNhbmFyeS0wMTIzNDU2Nzg5");
    let vendor = Vendor::start(move |_| response("200 OK", &format!("x-echo: {CANARY}\r\n"), &body)).await;
    let settings = json!({ "attack": "echo_secret", "url": vendor.url("/") });
    let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
    config.hosts = Some(vec![vendor.host()]);
    config.secrets.insert("canary".into(), secret(CANARY));
    let provider = load(config);
    let outcome = provider.send(&sms(), &context(5_000)).await;
    let shown = format!("{outcome:?} {provider:?} {}", captured.text());
    // It was sent, and the plugin told all that it saw.
    assert!(vendor.arrived()[0].head.contains(CANARY));
    assert!(shown.contains("x-echo: [secret]"), "{shown}");
    for trace in [CANARY, "eWVsbG93LWNhbmFye", "yellow", "0123456789"] {
        assert!(!shown.contains(trace), "{trace} in {shown}");
    }
}

/// What stands in the name of a header comes in small letters: a secret in it is one all the same.
#[tokio::test]
async fn the_canary_does_not_leave_in_the_name_of_a_header() {
    let (captured, _guard) = capture();
    let mixed = "Yellow-Canary-0123456789";
    let disguised = base64::engine::general_purpose::STANDARD_NO_PAD.encode(mixed);
    let headers = format!("x-{mixed}: a\r\n{disguised}: b\r\nx-{mixed}-x: c\r\nx-{mixed}: d\r\nx-plain: told\r\n");
    let vendor = Vendor::start(move |_| response("200 OK", &headers, "")).await;
    let settings = json!({ "attack": "echo_secret", "url": vendor.url("/") });
    let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
    config.hosts = Some(vec![vendor.host()]);
    config.secrets.insert("canary".into(), secret(mixed));
    let outcome = load(config).send(&sms(), &context(5_000)).await;
    assert!(vendor.arrived()[0].head.contains(mixed));
    let shown = format!("{outcome:?} {}", captured.text());
    assert!(shown.contains("x-plain: told"), "{shown}");
    for trace in ["yellow", "canary", "0123456789", &disguised] {
        let in_small = shown.to_ascii_lowercase().contains(&trace.to_ascii_lowercase());
        assert!(!in_small, "{trace} in {shown}");
    }
}

/// A server that tells everything that it was sent, as it came and in disguise, and sells tokens.
fn echo(arrived: &Arrived) -> super::vendor::Answer {
    if arrived.head.starts_with("POST /token ") {
        let body = format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer","expires_in":3600}}"#);
        return response("200 OK", "", &body);
    }
    let line = arrived.head.lines().next().unwrap();
    let url = line.split(' ').nth(1).unwrap();
    let authorization = arrived.header("authorization").unwrap_or_default();
    let credentials = authorization.rsplit(' ').next().unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
    let body = String::from_utf8_lossy(&arrived.body);
    let headers = format!("x-url: {url}\r\nx-authorization: {authorization}\r\nx-body: {body}\r\n");
    let json = serde_json::to_string(&arrived.head).unwrap();
    response("200 OK", &headers, &format!("{}\n\n{body}\n{json}\n{encoded}", arrived.head))
}

const TOKEN: &str = "ya29.yellow-canary-token";

/// The kinds, with a secret for each; what has to arrive; and what nobody may see of it.
fn kinds() -> Vec<(&'static str, String, &'static str, Vec<&'static str>)> {
    let whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let vapid = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    let address = "T00000000/B00000000/yellowcanaryyellowcanary";
    vec![
        ("bearer", CANARY.into(), CANARY, vec![CANARY, "yellow", "eWVsbG93LWNhbmFye"]),
        (
            "basic",
            CANARY.into(),
            "Basic dXNlcjp5ZWxsb3ctY2FuYXJ5",
            vec![CANARY, "dXNlcjp5ZWxsb3ct", "ZWxsb3ctY2FuYXJ5"],
        ),
        ("header", CANARY.into(), CANARY, vec![CANARY, "yellow"]),
        ("aws_sigv4", CANARY.into(), "AWS4-HMAC-SHA256", vec![CANARY, "yellow"]),
        (
            "jwt_bearer",
            account(),
            TOKEN,
            vec![TOKEN, "yellow-canary", "eWEyOS55ZWxsb3ctY2FuYXJ5", "PRIVATE KEY", "assertion"],
        ),
        ("vapid", vapid.into(), "vapid t=eyJ", vec![vapid, "eyJ"]),
        ("standard_webhook", whsec.into(), "webhook-signature: v1,", vec![whsec, "MfKQ9r8GKYqrTwjU"]),
        (
            "path",
            address.into(),
            "/services/T00000000/B00000000/yellow",
            vec![address, "yellow", "T00000000", "B00000000"],
        ),
        ("form_field", "yellow canary/+=".into(), "key=yellow+canary%2F%2B%3D", vec!["yellow canary", "yellow+canary"]),
    ]
}

/// Every kind of authentication, to a server that tells all that it was sent: in the outcome, in the log, and asked again
/// later without a secret.
#[tokio::test]
async fn no_kind_lets_its_secret_out() {
    for (kind, value, arrives, traces) in kinds() {
        let (captured, _guard) = capture();
        let vendor = Vendor::start(echo).await;
        let settings = json!({
            "attack": "echo_secret",
            "auth": kind,
            "url": vendor.url(if kind == "path" { "/services/" } else { "/" }),
            "token_url": vendor.url("/token"),
        });
        let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
        config.hosts = Some(vec![vendor.host()]);
        config.secrets.insert("canary".into(), secret(&value));
        let provider = load(config);
        let outcome = provider.send(&sms(), &context(5_000)).await;
        let sent = vendor.arrived();
        let last = sent.last().unwrap_or_else(|| panic!("{kind}: {outcome:?}"));
        let all = format!("{}\n\n{}", last.head, String::from_utf8_lossy(&last.body));
        assert!(all.contains(arrives), "{kind}: {all}");
        let shown = format!("{outcome:?} {provider:?} {}", captured.text());
        assert!(matches!(outcome, Outcome::Rejected { .. }), "{kind}: {shown}");
        // Of the key that a webhook is signed with nothing is sent.
        assert!(shown.contains("[secret]") || kind == "standard_webhook", "{kind}: {shown}");
        for trace in traces {
            assert!(!shown.contains(trace), "{kind}: {trace} in {shown}");
        }
    }
}

/// A secret that stands in the path is in no error, and neither is the URL around it.
#[tokio::test]
async fn an_address_that_is_a_secret_is_not_in_errors() {
    let (captured, _guard) = capture();
    let address = "T00000000/B00000000/yellowcanaryyellowcanary";
    let hang_up = Vendor::start(|_| super::vendor::Answer::HangUp).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = format!("http://{closed}/services/");
    let long = hang_up.url(&format!("/{}/", "x".repeat(33_000)));
    for url in
        [hang_up.url("/services/"), refused, long, "https://elsewhere.example/".into(), "ftp://a.example/".into()]
    {
        let settings = json!({ "attack": "echo_secret", "auth": "path", "url": url });
        let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
        config.hosts = Some(vec![hang_up.host(), closed.to_string()]);
        config.secrets.insert("canary".into(), secret(address));
        let outcome = load(config).send(&sms(), &context(5_000)).await;
        let shown = format!("{outcome:?} {}", captured.text());
        for trace in ["yellow", "T00000000", "B00000000"] {
            assert!(!shown.contains(trace), "{url}: {trace} in {shown}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_log_lines_ends_at_its_budget() {
    let (captured, _guard) = capture();
    let mut config = config("flood", notifier_plugins::HOSTILE.component, json!({ "attack": "log_flood" }));
    config.limits.cpu_budget_ms = 60_000;
    let outcome = load(config).send(&sms(), &context(60_000)).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let text = captured.text();
    let lines: Vec<_> =
        text.lines().filter(|line| line.contains("notifier::plugin") && line.contains("of a flood")).collect();
    assert_eq!(lines.len(), 50, "{text}");
    assert!(lines.iter().all(|line| line.contains("provider=\"flood\"")), "{}", lines[0]);
    assert!(text.contains("dropped=999950"), "{text}");
}

#[test]
fn log_lines_hold_neither_secrets_nor_addresses() {
    let (captured, _guard) = capture();
    let keyring = Keyring::new([("canary".to_owned(), secret(CANARY))].into_iter().collect()).unwrap();
    let mut logbook = Logbook::new(ProviderName::new("talker").unwrap(), 10, 1_000);
    for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
        logbook.write(level, &format!("to ada@example.com\nwith {CANARY} \u{1b}[31m"), &keyring);
    }
    // One more than the bytes that are left.
    logbook.write(Level::Error, &"x".repeat(1_000), &keyring);
    drop(logbook);
    let text = captured.text();
    assert_eq!(text.matches("to [address] with [secret] [31m").count(), 4, "{text}");
    assert_eq!(text.matches("dropped=1").count(), 1, "{text}");
    for (level, lines) in [("DEBUG", 1), ("INFO", 1), ("WARN", 2), ("ERROR", 1)] {
        assert_eq!(text.matches(level).count(), lines, "{text}");
    }
    assert!(!text.contains(CANARY), "{text}");
}
