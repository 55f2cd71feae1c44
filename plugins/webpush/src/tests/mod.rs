//! Every byte of a request, every row of the tables, every way to be no subscription.

mod answers;
mod exchanges;
mod send;
mod settings;
mod subscription;

use notifier_plugin_sdk::testing::Script;
use serde_json::{Value, json};

/// The subscription of the example in RFC 8291, section 5: the keys of its user agent.
const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
const ENDPOINT: &str = "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABk";

/// What the scripted host makes of a message for it, up to the message.
const ENCRYPTED: &str = "encrypted for 042571b2becdfde360551aaf1ed0f4cd366c11cebe555f89bcb7b186a533391731\
                         68ece2ebe018597bd30479b86e3c8f8eced577ca59187e9246990db682008b0e with \
                         05305932a1c7eabe13b6cec9fda48882: ";

fn subscription(endpoint: &str) -> String {
    json!({"endpoint": endpoint, "expirationTime": null, "keys": {"p256dh": P256DH, "auth": AUTH}}).to_string()
}

/// A host with a key.
fn host(settings: Value) -> Script {
    let mut all = json!({"subject": "mailto:push@example.com"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("vapid_private_key", "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
}
