//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::Fcm;
use crate::settings::{SCHEMA, TTL_S_MAX};

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Fcm>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    for settings in [
        json!({"project_id": "my-app-1a2b3"}),
        json!({"project_id": "123456789012"}),
        json!({"project_id": "example.com:my-app"}),
        json!({
            "project_id": "my-app-1a2b3", "base_url": "http://127.0.0.1:8080", "token_url": "http://127.0.0.1:8080/token",
            "validate_only": true, "ttl_s": TTL_S_MAX,
            "android": {
                "priority": "normal", "collapse_key": "rent", "channel_id": "reminders", "icon": "ic_house",
                "color": "#36A64f", "sound": "default", "click_action": "OPEN_RENT",
            },
            "apns": {"priority": 1, "collapse_id": "r".repeat(64), "sound": "default"},
            "webpush": {"urgency": "high", "topic": "rent_2-A", "link": "https://example.com/rent"},
        }),
    ] {
        assert_eq!(problems(settings), [""; 0]);
    }
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("project_id", json!("My App"), "want it as my-app-1a2b3"),
        ("project_id", json!("../x"), "want it as my-app-1a2b3"),
        ("project_id", json!(""), "want it as my-app-1a2b3"),
        ("base_url", json!("http://fcm.googleapis.com"), "would send secrets in the clear"),
        ("base_url", json!("https://fcm.googleapis.com/"), "ends in a slash"),
        ("token_url", json!("oauth2.googleapis.com/token"), "no scheme"),
        ("validate_only", json!("yes"), "invalid type"),
        ("ttl_s", json!(TTL_S_MAX + 1), "more than four weeks"),
        ("ttl_s", json!(-1), "invalid value"),
        ("android.priority", json!("HIGH"), "unknown variant `HIGH`, expected `normal` or `high`"),
        ("android.collapse_key", json!(""), "is empty"),
        ("android.channel_id", json!(""), "is empty"),
        ("android.icon", json!(""), "is empty"),
        ("android.color", json!("36a64f"), "want it as #36a64f"),
        ("android.color", json!("#36a64"), "want it as #36a64f"),
        ("android.sound", json!(""), "is empty"),
        ("android.click_action", json!(""), "is empty"),
        ("android.chanel_id", json!("x"), "unknown field `chanel_id`"),
        ("apns.priority", json!(7), "want 10, 5 or 1"),
        ("apns.collapse_id", json!("ü".repeat(33)), "66 bytes"),
        ("apns.collapse_id", json!(""), "0 bytes"),
        ("apns.collapse_id", json!("a\nb"), "APNs takes 1 to 64"),
        ("apns.sound", json!(""), "is empty"),
        ("webpush.urgency", json!("urgent"), "unknown variant `urgent`"),
        ("webpush.topic", json!("rent reminder"), "letters, digits"),
        ("webpush.topic", json!("r".repeat(33)), "want 1 to 32"),
        ("webpush.link", json!("http://example.com"), "want https://"),
        ("topic", json!("all"), "unknown field `topic`"),
    ] {
        let mut settings = json!({"project_id": "my-app-1a2b3"});
        match setting.split_once('.') {
            Some((section, key)) => settings[section] = json!({key: value}),
            None => settings[setting] = value,
        }
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].starts_with(setting) && found[0].contains(wanted), "{setting}: {found:?}");
    }
    assert!(problems(json!({}))[0].contains("missing field `project_id`"));
}

/// The fields of a section, as serde names them when it meets one that it does not know.
fn known(settings: Value) -> BTreeSet<String> {
    let error = &problems(settings)[0];
    error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed = |schema: &Value| {
        assert_eq!(schema["additionalProperties"], false);
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.values().all(|property| property["description"].is_string()));
        properties.keys().cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(listed(&schema), known(json!({"project_id": "p", "nonsense": 1})));
    for section in ["android", "apns", "webpush"] {
        let known = known(json!({"project_id": "p", section: {"nonsense": 1}}));
        assert_eq!(listed(&schema["properties"][section]), known, "{section}");
    }
}

#[test]
fn describes_itself_without_a_host() {
    let description = Fcm::describe();
    assert_eq!(description.name, "fcm");
    assert_eq!(description.channels, [Channel::Push]);
    assert_eq!(description.hosts, ["fcm.googleapis.com", "oauth2.googleapis.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("service_account", true)]);
    assert!(description.receipts.is_empty());
}
