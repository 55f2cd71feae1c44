//! What Postmark reports, and what only claims to be from Postmark.

use notifier_plugin_sdk::testing::{Script, webhook};
use notifier_plugin_sdk::webhook::to_base64;
use notifier_plugin_sdk::{Provider, ReceiptEvent, ReceiptStatus, ReceiveError};
use serde_json::{Value, json};

use super::{PASSWORD, host};
use crate::Postmark;
use crate::receive::{BOUNCE_TYPES, RECORDS, STATUSES, SUPPRESSIONS};

const URL: &str = "https://n.example/v1/receipts/postmark";

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", to_base64(format!("{user}:{password}").as_bytes()))
}

fn receive(body: &str) -> Outcome {
    host(json!({})).receive::<Postmark>(webhook(URL, &[("Authorization", &basic("u", PASSWORD))], body))
}

fn receive_one(event: Value) -> ReceiptEvent {
    let mut all = json!({"MessageID": "M1", "Recipient": "a@example.org"});
    all.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    receive(&all.to_string()).unwrap().remove(0)
}

fn attribute<'a>(event: &'a ReceiptEvent, name: &str) -> Option<&'a str> {
    event.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_kind_of_event() {
    for (record, status) in RECORDS {
        let event = receive_one(json!({"RecordType": record}));
        assert_eq!((event.status, attribute(&event, "event")), (*status, Some(*record)));
        assert_eq!((event.provider_message_id.as_str(), event.recipient.as_deref()), ("M1", Some("a@example.org")));
        assert!(STATUSES.contains(status));
    }
    assert_eq!(Postmark::describe().receipts, STATUSES);
}

#[test]
fn every_type_of_bounce_by_name_and_by_number() {
    for known in BOUNCE_TYPES {
        for mut bounce in [json!({"Type": known.name}), json!({"TypeCode": known.type_code})] {
            bounce["RecordType"] = "Bounce".into();
            let event = receive_one(bounce);
            assert_eq!((event.status, attribute(&event, "class")), (known.says, known.class.map(|class| class.name())));
            assert_eq!(event.problem.is_some(), known.class.is_some(), "{known:?}");
            assert!(STATUSES.contains(&event.status));
        }
    }
}

/// The rows that matter most, written a second time: one that changes by accident is seen.
#[test]
fn what_bounces_mean() {
    for (name, type_code, status, class) in [
        ("HardBounce", 1, ReceiptStatus::Bounced, Some("recipient")),
        ("Transient", 2, ReceiptStatus::Other, Some("unavailable")),
        ("Unsubscribe", 16, ReceiptStatus::Unsubscribed, None),
        ("SpamNotification", 512, ReceiptStatus::Failed, Some("message")),
        ("SoftBounce", 4096, ReceiptStatus::Failed, Some("recipient")),
        ("BadEmailAddress", 100_000, ReceiptStatus::Bounced, Some("recipient")),
        ("SpamComplaint", 100_001, ReceiptStatus::Complained, None),
        ("Blocked", 100_006, ReceiptStatus::Failed, Some("message")),
        ("DMARCPolicy", 100_009, ReceiptStatus::Failed, Some("provider")),
    ] {
        let known = BOUNCE_TYPES.iter().find(|known| known.name == name).unwrap();
        assert_eq!((known.type_code, known.says, known.class.map(|class| class.name())), (type_code, status, class));
    }
    assert_eq!((BOUNCE_TYPES.len(), SUPPRESSIONS.len()), (22, 3));
}

#[test]
fn a_bounce_says_what_went_wrong() {
    let event = receive_one(json!({
        "RecordType": "Bounce", "ID": 692_560_173, "Type": "HardBounce", "TypeCode": 1, "Email": "b@example.org",
        "Description": "The server was unable to deliver your message.", "Details": "smtp;550 5.1.1",
        "BouncedAt": "2026-01-01T00:00:00.5070259Z", "Metadata": {"notifier_key": "key-1"}, "Recipient": null,
    }));
    assert_eq!(event.event_id.as_deref(), Some("Bounce:692560173"));
    assert_eq!(event.recipient.as_deref(), Some("b@example.org"));
    assert_eq!(event.occurred_at_ms, Some(1_767_225_600_507));
    assert_eq!(attribute(&event, "notifier_key"), Some("key-1"));
    assert_eq!(attribute(&event, "response"), Some("smtp;550 5.1.1"));
    let problem = event.problem.unwrap();
    assert_eq!(problem.code.as_deref(), Some("HardBounce"));
    assert_eq!(problem.message, "HardBounce: The server was unable to deliver your message. smtp;550 5.1.1");
}

#[test]
fn an_address_that_was_deactivated_has_bounced() {
    for (name, is_inactive, status) in [
        ("SoftBounce", json!(true), ReceiptStatus::Bounced),
        ("SoftBounce", json!(false), ReceiptStatus::Failed),
        ("SoftBounce", json!("true"), ReceiptStatus::Failed),
        // These say nothing against the address.
        ("Blocked", json!(true), ReceiptStatus::Failed),
        ("DMARCPolicy", json!(true), ReceiptStatus::Failed),
        ("Transient", json!(true), ReceiptStatus::Other),
    ] {
        let event = receive_one(json!({"RecordType": "Bounce", "Type": name, "Inactive": is_inactive}));
        assert_eq!(event.status, status, "{name} {is_inactive}");
    }
}

#[test]
fn the_same_event_has_the_same_id_and_no_other() {
    let delivery = |recipient: &str, time: &str| {
        receive_one(json!({"RecordType": "Delivery", "Recipient": recipient, "DeliveredAt": time})).event_id.unwrap()
    };
    let time = "2026-01-01T00:00:00.5070259Z";
    assert_eq!(delivery("a@example.org", time), delivery("a@example.org", time));
    assert_ne!(delivery("a@example.org", time), delivery("b@example.org", time));
    assert_ne!(delivery("a@example.org", time), delivery("a@example.org", "2026-01-01T00:00:00.5070260Z"));
    let open = receive_one(json!({"RecordType": "Open", "ReceivedAt": time})).event_id.unwrap();
    assert_ne!(open, receive_one(json!({"RecordType": "Click", "ReceivedAt": time})).event_id.unwrap());
}

#[test]
fn what_is_about_no_message_is_taken_and_says_nothing() {
    for body in [
        json!({}),
        json!({"RecordType": "SubscriptionChange", "MessageID": null, "SuppressSending": true}),
        json!({"RecordType": "Delivery", "MessageID": ""}),
        json!({"MessageID": "M1"}),
    ] {
        assert_eq!(receive(&body.to_string()), Ok(vec![]), "{body}");
    }
    for body in ["", "[]", "7", "<html>"] {
        assert!(matches!(receive(body), Err(ReceiveError::Malformed(_))), "{body}");
    }
}

#[test]
fn only_who_knows_the_password_is_believed() {
    let body = r#"{"RecordType":"Delivery","MessageID":"M1"}"#;
    let unverified =
        |script: Script, headers: &[(&str, &str)]| match script.receive::<Postmark>(webhook(URL, headers, body)) {
            Err(ReceiveError::Unverified(reason)) => reason,
            other => unreachable!("{other:?}"),
        };
    let with_header = || host(json!({"webhook_header": "X-Webhook-Secret"}));
    for value in ["", "Basic", "Basic ?", &basic("u", ""), &basic("u", "x"), &basic(PASSWORD, ""), PASSWORD] {
        unverified(host(json!({})), &[("Authorization", value)]);
        assert!(unverified(with_header(), &[("Authorization", value)]).contains("`X-Webhook-Secret`"));
    }
    assert!(unverified(host(json!({})), &[]).contains("without basic authentication"));
    assert!(unverified(with_header(), &[("X-Webhook-Secret", "x")]).contains("`webhook_password`"));
    let right = basic("u", PASSWORD);
    unverified(with_header(), &[("Authorization", &right)]);
    unverified(host(json!({})), &[("X-Webhook-Secret", PASSWORD)]);
    // Without a secret nothing is right, and nothing is not right either.
    assert!(unverified(Script::new(), &[("Authorization", &right)]).contains("`webhook_password` is not granted"));
    unverified(Script::new().secret("webhook_password", ""), &[("Authorization", &basic("u", ""))]);
    let header = webhook(URL, &[("x-webhook-secret", PASSWORD)], body);
    assert_eq!(with_header().receive::<Postmark>(header).unwrap().len(), 1);
}
