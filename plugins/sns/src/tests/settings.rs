//! Which settings are refused, and what the plugin says of itself.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{Script, webhook};
use notifier_plugin_sdk::{Channel, Provider, ReceiveError};
use serde_json::{Value, json};

use super::host;
use crate::Sns;
use crate::endpoint::{REGIONS, is_region};
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Sns>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({"region": "eu-central-1"})), [""; 0]);
    let all = json!({
        "region": "ap-south-1", "base_url": "http://127.0.0.1:8080", "session_token": true, "sender_id": "Landlord",
        "origination_number": "+14155550123", "sms_type": "Promotional", "max_price": "1",
        "india_entity_id": "1101456324500000001", "india_template_ids": {"welcome": "1107160000000000001"},
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("region", json!("Mumbai"), "region: `Mumbai` is not a region"),
        ("region", json!("ap-south-1.evil.example/"), "region: `ap-south-1.evil.example/` is not a region"),
        ("base_url", json!("http://example.com"), "base_url: `http://example.com` would send secrets"),
        ("session_token", json!(1), "session_token: invalid type"),
        ("sender_id", json!("12345"), "sender_id: `12345` is a number: set `origination_number`"),
        ("sender_id", json!("Land Lord"), "sender_id: `Land Lord` is no sender"),
        ("origination_number", json!("Landlord"), "origination_number: `Landlord` is a name: set `sender_id`"),
        ("origination_number", json!(""), "origination_number: `` is no sender"),
        ("sms_type", json!("Urgent"), "sms_type: unknown variant `Urgent`"),
        ("max_price", json!("0,05"), "max_price: `0,05` is not a price"),
        ("max_price", json!("-1"), "max_price: `-1` is not a price"),
        ("max_price", json!("1."), "max_price: `1.` is not a price"),
        ("india_entity_id", json!(""), "india_entity_id: `` is not an id"),
        ("india_template_ids", json!({"welcome": "1".repeat(31)}), "india_template_ids.welcome: `111"),
        ("secret_access_key", json!("x"), "secret_access_key: unknown field"),
    ] {
        let mut settings = json!({"region": "eu-central-1"});
        settings[setting] = value;
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:?}");
    }
    assert!(problems(json!({}))[0].contains("missing field `region`"));
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    // serde names what it knows when it meets a field that it does not.
    let error = &problems(json!({"region": "eu-central-1", "nonsense": 1}))[0];
    let known: BTreeSet<_> =
        error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(listed, known);
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], json!(["region"]));
    assert!(schema["properties"].as_object().unwrap().values().all(|setting| setting["description"].is_string()));
}

#[test]
fn describes_itself_without_a_host() {
    let description = Sns::describe();
    assert_eq!((description.name.as_str(), description.channels.as_slice()), ("sns", [Channel::Sms].as_slice()));
    assert_eq!(description.hosts.len(), REGIONS.len());
    assert!(REGIONS.iter().all(|region| is_region(region)));
    for host in ["sns.eu-central-1.amazonaws.com", "sns.cn-north-1.amazonaws.com.cn", "sns.eusc-de-east-1.amazonaws.eu"]
    {
        assert!(description.hosts.iter().any(|known| known == host), "{host}");
    }
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("access_key_id", true), ("secret_access_key", true), ("session_token", false)]);
}

#[test]
fn there_are_no_receipts() {
    assert_eq!(Sns::describe().receipts, []);
    let outcome = host(json!({})).receive::<Sns>(webhook("https://n.example/r", &[], "{}"));
    assert!(matches!(outcome, Err(ReceiveError::Malformed(_))));
}
