//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use super::{ACCOUNT, API_KEY, SERVICE, host};
use crate::{Twilio, settings::SCHEMA};

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Twilio>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({"account_sid": ACCOUNT})), [""; 0]);
    let all = json!({
        "account_sid": ACCOUNT, "api_key_sid": API_KEY, "messaging_service_sid": SERVICE, "from": "Landlord",
        "status_callback": "https://example.com/receipts", "base_url": "http://127.0.0.1:8080",
    });
    assert_eq!(problems(all), [""; 0]);
}

#[test]
fn each_bad_setting_is_named() {
    for (setting, value, wanted) in [
        ("account_sid", json!("AC0123"), "want `AC` and 32 hexadecimal digits"),
        ("account_sid", json!(API_KEY), "want `AC` and 32 hexadecimal digits"),
        ("account_sid", json!("AC0123456789abcdef0123456789abcdeg"), "want `AC` and 32 hexadecimal digits"),
        ("account_sid", json!(7), "invalid type"),
        ("api_key_sid", json!(ACCOUNT), "want `SK` and 32 hexadecimal digits"),
        ("messaging_service_sid", json!(ACCOUNT), "want `MG` and 32 hexadecimal digits"),
        ("from", json!(""), "is empty"),
        ("status_callback", json!("example.com"), "want https://"),
        ("base_url", json!("http://api.twilio.com"), "would send secrets in the clear"),
        ("base_url", json!("https://api.twilio.com/"), "ends in a slash"),
        ("fromm", json!("+14155550100"), "unknown field `fromm`"),
    ] {
        let mut settings = json!({"account_sid": ACCOUNT});
        settings[setting] = value;
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].starts_with(setting) && found[0].contains(wanted), "{setting}: {found:?}");
    }
    assert!(problems(json!({}))[0].contains("missing field `account_sid`"));
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    // serde names what it knows when it meets a field that it does not.
    let error = &problems(json!({"account_sid": ACCOUNT, "nonsense": 1}))[0];
    let known: BTreeSet<_> =
        error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(listed, known);
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn describes_itself_without_a_host() {
    let description = Twilio::describe();
    assert_eq!(description.name, "twilio");
    assert_eq!(description.channels, [Channel::Sms]);
    assert_eq!(description.hosts, ["api.twilio.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("auth_token", true), ("api_key_secret", false)]);
    assert!(host(json!({})).check_settings::<Twilio>().is_ok());
}
