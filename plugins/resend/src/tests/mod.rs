//! Every byte of a request, every answer and event, every way to sign.

mod exchanges;
mod receive;
mod send;
mod settings;
mod tags;

use notifier_plugin_sdk::testing::Script;
use serde_json::Value;

/// `whsec_` and 24 bytes in base64. Not a real one.
const SECRET: &str = "whsec_BwgJCgsMDQ4PEBESExQVFhcYGRobHB0e";

/// A host with a configured account.
fn host(settings: Value) -> Script {
    Script::new().settings(settings).secret("api_key", "re_key").secret("webhook_secret", SECRET)
}
