//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::Resend;
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Resend>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "base_url": "http://127.0.0.1:8080", "tags": {"region": "north-1", "a_b": "A".repeat(256)},
        "topic_id": "b6d24b8e-af0b-4c3c-be0c-359bbd97381e", "webhook_max_age_s": 600,
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("base_url", json!("http://api.resend.com"), "base_url: `http://api.resend.com` would send secrets"),
        ("tags", json!({"region": "north 1"}), "tags.region: want a name and a value of 1 to 256 ASCII letters"),
        ("tags", json!({"region": ""}), "tags.region: want"),
        ("tags", json!({"région": "n"}), "tags.région: want"),
        ("tags", json!({"region": "a".repeat(257)}), "tags.region: want"),
        ("tags", json!({"tenant": "north"}), "tags.tenant: is the notification's own"),
        ("tags", json!({"region": 7}), "tags.region: invalid type"),
        ("tags", json!(["region"]), "tags: invalid type"),
        ("topic_id", json!(""), "topic_id: is empty"),
        ("webhook_max_age_s", json!(0), "webhook_max_age_s: is 0"),
        ("webhook_max_age_s", json!(-1), "webhook_max_age_s: invalid value"),
        ("api_key", json!("re_x"), "api_key: unknown field"),
    ] {
        let found = problems(json!({setting: value}));
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:?}");
    }
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    // serde names what it knows when it meets a field that it does not.
    let error = &problems(json!({"nonsense": 1}))[0];
    let known: BTreeSet<_> =
        error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(listed, known);
    assert_eq!(schema["additionalProperties"], false);
    let defaults: crate::Settings = serde_json::from_value(json!({})).unwrap();
    assert_eq!(schema["properties"]["base_url"]["default"], defaults.base_url);
    assert_eq!(schema["properties"]["webhook_max_age_s"]["default"], defaults.webhook_max_age_s);
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{name}");
    }
}

#[test]
fn describes_itself_without_a_host() {
    let description = Resend::describe();
    assert_eq!(description.name, "resend");
    assert_eq!(description.channels, [Channel::Email]);
    assert_eq!(description.hosts, ["api.resend.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("api_key", true), ("webhook_secret", false)]);
}
