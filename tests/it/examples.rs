//! The examples run as they are.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;

use notifier_core::{Clock, SystemClock};
use notifier_server::sandbox::{Sandbox, SandboxOptions};

fn example(name: &str) -> Command {
    let binary: PathBuf = notifier_tests::process::binary().with_file_name(name);
    assert!(binary.is_file(), "no example `{name}`: run `cargo build --workspace` first");
    Command::new(binary)
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embed_sends_through_the_twilio_plugin() {
    let vendors = Sandbox::start(SandboxOptions::new(Arc::new(|| SystemClock.now()))).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let credentials = vendors.credentials().clone();
    let mut command = example("embed");
    command.args(["+14155550101", "Your lease is ready."]);
    command.env("TWILIO_BASE_URL", vendors.twilio_url()).env("NOTIFIER_DATA", data.path());
    command.env("TWILIO_ACCOUNT_SID", credentials.twilio_account_sid).env("TWILIO_FROM", "+15005550006");
    command.env("TWILIO_AUTH_TOKEN", credentials.twilio_auth_token);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = text(&output);
    assert!(told.contains("sent       `twilio` took it"), "{told}");
    let arrived = vendors.inbox().messages();
    assert_eq!(arrived.iter().map(|m| m.text.as_deref()).collect::<Vec<_>>(), [Some("Your lease is ready.")]);
}

#[test]
fn embed_stays_short() {
    let source = include_str!("../../examples/embed.rs");
    assert!(source.lines().count() < 40, "{} lines", source.lines().count());
}

#[test]
fn custom_provider_writes_the_message() {
    let told = text(&example("custom-provider").output().unwrap());
    assert!(told.starts_with("to +14155550101: Dear Ada, the lift works again. (key "), "{told}");
}

#[test]
fn scheduled_reminder_is_taken_back() {
    let told = text(&example("scheduled-reminder").output().unwrap());
    assert!(told.contains("-12-31T08:00:00Z") && told.contains("sms: cancelled"), "{told}");
}

#[test]
fn rent_year_shows_what_an_outage_does() {
    let told = text(&example("rent-year").output().unwrap());
    // Twenty are due in the outage; of the forty in the two months after it, the cheap provider gets its probes and, once three
    // of them passed, what may go to one that comes back.
    assert!(told.starts_with("240 reminders: 185 cheap, 55 dear\nthe latest was 0 s late\n"), "{told}");
    assert!(told.contains(" cheap is open: "), "{told}");
}
