//! Every byte of a request, every row of the tables, every case of the documented exchanges.

mod answers;
mod layout;
mod message;
mod settings;

use notifier_plugin_sdk::Chat;
use notifier_plugin_sdk::testing::{self, Exchange, Script};
use serde_json::{Value, json};

use crate::Slack;
use crate::errors::{API_ERRORS, WEBHOOK_ERRORS};

const EXCHANGES: &str = include_str!("../../exchanges.json");
const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";
const WEBHOOK: &str = "https://hooks.slack.com/services/{secret}";
const CHANNEL: &str = "C1H9RESGL";
const JSON: &str = "application/json; charset=utf-8";

/// A host with both secrets, in the mode `api` unless the settings say otherwise.
fn host(settings: Value) -> Script {
    let mut all = json!({"mode": "api"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("bot_token", "xoxb-1").secret("webhook_path", "T000/B000/XXXX")
}

fn api(body: &str) -> Exchange {
    Exchange::post(POST_MESSAGE).bearer("bot_token").header("content-type", JSON).body(body)
}

fn webhook(body: &str) -> Exchange {
    Exchange::post(WEBHOOK).secret_path("webhook_path").header("content-type", JSON).body(body)
}

fn with_layout(recipient: &str, text: &str, layout: impl ToString) -> Chat {
    Chat { recipient: recipient.into(), text: text.into(), layout: Some(layout.to_string()) }
}

#[test]
fn the_documented_exchanges_go_as_documented() {
    testing::replay::<Slack>(EXCHANGES);
}

#[test]
fn every_code_of_the_tables_is_among_the_exchanges() {
    let documented = testing::codes(EXCHANGES);
    let codes = [API_ERRORS, WEBHOOK_ERRORS].into_iter().flat_map(|table| table.codes);
    let missing: Vec<_> = codes.map(|(code, _)| *code).filter(|code| !documented.contains(*code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
