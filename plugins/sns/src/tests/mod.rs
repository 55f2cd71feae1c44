//! Every documented exchange, every byte of a request, every answer.

mod answers;
mod exchanges;
mod publish;
mod settings;

use notifier_plugin_sdk::testing::{Exchange, Script};
use notifier_plugin_sdk::{Auth, Sigv4Auth};
use serde_json::{Value, json};

const API: &str = "https://sns.eu-central-1.amazonaws.com/";

/// A host with a configured account.
fn host(settings: Value) -> Script {
    let mut all = json!({"region": "eu-central-1"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("access_key_id", "AKIDEXAMPLE").secret("secret_access_key", "secret")
}

fn post(url: &str, session_token: Option<&str>) -> Exchange {
    let auth = Sigv4Auth {
        service: "sns".into(),
        region: "eu-central-1".into(),
        access_key_id: "access_key_id".into(),
        secret_access_key: "secret_access_key".into(),
        session_token: session_token.map(Into::into),
    };
    Exchange::post(url).auth(Auth::AwsSigv4(auth)).header("content-type", "application/x-www-form-urlencoded")
}
