//! Every byte of a request, every answer and event, and who may post one.

mod exchanges;
mod look_up;
mod receive;
mod send;
mod settings;

use notifier_plugin_sdk::testing::Script;
use serde_json::Value;

const PASSWORD: &str = "correct-horse-battery-staple";

/// A host with a configured server.
fn host(settings: Value) -> Script {
    Script::new().settings(settings).secret("server_token", "token").secret("webhook_password", PASSWORD)
}
