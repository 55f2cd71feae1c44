//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::WebPush;
use crate::settings::{SCHEMA, Settings, Topic, Urgency};

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<WebPush>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    for subject in [
        "mailto:push@example.com",
        "mailto:a+b.c@mail.example.co",
        "https://example.com",
        "https://example.com/contact?x=1",
    ] {
        assert_eq!(problems(json!({"subject": subject})), [""; 0]);
    }
    let all = json!({
        "subject": "mailto:push@example.com", "ttl_s": 0, "urgency": "very-low", "topic": "delivery",
        "categories": {"emergency": {"ttl_s": 60, "urgency": "high", "topic": "none"}, "news": {}},
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("subject", json!(""), "subject: ``: want `mailto:`"),
        ("subject", json!("push@example.com"), "subject: `push@example.com`: want `mailto:`"),
        ("subject", json!("mailto:"), "subject: `mailto:`"),
        ("subject", json!("mailto:push@"), "subject: `mailto:push@`"),
        ("subject", json!("mailto:@example.com"), "subject: `mailto:@example.com`"),
        ("subject", json!("mailto: push@example.com"), "subject: `mailto: push@example.com`"),
        ("subject", json!("mailto:<push@example.com>"), "subject: `mailto:<push@example.com>`"),
        ("subject", json!("mailto:a@b@example.com"), "subject: `mailto:a@b@example.com`"),
        ("subject", json!("mailto:push@localhost"), "subject: `mailto:push@localhost`"),
        ("subject", json!("https://localhost"), "subject: `https://localhost`"),
        ("subject", json!("https://localhost:8080/x.y"), "subject: `https://localhost:8080/x.y`"),
        ("subject", json!("http://example.com"), "subject: `http://example.com`"),
        ("subject", json!(7), "subject: invalid type"),
        ("ttl_s", json!(2_419_201), "ttl_s: 2419201: no message is kept longer"),
        ("ttl_s", json!(-1), "ttl_s: invalid value"),
        ("urgency", json!("urgent"), "urgency: unknown variant `urgent`"),
        ("topic", json!("mail"), "topic: unknown variant `mail`"),
        ("categories", json!({"a": {"ttl_s": 9_999_999}}), "categories.a.ttl_s: 9999999"),
        ("categories", json!({"a": {"ttl": 1}}), "categories.a.ttl: unknown field"),
        ("categories", json!({"a": {"urgency": "now"}}), "categories.a.urgency: unknown variant"),
        ("vapid_private_key", json!("x"), "vapid_private_key: unknown field"),
    ] {
        let mut settings = json!({"subject": "mailto:push@example.com"});
        settings[setting] = value;
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{wanted}: {found:?}");
    }
    assert!(problems(json!({}))[0].contains("missing field `subject`"));
}

/// What serde names when it meets a field that it does not know.
fn known(error: &str) -> BTreeSet<String> {
    error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed = |at: &Value| at["properties"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let subject = "mailto:push@example.com";
    assert_eq!(listed(&schema), known(&problems(json!({"subject": subject, "nonsense": 1}))[0]));
    let of_category = &schema["properties"]["categories"]["additionalProperties"];
    let error = &problems(json!({"subject": subject, "categories": {"a": {"nonsense": 1}}}))[0];
    assert_eq!(listed(of_category), known(error));
    assert_eq!((&schema["additionalProperties"], &of_category["additionalProperties"]), (&json!(false), &json!(false)));
}

#[test]
fn the_schemas_names_and_defaults_are_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let property = |name: &str| schema["properties"][name].clone();
    let settings: Settings = serde_json::from_value(json!({"subject": "mailto:push@example.com"})).unwrap();
    assert_eq!(
        (&property("ttl_s")["default"], &property("ttl_s")["maximum"]),
        (&json!(settings.ttl_s), &json!(settings.ttl_s))
    );
    assert_eq!(property("urgency")["default"], settings.urgency.name());
    assert_eq!((property("topic")["default"].clone(), settings.topic), (json!("none"), Topic::None));
    for name in property("urgency")["enum"].as_array().unwrap() {
        assert_eq!(serde_json::from_value::<Urgency>(name.clone()).unwrap().name(), name);
    }
    for name in property("topic")["enum"].as_array().unwrap() {
        assert!(serde_json::from_value::<Topic>(name.clone()).is_ok());
    }
}

#[test]
fn describes_itself_without_a_host() {
    let description = WebPush::describe();
    assert_eq!(description.name, "webpush");
    assert_eq!(description.channels, [Channel::Push]);
    assert_eq!(description.hosts.len(), 4);
    assert!(description.receipts.is_empty());
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("vapid_private_key", true)]);
}
