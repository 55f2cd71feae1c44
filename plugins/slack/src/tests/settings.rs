//! Which settings are refused.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::Script;
use notifier_plugin_sdk::{Channel, Provider};
use serde_json::{Value, json};

use crate::Slack;
use crate::settings::SCHEMA;

fn problems(settings: Value) -> Vec<String> {
    let problems = Script::new().settings(settings).check_settings::<Slack>().err().unwrap_or_default();
    problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
}

#[test]
fn good_settings_have_no_problems() {
    for settings in [
        json!({"mode": "api"}),
        json!({"mode": "webhook", "channel": "C1H9RESGL"}),
        json!({
            "mode": "api", "base_url": "http://127.0.0.1:8080", "escape": false, "mrkdwn": true, "unfurl_links": false,
            "unfurl_media": false, "thread_ts": "1503435956.000247", "reply_broadcast": true, "username": "Landlord",
            "icon_emoji": ":wave::skin-tone-3:",
        }),
        json!({"mode": "api", "icon_url": "https://example.com/house.png"}),
        json!({
            "mode": "webhook", "channel": "C1H9RESGL", "base_url": "https://hooks.slack-gov.com", "mrkdwn": true, "unfurl_links": false,
            "unfurl_media": false, "thread_ts": "1503435956.000247",
        }),
    ] {
        assert_eq!(problems(settings), [""; 0]);
    }
}

#[test]
fn each_bad_setting_is_named() {
    for (mode, setting, value, wanted) in [
        ("api", "mode", json!("rtm"), "unknown variant `rtm`, expected `api` or `webhook`"),
        ("api", "base_url", json!("http://slack.com"), "would send secrets in the clear"),
        ("api", "base_url", json!("https://slack.com/"), "ends in a slash"),
        ("api", "escape", json!("no"), "invalid type"),
        ("api", "thread_ts", json!("p1503435956000247"), "want it as 1503435956.000247"),
        ("api", "thread_ts", json!("1503435956."), "want it as 1503435956.000247"),
        ("api", "reply_broadcast", json!(true), "without `thread_ts`"),
        ("api", "username", json!(" "), "is empty"),
        ("api", "icon_emoji", json!("house"), "want it as :house:"),
        ("api", "icon_emoji", json!("::"), "want it as :house:"),
        ("api", "icon_emoji", json!(":"), "want it as :house:"),
        ("api", "icon_url", json!("example.com/house.png"), "want https://"),
        ("api", "chanel", json!("C1"), "unknown field `chanel`"),
        ("api", "channel", json!("C1H9RESGL"), "is of webhooks only"),
        ("webhook", "channel", json!(""), "is empty"),
        ("webhook", "channel", json!(null), "is missing"),
        ("webhook", "username", json!("Landlord"), "cannot be chosen with a webhook"),
        ("webhook", "icon_emoji", json!(":house:"), "cannot be chosen with a webhook"),
        ("webhook", "icon_url", json!("https://example.com/house.png"), "cannot be chosen with a webhook"),
    ] {
        let mut settings = json!({"mode": mode});
        if mode == "webhook" {
            settings["channel"] = json!("C1H9RESGL");
        }
        settings[setting] = value;
        let found = problems(settings);
        assert!(found.len() == 1 && found[0].starts_with(setting) && found[0].contains(wanted), "{setting}: {found:?}");
    }
    assert!(problems(json!({}))[0].contains("missing field `mode`"));
    let both = json!({"mode": "api", "icon_emoji": ":house:", "icon_url": "https://example.com/house.png"});
    assert!(problems(both)[0].contains("overridden by `icon_emoji`"));
    let thread =
        json!({"mode": "webhook", "channel": "C1H9RESGL", "thread_ts": "1503435956.000247", "reply_broadcast": true});
    assert!(problems(thread)[0].starts_with("reply_broadcast: cannot be chosen with a webhook"));
}

#[test]
fn the_schema_lists_the_settings() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let listed: BTreeSet<_> = schema["properties"].as_object().unwrap().keys().cloned().collect();
    // serde names what it knows when it meets a field that it does not.
    let error = &problems(json!({"mode": "api", "nonsense": 1}))[0];
    let known: BTreeSet<_> =
        error.split("expected one of").nth(1).unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(listed, known);
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"].as_object().unwrap().values().all(|property| property["description"].is_string()));
}

#[test]
fn describes_itself_without_a_host() {
    let description = Slack::describe();
    assert_eq!(description.name, "slack");
    assert_eq!(description.channels, [Channel::Chat]);
    assert_eq!(description.hosts, ["slack.com", "hooks.slack.com"]);
    let secrets: Vec<_> = description.secrets.iter().map(|need| (need.name.as_str(), need.required)).collect();
    assert_eq!(secrets, [("bot_token", false), ("webhook_path", false)]);
    assert!(description.receipts.is_empty());
}
