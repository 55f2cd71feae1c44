//! Every documented exchange, every byte of a message, every event, and what only claims to be from SNS.

mod exchanges;
mod mime;
mod receive;
mod send;
mod settings;
mod tags;

use notifier_plugin_sdk::testing::Script;
use serde_json::{Value, json};

const API: &str = "https://email.eu-central-1.amazonaws.com/v2/email/outbound-emails";
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:ses-events";

/// A host with a configured account.
fn host(settings: Value) -> Script {
    let mut all = json!({"region": "eu-central-1"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("access_key_id", "AKIDEXAMPLE").secret("secret_access_key", "secret")
}
