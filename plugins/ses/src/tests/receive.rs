//! Events, signed here as SNS signs them.

use notifier_plugin_sdk::testing::{Exchange, Script, webhook};
use notifier_plugin_sdk::webhook::to_base64;
use notifier_plugin_sdk::{Class, Provider, ReceiptEvent, ReceiptStatus, ReceiveError};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::{TOPIC, host};
use crate::Ses;
use crate::errors::{BOUNCES, DELAYS};
use crate::events::{STATUSES, instant_ms};

/// Signs nothing but tests.
const KEY: &[u8] = include_bytes!("sns-test-key.pk8");

/// What precedes the key in the SubjectPublicKeyInfo of an RSA key of 2,048 bits (RFC 8017, appendix A.1).
const SPKI_PREFIX: &[u8] = &[
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
    0x03, 0x82, 0x01, 0x0f, 0x00,
];

const URL: &str = "https://n.example/receipts/ses";
const SNS: &str = "https://sns.eu-central-1.amazonaws.com";
const CERTIFICATE: &str = "/SimpleNotificationService-0123456789abcdef.pem";
const NOW: &str = "2026-01-01T00:00:00.000Z";
const NOW_S: u64 = 1_767_225_600;

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

fn key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(KEY).unwrap()
}

fn public_key_der() -> Vec<u8> {
    [SPKI_PREFIX, key().public_key().as_ref()].concat()
}

/// An envelope of SNS at this root, with a signature of version 2.
fn envelope(sns: &str, kind: &str, message: &str, timestamp: &str) -> Value {
    let mut fields = json!({
        "Type": kind, "MessageId": "m-1", "TopicArn": TOPIC, "Message": message, "Timestamp": timestamp,
        "SignatureVersion": "2", "SigningCertURL": format!("{sns}{CERTIFICATE}"),
    });
    let mut names = vec!["Message", "MessageId", "Timestamp", "TopicArn", "Type"];
    if kind != "Notification" {
        fields["Token"] = "t-1".into();
        fields["SubscribeURL"] = format!("{sns}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t-1").into();
        names = vec!["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    }
    let signed: String = names.iter().map(|name| format!("{name}\n{}\n", fields[*name].as_str().unwrap())).collect();
    let mut signature = vec![0; 256];
    key().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    fields["Signature"] = to_base64(&signature).into();
    fields
}

fn with_topic(settings: Value) -> Script {
    let mut all = json!({"topic_arn": TOPIC});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    host(all).certificate(&format!("{SNS}{CERTIFICATE}"), public_key_der()).now_ms(NOW_S * 1000)
}

fn receive(message: &str) -> Outcome {
    let envelope = envelope(SNS, "Notification", message, NOW);
    with_topic(json!({})).receive::<Ses>(webhook(URL, &[], envelope.to_string()))
}

fn event(name: &str, field: &str, details: Value) -> Vec<ReceiptEvent> {
    let mail = json!({
        "messageId": "ID", "timestamp": NOW, "destination": ["Ann <ann@example.org>"],
        "tags": {"notifier_key": ["0199b5a2_2eemail"]},
    });
    receive(&json!({"eventType": name, "mail": mail, field: details}).to_string()).unwrap()
}

fn attribute<'a>(event: &'a ReceiptEvent, name: &str) -> Option<&'a str> {
    event.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn an_event_names_the_delivery_the_recipient_and_the_time() {
    let events =
        event("Open", "open", json!({"timestamp": "2026-01-01T00:00:01.250Z", "link": "https://example.com/"}));
    let [opened] = events.as_slice() else { unreachable!("{events:?}") };
    assert_eq!((opened.provider_message_id.as_str(), opened.status), ("ID", ReceiptStatus::Opened));
    assert_eq!(opened.recipient.as_deref(), Some("ann@example.org"));
    assert_eq!(opened.occurred_at_ms, Some(NOW_S * 1000 + 1250));
    assert_eq!(opened.event_id.as_deref(), Some("m-1:ann@example.org"));
    assert_eq!(attribute(opened, "notifier_key"), Some("0199b5a2.email"));
    assert_eq!(attribute(opened, "event"), Some("Open"));
    assert_eq!(attribute(opened, "class"), None);
}

#[test]
fn every_row_of_the_bounces() {
    for bounce in BOUNCES {
        let (kind, subtype) = bounce.code.split_once('.').unwrap();
        let details = json!({
            "bounceType": kind, "bounceSubType": subtype, "feedbackId": "F",
            "bouncedRecipients": [{"emailAddress": "a@example.org"}, {"emailAddress": "b@example.org", "status": "5.0.0"}],
        });
        let events = event("Bounce", "bounce", details);
        let told: Vec<_> = events.iter().map(|event| (event.event_id.as_deref().unwrap(), event.status)).collect();
        assert_eq!(told, [("F:a@example.org", bounce.says), ("F:b@example.org", bounce.says)]);
        let problem = events[0].problem.as_ref().unwrap();
        assert_eq!(problem.code.as_deref(), Some(bounce.code));
        assert_eq!(problem.message, format!("Bounce: {}", bounce.meaning));
        assert_eq!(attribute(&events[0], "class"), Some(bounce.class.name()));
        assert_eq!(attribute(&events[1], "status"), Some("5.0.0"));
        assert!(STATUSES.contains(&bounce.says));
    }
    assert_eq!(Ses::describe().receipts, STATUSES);
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn the_bounces_that_matter_most() {
    for (code, class, says) in [
        ("Permanent.General", Class::Recipient, ReceiptStatus::Bounced),
        ("Permanent.NoEmail", Class::Recipient, ReceiptStatus::Bounced),
        ("Permanent.Suppressed", Class::Suppressed, ReceiptStatus::Bounced),
        ("Permanent.OnAccountSuppressionList", Class::Suppressed, ReceiptStatus::Bounced),
        ("Transient.MailboxFull", Class::Recipient, ReceiptStatus::Failed),
        ("Transient.MessageTooLarge", Class::Message, ReceiptStatus::Failed),
        ("Undetermined.Undetermined", Class::Message, ReceiptStatus::Failed),
    ] {
        let bounce = BOUNCES.iter().find(|bounce| bounce.code == code).unwrap();
        assert_eq!((bounce.class, bounce.says), (class, says), "{code}");
    }
}

#[test]
fn a_delay_is_no_end() {
    for (code, class, meaning) in DELAYS {
        let delayed = json!({"delayType": code, "delayedRecipients": [{"emailAddress": "a@example.org"}]});
        let delayed = &event("DeliveryDelay", "deliveryDelay", delayed)[0];
        assert_eq!(delayed.status, ReceiptStatus::Other);
        assert_eq!(delayed.problem.as_ref().unwrap().message, format!("DeliveryDelay: {meaning}"));
        assert_eq!(attribute(delayed, "class"), Some(class.name()));
    }
}

#[test]
fn what_the_remote_server_said_is_told() {
    let recipients = json!([{"emailAddress": "a@example.org", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}]);
    let details = json!({"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": recipients});
    let problem = event("Bounce", "bounce", details)[0].problem.clone().unwrap();
    assert_eq!(problem.message, "Bounce: smtp; 550 5.1.1 user unknown");
}

#[test]
fn fields_of_other_types_cost_no_event() {
    for details in
        [json!(null), json!([]), json!("x"), json!({"bouncedRecipients": 7, "timestamp": 7, "feedbackId": []})]
    {
        let events = event("Bounce", "bounce", details);
        assert_eq!((events.len(), events[0].status), (1, ReceiptStatus::Failed));
    }
    let events = receive(r#"{"eventType":"Delivery","mail":{"messageId":"ID"}}"#).unwrap();
    assert_eq!((events[0].status, events[0].recipient.as_deref()), (ReceiptStatus::Delivered, None));
    for message in ["", "Hello", "7", "{}", r#"{"eventType":"Send"}"#, r#"{"mail":{"messageId":"ID"}}"#] {
        assert!(matches!(receive(message), Err(ReceiveError::Malformed(_))), "{message}");
    }
}

#[test]
fn an_old_message_is_stale() {
    for (settings, timestamp, is_believed) in [
        (json!({}), "2025-12-31T22:55:00.000Z", true),
        (json!({}), "2025-12-31T22:54:59.000Z", false),
        (json!({}), "2026-01-01T01:05:01Z", false),
        (json!({"webhook_max_age_s": 10}), "2025-12-31T23:59:50Z", true),
        (json!({"webhook_max_age_s": 10}), "2025-12-31T23:59:49Z", false),
        (json!({}), "yesterday", false),
        (json!({}), "1969-12-31T23:59:59Z", false),
    ] {
        let message = r#"{"eventType":"Send","mail":{"messageId":"ID"}}"#;
        let body = envelope(SNS, "Notification", message, timestamp).to_string();
        let outcome = with_topic(settings).receive::<Ses>(webhook(URL, &[], body));
        assert_eq!(outcome.is_ok(), is_believed, "{timestamp}: {outcome:?}");
        assert!(is_believed || matches!(outcome, Err(ReceiveError::Unverified(_))));
    }
}

#[test]
fn an_envelope_without_a_field_is_not_believed() {
    let whole = envelope(SNS, "Notification", r#"{"eventType":"Send","mail":{"messageId":"ID"}}"#, NOW);
    for field in whole.as_object().unwrap().keys() {
        for value in [None, Some(Value::Null), Some(json!(7))] {
            let mut envelope = whole.clone();
            match value {
                Some(value) => drop(envelope.as_object_mut().unwrap().insert(field.clone(), value)),
                None => drop(envelope.as_object_mut().unwrap().remove(field)),
            }
            let outcome = with_topic(json!({})).receive::<Ses>(webhook(URL, &[], envelope.to_string()));
            assert!(matches!(outcome, Err(ReceiveError::Unverified(_))), "{field}: {outcome:?}");
        }
    }
}

#[test]
fn an_sns_on_loopback_can_be_set_for_tests() {
    let sns = "http://127.0.0.1:8080";
    let settings = json!({"topic_arn": TOPIC, "sns_base_url": sns});
    let body = envelope(sns, "SubscriptionConfirmation", "Subscribe?", NOW);
    let url = body["SubscribeURL"].as_str().unwrap();
    let script = host(settings.clone())
        .certificate(&format!("{sns}{CERTIFICATE}"), public_key_der())
        .now_ms(NOW_S * 1000)
        .exchange(Exchange::get(url).reply(200, "<ConfirmSubscriptionResponse/>"));
    assert_eq!(script.receive::<Ses>(webhook(URL, &[], body.to_string())), Ok(vec![]));
    // The region's own is then no longer believed.
    let body = envelope(SNS, "Notification", "{}", NOW).to_string();
    assert!(matches!(host(settings).receive::<Ses>(webhook(URL, &[], body)), Err(ReceiveError::Unverified(_))));
}

#[test]
fn the_end_of_a_subscription_is_told_and_not_undone() {
    let body = envelope(SNS, "UnsubscribeConfirmation", "Subscribe again?", NOW).to_string();
    let (outcome, log) = with_topic(json!({})).run(|| crate::receive::receive(&settings(), &webhook(URL, &[], body)));
    assert_eq!(outcome, Ok(vec![]));
    assert_eq!(log, ["warn: the subscription of the topic was ended: no further event will arrive"]);
}

fn settings() -> crate::Settings {
    serde_json::from_value(json!({"region": "eu-central-1", "topic_arn": TOPIC})).unwrap()
}

#[test]
fn instants() {
    assert_eq!(instant_ms("2026-01-01T00:00:00.000Z"), Some(NOW_S * 1000));
    assert_eq!(instant_ms("2012-05-02T00:54:06.655Z"), Some(1_335_920_046_655));
    for text in ["", "2026-01-01", "1767225600", "2026-13-01T00:00:00Z", "1960-01-01T00:00:00Z"] {
        assert_eq!(instant_ms(text), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever a message holds, its signature is found right, and one that was altered is found out.
    #[test]
    fn any_text_is_signed(message in "(\\PC|\n|\t|\"|\\\\){0,100}") {
        let believed = !matches!(receive(&message), Err(ReceiveError::Unverified(_)));
        prop_assert!(believed);
        let mut altered = envelope(SNS, "Notification", &message, NOW);
        altered["Message"] = format!("{message} ").into();
        let outcome = with_topic(json!({})).receive::<Ses>(webhook(URL, &[], altered.to_string()));
        prop_assert!(matches!(outcome, Err(ReceiveError::Unverified(_))));
    }

    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let outcome = with_topic(json!({})).receive::<Ses>(webhook(URL, &[], body));
        prop_assert!(outcome.is_err());
    }
}
