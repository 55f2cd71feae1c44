//! Which settings are refused, and what the plugin says of itself.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use super::TOPIC;
use crate::Ses;
use crate::endpoint::{REGIONS, is_region, region_of_topic};
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Ses>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({"region": "eu-central-1"})), [""; 0]);
    let identity = "arn:aws:ses:eu-central-1:123456789012:identity/example.com";
    let all = json!({
        "region": "us-gov-west-1", "base_url": "https://email-fips.us-gov-west-1.amazonaws.com", "session_token": true,
        "configuration_set": "notifier", "tags": {"house": "north_2"}, "tenant_name": "north",
        "from_identity_arn": identity, "feedback_address": "bounces@example.com", "feedback_identity_arn": identity,
        "contact_list": "renters", "contact_list_topic": "reminders", "open_tracking": true, "click_tracking": false,
        "topic_arn": TOPIC, "sns_base_url": "http://127.0.0.1:8080", "webhook_max_age_s": 600,
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("region", json!("Frankfurt"), "region: `Frankfurt` is not a region"),
        ("region", json!("eu-central-1.evil.example/"), "region: `eu-central-1.evil.example/` is not a region"),
        ("base_url", json!("http://example.com"), "base_url: `http://example.com` would send secrets"),
        ("session_token", json!("yes"), "session_token: invalid type"),
        ("configuration_set", json!(""), "configuration_set: `` is not a name"),
        ("configuration_set", json!("a b"), "configuration_set: `a b` is not a name"),
        ("tenant_name", json!("n".repeat(65)), "tenant_name: "),
        ("tags", json!({"tenant": "x"}), "tags.tenant: every message has this tag"),
        ("tags", json!({"a": "x.y"}), "tags.a: want 1 to 256"),
        ("tags", json!({"": "x"}), "tags.: want 1 to 256"),
        ("from_identity_arn", json!("example.com"), "from_identity_arn: `example.com` is not the ARN"),
        ("feedback_identity_arn", json!(TOPIC), "feedback_identity_arn: "),
        ("feedback_address", json!("bounces"), "feedback_address: is not an address"),
        ("contact_list_topic", json!("reminders"), "contact_list_topic: needs the list"),
        ("topic_arn", json!("ses-events"), "topic_arn: `ses-events` is not the ARN of a topic"),
        ("sns_base_url", json!("https://evil.example"), "sns_base_url: is for tests on loopback only"),
        ("sns_base_url", json!("http://sns.example.com"), "sns_base_url: `http://sns.example.com` would send"),
        ("webhook_max_age_s", json!(-1), "webhook_max_age_s: invalid value"),
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
    let defaults: crate::Settings = serde_json::from_value(json!({"region": "eu-central-1"})).unwrap();
    assert_eq!(schema["properties"]["webhook_max_age_s"]["default"], defaults.webhook_max_age_s);
    assert!(schema["properties"].as_object().unwrap().values().all(|setting| setting["description"].is_string()));
}

#[test]
fn describes_itself_without_a_host() {
    let description = Ses::describe();
    assert_eq!((description.name.as_str(), description.channels.as_slice()), ("ses", [Channel::Email].as_slice()));
    assert_eq!(description.hosts.len(), 2 * REGIONS.len());
    for host in
        ["email.eu-central-1.amazonaws.com", "sns.eu-central-1.amazonaws.com", "sns.eusc-de-east-1.amazonaws.eu"]
    {
        assert!(description.hosts.iter().any(|known| known == host), "{host}");
    }
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("access_key_id", true), ("secret_access_key", true), ("session_token", false)]);
}

#[test]
fn regions_and_topics_have_their_form() {
    assert!(REGIONS.iter().all(|region| is_region(region)));
    for text in
        ["", "eu", "eu-central", "eu-central-", "-central-1", "eu--1", "eu-central-1a", "eu_central-1", "EU-WEST-1"]
    {
        assert!(!is_region(text), "{text}");
    }
    assert_eq!(region_of_topic(TOPIC), Some("eu-central-1"));
    assert_eq!(region_of_topic("arn:aws-us-gov:sns:us-gov-west-1:123456789012:a.fifo"), Some("us-gov-west-1"));
    for arn in [
        "arn:aws:sqs:eu-central-1:123456789012:events",
        "arn:aws:sns:eu-central-1:123456789012",
        "arn:aws:sns:eu-central-1:123456789012:",
        "arn:aws:sns:eu-central-1:123456789012:events:subscription",
        "arn:aws:sns:eu-central-1:1234:events",
        "arn:aws:sns:evil.example/:123456789012:events",
        "arn:azure:sns:eu-central-1:123456789012:events",
    ] {
        assert_eq!(region_of_topic(arn), None, "{arn}");
    }
}
