//! Every byte of a request, every answer and event, every way to sign.

mod look_up;
mod receive;
mod send;
mod settings;

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{Script, codes, replay};
use serde_json::{Value, json};

use crate::Mailgun;
use crate::errors::REQUEST_ERRORS;
use crate::receive::{EVENTS, FAILURES};

const EXCHANGES: &str = include_str!("../../exchanges.json");

/// A host with a configured domain.
fn host(settings: Value) -> Script {
    let mut all = json!({"domain": "mg.example.com"});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    Script::new().settings(all).secret("api_key", "key").secret("webhook_signing_key", "signing-key")
}

#[test]
fn the_documented_exchanges_go_as_documented() {
    replay::<Mailgun>(EXCHANGES);
}

#[test]
fn every_row_of_the_tables_is_documented() {
    let documented = codes(EXCHANGES);
    for (code, _) in REQUEST_ERRORS.codes {
        assert!(documented.contains(*code), "{code}");
    }
    let file: Value = serde_json::from_str(EXCHANGES).unwrap();
    let bodies = file["webhooks"].as_array().unwrap().iter().map(|case| case["webhook"]["body"].as_str().unwrap());
    let events: Vec<Value> =
        bodies.filter_map(|body| Some(serde_json::from_str::<Value>(body).ok()?["event-data"].take())).collect();
    let names: BTreeSet<_> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    let reasons: BTreeSet<_> = events.iter().filter_map(|event| event["reason"].as_str()).collect();
    for (name, _) in EVENTS {
        assert!(names.contains(name), "{name}");
    }
    for (key, ..) in FAILURES {
        assert!(reasons.contains(key) || documented.contains(*key), "{key}");
    }
    for (status, _) in REQUEST_ERRORS.statuses {
        let statuses = file["sends"].as_array().unwrap().iter().map(|case| &case["exchanges"][0]["response"]["status"]);
        assert!(statuses.into_iter().any(|answered| answered == *status), "{status}");
    }
}
