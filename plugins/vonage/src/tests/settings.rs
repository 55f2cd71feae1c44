//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use super::host;
use crate::Vonage;
use crate::receive::STATUSES;
use crate::settings::{CALLBACK_CHARS_MAX, SCHEMA, TTL_MS};

fn problems(settings: Value) -> Vec<String> {
    let problems = host(settings).check_settings::<Vonage>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "api_key": "ABCD1234", "from": "+447700900001", "callback": "https://example.com/receipts", "status_report": false,
        "ttl_ms": 1_800_000, "account_ref": "north", "entity_id": "1101456324675322134",
        "content_id": "1107457532145798767", "base_url": "http://127.0.0.1:8080", "webhook_max_age_s": 600,
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("api_key", json!("abcd123"), "api_key: `abcd123` is not an API key"),
        ("api_key", json!("abcd-234"), "api_key: `abcd-234` is not an API key"),
        ("api_key", json!(12_345_678), "api_key: invalid type"),
        ("from", json!(" "), "from: is empty"),
        ("callback", json!("example.com"), "callback: is not a URL"),
        ("callback", json!("https://example.com/r?a=b"), "callback: has a query"),
        ("callback", json!(format!("https://example.com/{}", "r".repeat(81))), "callback: has 101 characters"),
        ("status_report", json!(1), "status_report: invalid type"),
        ("ttl_ms", json!(19_999), "ttl_ms: is 19999: Vonage takes 20000 to 604800000"),
        ("ttl_ms", json!(604_800_001), "ttl_ms: is 604800001"),
        ("account_ref", json!(""), "account_ref: is empty"),
        ("entity_id", json!(""), "entity_id: is empty"),
        ("content_id", json!(""), "content_id: is empty"),
        ("base_url", json!("http://rest.nexmo.com"), "base_url: `http://rest.nexmo.com` would send secrets"),
        ("webhook_max_age_s", json!(-1), "webhook_max_age_s: invalid value"),
        ("api_secret", json!("s3cr3t"), "api_secret: unknown field"),
    ] {
        let found = problems(json!({setting: value}));
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:?}");
    }
    let missing = Script::new().settings(json!({})).check_settings::<Vonage>().unwrap_err();
    assert!(missing[0].problem.contains("missing field `api_key`"));
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
    assert_eq!(schema["required"], json!(["api_key"]));
    assert_eq!(schema["properties"]["callback"]["maxLength"], CALLBACK_CHARS_MAX);
    assert_eq!(schema["properties"]["ttl_ms"]["minimum"], *TTL_MS.start());
    assert_eq!(schema["properties"]["ttl_ms"]["maximum"], *TTL_MS.end());
    assert_eq!(schema["properties"]["webhook_max_age_s"]["default"], 25 * 60 * 60);
}

#[test]
fn describes_itself_without_a_host() {
    let description = Vonage::describe();
    assert_eq!(description.name, "vonage");
    assert_eq!(description.channels, [Channel::Sms]);
    assert_eq!(description.hosts, ["rest.nexmo.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("api_secret", true), ("signature_secret", false)]);
    assert_eq!(description.receipts, STATUSES);
}
