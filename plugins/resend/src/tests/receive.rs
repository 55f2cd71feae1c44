//! What Resend reports, and what only claims to be from Resend.

use notifier_plugin_sdk::testing::{Script, standard_webhook, webhook};
use notifier_plugin_sdk::{Provider, ReceiptEvent, ReceiptStatus, ReceiveError};
use serde_json::{Value, json};

use super::{SECRET, host};
use crate::Resend;
use crate::receive::{BOUNCES, EVENTS, STATUSES};

const URL: &str = "https://n.example/v1/receipts/resend";
const NOW_S: u64 = 1_767_225_600;

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

fn receive_signed(settings: Value, signature: &str, timestamp_s: u64, body: &str) -> Outcome {
    let timestamp = timestamp_s.to_string();
    let headers = [("Svix-Id", "msg_1"), ("Svix-Timestamp", timestamp.as_str()), ("Svix-Signature", signature)];
    host(settings).receive::<Resend>(webhook(URL, &headers, body))
}

fn receive(body: &str) -> Outcome {
    receive_signed(json!({}), &standard_webhook(SECRET, "msg_1", NOW_S, body), NOW_S, body)
}

/// One event with these details, as Resend posts it.
fn receive_event(name: &str, details: Value) -> Vec<ReceiptEvent> {
    let mut data = json!({"email_id": "M1", "to": ["a@example.org"]});
    data.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    receive(&json!({"type": name, "created_at": "2026-01-01T00:00:00.5Z", "data": data}).to_string()).unwrap()
}

fn attribute<'a>(event: &'a ReceiptEvent, name: &str) -> Option<&'a str> {
    event.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn every_event_of_the_table() {
    for (name, status) in EVENTS {
        let events = receive_event(name, json!({}));
        assert_eq!(events.len(), 1);
        let event = &events[0];
        assert_eq!((event.status, attribute(event, "event")), (*status, Some(*name)));
        assert_eq!((event.provider_message_id.as_str(), event.event_id.as_deref()), ("M1", Some("msg_1")));
        assert_eq!(
            (event.recipient.as_deref(), event.occurred_at_ms),
            (Some("a@example.org"), Some(1_767_225_600_500))
        );
        assert_eq!(event.problem.is_some(), attribute(event, "class").is_some(), "{name}");
        assert!(STATUSES.contains(status));
    }
    assert_eq!(Resend::describe().receipts, STATUSES);
}

#[test]
fn every_bounce_of_the_table() {
    for (kind, subtype, class, status) in BOUNCES {
        let subtype = if subtype.is_empty() { "General" } else { subtype };
        let bounce = json!({"type": kind, "subType": subtype, "message": "Said", "diagnosticCode": ["smtp; 550"]});
        let event = receive_event("email.bounced", json!({"bounce": bounce})).remove(0);
        assert_eq!((event.status, attribute(&event, "class")), (*status, Some(class.name())), "{kind}/{subtype}");
        assert_eq!(attribute(&event, "diagnostic"), Some("smtp; 550"));
        let problem = event.problem.unwrap();
        assert_eq!(problem.code, Some(format!("{kind}/{subtype}")));
        assert_eq!(problem.message, "bounced: Said");
        assert!(STATUSES.contains(status));
    }
}

/// The classes, written a second time: one that changes by accident is seen.
#[test]
fn failures_have_a_class_and_a_problem() {
    for (name, details, status, class, message) in [
        (
            "email.bounced",
            json!({"bounce": {"type": "Permanent", "subType": "NoEmail", "message": "No such user"}}),
            ReceiptStatus::Bounced,
            "recipient",
            "bounced: No such user",
        ),
        (
            "email.bounced",
            json!({"bounce": {"type": "Transient", "subType": "MailboxFull", "message": "Full"}}),
            ReceiptStatus::Failed,
            "recipient",
            "bounced: Full",
        ),
        (
            "email.bounced",
            json!({"bounce": {"type": "Transient", "subType": "ContentRejected"}}),
            ReceiptStatus::Failed,
            "message",
            "bounced: Transient/ContentRejected",
        ),
        (
            "email.failed",
            json!({"failed": {"reason": "reached_daily_quota"}}),
            ReceiptStatus::Failed,
            "rate-limited",
            "failed: reached_daily_quota",
        ),
        (
            "email.suppressed",
            json!({"suppressed": {"reason": "previous_bounce", "message": "Bounced before"}}),
            ReceiptStatus::Bounced,
            "suppressed",
            "suppressed: Bounced before",
        ),
        ("email.delivery_delayed", json!({}), ReceiptStatus::Other, "unavailable", "delivery_delayed"),
    ] {
        let event = receive_event(name, details).remove(0);
        assert_eq!((event.status, attribute(&event, "class")), (status, Some(class)), "{name}");
        assert_eq!(event.problem.unwrap().message, message);
    }
    assert_eq!(receive_event("email.delivered", json!({}))[0].problem, None);
}

#[test]
fn a_message_suppressed_for_a_complaint_failed_and_its_recipient_complained() {
    let details = json!({"suppressed": {"reason": "previous_complaint", "message": "Complained before"}});
    let events = receive_event("email.suppressed", details);
    let said: Vec<_> = events.iter().map(|event| (event.event_id.as_deref().unwrap(), event.status)).collect();
    assert_eq!(said, [("msg_1", ReceiptStatus::Failed), ("msg_1:suppressed", ReceiptStatus::Complained)]);
}

#[test]
fn the_key_comes_back_as_it_was() {
    let details = json!({"tags": {"notifier_key": "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11_2eemail", "region": "north"}});
    let event = receive_event("email.delivered", details).remove(0);
    assert_eq!(attribute(&event, "notifier_key"), Some("0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.email"));
    let event = receive_event("email.delivered", json!({"tags": {"notifier_key": "_zz"}})).remove(0);
    assert_eq!(attribute(&event, "notifier_key"), None);
}

#[test]
fn what_was_altered_is_not_believed() {
    let body = r#"{"type":"email.delivered","data":{"email_id":"M1"}}"#;
    let good = standard_webhook(SECRET, "msg_1", NOW_S, body);
    assert_eq!(receive_signed(json!({}), &good, NOW_S, body).unwrap().len(), 1);
    for (signature, timestamp_s, body) in [
        (good.clone(), NOW_S, body.replace("delivered", "opened")),
        (good.clone(), NOW_S, format!("{body}\n")),
        (good.clone(), NOW_S + 1, body.to_owned()),
        (standard_webhook(SECRET, "msg_2", NOW_S, body), NOW_S, body.to_owned()),
        (good.replace("v1,", ""), NOW_S, body.to_owned()),
        (good.replace("v1,", "v1a,"), NOW_S, body.to_owned()),
        (String::new(), NOW_S, body.to_owned()),
        // Only the first few of many are tried.
        (format!("{}{good}", "v1,AAAA ".repeat(100)), NOW_S, body.to_owned()),
    ] {
        let outcome = receive_signed(json!({}), &signature, timestamp_s, &body);
        assert!(matches!(outcome, Err(ReceiveError::Unverified(_))), "{signature} {timestamp_s} {body}: {outcome:?}");
    }
    assert!(receive_signed(json!({}), &format!("v1,AAAA {good}"), NOW_S, body).is_ok());
}

#[test]
fn an_old_signature_is_stale() {
    let body = r#"{"type":"email.delivered","data":{"email_id":"M1"}}"#;
    for (settings, timestamp_s, is_believed) in [
        (json!({}), NOW_S - 300, true),
        (json!({}), NOW_S - 301, false),
        (json!({}), NOW_S + 301, false),
        (json!({"webhook_max_age_s": 3600}), NOW_S - 3600, true),
        (json!({"webhook_max_age_s": 3600}), NOW_S - 3601, false),
    ] {
        let signature = standard_webhook(SECRET, "msg_1", timestamp_s, body);
        let outcome = receive_signed(settings.clone(), &signature, timestamp_s, body);
        assert_eq!(outcome.is_ok(), is_believed, "{settings} {timestamp_s}: {outcome:?}");
        assert!(is_believed || matches!(outcome, Err(ReceiveError::Unverified(_))));
    }
}

#[test]
fn without_a_secret_nothing_is_believed() {
    let body = r#"{"type":"email.delivered","data":{"email_id":"M1"}}"#;
    let signature = standard_webhook(SECRET, "msg_1", NOW_S, body);
    let headers = [("svix-id", "msg_1"), ("svix-timestamp", "1767225600"), ("svix-signature", signature.as_str())];
    let reason = |script: Script| match script.receive::<Resend>(webhook(URL, &headers, body)) {
        Err(ReceiveError::Unverified(reason)) => reason,
        other => unreachable!("{other:?}"),
    };
    assert!(reason(Script::new()).contains("`webhook_secret`"));
    assert!(reason(Script::new().secret("webhook_secret", "whsec_?")).contains("cannot be used"));
}
