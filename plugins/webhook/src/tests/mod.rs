//! Every byte of a request, every answer, every setting.

mod answers;
mod exchanges;
mod send;
mod settings;

use notifier_plugin_sdk::Receipt;
use notifier_plugin_sdk::testing::{Exchange, Script};
use serde_json::Value;

const URL: &str = "https://app.example.com/hooks/rent?v=1";

/// A host with the key of the specification's own tests.
fn host(settings: Value) -> Script {
    Script::new().settings(settings).secret("signing_secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
}

/// What is sent with the settings' defaults.
fn post(body: &str) -> Exchange {
    use notifier_plugin_sdk::Auth;
    Exchange::post(URL)
        .header("user-agent", "notifier")
        .header("webhook-id", "key-1")
        .header("content-type", "application/json")
        .auth(Auth::StandardWebhook(vec!["signing_secret".into()]))
        .timeout_ms(20_000)
        .body(body)
}

fn accepted() -> Receipt {
    Receipt { provider_message_id: None, attributes: vec![] }
}
