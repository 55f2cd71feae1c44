//! What Mailgun reports, and what only claims to be from Mailgun, beside what the documented exchanges show.

use notifier_plugin_sdk::testing::{hmac_sha256, webhook};
use notifier_plugin_sdk::{ReceiptEvent, ReceiptStatus, ReceiveError};
use serde_json::{Value, json};

use super::host;
use crate::Mailgun;
use crate::receive::{EVENTS, FAILURES, STATUSES};

const URL: &str = "https://n.example/v1/receipts/mailgun";
const NOW_S: u64 = 1_767_225_600;

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

fn signature(timestamp: &str) -> Value {
    let digits = hmac_sha256("signing-key", format!("{timestamp}token").as_bytes());
    let hex: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"timestamp": timestamp, "token": "token", "signature": hex})
}

fn post(settings: Value, body: &Value) -> Outcome {
    host(settings).receive::<Mailgun>(webhook(URL, &[], body.to_string()))
}

fn receive(event: Value) -> Outcome {
    post(json!({}), &json!({"signature": signature(&NOW_S.to_string()), "event-data": event}))
}

fn receive_all(event: Value) -> Vec<ReceiptEvent> {
    let mut all = json!({"id": "E1", "timestamp": 7.25, "message": {"headers": {"message-id": "1@mg.example.com"}}});
    all.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    receive(all).unwrap()
}

fn class(event: &ReceiptEvent) -> Option<&str> {
    event.attributes.iter().find(|(name, _)| name == "class").map(|(_, class)| class.as_str())
}

#[test]
fn every_event_of_the_table() {
    for (name, status) in EVENTS {
        let events = receive_all(json!({"event": name}));
        assert_eq!(events.iter().map(|event| event.status).collect::<Vec<_>>(), [*status], "{name}");
        assert_eq!(events[0].provider_message_id, "1@mg.example.com");
        assert_eq!(events[0].event_id.as_deref(), Some("E1@7"));
        assert_eq!(events[0].occurred_at_ms, Some(7250));
        assert!(events[0].attributes.contains(&("event".into(), (*name).into())));
        assert!(STATUSES.contains(status));
    }
}

/// The rows of the tables, written a second time: a row that changes by accident is seen.
#[test]
fn what_failures_mean() {
    use ReceiptStatus::{Bounced, Complained, Failed, Other, Unsubscribed};
    let wanted: &[(Value, &str, &[ReceiptStatus])] = &[
        (json!({"delivery-status": {"code": 605}, "reason": "generic"}), "suppressed", &[Bounced]),
        (json!({"delivery-status": {"code": 606}, "reason": "generic"}), "suppressed", &[Failed, Unsubscribed]),
        (json!({"delivery-status": {"code": 607}, "reason": "generic"}), "suppressed", &[Failed, Complained]),
        (json!({"reason": "suppress-bounce"}), "suppressed", &[Bounced]),
        (json!({"reason": "suppress-unsubscribe"}), "suppressed", &[Failed, Unsubscribed]),
        (json!({"reason": "suppress-complaint"}), "suppressed", &[Failed, Complained]),
        (json!({"reason": "bounce"}), "recipient", &[Bounced]),
        (json!({"reason": "delayed-bounce"}), "recipient", &[Bounced]),
        (json!({"reason": "old"}), "recipient", &[Failed]),
        (json!({"reason": "espblock"}), "message", &[Failed]),
        (json!({"reason": "generic", "delivery-status": {"code": 498}}), "message", &[Failed]),
        (json!({"reason": "bounce", "severity": "permanent"}), "recipient", &[Bounced]),
        (json!({"reason": "bounce", "severity": "temporary"}), "unavailable", &[Other]),
        (json!({"reason": "suppress-complaint", "severity": "temporary"}), "unavailable", &[Other]),
        (json!({"reason": "a reason of tomorrow"}), "message", &[Failed]),
        (json!({"reason": 7, "delivery-status": "x", "severity": null}), "message", &[Failed]),
        (json!({}), "message", &[Failed]),
    ];
    for (event, wanted_class, statuses) in wanted {
        let mut event = event.clone();
        event["event"] = "failed".into();
        let events = receive_all(event.clone());
        assert_eq!(events.iter().map(|event| event.status).collect::<Vec<_>>(), *statuses, "{event}");
        let ids: Vec<_> = events.iter().map(|event| event.event_id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["E1@7", "E1@7:suppressed"][..events.len()], "{event}");
        for told in &events {
            assert_eq!(class(told), Some(*wanted_class), "{event}");
            assert!(told.problem.as_ref().unwrap().message.starts_with("failed"), "{event}");
        }
    }
    assert_eq!(FAILURES.len(), 11, "every row is above");
}

#[test]
fn the_words_of_a_failure_are_the_mail_servers_or_else_mailguns() {
    for (status, message, code) in [
        (json!({"message": "5.1.1 unknown", "description": "x", "code": 550}), "failed: 5.1.1 unknown", Some("550")),
        (json!({"message": "", "description": "Too old", "code": "602"}), "failed: Too old", Some("602")),
        (json!({"code": 0}), "failed: bounce", None),
    ] {
        let problem =
            receive_all(json!({"event": "failed", "reason": "bounce", "delivery-status": status}))[0].problem.clone();
        let problem = problem.unwrap();
        assert_eq!((problem.message.as_str(), problem.code.as_deref()), (message, code));
    }
    let rejected = |reject: Value| receive_all(json!({"event": "rejected", "reject": reject})).remove(0);
    let account = rejected(json!({"reason": "Sandbox subdomains are for test purposes only.", "description": ""}));
    assert_eq!(class(&account), Some("provider"));
    let event = rejected(json!({"reason": "virus", "description": "EICAR"}));
    let message = event.problem.as_ref().map(|problem| problem.message.as_str());
    assert_eq!((class(&event), message), (Some("message"), Some("rejected: virus: EICAR")));
    assert_eq!(rejected(Value::Null).problem.unwrap().message, "rejected");
    assert_eq!(receive_all(json!({"event": "delivered", "delivery-status": {"code": 250}}))[0].problem, None);
}

#[test]
fn the_key_of_the_delivery_comes_back() {
    let events = receive_all(json!({"event": "clicked", "url": "u", "user-variables": {"notifier_key": "key-1"}}));
    for pair in [("event", "clicked"), ("url", "u"), ("notifier_key", "key-1")] {
        assert!(events[0].attributes.contains(&(pair.0.into(), pair.1.into())), "{pair:?}");
    }
}

#[test]
fn times_and_ids_of_other_types_cost_nothing_else() {
    for (event, id, at_ms) in [
        (json!({"timestamp": 1529006854.329574}), Some("E1@1529006854"), Some(1_529_006_854_330)),
        (json!({"timestamp": "7"}), Some("E1"), None),
        (json!({"timestamp": -1}), Some("E1"), None),
        (json!({"timestamp": 1e300}), Some("E1"), None),
        (json!({"id": 7}), None, Some(7250)),
        (json!({"id": ""}), None, Some(7250)),
    ] {
        let mut all = event.clone();
        all["event"] = "opened".into();
        let events = receive_all(all);
        assert_eq!((events[0].event_id.as_deref(), events[0].occurred_at_ms), (id, at_ms), "{event}");
    }
}

#[test]
fn an_old_signature_is_stale() {
    let hour_s = 60 * 60;
    for (settings, age_s, is_believed) in [
        (json!({}), 0, true),
        (json!({}), 8 * hour_s, true),
        (json!({}), 9 * hour_s, true),
        (json!({}), 9 * hour_s + 1, false),
        (json!({}), -(9 * hour_s + 1), false),
        (json!({"webhook_max_age_s": 600}), 600, true),
        (json!({"webhook_max_age_s": 600}), 601, false),
    ] {
        let timestamp = NOW_S.checked_add_signed(-age_s).unwrap().to_string();
        let event = json!({"event": "opened", "message": {"headers": {"message-id": "1"}}});
        let outcome = post(settings.clone(), &json!({"signature": signature(&timestamp), "event-data": event}));
        assert_eq!(outcome.is_ok(), is_believed, "{settings} {age_s}: {outcome:?}");
        assert!(is_believed || matches!(outcome, Err(ReceiveError::Unverified(_))));
    }
}

#[test]
fn a_time_may_be_a_number() {
    let mut signature = signature(&NOW_S.to_string());
    signature["timestamp"] = NOW_S.into();
    let event = json!({"event": "opened", "message": {"headers": {"message-id": "1"}}});
    assert!(post(json!({}), &json!({"signature": signature, "event-data": event})).is_ok());
}

#[test]
fn without_a_fitting_signature_nothing_is_believed() {
    let good = signature(&NOW_S.to_string());
    let with = |field: &str, value: Value| {
        let mut signature = good.clone();
        signature[field] = value;
        signature
    };
    for signature in [
        Value::Null,
        json!("signature"),
        json!({}),
        with("signature", Value::Null),
        with("signature", json!("")),
        with("signature", json!("not hexadecimal")),
        with("signature", json!("00")),
        with("token", json!("tokem")),
        with("token", json!("")),
        with("timestamp", json!("1767225601")),
        with("timestamp", json!([NOW_S])),
        with("timestamp", Value::Null),
    ] {
        let outcome = post(json!({}), &json!({"signature": signature, "event-data": {"event": "opened"}}));
        assert!(matches!(outcome, Err(ReceiveError::Unverified(_))), "{signature}: {outcome:?}");
    }
    let upper = with("signature", good["signature"].as_str().unwrap().to_uppercase().into());
    let event = json!({"event": "opened", "message": {"headers": {"message-id": "1"}}});
    assert!(post(json!({}), &json!({"signature": upper, "event-data": event})).is_ok());
}

#[test]
fn without_the_signing_key_nothing_is_believed() {
    let body = json!({"signature": signature(&NOW_S.to_string()), "event-data": {"event": "opened"}}).to_string();
    let script = notifier_plugin_sdk::testing::Script::new().settings(json!({"domain": "mg.example.com"}));
    let Err(ReceiveError::Unverified(reason)) = script.receive::<Mailgun>(webhook(URL, &[], body)) else {
        unreachable!()
    };
    assert!(reason.contains("`webhook_signing_key` is not granted"), "{reason}");
}

#[test]
fn signed_and_no_event_is_malformed() {
    for event in [Value::Null, json!([]), json!({}), json!({"event": ""}), json!({"event": 7}), json!("opened")] {
        assert!(matches!(receive(event.clone()), Err(ReceiveError::Malformed(_))), "{event}");
    }
    for event in [
        json!({"event": "opened"}),
        json!({"event": "opened", "message": {"headers": {"message-id": ""}}}),
        json!({"event": "opened", "message": {"headers": {"message-id": "<>"}}}),
        json!({"event": "opened", "message": []}),
    ] {
        assert_eq!(receive(event.clone()), Ok(vec![]), "{event}");
    }
}
