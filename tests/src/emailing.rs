//! A server that sends email through the fake of SendGrid, with its data in one directory.

use std::io;
use std::path::{Path, PathBuf};

use notifier_server::sandbox::Sandbox;

use super::process::Server;

const KEY_VARIABLE: &str = "NOTIFIER_TESTS_SENDGRID_KEY";

/// Writes its configuration into the directory, with `more` tables at the end.
///
/// # Errors
/// When the file cannot be written.
pub fn configure(directory: &Path, vendors: &Sandbox, more: &str) -> io::Result<PathBuf> {
    let vendor = vendors.sendgrid_url();
    let host = vendor.trim_start_matches("http://");
    let data = directory.join("data").display().to_string();
    let cache = directory.join("plugins").display().to_string();
    let config = format!(
        r#"
        [store]
        path = {data:?}
        [plugins]
        cache_path = {cache:?}
        [senders]
        email = "Office <office@example.com>"
        [routes]
        email = "sendgrid"
        [providers.sendgrid]
        plugin = "sendgrid"
        hosts = [{host:?}]
        settings = {{ base_url = {vendor:?} }}
        secrets = {{ api_key = "env:{KEY_VARIABLE}" }}
        {more}
        "#
    );
    let path = directory.join("notifier.toml");
    std::fs::write(&path, config)?;
    Ok(path)
}

/// Starts it.
#[must_use]
pub fn start(config: &Path, vendors: &Sandbox) -> Server {
    Server::serve(config, &[(KEY_VARIABLE, &vendors.credentials().sendgrid_api_key)])
}
