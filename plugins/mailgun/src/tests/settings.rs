//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use super::host;
use crate::Mailgun;
use crate::receive::STATUSES;
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = host(settings).check_settings::<Mailgun>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "domain": "sandbox0123_a-b.mailgun.org", "base_url": "https://api.eu.mailgun.net", "test_mode": true,
        "tags": ["a", "September newsletter", "b".repeat(128)], "tracking": "htmlonly", "tracking_clicks": "no",
        "tracking_opens": true, "tracking_pixel_top": true, "dkim": true, "require_tls": true,
        "skip_verification": false, "sending_ip": "192.0.2.7", "sending_ip_pool": "pool-1",
        "suppress_headers": "X-Mailgun-Variables", "webhook_max_age_s": 600,
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("domain", json!(""), "domain: `` is not a domain"),
        ("domain", json!("localhost"), "domain: `localhost` is not a domain"),
        ("domain", json!("a.example.com/b"), "domain: `a.example.com/b` is not a domain"),
        ("domain", json!("a.example.com%2Fb"), "domain: `a.example.com%2Fb` is not a domain"),
        ("domain", json!("a..example.com"), "domain: `a..example.com` is not a domain"),
        ("base_url", json!("http://api.mailgun.net"), "base_url: `http://api.mailgun.net` would send secrets"),
        ("base_url", json!("https://api.mailgun.net/"), "base_url: `https://api.mailgun.net/` ends in a slash"),
        ("base_url", json!("https://api.mailgun.net/v3"), "base_url: `https://api.mailgun.net/v3` names a version"),
        ("test_mode", json!("yes"), "test_mode: invalid type"),
        ("tags", json!(["a", ""]), "tags[1]: want 1 to 128 printable ASCII"),
        ("tags", json!(["a".repeat(129)]), "tags[0]: want 1 to 128 printable ASCII"),
        ("tags", json!(["ü"]), "tags[0]: want 1 to 128 printable ASCII"),
        ("tags", json!(vec!["a"; 10]), "tags: 10 tags"),
        ("tracking", json!("maybe"), "tracking: unknown variant `maybe`"),
        ("sending_ip", json!(""), "sending_ip: is empty"),
        ("sending_ip_pool", json!(""), "sending_ip_pool: is empty"),
        ("suppress_headers", json!(""), "suppress_headers: is empty"),
        ("webhook_max_age_s", json!(-1), "webhook_max_age_s: invalid value"),
        ("api_key", json!("key"), "api_key: unknown field"),
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
    assert_eq!(schema["required"], json!(["domain"]));
    assert_eq!(schema["properties"]["webhook_max_age_s"]["default"], 9 * 60 * 60);
    assert_eq!(schema["properties"]["tags"]["maxItems"], crate::settings::TAGS_MAX - 1);
    assert_eq!(schema["properties"]["tags"]["items"]["maxLength"], crate::settings::TAG_CHARS_MAX);
}

#[test]
fn describes_itself_without_a_host() {
    let description = Mailgun::describe();
    assert_eq!(description.name, "mailgun");
    assert_eq!(description.channels, [Channel::Email]);
    assert_eq!(description.hosts, ["api.mailgun.net", "api.eu.mailgun.net"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("api_key", true), ("webhook_signing_key", false)]);
    assert_eq!(description.receipts, STATUSES);
}
