//! Every byte of a request, every row of the tables, every way to sign.

mod receive;
mod send;
mod settings;

use notifier_plugin_sdk::testing::{Script, codes, replay};
use serde_json::{Value, json};

use crate::Vonage;
use crate::errors::{RECEIPT_ERRORS, REQUEST_ERRORS};
use crate::receive::STATES;

const EXCHANGES: &str = include_str!("../../exchanges.json");

/// The signature secret of Vonage's published examples.
const SIGNATURE_SECRET: &str = "my_secret_key_for_testing";

/// A host with a configured account.
fn host(settings: Value) -> Script {
    let mut all = json!({"api_key": "abcd1234", "from": "Acme"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("api_secret", "s3cr3t").secret("signature_secret", SIGNATURE_SECRET)
}

#[test]
fn the_documented_exchanges_go_as_documented() {
    replay::<Vonage>(EXCHANGES);
}

#[test]
fn every_row_of_the_tables_is_documented() {
    let documented = codes(EXCHANGES);
    for code in REQUEST_ERRORS.codes.iter().map(|(code, _)| *code).chain(RECEIPT_ERRORS.iter().map(|known| known.code))
    {
        assert!(documented.contains(code), "{code}");
    }
    let file: Value = serde_json::from_str(EXCHANGES).unwrap();
    // A code may stand in both tables, so each is looked for in its own cases.
    let sends: Vec<_> = file["sends"].as_array().unwrap().iter().map(|case| case["outcome"].to_string()).collect();
    for (code, _) in REQUEST_ERRORS.codes {
        assert!(sends.iter().any(|outcome| outcome.contains(&format!("\"code\":\"{code}\""))), "{code}");
    }
    let webhooks: Vec<_> = file["webhooks"].as_array().unwrap().iter().map(|case| case["events"].to_string()).collect();
    for known in RECEIPT_ERRORS {
        assert!(
            webhooks.iter().any(|events| events.contains(&format!("\"code\":\"{}\"", known.code))),
            "{}",
            known.code
        );
    }
    for (state, _) in STATES {
        assert!(webhooks.iter().any(|events| events.contains(&format!(":{state}:"))), "{state}");
    }
}
