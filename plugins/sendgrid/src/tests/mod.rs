//! Every byte of a request, every answer and event, every way to sign.

mod documented;
mod look_up;
mod receive;
mod send;
mod settings;

use notifier_plugin_sdk::testing::Script;
use serde_json::Value;

/// A host with a configured account.
fn host(settings: Value) -> Script {
    Script::new().settings(settings).secret("api_key", "SG.key")
}
