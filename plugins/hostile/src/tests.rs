//! What can be attacked without a host that defends itself.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{Exchange, Script, context, sms};
use notifier_plugin_sdk::{HttpError, Provider, Receipt, RejectionKind, SendError};
use serde_json::{Value, json};

use crate::Hostile;

const URL: &str = "http://127.0.0.1:9/";

fn send(script: Script, attack: &str) -> Result<Receipt, SendError> {
    script.settings(json!({"attack": attack, "url": URL})).send::<Hostile>(sms("+1", "Hi"), context())
}

fn message(outcome: Result<Receipt, SendError>) -> String {
    match outcome {
        Err(SendError::Rejected(rejection)) if rejection.kind == RejectionKind::Message => rejection.problem.message,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn without_an_attack_it_is_good() {
    let receipt = Script::new().send::<Hostile>(sms("+1", "Hi"), context());
    assert_eq!(receipt, Ok(Receipt { provider_message_id: Some("hostile-key-1".into()), attributes: vec![] }));
}

#[test]
fn a_get_reports_the_answer() {
    let exchange = Exchange::get(URL).reply_with(302, &[("location", "http://elsewhere.example/")], "12345");
    let wanted = [("status", "302"), ("bytes", "5"), ("location", "http://elsewhere.example/")];
    let attributes = send(Script::new().exchange(exchange), "get").map(|receipt| receipt.attributes);
    assert_eq!(attributes, Ok(wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()));
}

#[test]
fn an_error_of_the_host_is_the_message() {
    for (error, wanted) in [
        (HttpError::Denied("a".into()), "denied: a"),
        (HttpError::Invalid("b".into()), "invalid: b"),
        (HttpError::Unreachable("c".into()), "unreachable: c"),
        (HttpError::Interrupted("d".into()), "interrupted: d"),
        (HttpError::TooLarge(200), "too-large: 200"),
    ] {
        assert_eq!(message(send(Script::new().exchange(Exchange::get(URL).fail(error)), "get")), wanted);
    }
    let forbidden = Exchange::get("https://example.org/").fail(HttpError::Denied("example.org".into()));
    assert_eq!(message(send(Script::new().exchange(forbidden), "forbidden_host")), "denied: example.org");
    let unknown = Script::new().exchange(Exchange::get(URL).bearer("not-granted"));
    assert!(message(send(unknown, "bad_secret")).starts_with("denied: the secret `not-granted`"));
}

#[test]
fn what_came_back_of_the_secret_is_told() {
    let exchange = Exchange::get(URL).bearer("canary").reply_with(200, &[("x-echo", "Bearer bird")], "bird");
    let told = message(send(Script::new().secret("canary", "bird").exchange(exchange), "echo_secret"));
    assert_eq!(told, "200 x-echo: Bearer bird\n\nbird");
}

#[test]
fn ten_thousand_requests_are_made() {
    let script = (0..10_000).fold(Script::new(), |script, n| {
        script.exchange(if n < 10 {
            Exchange::get(URL)
        } else {
            Exchange::get(URL).fail(HttpError::Denied("enough".into()))
        })
    });
    let wanted = [("answered", "10"), ("failed", "9990"), ("last-error", "denied: enough")];
    let attributes = send(script, "many_requests").map(|receipt| receipt.attributes);
    assert_eq!(attributes, Ok(wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()));
}

#[test]
fn the_schema_lists_every_attack() {
    let schema: Value = serde_json::from_str(&Hostile::describe().settings_schema).unwrap_or_default();
    let listed: BTreeSet<_> =
        schema["properties"]["attack"]["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let outcome = Script::new().settings(json!({"attack": "nonsense"})).check_settings::<Hostile>();
    let problem = outcome.err().map(|problems| problems[0].problem.clone()).unwrap_or_default();
    let known: BTreeSet<_> = problem.split("expected one of").nth(1).unwrap_or_default().split('`').collect();
    assert_eq!(listed.len(), 14);
    assert!(listed.is_subset(&known), "{listed:?} {known:?}");
    assert_eq!(known.iter().filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).count(), 14);
}
