//! A server with two channels: email through fakes of SendGrid, the first of them as long as it takes calls, and text messages
//! through the fake of Twilio beside the first. Its data is in one directory.

use std::io;
use std::path::{Path, PathBuf};

use notifier_server::sandbox::Sandbox;

use super::process::{Server, Starting};

const SENDGRID_KEY: &str = "NOTIFIER_TESTS_SENDGRID_KEY";
const TWILIO_TOKEN: &str = "NOTIFIER_TESTS_TWILIO_TOKEN";

/// Names of the providers of email, in the order in which they are asked.
pub const EMAIL: [&str; 2] = ["first", "second"];
/// Name of the provider of text messages.
pub const SMS: &str = "texts";

/// Writes its configuration into the directory, with `more` tables at the end. One or two sandboxes.
///
/// # Errors
/// When the file cannot be written.
pub fn configure(directory: &Path, vendors: &[&Sandbox], more: &str) -> io::Result<PathBuf> {
    let [data, cache] = ["data", "plugins"].map(|name| directory.join(name).display().to_string());
    let names = &EMAIL[..vendors.len()];
    let mut config = format!(
        r#"
        [store]
        path = {data:?}
        [plugins]
        cache_path = {cache:?}
        [senders]
        email = "Office <office@example.com>"
        sms = "+15005550006"
        [routes]
        sms = "{SMS}"
        [[route]]
        channel = "email"
        providers = {names:?}
        "#
    );
    for (name, sandbox) in names.iter().zip(vendors) {
        let vendor = sandbox.sendgrid_url();
        let settings = format!("base_url = {vendor:?}");
        provider(&mut config, name, "sendgrid", vendor, &settings, &format!("api_key = \"env:{SENDGRID_KEY}\""));
    }
    if let Some(sandbox) = vendors.first() {
        let (vendor, account) = (sandbox.twilio_url(), &sandbox.credentials().twilio_account_sid);
        let settings = format!("base_url = {vendor:?}, account_sid = {account:?}");
        provider(&mut config, SMS, "twilio", vendor, &settings, &format!("auth_token = \"env:{TWILIO_TOKEN}\""));
    }
    config.push_str(more);
    let path = directory.join("notifier.toml");
    std::fs::write(&path, config)?;
    Ok(path)
}

fn provider(config: &mut String, name: &str, plugin: &str, vendor: &str, settings: &str, secrets: &str) {
    let host = vendor.trim_start_matches("http://");
    let table = format!(
        r#"
        [providers.{name}]
        plugin = "{plugin}"
        hosts = [{host:?}]
        settings = {{ {settings} }}
        secrets = {{ {secrets} }}
        "#
    );
    config.push_str(&table);
}

/// Starts it. Which of the sandboxes does not matter: all take the same keys.
#[must_use]
pub fn start(config: &Path, vendors: &Sandbox) -> Server {
    spawn(config, vendors).listens()
}

/// As [`start`], without waiting for it.
#[must_use]
pub fn spawn(config: &Path, vendors: &Sandbox) -> Starting {
    let credentials = vendors.credentials();
    let environment = [(SENDGRID_KEY, &*credentials.sendgrid_api_key), (TWILIO_TOKEN, &*credentials.twilio_auth_token)];
    Starting::serve(config, &environment)
}
