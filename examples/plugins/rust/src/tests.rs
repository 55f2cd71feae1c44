//! The documented exchanges, which the same provider in other languages replays as well, and what they do not cover: settings.

use notifier_plugin_sdk::Provider;
use notifier_plugin_sdk::testing::{Script, codes, replay};
use serde_json::{Value, json};

use crate::Acme;
use crate::send::ERRORS;

const EXCHANGES: &str = include_str!("../../acme.exchanges.json");

#[test]
fn every_documented_exchange_goes_as_it_says() {
    replay::<Acme>(EXCHANGES);
}

#[test]
fn every_row_of_the_table_has_an_exchange() {
    let documented = codes(EXCHANGES);
    let missing: Vec<_> = ERRORS.codes.iter().filter(|(code, _)| !documented.contains(*code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn each_bad_setting_is_named() {
    let problems = |settings: Value| {
        let problems = Script::new().settings(settings).check_settings::<Acme>().err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.setting).collect::<Vec<_>>()
    };
    assert_eq!(problems(json!({"base_url": "http://127.0.0.1:8080", "from": "Landlord"})), [""; 0]);
    assert_eq!(problems(json!({"base_url": "http://api.acme.example", "from": ""})), ["base_url", "from"]);
    assert_eq!(problems(json!({"base_url": "https://api.acme.example", "from": 7})), ["from"]);
    assert_eq!(problems(json!({"base_url": "https://api.acme.example", "form": ""})), ["form"]);
    assert_eq!(problems(json!({})), [""]);
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(&Acme::describe().settings_schema).unwrap();
    assert_eq!(schema["properties"].as_object().unwrap().keys().collect::<Vec<_>>(), ["base_url", "from"]);
    assert_eq!(schema["additionalProperties"], false);
}
