//! What SendGrid reports, and what only claims to be from SendGrid.

use notifier_plugin_sdk::testing::{EcdsaP256, Script, webhook};
use notifier_plugin_sdk::webhook::to_base64;
use notifier_plugin_sdk::{Provider, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook};
use serde_json::{Value, json};

use crate::SendGrid;
use crate::receive::{DROPS, EVENTS, STATUSES};

const URL: &str = "https://n.example/receipts/sendgrid";
const NOW_S: u64 = 1_767_225_600;

/// SendGrid's published example, from the tests of its own libraries.
mod published {
    pub(super) const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw\
                                  +2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    pub(super) const SIGNATURE: &str =
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    pub(super) const TIMESTAMP_S: u64 = 1_600_112_502;
    pub(super) const BODY: &str = concat!(
        r#"[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","#,
        r#""sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","#,
        r#""sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","#,
        r#""smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]"#,
        "\r\n",
    );
}

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

fn signed(signature: &str, timestamp: &str, body: &str) -> Webhook {
    let headers =
        [("X-Twilio-Email-Event-Webhook-Signature", signature), ("x-twilio-email-event-webhook-timestamp", timestamp)];
    webhook(URL, &headers, body)
}

fn receive_published(signature: &str, body: &str, now_s: u64) -> Outcome {
    let script = Script::new().settings(json!({"webhook_public_key": published::KEY})).now_ms(now_s * 1000);
    script.receive::<SendGrid>(signed(signature, &published::TIMESTAMP_S.to_string(), body))
}

/// Posts a body as SendGrid does, signed `age_s` ago with a new key.
fn receive_aged(body: &str, settings: &Value, age_s: i64) -> Outcome {
    let pair = EcdsaP256::generate();
    let timestamp = NOW_S.checked_add_signed(-age_s).unwrap().to_string();
    let signature = to_base64(&pair.sign(format!("{timestamp}{body}").as_bytes()));
    let mut settings = settings.clone();
    settings["webhook_public_key"] = to_base64(&pair.public_key_der()).into();
    Script::new().settings(settings).now_ms(NOW_S * 1000).receive::<SendGrid>(signed(&signature, &timestamp, body))
}

fn receive(body: &str) -> Outcome {
    receive_aged(body, &json!({}), 0)
}

fn receive_one(event: Value) -> ReceiptEvent {
    let mut all =
        json!({"sg_message_id": "ID.recvd-1-2.0", "sg_event_id": "E1", "email": "a@example.org", "timestamp": 7});
    all.as_object_mut().unwrap().extend(event.as_object().unwrap().clone());
    receive(&json!([all]).to_string()).unwrap().remove(0)
}

fn class(event: &ReceiptEvent) -> Option<&str> {
    event.attributes.iter().find(|(name, _)| name == "class").map(|(_, class)| class.as_str())
}

#[test]
fn the_published_example_is_right() {
    let events = receive_published(published::SIGNATURE, published::BODY, published::TIMESTAMP_S + 1).unwrap();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.event_id.as_deref(), Some("ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA"));
    assert_eq!(event.provider_message_id, "LRzXl_NHStOGhQ4kofSm_A");
    assert_eq!(event.status, ReceiptStatus::Bounced);
    assert_eq!(event.recipient.as_deref(), Some("hello@world.com"));
    assert_eq!(event.occurred_at_ms, Some(1_600_112_492_000));
    assert_eq!(event.problem.as_ref().unwrap().message, "dropped: Bounced Address");
    assert_eq!(class(event), Some("suppressed"));
}

#[test]
fn what_was_altered_is_not_believed() {
    let now_s = published::TIMESTAMP_S;
    for (signature, body) in [
        (published::SIGNATURE, published::BODY.replace("dropped", "deliver")),
        (published::SIGNATURE, published::BODY.trim_end().to_owned()),
        (published::SIGNATURE, published::BODY.replace("\r\n", "\n")),
        (&published::SIGNATURE.replace("GHQ", "GHR"), published::BODY.to_owned()),
        ("bm90IERFUg==", published::BODY.to_owned()),
        ("not base64!", published::BODY.to_owned()),
        ("", published::BODY.to_owned()),
    ] {
        let outcome = receive_published(signature, &body, now_s);
        assert!(matches!(outcome, Err(ReceiveError::Unverified(_))), "{signature} {body}: {outcome:?}");
    }
    // The timestamp is signed as well.
    let script = Script::new().settings(json!({"webhook_public_key": published::KEY})).now_ms(now_s * 1000);
    let outcome = script.receive::<SendGrid>(signed(published::SIGNATURE, "1600112503", published::BODY));
    assert!(matches!(outcome, Err(ReceiveError::Unverified(_))));
}

#[test]
fn an_old_signature_is_stale() {
    let day_s = 24 * 60 * 60;
    for (settings, age_s, is_believed) in [
        (json!({}), 0, true),
        (json!({}), day_s, true),
        (json!({}), 25 * 60 * 60, true),
        (json!({}), 25 * 60 * 60 + 1, false),
        (json!({}), -2 * day_s, false),
        (json!({"webhook_max_age_s": 600}), 600, true),
        (json!({"webhook_max_age_s": 600}), 601, false),
    ] {
        let outcome = receive_aged("[]", &settings, age_s);
        assert_eq!(outcome.is_ok(), is_believed, "{settings} {age_s}: {outcome:?}");
        assert!(is_believed || matches!(outcome, Err(ReceiveError::Unverified(_))));
    }
}

#[test]
fn without_key_or_headers_nothing_is_believed() {
    let unverified =
        |settings: Value, webhook: Webhook| match Script::new().settings(settings).receive::<SendGrid>(webhook) {
            Err(ReceiveError::Unverified(reason)) => reason,
            other => unreachable!("{other:?}"),
        };
    let good = signed(published::SIGNATURE, "1600112502", published::BODY);
    assert!(unverified(json!({}), good.clone()).contains("webhook_public_key"));
    assert!(unverified(json!({"webhook_public_key": "AAAA"}), good).contains("key cannot be used"));
    let key = json!({"webhook_public_key": published::KEY});
    assert!(unverified(key.clone(), webhook(URL, &[], published::BODY)).contains("Webhook-Signature"));
    let half = webhook(URL, &[("X-Twilio-Email-Event-Webhook-Signature", published::SIGNATURE)], published::BODY);
    assert!(unverified(key, half).contains("Webhook-Timestamp"));
}

#[test]
fn every_event_of_the_table() {
    for (name, status) in EVENTS {
        let event = receive_one(json!({"event": name}));
        assert_eq!(event.status, *status, "{name}");
        assert_eq!(event.provider_message_id, "ID");
        assert_eq!(event.event_id.as_deref(), Some("E1"));
        assert_eq!(event.occurred_at_ms, Some(7000));
        assert!(event.attributes.contains(&("event".into(), (*name).into())));
        assert!(STATUSES.contains(status));
    }
    assert_eq!(SendGrid::describe().receipts, STATUSES);
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn what_events_mean() {
    for (name, status) in [
        ("processed", ReceiptStatus::Accepted),
        ("delivered", ReceiptStatus::Delivered),
        ("bounce", ReceiptStatus::Bounced),
        ("dropped", ReceiptStatus::Failed),
        ("deferred", ReceiptStatus::Other),
        ("spamreport", ReceiptStatus::Complained),
        ("unsubscribe", ReceiptStatus::Unsubscribed),
        ("group_unsubscribe", ReceiptStatus::Unsubscribed),
        ("group_resubscribe", ReceiptStatus::Other),
        ("open", ReceiptStatus::Opened),
        ("click", ReceiptStatus::Clicked),
        ("an-event-of-tomorrow", ReceiptStatus::Other),
    ] {
        assert_eq!(receive_one(json!({"event": name})).status, status, "{name}");
    }
}

#[test]
fn failures_have_a_class_and_a_problem() {
    for (event, status, wanted, message) in [
        (
            json!({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown"}),
            ReceiptStatus::Bounced,
            "recipient",
            "bounce: 550 5.1.1 unknown",
        ),
        (
            json!({"event": "bounce", "type": "blocked", "status": "5.7.1", "reason": "550 spam"}),
            ReceiptStatus::Failed,
            "message",
            "bounce: 550 spam",
        ),
        (
            json!({"event": "deferred", "response": "400 try again later", "attempt": "5"}),
            ReceiptStatus::Other,
            "unavailable",
            "deferred: 400 try again later",
        ),
        (json!({"event": "dropped"}), ReceiptStatus::Failed, "message", "dropped"),
    ] {
        let read = receive_one(event.clone());
        let problem = read.problem.as_ref().unwrap();
        assert_eq!((read.status, class(&read), problem.message.as_str()), (status, Some(wanted), message));
        assert_eq!(problem.code.as_deref(), event["status"].as_str());
    }
    assert_eq!(receive_one(json!({"event": "delivered", "response": "250 OK"})).problem, None);
}

#[test]
fn a_drop_says_why_nothing_goes_to_the_address_and_that_the_mail_is_lost() {
    use ReceiptStatus::{Bounced, Complained, Failed, Unsubscribed};
    let wanted: &[(&str, &str, &[ReceiptStatus])] = &[
        ("Bounced Address", "suppressed", &[Bounced]),
        ("Unsubscribed Address", "suppressed", &[Failed, Unsubscribed]),
        ("Spam Reporting Address", "suppressed", &[Failed, Complained]),
        ("Invalid SMTPAPI header", "message", &[Failed]),
        ("Invalid", "recipient", &[Bounced]),
        ("Spam Content (if Spam Checker app is enabled)", "message", &[Failed]),
        ("Recipient List over Package Quota", "provider", &[Failed]),
        ("A reason of tomorrow", "message", &[Failed]),
    ];
    for (reason, wanted_class, statuses) in wanted {
        let event = json!({"event": "dropped", "reason": reason, "sg_message_id": "ID", "sg_event_id": "E1"});
        let events = receive(&json!([event]).to_string()).unwrap();
        assert_eq!(events.iter().map(|event| event.status).collect::<Vec<_>>(), *statuses, "{reason}");
        let ids: Vec<_> = events.iter().map(|event| event.event_id.as_deref().unwrap()).collect();
        assert_eq!(ids, ["E1", "E1:suppressed"][..events.len()], "{reason}");
        for event in &events {
            assert_eq!(class(event), Some(*wanted_class), "{reason}");
            assert_eq!(event.problem.as_ref().unwrap().message, format!("dropped: {reason}"));
        }
    }
    assert_eq!(wanted.len(), DROPS.len() + 1, "every row of the table");
}

#[test]
fn a_block_is_the_fault_of_whom_its_classification_names() {
    use crate::receive::CLASSIFICATIONS;
    let wanted = [
        ("Content", "message"),
        ("Frequency or Volume Too High", "rate-limited"),
        ("Invalid Address", "recipient"),
        ("Mailbox Unavailable", "recipient"),
        ("Reputation", "provider"),
        ("Technical Failure", "unavailable"),
        ("Unclassified", "message"),
        ("A classification of tomorrow", "message"),
    ];
    for (classification, wanted) in wanted {
        let event = json!({"event": "bounce", "type": "blocked", "bounce_classification": classification});
        let event = receive_one(event);
        assert_eq!((event.status, class(&event)), (ReceiptStatus::Failed, Some(wanted)), "{classification}");
        assert!(event.attributes.contains(&("bounce_classification".into(), classification.into())));
    }
    assert_eq!(wanted.len(), CLASSIFICATIONS.len() + 1, "every row of the table");
    // A hard bounce is the address's: SendGrid sends it nothing more.
    let event = receive_one(json!({"event": "bounce", "type": "bounce", "bounce_classification": "Technical Failure"}));
    assert_eq!((event.status, class(&event)), (ReceiptStatus::Bounced, Some("recipient")));
}

#[test]
fn an_open_by_a_machine_is_no_open() {
    for (is_machine, status) in [
        (json!(true), ReceiptStatus::Other),
        (json!(false), ReceiptStatus::Opened),
        (json!("?"), ReceiptStatus::Opened),
    ] {
        let event = receive_one(json!({"event": "open", "sg_machine_open": is_machine}));
        assert_eq!(event.status, status);
        let told = is_machine.as_str().map_or_else(|| is_machine.to_string(), Into::into);
        assert!(event.attributes.contains(&("sg_machine_open".into(), told)), "{:?}", event.attributes);
    }
}

#[test]
fn a_bounce_that_comes_late_is_known_by_its_smtp_id() {
    for (smtp_id, id) in [
        ("<14c5d75ce93.dfd.64b469@ismtpd-555>", Some("14c5d75ce93.dfd.64b469")),
        ("14c5d75ce93@ismtpd-555", None),
        ("<14c5d75ce93>", None),
    ] {
        let event = json!([{"event": "bounce", "type": "bounce", "smtp-id": smtp_id}]);
        let events = receive(&event.to_string()).unwrap();
        assert_eq!(events.first().map(|event| event.provider_message_id.as_str()), id);
    }
}

#[test]
fn the_operator_is_told_when_the_account_is_suspended() {
    let pair = EcdsaP256::generate();
    let body = r#"[{"event":"account_status_change","sg_event_id":"E","timestamp":7,"type":"compliance_suspend"}]"#;
    let signature = to_base64(&pair.sign(format!("{NOW_S}{body}").as_bytes()));
    let settings = serde_json::from_value(json!({"webhook_public_key": to_base64(&pair.public_key_der())})).unwrap();
    let post = signed(&signature, &NOW_S.to_string(), body);
    let (outcome, log) = Script::new().now_ms(NOW_S * 1000).run(|| SendGrid::receive(&settings, post));
    assert_eq!(outcome, Ok(vec![]));
    assert_eq!(log, ["error: the status of the SendGrid account changed: compliance_suspend"]);
}

#[test]
fn the_message_id_is_what_precedes_the_machines() {
    for (sg_message_id, id) in [
        ("LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0", "LRzXl_NHStOGhQ4kofSm_A"),
        ("14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", "14c5d75ce93.dfd.64b469"),
        ("oYg3QcuQSgCiTY27Ad7VrQ.recvd-7d8c5b9c4d-abcde-1-65A1B2C3-1.0", "oYg3QcuQSgCiTY27Ad7VrQ"),
        ("plain", "plain"),
        ("a.b", "a"),
    ] {
        assert_eq!(receive_one(json!({"event": "open", "sg_message_id": sg_message_id})).provider_message_id, id);
    }
}

#[test]
fn events_that_cannot_be_read_do_not_cost_the_others() {
    let body = json!([
        {"event": "open", "sg_message_id": "A.filter1"}, 7, null, {"event": "open"}, {"sg_message_id": "B"},
        {"event": 7, "sg_message_id": "C"}, {"event": "click", "sg_message_id": "D", "timestamp": "x", "url": "u"},
    ]);
    let events = receive(&body.to_string()).unwrap();
    let read: Vec<_> = events.iter().map(|event| (event.provider_message_id.as_str(), event.status)).collect();
    assert_eq!(read, [("A", ReceiptStatus::Opened), ("D", ReceiptStatus::Clicked)]);
    assert_eq!(events[1].occurred_at_ms, None);
    assert!(events[1].attributes.contains(&("url".into(), "u".into())));
}

#[test]
fn a_signed_body_that_is_no_array_is_malformed() {
    for body in ["", "{}", "7", "<html>", "[", "[{]"] {
        assert!(matches!(receive(body), Err(ReceiveError::Malformed(_))), "{body}");
    }
    assert_eq!(receive("[]").unwrap(), []);
    assert_eq!(receive(" [ ] \r\n").unwrap(), []);
}
