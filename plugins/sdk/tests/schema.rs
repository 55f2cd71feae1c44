//! A schema that says something else than the settings must fail the test of its plugin.
#![expect(dead_code, reason = "the settings are read and compared, not used")]

use notifier_plugin_sdk::testing::check_schema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    account: String,
    from: Option<String>,
    #[serde(default = "ten")]
    retries: u32,
}

fn ten() -> u32 {
    10
}

/// Takes what it does not know.
#[derive(Debug, Deserialize)]
struct Loose {
    account: String,
    from: Option<String>,
    #[serde(default = "ten")]
    retries: u32,
}

/// Checks the right schema after `change`.
fn check(change: impl FnOnce(&mut Value)) {
    let mut schema = schema();
    change(&mut schema);
    check_schema::<Settings>(&schema.to_string(), &json!({"account": "a"}));
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "properties": {
            "account": {"description": "Who pays."},
            "from": {"description": "Who sends."},
            "retries": {"description": "How often.", "default": 10},
        },
        "required": ["account"],
        "additionalProperties": false,
    })
}

#[test]
fn the_schema_of_the_settings() {
    check(|_| ());
}

#[test]
#[should_panic(expected = "are the fields of the settings")]
fn a_property_too_few() {
    check(|schema| drop(schema["properties"].as_object_mut().map(|properties| properties.remove("from"))));
}

#[test]
#[should_panic(expected = "are the fields of the settings")]
fn a_property_too_many() {
    check(|schema| schema["properties"]["to"] = json!({"description": "Who gets it."}));
}

#[test]
#[should_panic(expected = "`from` has no description")]
fn a_property_without_a_description() {
    check(|schema| schema["properties"]["from"] = json!({}));
}

#[test]
#[should_panic(expected = "is the smallest")]
fn a_required_property_too_many() {
    check(|schema| schema["required"] = json!(["account", "from"]));
}

#[test]
#[should_panic(expected = "`from` is required by the schema, and not by the settings")]
fn a_required_property_that_can_be_left_out() {
    let mut schema = schema();
    schema["required"] = json!(["account", "from"]);
    check_schema::<Settings>(&schema.to_string(), &json!({"account": "a", "from": "b"}));
}

#[test]
#[should_panic(expected = "missing field `account`")]
fn a_required_property_too_few() {
    let mut schema = schema();
    schema["required"] = json!([]);
    check_schema::<Settings>(&schema.to_string(), &json!({}));
}

#[test]
#[should_panic(expected = "the defaults of settings and schema")]
fn another_default() {
    check(|schema| schema["properties"]["retries"]["default"] = json!(11));
}

#[test]
#[should_panic(expected = "`additionalProperties` of the schema")]
fn a_schema_that_takes_what_it_does_not_know() {
    check(|schema| schema["additionalProperties"] = json!(true));
}

#[test]
#[should_panic(expected = "`deny_unknown_fields` is missing")]
fn settings_that_take_what_they_do_not_know() {
    check_schema::<Loose>(&schema().to_string(), &json!({"account": "a"}));
}

#[test]
#[should_panic(expected = "its version")]
fn another_version() {
    check(|schema| schema["$schema"] = json!("http://json-schema.org/draft-07/schema#"));
}
