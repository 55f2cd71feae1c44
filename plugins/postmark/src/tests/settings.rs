//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::Postmark;
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Postmark>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "base_url": "http://127.0.0.1:8080", "message_stream": "rent-2", "track_opens": false, "track_links": "None",
        "metadata": {"region": "Ü".repeat(80), "c".repeat(20): ""}, "webhook_header": "X-Webhook-Secret",
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    let many: Value = (0..9).map(|n| (format!("m{n}"), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (setting, value, wanted) in [
        ("base_url", json!("http://api.postmarkapp.com"), "base_url: `http://api.postmarkapp.com` would send secrets"),
        ("message_stream", json!(""), "message_stream: want the id of a stream"),
        ("message_stream", json!("1rent"), "message_stream: want the id of a stream"),
        ("message_stream", json!("r".repeat(31)), "message_stream: want the id of a stream"),
        ("track_opens", json!("yes"), "track_opens: invalid type"),
        ("track_links", json!("All"), "track_links: unknown variant `All`"),
        ("metadata", many, "metadata: 9 fields: Postmark takes 10, and 2 are our own"),
        ("metadata", json!({"r".repeat(21): "x"}), "metadata.rrrrrrrrrrrrrrrrrrrrr: want a name of 1 to 20"),
        ("metadata", json!({"": "x"}), "metadata.: want a name of 1 to 20"),
        ("metadata", json!({"region": "x".repeat(81)}), "metadata.region: want a value of at most 80"),
        ("metadata", json!({"Tenant": "x"}), "metadata.Tenant: is there already, or is our own"),
        ("metadata", json!({"Region": "x", "region": "y"}), "metadata.region: is there already"),
        ("metadata", json!({"region": 7}), "metadata.region: invalid type"),
        ("webhook_header", json!(""), "webhook_header: is not the name of a header"),
        ("webhook_header", json!("X Secret"), "webhook_header: is not the name of a header"),
        ("server_token", json!("x"), "server_token: unknown field"),
    ] {
        let found = problems(json!({setting: value}));
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:?}");
    }
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    // serde names what it knows when it meets a field, or a variant, that it does not.
    let known = |settings: Value| -> BTreeSet<String> {
        let error = problems(settings).remove(0);
        let names = error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    };
    assert_eq!(listed, known(json!({"nonsense": 1})));
    let variants: BTreeSet<String> =
        serde_json::from_value(schema["properties"]["track_links"]["enum"].clone()).unwrap();
    assert_eq!(variants, known(json!({"track_links": "nonsense"})));
    assert_eq!(schema["additionalProperties"], false);
    let defaults: crate::Settings = serde_json::from_value(json!({})).unwrap();
    assert_eq!(schema["properties"]["base_url"]["default"], defaults.base_url);
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{name}");
    }
}

#[test]
fn describes_itself_without_a_host() {
    let description = Postmark::describe();
    assert_eq!(description.name, "postmark");
    assert_eq!(description.channels, [Channel::Email]);
    assert_eq!(description.hosts, ["api.postmarkapp.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("server_token", true), ("webhook_password", false)]);
}
