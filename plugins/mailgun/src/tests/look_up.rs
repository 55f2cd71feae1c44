//! What is asked of the event log, beside what the documented exchanges show.

use notifier_plugin_sdk::testing::{Exchange, sought};
use notifier_plugin_sdk::{Channel, Finding, Sought};
use serde_json::json;

use super::host;
use crate::Mailgun;

fn finding(recipient: &str, called_at_ms: u64, url: &str, body: &str) -> Finding {
    let exchange = Exchange::get(url).basic("api", "api_key").reply(200, body);
    let sought = Sought { called_at_ms, ..sought(Channel::Email, recipient) };
    host(json!({})).exchange(exchange).look_up::<Mailgun>(sought)
}

#[test]
fn the_log_is_asked_from_a_while_before_the_call_and_for_the_recipient() {
    let url = |begin: &str, recipient: &str| {
        format!(
            "https://api.mailgun.net/v3/mg.example.com/events\
             ?begin={begin}&ascending=yes&limit=300&event=accepted&recipient={recipient}"
        )
    };
    let unclear = |finding| assert!(matches!(finding, Finding::Unclear(_)), "{finding:?}");
    unclear(finding("a@example.org", 1_767_225_600_999, &url("1767225300", "a%40example.org"), ""));
    unclear(finding("a+b&c=d@exämple.org", 0, &url("0", "a%2Bb%26c%3Dd%40ex%C3%A4mple.org"), "{}"));
}

#[test]
fn nothing_but_our_key_is_ours() {
    let url = "https://api.mailgun.net/v3/mg.example.com/events\
               ?begin=1767225300&ascending=yes&limit=300&event=accepted&recipient=a%40example.org";
    let message = r#""message":{"headers":{"message-id":"<1@mg.example.com>"}}"#;
    let log = |variables: &str| format!(r#"{{"items":[7,null,{{}},{{{message},"user-variables":{variables}}}]}}"#);
    for (variables, found) in [
        (r#"{"notifier_key":"key-1"}"#, true),
        (r#"{"notifier_key":"key-10"}"#, false),
        (r#"{"notifier_key":["key-1"]}"#, false),
        (r#"{"other":"key-1"}"#, false),
        ("null", false),
        (r#""key-1""#, false),
    ] {
        let finding = finding("a@example.org", 1_767_225_600_000, url, &log(variables));
        match found {
            true => assert_eq!(finding, Finding::Found(Some("1@mg.example.com".into()))),
            false => assert!(matches!(finding, Finding::Unclear(_)), "{variables}: {finding:?}"),
        }
    }
}
