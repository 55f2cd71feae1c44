//! What Vonage reports, and what only claims to be from Vonage, beside what the documented exchanges show.

use notifier_plugin_sdk::testing::{Script, hmac_sha1, hmac_sha256, webhook};
use notifier_plugin_sdk::{Class, Form, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook};
use serde_json::{Value, json};

use super::{SIGNATURE_SECRET, host};
use crate::Vonage;
use crate::errors::RECEIPT_ERRORS;
use crate::receive::{STATES, STATUSES};

const URL: &str = "https://n.example/v1/receipts/vonage";
const NOW_S: u64 = 1_767_225_600;

/// Vonage's published example, from the tests of its own libraries
/// (<https://github.com/Vonage/vonage-ruby-sdk/blob/main/test/vonage/signature_test.rb>).
mod published {
    pub(super) const TIMESTAMP_S: u64 = 1_385_047_698;
    pub(super) const PARAMETERS: &str = "message-timestamp=2013-11-21+15%3A27%3A30&messageId=020000001B0FE827\
                                         &msisdn=14843472194&text=Test+again&timestamp=1385047698&to=13239877404&type=text";
    pub(super) const SHA1: &str = "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A";
    pub(super) const SHA256: &str = "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330";
    pub(super) const MD5_HASH: &str = "d2e7b1dc968737c5998ad624e02f90b7";
    pub(super) const MD5_HMAC: &str = "DDEBD46008C2D4E93CCE578A332A52D5";
    pub(super) const SHA512: &str = "E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481CD3C311D59CF6165ECD1139622D5BA3A2\
                                     56C0D763AC4A9AD9144B5A426B94FE82";
}

type Outcome = Result<Vec<ReceiptEvent>, ReceiveError>;

/// Whether the signature passed: the published example is a message that came in, which is found out afterwards.
fn is_verified(outcome: Outcome) -> bool {
    match outcome {
        Err(ReceiveError::Unverified(_)) => false,
        Err(ReceiveError::Malformed(_)) => true,
        other => unreachable!("{other:?}"),
    }
}

fn receive_published(signature: &str) -> Outcome {
    let body = format!("{}&sig={signature}", published::PARAMETERS);
    host(json!({})).now_ms(published::TIMESTAMP_S * 1000).receive::<Vonage>(webhook(URL, &[], body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn with_signature(parameters: Form) -> Form {
    let signature = hex(&hmac_sha256(SIGNATURE_SECRET, crate::signature::signed(&parameters).as_bytes()));
    parameters.with("sig", signature)
}

fn receipt(status: &str, code: &str) -> Form {
    let form = Form::new().with("messageId", "ID").with("msisdn", "447700900000").with("status", status);
    form.with("err-code", code).with("timestamp", NOW_S.to_string())
}

fn json_post(parameters: &Form) -> Webhook {
    let body: Value = parameters.pairs().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    webhook(URL, &[("content-type", "application/json")], body.to_string())
}

fn receive(parameters: Form) -> Outcome {
    host(json!({})).receive::<Vonage>(json_post(&with_signature(parameters)))
}

fn class(event: &ReceiptEvent) -> Option<&str> {
    event.attributes.iter().find(|(name, _)| name == "class").map(|(_, class)| class.as_str())
}

#[test]
fn the_published_signatures_are_right() {
    for signature in
        [published::SHA256, published::SHA1, &published::SHA256.to_lowercase(), &published::SHA1.to_lowercase()]
    {
        assert!(is_verified(receive_published(signature)), "{signature}");
    }
    assert!(!is_verified(receive_published(&published::SHA256.replace("DDB8", "DDB9"))));
    // Of these methods none can be verified, and they are named by their length.
    for (signature, length) in [(published::MD5_HASH, 32), (published::MD5_HMAC, 32), (published::SHA512, 128)] {
        let Err(ReceiveError::Unverified(reason)) = receive_published(signature) else { unreachable!() };
        assert!(reason.contains(&format!("has {length} digits: choose SHA-256 HMAC")), "{reason}");
    }
}

#[test]
fn values_are_signed_with_an_underscore_for_what_separates_them() {
    let form = Form::new().with("b", "1&2=3").with("sig", "x").with("a", "=&");
    assert_eq!(crate::signature::signed(&form), "&a=__&b=1_2_3");
    assert!(receive(receipt("delivered", "0").with("client-ref", "a&b=c")).is_ok());
}

#[test]
fn a_name_cannot_hide_a_parameter() {
    // Signed are two parameters; posted is one whose name begins with the first.
    let signed = with_signature(Form::new().with("a", "1").with("b", "2").with("timestamp", NOW_S.to_string()));
    let forged = Form::new().with("a=1&b", "2").with("timestamp", NOW_S.to_string());
    assert_eq!(crate::signature::signed(&forged), crate::signature::signed(&signed));
    let forged = forged.with("sig", signed.first("sig").unwrap());
    let outcome = host(json!({})).receive::<Vonage>(json_post(&forged));
    assert!(matches!(outcome, Err(ReceiveError::Unverified(reason)) if reason.contains("name")));
}

#[test]
fn a_receipt_is_read_from_json_a_form_and_a_query() {
    let parameters = with_signature(receipt("delivered", "0"));
    let form: Vec<_> = parameters.pairs().map(|(name, value)| format!("{name}={value}")).collect();
    let form = form.join("&");
    let json = json_post(&parameters);
    let unnamed = Webhook { headers: vec![], ..json.clone() };
    let get = Webhook { method: "GET".into(), ..webhook(&format!("{URL}?{form}"), &[], "") };
    for posted in
        [json, unnamed, webhook(URL, &[], form.clone()), webhook(&format!("{URL}?status=failed"), &[], form), get]
    {
        let events = host(json!({})).receive::<Vonage>(posted.clone()).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].status, ReceiptStatus::Delivered, "{posted:?}");
        assert_eq!(events[0].recipient.as_deref(), Some("+447700900000"));
        assert_eq!(events[0].occurred_at_ms, Some(NOW_S * 1000));
        assert_eq!(events[0].problem, None);
    }
}

#[test]
fn every_state_of_the_table() {
    for (state, says) in STATES {
        let events = receive(receipt(&state.to_uppercase(), "0")).unwrap();
        assert_eq!(events.iter().map(|event| event.status).collect::<Vec<_>>(), [*says], "{state}");
        assert_eq!(events[0].event_id.as_deref(), Some(format!("ID:{state}:0").as_str()));
        assert_eq!(events[0].problem.is_some(), *says == ReceiptStatus::Failed, "{state}");
        assert!(STATUSES.contains(says));
    }
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn what_codes_mean() {
    use ReceiptStatus::{Bounced, Failed, Unsubscribed};
    let wanted: &[(&str, Class, &[ReceiptStatus])] = &[
        ("1", Class::Unavailable, &[Failed]),
        ("2", Class::Recipient, &[Failed]),
        ("3", Class::Recipient, &[Bounced]),
        ("4", Class::Recipient, &[Bounced]),
        ("5", Class::Recipient, &[Failed]),
        ("6", Class::Message, &[Failed]),
        ("7", Class::Recipient, &[Failed]),
        ("8", Class::Unavailable, &[Failed]),
        ("9", Class::Suppressed, &[Failed, Unsubscribed]),
        ("10", Class::Message, &[Failed]),
        ("11", Class::Unavailable, &[Failed]),
        ("12", Class::Recipient, &[Failed]),
        ("13", Class::Recipient, &[Failed]),
        ("14", Class::Recipient, &[Bounced]),
        ("15", Class::Recipient, &[Failed]),
        ("16", Class::Provider, &[Failed]),
        ("39", Class::Provider, &[Failed]),
        ("41", Class::RateLimited, &[Failed]),
        ("50", Class::Provider, &[Failed]),
        ("51", Class::Provider, &[Failed]),
        ("52", Class::Message, &[Failed]),
        ("53", Class::Message, &[Failed]),
        ("54", Class::Message, &[Failed]),
        ("99", Class::Unavailable, &[Failed]),
        ("a code of tomorrow", Class::Message, &[Failed]),
    ];
    for (code, wanted_class, statuses) in wanted {
        let events = receive(receipt("failed", code)).unwrap();
        assert_eq!(events.iter().map(|event| event.status).collect::<Vec<_>>(), *statuses, "{code}");
        let ids: Vec<_> = events.iter().map(|event| event.event_id.clone().unwrap()).collect();
        assert_eq!(ids, [format!("ID:failed:{code}"), format!("ID:unsubscribed:{code}")][..events.len()]);
        for event in &events {
            assert_eq!(class(event), Some(wanted_class.name()), "{code}");
            let problem = event.problem.as_ref().unwrap();
            assert_eq!(problem.code.as_deref(), Some(*code));
            assert!(problem.message.starts_with("failed"), "{}", problem.message);
        }
    }
    assert_eq!(wanted.len(), RECEIPT_ERRORS.len() + 1, "every row of the table");
}

#[test]
fn a_reference_that_is_our_key_finds_the_delivery() {
    let key_of = |status: &str, code: &str, reference: Option<&str>| {
        let parameters = receipt(status, code);
        let events = receive(match reference {
            Some(reference) => parameters.with("client-ref", reference),
            None => parameters,
        });
        let named = |event: &ReceiptEvent| {
            let mut found = event.attributes.iter().filter(|(name, _)| name == "notifier_key");
            let named = found.next().map(|(_, key)| key.clone());
            assert_eq!(found.next(), None);
            named
        };
        events.unwrap().iter().map(named).collect::<Vec<_>>()
    };
    let key = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms";
    assert_eq!(key_of("delivered", "0", Some(key)), [Some(key.to_owned())]);
    // That the recipient wants no more is told of the same delivery.
    assert_eq!(key_of("failed", "9", Some(key)), [Some(key.to_owned()), Some(key.to_owned())]);
    assert_eq!(key_of("delivered", "0", None), [None]);
    for other in [
        "key-1",
        "",
        "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11",
        "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.",
        "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.SMS",
        "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms:parts",
        "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d1x.sms",
        "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11-0.sms",
        "0199b5a2-7c1e-7d30-8f1a.sms",
        "0199b5a27c1e7d308f1a5b0c9f3e2d11.sms",
    ] {
        assert_eq!(key_of("delivered", "0", Some(other)), [None], "{other}");
    }
}

#[test]
fn what_a_person_reads_comes_along() {
    let events = receive(receipt("delivered", "0").with("client-ref", "key-1").with("network-code", "12345")).unwrap();
    for pair in [("status", "delivered"), ("client-ref", "key-1"), ("network-code", "12345")] {
        assert!(events[0].attributes.contains(&(pair.0.into(), pair.1.into())), "{pair:?}");
    }
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
        let timestamp = NOW_S.checked_add_signed(-age_s).unwrap().to_string();
        let form = Form::new().with("messageId", "ID").with("status", "delivered").with("timestamp", timestamp);
        let outcome = host(settings.clone()).receive::<Vonage>(json_post(&with_signature(form)));
        assert_eq!(outcome.is_ok(), is_believed, "{settings} {age_s}: {outcome:?}");
        assert!(is_believed || matches!(outcome, Err(ReceiveError::Unverified(_))));
    }
}

#[test]
fn a_time_must_be_signed() {
    for timestamp in [None, Some(""), Some("soon"), Some("-1"), Some("1767225600.5")] {
        let form = Form::new().with("messageId", "ID").with("status", "delivered").with_some("timestamp", timestamp);
        let Err(ReceiveError::Unverified(reason)) = receive(form) else { unreachable!("{timestamp:?}") };
        assert!(reason.contains("`timestamp`"), "{reason}");
    }
}

#[test]
fn without_a_fitting_signature_nothing_is_believed() {
    let unverified = |posted: Webhook, script: Script| match script.receive::<Vonage>(posted) {
        Err(ReceiveError::Unverified(reason)) => reason,
        other => unreachable!("{other:?}"),
    };
    let good = with_signature(receipt("delivered", "0"));
    assert!(unverified(json_post(&receipt("delivered", "0")), host(json!({}))).contains("`sig` is missing"));
    assert!(
        unverified(json_post(&receipt("delivered", "0").with("sig", "")), host(json!({}))).contains("`sig` is missing")
    );
    let other = receipt("delivered", "0").with("sig", "g".repeat(64));
    assert!(unverified(json_post(&other), host(json!({}))).contains("does not fit"));
    let sha1 = hex(&hmac_sha1("other", crate::signature::signed(&good).as_bytes()));
    assert!(
        unverified(json_post(&receipt("delivered", "0").with("sig", sha1)), host(json!({}))).contains("does not fit")
    );
    assert!(unverified(json_post(&good.clone().with("more", "1")), host(json!({}))).contains("does not fit"));
    let without = Script::new().settings(json!({"api_key": "abcd1234"}));
    assert!(unverified(json_post(&good), without).contains("`signature_secret` is not granted"));
    for body in ["", "{", "[]", "7", "<html>"] {
        unverified(webhook(URL, &[("Content-Type", "Application/JSON; charset=utf-8")], body), host(json!({})));
        unverified(webhook(URL, &[], body), host(json!({})));
    }
}

#[test]
fn signed_and_no_receipt_is_malformed() {
    let timestamp = NOW_S.to_string();
    let nothing = Form::new().with("timestamp", &timestamp);
    for form in [nothing.clone(), nothing.clone().with("messageId", "ID"), nothing.with("status", "delivered")] {
        assert!(matches!(receive(form), Err(ReceiveError::Malformed(_))));
    }
}

#[test]
fn numbers_in_json_are_read_and_other_types_are_left_out() {
    let signed = with_signature(receipt("failed", "3"));
    let mut body: Value = signed.pairs().map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    body["err-code"] = 3.into();
    body["more"] = json!({"a": []});
    let events = host(json!({})).receive::<Vonage>(webhook(URL, &[], body.to_string())).unwrap();
    assert_eq!(events[0].status, ReceiptStatus::Bounced);
}
