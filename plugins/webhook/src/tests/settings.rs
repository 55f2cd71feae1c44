//! Which settings are refused.

use std::collections::{BTreeMap, BTreeSet};

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::StandardWebhooks;
use crate::settings::{Envelope, RESERVED_HEADERS, SCHEMA, SECRET_HEADERS, Settings};

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<StandardWebhooks>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "envelope": "none", "sign_with_previous": true, "headers": {"X-Environment": "a b", "x_1~": "!"},
        "user_agent": "Rent/1 (+https://rent.example)", "body_bytes_max": 1_048_576, "timeout_ms": 30_000,
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("envelope", json!("json"), "envelope: unknown variant `json`"),
        ("sign_with_previous", json!("yes"), "sign_with_previous: invalid type"),
        ("headers", json!({"x y": "1"}), "headers.x y: is not a header name"),
        ("headers", json!({"": "1"}), "headers.: is not a header name"),
        ("headers", json!({"x": ""}), "headers.x: want 1 to 1024 visible"),
        ("headers", json!({"x": "a\r\nb: c"}), "headers.x: want 1 to 1024 visible"),
        ("headers", json!({"x": " a"}), "headers.x: want 1 to 1024 visible"),
        ("headers", json!({"x": "ü"}), "headers.x: want 1 to 1024 visible"),
        ("headers", json!({"x": "a".repeat(1025)}), "headers.x: want 1 to 1024 visible"),
        ("headers", json!({"X-A": "1", "x-a": "2"}), "headers.x-a: is set twice"),
        ("headers", json!((0..33).map(|n| (format!("x-{n}"), "1")).collect::<BTreeMap<_, _>>()), "headers: 33 headers"),
        ("user_agent", json!(""), "user_agent: want 1 to 1024 visible"),
        ("user_agent", json!("a\nb"), "user_agent: want 1 to 1024 visible"),
        ("body_bytes_max", json!(1023), "body_bytes_max: 1023: want 1024 to 1048576"),
        ("body_bytes_max", json!(1_048_577), "body_bytes_max: 1048577: want 1024 to 1048576"),
        ("timeout_ms", json!(999), "timeout_ms: 999: want 1000 to 30000"),
        ("timeout_ms", json!(30_001), "timeout_ms: 30001: want 1000 to 30000"),
        ("signing_secret", json!("whsec_x"), "signing_secret: unknown field"),
    ] {
        let found = problems(json!({setting: value}));
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:?}");
    }
}

#[test]
fn headers_of_the_host_and_of_secrets_are_refused() {
    for (names, wanted) in [(RESERVED_HEADERS, "is not yours to set"), (SECRET_HEADERS, "holds a secret")] {
        for name in names.iter().flat_map(|name| [(*name).to_owned(), name.to_uppercase()]) {
            let found = problems(json!({"headers": {name.clone(): "x"}}));
            assert!(found.len() == 1 && found[0].contains(wanted), "{name}: {found:?}");
        }
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
}

#[test]
fn the_schemas_defaults_are_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let default = |name: &str| schema["properties"][name]["default"].clone();
    let settings: Settings = serde_json::from_value(json!({})).unwrap();
    assert_eq!((default("envelope"), settings.envelope), (json!("standard"), Envelope::Standard));
    assert_eq!(default("sign_with_previous"), settings.sign_with_previous);
    assert_eq!((default("headers"), settings.headers.len()), (json!({}), 0));
    assert_eq!(default("user_agent"), settings.user_agent);
    assert_eq!(default("body_bytes_max"), settings.body_bytes_max);
    assert_eq!(default("timeout_ms"), settings.timeout_ms);
}

#[test]
fn describes_itself_without_a_host() {
    let description = StandardWebhooks::describe();
    assert_eq!(description.name, "webhook");
    assert_eq!(description.channels, [Channel::Webhook]);
    assert!(description.hosts.is_empty() && description.receipts.is_empty());
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("signing_secret", true), ("signing_secret_previous", false)]);
}
