//! One secret, followed through everything that the host lets out: outcomes, logs, errors.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::super::keyring::Keyring;
use super::super::logbook::{Level, Logbook};
use super::vendor::{Vendor, response};
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
