//! Which settings are refused.

use notifier_plugin_sdk::testing::{Script, check_schema};
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use super::{ACCOUNT, API_KEY, SERVICE, host};
use crate::Twilio;
use crate::settings::{ADDRESS_RETENTION, CONTENT_RETENTION, RISK_CHECK, SCHEMA, Settings, VALIDITY_PERIOD_S_MAX};

fn problems(settings: Value) -> Vec<String> {
    Script::new().settings(settings).problems::<Twilio>()
}

#[test]
fn good_settings_have_no_problems() {
    assert_eq!(problems(json!({"account_sid": ACCOUNT})), [""; 0]);
    let all = json!({
        "account_sid": ACCOUNT, "api_key_sid": API_KEY, "messaging_service_sid": SERVICE, "from": "Landlord",
        "status_callback": "https://example.com/my_receipts?a=b_c", "validity_period_s": 36000, "smart_encoded": false,
        "shorten_urls": true, "send_as_mms": true, "content_retention": "discard", "address_retention": "obfuscate",
        "risk_check": "disable", "base_url": "http://127.0.0.1:8080",
    });
    assert_eq!(problems(all), [""; 0]);
    let other = json!({
        "account_sid": ACCOUNT, "validity_period_s": 1, "content_retention": "retain", "address_retention": "retain",
        "risk_check": "enable", "base_url": "https://api.dublin.ie1.twilio.com",
    });
    assert_eq!(problems(other), [""; 0]);
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
        ("status_callback", json!("https://"), "want https://"),
        ("status_callback", json!("https://my_host.example.com/r"), "`my_host.example.com` has an underscore"),
        ("validity_period_s", json!(0), "want 1 to 36000 seconds"),
        ("validity_period_s", json!(36001), "want 1 to 36000 seconds"),
        ("validity_period_s", json!("5"), "invalid type"),
        ("smart_encoded", json!("true"), "invalid type"),
        ("shorten_urls", json!(true), "needs `messaging_service_sid`"),
        ("content_retention", json!("obfuscate"), "is `obfuscate`: want `retain` or `discard`"),
        ("address_retention", json!("discard"), "is `discard`: want `retain` or `obfuscate`"),
        ("risk_check", json!("off"), "is `off`: want `enable` or `disable`"),
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
fn the_schema_is_that_of_the_settings() {
    check_schema::<Settings>(SCHEMA, &json!({"account_sid": ACCOUNT}));
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for (setting, words) in
        [("content_retention", CONTENT_RETENTION), ("address_retention", ADDRESS_RETENTION), ("risk_check", RISK_CHECK)]
    {
        assert_eq!(schema["properties"][setting]["enum"], json!(words));
    }
    assert_eq!(schema["properties"]["validity_period_s"]["maximum"], VALIDITY_PERIOD_S_MAX);
}

#[test]
fn describes_itself_without_a_host() {
    let description = Twilio::describe();
    assert_eq!(description.name, "twilio");
    assert_eq!(description.channels, [Channel::Sms]);
    assert_eq!(description.hosts, ["api.twilio.com", "api.dublin.ie1.twilio.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("auth_token", true), ("api_key_secret", false)]);
    assert!(host(json!({})).check_settings::<Twilio>().is_ok());
}
