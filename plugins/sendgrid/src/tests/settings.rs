//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{Script, check_object_schema, check_schema};
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::SendGrid;
use crate::settings::{SCHEMA, Settings, UnsubscribeGroup};
use crate::tracking::KINDS;

fn problems(settings: Value) -> Vec<String> {
    Script::new().settings(settings).problems::<SendGrid>()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({})), [""; 0]);
    let all = json!({
        "base_url": "https://api.eu.sendgrid.com", "sandbox_mode": true, "categories": ["a", "ü".repeat(255)],
        "webhook_public_key": "MFkwEwYHKoZIzj0=", "webhook_max_age_s": 600, "ip_pool_name": "ü".repeat(64),
        "asm": {"group_id": 12345, "groups_to_display": vec![1; 25]}, "email_activity": true,
        "bypass_list_management": ["emergency"], "bypass_spam_management": ["lease"],
        "bypass_bounce_management": ["lease"], "bypass_unsubscribe_management": ["lease"],
        "tracking_settings": {
            "click_tracking": {"enable": true, "enable_text": false},
            "open_tracking": {"enable": true, "substitution_tag": "%open%"},
            "subscription_tracking": {"enable": true, "text": "<% %>", "html": "<% %>", "substitution_tag": "%u%"},
            "ganalytics": {
                "enable": true, "utm_source": "a", "utm_medium": "b", "utm_term": "c", "utm_content": "d",
                "utm_campaign": "e",
            },
        },
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
        ("ip_pool_name", json!("a"), "ip_pool_name: want 2 to 64 characters"),
        ("ip_pool_name", json!("a".repeat(65)), "ip_pool_name: want 2 to 64 characters"),
        ("asm", json!({"group_id": "1"}), "asm.group_id: invalid type"),
        ("asm", json!({}), "asm: missing field `group_id`"),
        ("asm", json!([7]), "asm: invalid type: sequence, expected an object"),
        ("asm", json!({"group_id": 1, "group": 2}), "asm.group: unknown field"),
        ("asm", json!({"group_id": 1, "groups_to_display": vec![1; 26]}), "asm.groups_to_display: 26 groups"),
        ("tracking_settings", json!([]), "tracking_settings: invalid type"),
        ("tracking_settings", json!({"click": {}}), "tracking_settings.click: is no kind of tracking"),
        ("tracking_settings", json!({"open_tracking": {}}), "tracking_settings.open_tracking: does not say"),
        ("tracking_settings", json!({"open_tracking": true}), "tracking_settings.open_tracking: does not say"),
        ("bypass_list_management", json!(true), "bypass_list_management: invalid type"),
        ("email_activity", json!("yes"), "email_activity: invalid type"),
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
fn a_category_that_bypasses_every_list_has_no_other_bypass() {
    for other in ["bypass_spam_management", "bypass_bounce_management", "bypass_unsubscribe_management"] {
        let found = problems(json!({"bypass_list_management": ["emergency"], other: ["lease", "emergency"]}));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(&format!("{other}: `emergency`")), "{found:?}");
    }
}

#[test]
fn the_schema_is_that_of_the_settings() {
    check_schema::<Settings>(SCHEMA, &json!({}));
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    check_object_schema::<UnsubscribeGroup>(&schema["properties"]["asm"], &json!({"group_id": 1}));
}

#[test]
fn each_bad_word_about_tracking_is_named() {
    for (kind, said, wanted) in [
        ("click_tracking", json!({"enable": "yes"}), "enable: want true or false"),
        ("click_tracking", json!({"enable": true, "enable_text": 1}), "enable_text: want true or false"),
        ("open_tracking", json!({"enable": true, "substitution_tag": true}), "substitution_tag: want text"),
        ("open_tracking", json!({"enable": true, "tag": "x"}), "tag: is unknown: want one of enable, substitution_tag"),
        ("ganalytics", json!({"enable": false, "utm_term": null}), "utm_term: want text"),
    ] {
        let found = problems(json!({"tracking_settings": {kind: said}}));
        assert_eq!(found, [format!("tracking_settings.{kind}.{wanted}")]);
    }
}

#[test]
fn the_schema_lists_what_can_be_tracked() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let schema = &schema["properties"]["tracking_settings"];
    let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let kinds = KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names(&schema["properties"]), kinds);
    assert_eq!(schema["additionalProperties"], false);
    for (kind, known) in KINDS {
        let schema = &schema["properties"][kind];
        assert_eq!(names(&schema["properties"]), known.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!((&schema["required"], &schema["additionalProperties"]), (&json!(["enable"]), &json!(false)));
    }
}

#[test]
fn describes_itself_without_a_host() {
    let description = SendGrid::describe();
    assert_eq!(description.name, "sendgrid");
    assert_eq!(description.channels, [Channel::Email]);
    assert_eq!(description.hosts, ["api.sendgrid.com", "api.eu.sendgrid.com"]);
    assert_eq!(description.secrets.len(), 1);
    assert_eq!((description.secrets[0].name.as_str(), description.secrets[0].required), ("api_key", true));
}
