//! Every byte of a request, every row of the tables, every case of the documented exchanges.

mod answers;
mod message;
mod settings;

use notifier_plugin_sdk::testing::{self, Exchange, Script};
use notifier_plugin_sdk::{Auth, JwtBearerAuth};
use serde_json::{Value, json};

use crate::Fcm;
use crate::errors::ERRORS;

const EXCHANGES: &str = include_str!("../../exchanges.json");
const SEND: &str = "https://fcm.googleapis.com/v1/projects/my-app-1a2b3/messages:send";

/// As in Google's examples.
const TOKEN: &str = "bk3RNwTe3H0:CI2k_HHwgIpoDKCIZvvDMExUdFQ3P1";

/// A host with a configured project.
fn host(settings: Value) -> Script {
    let mut all = json!({"project_id": "my-app-1a2b3"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("service_account", "{}")
}

fn signed(exchange: Exchange, token_url: &str) -> Exchange {
    exchange.header("content-type", "application/json").auth(Auth::JwtBearer(JwtBearerAuth {
        account: "service_account".into(),
        token_url: token_url.into(),
        scope: "https://www.googleapis.com/auth/firebase.messaging".into(),
    }))
}

fn post(body: &str) -> Exchange {
    signed(Exchange::post(SEND), "https://oauth2.googleapis.com/token").body(body)
}

#[test]
fn the_documented_exchanges_go_as_documented() {
    testing::replay::<Fcm>(EXCHANGES);
}

#[test]
fn every_code_of_the_table_is_among_the_exchanges() {
    let documented = testing::codes(EXCHANGES);
    let codes = ERRORS.codes.iter().map(|(code, _)| *code);
    let missing: Vec<_> = codes.filter(|code| !documented.contains(*code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
