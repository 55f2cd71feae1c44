//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::SendGrid;
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<SendGrid>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "base_url": "https://api.eu.sendgrid.com", "sandbox_mode": true, "categories": ["a", "ü".repeat(255)],
        "webhook_public_key": "MFkwEwYHKoZIzj0=", "webhook_max_age_s": 600,
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("base_url", json!("http://api.sendgrid.com"), "base_url: `http://api.sendgrid.com` would send secrets"),
        ("sandbox_mode", json!("yes"), "sandbox_mode: invalid type"),
        ("categories", json!(["a", ""]), "categories[1]: want 1 to 255 characters"),
        ("categories", json!(["a".repeat(256)]), "categories[0]: want 1 to 255 characters"),
        ("categories", json!(["a", 7]), "categories[1]: invalid type"),
        ("categories", json!(vec!["a"; 10]), "categories: 10 categories"),
        ("webhook_public_key", json!("-----BEGIN"), "webhook_public_key: is not base64"),
        ("webhook_public_key", json!(""), "webhook_public_key: is not base64"),
        ("webhook_max_age_s", json!(-1), "webhook_max_age_s: invalid value"),
        ("api_key", json!("SG.x"), "api_key: unknown field"),
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
    assert_eq!(schema["properties"]["webhook_max_age_s"]["default"], 25 * 60 * 60);
}

#[test]
fn describes_itself_without_a_host() {
    let description = SendGrid::describe();
    assert_eq!(description.name, "sendgrid");
    assert_eq!(description.channels, [Channel::Email]);
    assert_eq!(description.hosts, ["api.sendgrid.com"]);
    assert_eq!(description.secrets.len(), 1);
    assert_eq!((description.secrets[0].name.as_str(), description.secrets[0].required), ("api_key", true));
}
