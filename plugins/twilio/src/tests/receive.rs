//! What Twilio reports, and what only claims to be from Twilio.

use notifier_plugin_sdk::testing::{hmac_sha1, webhook};
use notifier_plugin_sdk::webhook::to_base64;
use notifier_plugin_sdk::{Form, Problem, Provider, ReceiptEvent, ReceiptStatus, ReceiveError};
use serde_json::json;

use super::{TOKEN, host};
use crate::Twilio;
use crate::errors::RECEIPT_ERRORS;
use crate::receive::STATUSES;

const URL: &str = "https://notify.example.com/receipts/twilio?tenant=1";

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

fn receive(url: &str, signature: &str, body: &str) -> Outcome {
    host(json!({})).receive::<Twilio>(webhook(url, &[("x-twilio-signature", signature)], body))
}

/// Posts a form as Twilio does, signed.
fn receive_form(body: &str) -> Outcome {
    let form = Form::parse(body.as_bytes());
    let mut pairs: Vec<_> = form.pairs().collect();
    pairs.sort_unstable();
    let signed = pairs.iter().fold(URL.to_owned(), |signed, (name, value)| signed + name + value);
    receive(URL, &to_base64(&hmac_sha1(TOKEN, signed.as_bytes())), body)
}

fn receive_one(body: &str) -> ReceiptEvent {
    let mut events = receive_form(body).unwrap();
    assert_eq!(events.len(), 1);
    events.remove(0)
}

/// Whether the signature passed: these published examples are no status callbacks, which is found out afterwards.
fn is_verified(outcome: Outcome) -> bool {
    match outcome {
        Err(ReceiveError::Unverified(_)) => false,
        Err(ReceiveError::Malformed(_)) => true,
        Ok(_) | Err(ReceiveError::Unavailable(_)) => unreachable!(),
    }
}

const EXAMPLE: &str =
    "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";

/// Twilio's published examples, with the auth token `12345`.
#[test]
fn the_published_signatures_are_right() {
    for (url, signature, body) in [
        ("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", EXAMPLE),
        ("https://MyCompany.com/myapp.php?foo=1&bar=2", "g9IN/x4Cft2g517EjYvEvM/W7LU=", EXAMPLE),
        ("https://MyCompany.com:1234/myapp.php?foo=1&bar=2", "PCqOZm8cnu/L6+u5i5fuEd+Iac4=", EXAMPLE),
        // One value is repeated: it counts once.
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2",
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
            "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234",
        ),
        // Over a JSON body's hash.
        (
            "https://mycompany.com/myapp.php?foo=1&bar=2\
             &bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
            "a9nBmqA0ju/hNViExpshrM61xv4=",
            r#"{"property": "value", "boolean": true}"#,
        ),
    ] {
        assert!(is_verified(receive(url, signature, body)), "{url}");
    }
}

#[test]
fn the_order_of_parameters_does_not_matter() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let body = "To=%2B18005551212&From=%2B14158675309&Digits=1234&Caller=%2B14158675309&CallSid=CA1234567890ABCDE";
    assert!(is_verified(receive(url, "RSOYDt4T1cUTdK1PDd93/VVr8B8=", body)));
}

#[test]
fn the_default_port_may_be_signed_or_not() {
    let body = "MessageSid=SM1&MessageStatus=sent";
    let sign = |url: &str| to_base64(&hmac_sha1(TOKEN, format!("{url}MessageSidSM1MessageStatussent").as_bytes()));
    for (signed, called) in [
        ("https://n.example/r", "https://n.example:443/r"),
        ("https://n.example:443/r", "https://n.example/r"),
        ("http://n.example:80/r?a=b:c", "http://n.example/r?a=b:c"),
        ("http://n.example/r", "http://n.example:80/r"),
        ("https://n.example:8443/r", "https://n.example:8443/r"),
        ("https://n.example/r", "https://n.example:8443/r"),
        ("https://[::1]:443/r", "https://[::1]/r"),
        ("https://[::1]/r", "https://[::1]:443/r"),
        ("https://n.example:443", "https://n.example"),
    ] {
        assert!(receive(called, &sign(signed), body).is_ok(), "signed {signed}, called {called}");
    }
    assert!(receive("https://n.example/r", &sign("https://other.example/r"), body).is_err());
    assert!(receive("https://n.example/r", &sign("http://n.example/r"), body).is_err());
}

#[test]
fn what_was_altered_is_not_believed() {
    let url = "https://mycompany.com/myapp.php?foo=1&bar=2";
    let good = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    for (url, signature, body) in [
        (url, good, EXAMPLE.replace("Digits=1234", "Digits=1235")),
        (url, good, EXAMPLE.replace("Digits=1234&", "")),
        (url, good, format!("{EXAMPLE}&MessageStatus=delivered")),
        ("https://mycompany.com/myapp.php?foo=1&bar=3", good, EXAMPLE.into()),
        (url, "RSOYDt4T1cUTdK1PDd93/VVr8B9=", EXAMPLE.into()),
        (url, "not base64!", EXAMPLE.into()),
        (url, "", EXAMPLE.into()),
    ] {
        let outcome = receive(url, signature, &body);
        assert!(matches!(outcome, Err(ReceiveError::Unverified(_))), "{url} {signature} {body}: {outcome:?}");
    }
}

#[test]
fn a_missing_signature_or_secret_is_not_believed() {
    let unsigned = webhook(URL, &[], "MessageSid=SM1&MessageStatus=sent");
    let Err(ReceiveError::Unverified(reason)) = host(json!({})).receive::<Twilio>(unsigned) else { unreachable!() };
    assert!(reason.contains("X-Twilio-Signature"), "{reason}");
    let signed = webhook(URL, &[("X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")], EXAMPLE);
    let host = notifier_plugin_sdk::testing::Script::new().settings(json!({"account_sid": super::ACCOUNT}));
    let Err(ReceiveError::Unverified(reason)) = host.receive::<Twilio>(signed) else { unreachable!() };
    assert!(reason.contains("auth_token"), "{reason}");
}

#[test]
fn a_json_callback_is_read_when_its_hash_fits() {
    let body = r#"{"MessageSid":"SM1","MessageStatus":"undelivered","ErrorCode":30005,"To":"+14155550100"}"#;
    let hash = "0ef9ed9cf8a3b51df4ecc8fd3ab90f7ba7a3a0aa9f9b4d8cd0b8b13cbdc4d1c5";
    let wrong = format!("{URL}&bodySHA256={hash}");
    let sign = |url: &str| to_base64(&hmac_sha1(TOKEN, url.as_bytes()));
    assert!(matches!(receive(&wrong, &sign(&wrong), body), Err(ReceiveError::Unverified(_))));

    let hash: String = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(body))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let url = format!("{URL}&bodySHA256={hash}");
    let event = receive(&url, &sign(&url), body).unwrap().remove(0);
    assert_eq!((event.provider_message_id.as_str(), event.status), ("SM1", ReceiptStatus::Bounced));
    assert_eq!(event.problem.unwrap().code.as_deref(), Some("30005"));
    assert!(matches!(receive(&url, &sign(URL), body), Err(ReceiveError::Unverified(_))));
}

#[test]
fn every_status() {
    for (status, wanted) in [
        ("accepted", ReceiptStatus::Accepted),
        ("scheduled", ReceiptStatus::Accepted),
        ("queued", ReceiptStatus::Accepted),
        ("sending", ReceiptStatus::Accepted),
        ("sent", ReceiptStatus::Accepted),
        ("delivered", ReceiptStatus::Delivered),
        ("read", ReceiptStatus::Opened),
        ("failed", ReceiptStatus::Failed),
        ("undelivered", ReceiptStatus::Failed),
        ("canceled", ReceiptStatus::Failed),
        ("partially_delivered", ReceiptStatus::Other),
        ("a-status-of-tomorrow", ReceiptStatus::Other),
    ] {
        let event = receive_one(&format!("MessageSid=SM1&MessageStatus={status}&To=%2B14155550100"));
        assert_eq!(event.status, wanted, "{status}");
        assert_eq!(event.event_id.as_deref(), Some(format!("SM1:{status}").as_str()));
        assert_eq!(event.recipient.as_deref(), Some("+14155550100"));
        assert_eq!(event.problem.is_some(), wanted == ReceiptStatus::Failed);
        assert!(STATUSES.contains(&wanted) || wanted == ReceiptStatus::Other, "{wanted:?} is not described");
    }
    assert_eq!(Twilio::describe().receipts, STATUSES);
}

#[test]
fn every_code_of_the_receipt_table() {
    for known in RECEIPT_ERRORS {
        let body = format!("MessageSid=SM1&MessageStatus=undelivered&ErrorCode={}&To=%2B1", known.code);
        let events = receive_form(&body).unwrap();
        assert_eq!(events.last().unwrap().status, known.says, "{}", known.code);
        for event in events {
            assert!(event.attributes.contains(&("class".into(), known.class.name().into())), "{:?}", event.attributes);
            let message = format!("undelivered: {}", known.meaning);
            assert_eq!(event.problem, Some(Problem { code: Some(known.code.into()), message }));
            assert!(STATUSES.contains(&event.status), "{:?} is not described", event.status);
        }
    }
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn the_receipt_codes_that_matter_most() {
    use ReceiptStatus::{Bounced, Failed};
    for (code, class, status) in [
        ("30001", "unavailable", Failed),
        ("30002", "provider", Failed),
        ("30003", "recipient", Failed),
        ("30005", "recipient", Bounced),
        ("30006", "recipient", Failed),
        ("30007", "message", Failed),
        ("30008", "unavailable", Failed),
        ("30017", "unavailable", Failed),
        ("30022", "rate-limited", Failed),
        ("30034", "provider", Failed),
        ("39999", "message", Failed),
    ] {
        let event = receive_one(&format!("MessageSid=SM1&MessageStatus=failed&ErrorCode={code}"));
        assert!(event.attributes.contains(&("class".into(), class.into())), "{code}: {:?}", event.attributes);
        assert_eq!(event.status, status, "{code}");
    }
}

#[test]
fn a_message_that_was_blocked_for_a_stop_failed_and_its_recipient_wants_no_more() {
    for code in ["21610", "30004"] {
        let body = format!("MessageSid=SM1&MessageStatus=undelivered&ErrorCode={code}&To=%2B14155550100");
        let events = receive_form(&body).unwrap();
        let said: Vec<_> = events.iter().map(|event| (event.event_id.as_deref().unwrap(), event.status)).collect();
        let expected = [("SM1:undelivered", ReceiptStatus::Failed), ("SM1:unsubscribed", ReceiptStatus::Unsubscribed)];
        assert_eq!(said, expected, "{code}");
        for event in events {
            assert!(event.attributes.contains(&("class".into(), "suppressed".into())), "{code}: {event:?}");
            assert_eq!(event.recipient.as_deref(), Some("+14155550100"));
            assert_eq!(event.problem.unwrap().code.as_deref(), Some(code));
        }
    }
}

/// A messaging service looks for a sender after it has answered.
#[test]
fn a_code_of_an_answer_that_comes_later_has_the_same_class() {
    for (code, class) in [
        ("21703", "message"),
        ("21701", "provider"),
        ("21614", "recipient"),
        ("21611", "rate-limited"),
        ("21617", "message"),
    ] {
        let event = receive_one(&format!("MessageSid=SM1&MessageStatus=failed&ErrorCode={code}"));
        assert!(event.attributes.contains(&("class".into(), class.into())), "{code}: {:?}", event.attributes);
        assert_eq!(event.status, ReceiptStatus::Failed);
        assert_eq!(event.problem, Some(Problem { code: Some(code.into()), message: "failed".into() }));
    }
}

#[test]
fn an_obfuscated_number_is_nobodys() {
    for (to, recipient) in
        [("%2B14155550100", Some("+14155550100")), ("%2B1415555XXXX", None), ("%2B1415555%2A%2A", None)]
    {
        let event = receive_one(&format!("MessageSid=SM1&MessageStatus=sent&To={to}"));
        assert_eq!(event.recipient.as_deref(), recipient, "{to}");
    }
}

#[test]
fn names_of_old_callbacks_and_fields_without_notice() {
    let event = receive_one("SmsSid=SM1&SmsStatus=Delivered&ChannelInstallSid=XE1&Neu=%F0%9F%8F%A0");
    assert_eq!((event.provider_message_id.as_str(), event.status), ("SM1", ReceiptStatus::Delivered));
    let event = receive_one("MessageSid=SM1&MessageStatus=failed&ErrorCode=&ErrorMessage=Why+not");
    assert_eq!(event.problem, Some(Problem { code: None, message: "failed: Why not".into() }));
}

#[test]
fn another_signed_webhook_is_malformed() {
    for body in ["", "Body=STOP&From=%2B1", "MessageSid=SM1", "MessageStatus=sent", "\u{0}"] {
        assert!(matches!(receive_form(body), Err(ReceiveError::Malformed(_))), "{body}");
    }
}
