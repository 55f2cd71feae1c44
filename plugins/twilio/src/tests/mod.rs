//! Every byte of a request, every row of the tables, every way to sign.

mod documented;
mod receive;
mod send;
mod settings;

use notifier_plugin_sdk::testing::Script;
use serde_json::{Value, json};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const API_KEY: &str = "SK0123456789abcdef0123456789abcdef";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const MESSAGES: &str = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json";

/// The auth token of Twilio's published examples.
const TOKEN: &str = "12345";

/// A host with a configured account.
fn host(settings: Value) -> Script {
    let mut all = json!({"account_sid": ACCOUNT});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("auth_token", TOKEN)
}
