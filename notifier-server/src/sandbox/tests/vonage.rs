//! Vonage's fake, rule by rule.

use http::{Request, StatusCode};
use ring::hmac;
use serde_json::{Value, json};

use super::super::{Channel, Service};
use super::fixture::{Answer, Fixture, encode, exchange, options, post};

const FORM: &str = "application/x-www-form-urlencoded";

/// A valid form.
const SMS: &str = "api_key=abcd1234&api_secret=Sandbox123456789&from=AcmeInc&to=447700900000&text=Hello";

async fn send(fixture: &Fixture, form: &str) -> Answer {
    let url = format!("{}/sms/json", fixture.sandbox.url(Service::Vonage));
    post(&url, &[("content-type", FORM)], form.to_owned()).await
}

#[tokio::test]
async fn takes_a_message_and_keeps_all_of_it() {
    let fixture = Fixture::start().await;
    let words = "Deine Miete über 2.450 € ist fällig – 🏠";
    let callback = "http://127.0.0.1:9/receipts?a=1";
    let form = format!(
        "{}&type=unicode&client-ref=key-1&callback={}&status-report-req=1&ttl=900000",
        SMS.replace("Hello", &encode(words)),
        encode(callback)
    );
    let answer = send(&fixture, &form).await;
    let told = answer.json();
    assert_eq!((answer.status, &told["message-count"]), (StatusCode::OK, &json!("1")), "{told}");
    let sent = &told["messages"][0];
    assert_eq!(
        (&sent["status"], &sent["to"], &sent["client-ref"]),
        (&json!("0"), &json!("447700900000"), &json!("key-1"))
    );
    let message = fixture.only_message();
    assert_eq!((message.provider, message.channel), (Service::Vonage, Channel::Sms));
    assert_eq!(json!(message.provider_message_id), sent["message-id"]);
    assert_eq!(message.text.as_deref(), Some(words));
    assert_eq!((message.from.as_deref(), message.status_callback.as_deref()), (Some("AcmeInc"), Some(callback)));
    assert_eq!(message.idempotency_key.as_deref(), Some("key-1"));
}

#[tokio::test]
async fn a_long_text_is_several_messages() {
    let fixture = Fixture::start().await;
    let told = send(&fixture, &SMS.replace("Hello", &"a".repeat(161))).await.json();
    assert_eq!((&told["message-count"], told["messages"].as_array().unwrap().len()), (&json!("2"), 2));
    assert_ne!(told["messages"][0]["message-id"], told["messages"][1]["message-id"]);
    let message = fixture.only_message();
    assert_eq!(json!(message.provider_message_id), told["messages"][0]["message-id"]);
    assert_eq!(message.segments.as_ref().unwrap().count(), 2);
}

#[tokio::test]
async fn a_text_outside_the_alphabet_arrives_garbled() {
    let fixture = Fixture::start().await;
    let told = send(&fixture, &SMS.replace("Hello", &encode("Zażółć €"))).await.json();
    assert_eq!(told["messages"][0]["status"], "0");
    assert_eq!(fixture.only_message().text.as_deref(), Some("Za???? €"));
}

#[tokio::test]
async fn refuses_what_vonage_refuses_with_status_200() {
    let without = |name: &str| -> String {
        SMS.split('&').filter(|pair| !pair.starts_with(&format!("{name}="))).collect::<Vec<_>>().join("&")
    };
    let to = |number: &str| SMS.replace("447700900000", &encode(number));
    let with = |extra: &str| format!("{SMS}&{extra}");
    let cases = [
        ("no key", without("api_key"), "2"),
        ("no secret", without("api_secret"), "2"),
        ("no from", without("from"), "2"),
        ("no to", without("to"), "2"),
        ("no text", without("text"), "2"),
        ("another key", SMS.replace("abcd1234", "abcd1235"), "4"),
        ("another secret", SMS.replace("Sandbox", "sandbox"), "4"),
        ("a plus", to("+447700900000"), "3"),
        ("6 digits", to("447700"), "3"),
        ("16 digits", to("4477009000001234"), "3"),
        ("a sender of 12", SMS.replace("AcmeInc", "TwelveLetter"), "15"),
        ("a sender with a dash", SMS.replace("AcmeInc", "Acme-Inc"), "15"),
        ("ttl", with("ttl=19999"), "3"),
        ("class", with("message-class=4"), "3"),
        ("report", with("status-report-req=yes"), "3"),
        ("type", with("type=html"), "3"),
        ("reference", with(&format!("client-ref={}", "a".repeat(101))), "3"),
        ("callback", with("callback=example.com"), "23"),
        (
            "long callback",
            with(&format!("callback={}", encode(&format!("https://example.com/{}", "a".repeat(90))))),
            "23",
        ),
        ("unknown parameter", with("idempotency-key=1"), "3"),
        ("repeated parameter", with("text=Hello"), "3"),
        ("stray percent", with("x=%"), "3"),
        ("secret and signature", with("sig=ABC&timestamp=1"), "32"),
    ];
    let fixture = Fixture::start().await;
    for (name, form, status) in &cases {
        let answer = send(&fixture, form).await;
        let told = answer.json();
        assert_eq!((answer.status.as_u16(), &told["message-count"]), (200, &json!("1")), "{name}");
        assert_eq!(told["messages"][0]["status"], *status, "{name}: {told}");
        assert!(told["messages"][0]["error-text"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    for status in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 22, 23, 29, 32, 33] {
        let told = send(&fixture, &to(&format!("1500555{status:04}"))).await.json();
        assert_eq!(told["messages"][0]["status"], status.to_string(), "{told}");
    }
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn only_forms_are_read_and_only_there() {
    let fixture = Fixture::start().await;
    let url = format!("{}/sms/json", fixture.sandbox.url(Service::Vonage));
    let json = post(&url, &[("content-type", "application/json")], "{}").await;
    assert_eq!((json.status.as_u16(), &json.json()["messages"][0]["status"]), (200, &json!("2")));
    let get = exchange(Request::get(&url).body(Default::default()).unwrap()).await.unwrap();
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, Some("POST")));
    let elsewhere = post(&url.replace("json", "xml"), &[("content-type", FORM)], SMS).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.header("content-type")), (404, Some("text/html")));
}

#[tokio::test]
async fn a_signature_stands_for_the_secret() {
    let fixture = Fixture::start().await;
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"sandbox-vonage-signature-secret");
    // In the order of names, `&` and `=` replaced.
    let signed = "&api_key=abcd1234&from=AcmeInc&text=a_b_c&timestamp=1772366400&to=447700900000";
    let signature: String = hmac::sign(&key, signed.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let form = "api_key=abcd1234&from=AcmeInc&to=447700900000&text=a%26b%3Dc&timestamp=1772366400";
    let told = send(&fixture, &format!("{form}&sig={signature}")).await.json();
    assert_eq!(told["messages"][0]["status"], "0", "{told}");
    let told = send(&fixture, &format!("{}&sig={signature}", form.replace("AcmeInc", "Acme"))).await.json();
    assert_eq!(told["messages"][0]["status"], "14");
    assert_eq!(fixture.only_message().text.as_deref(), Some("a&b=c"));
}

#[tokio::test]
async fn the_secret_is_not_in_raw_requests() {
    let mut options = options();
    options.keep_raw = true;
    let fixture = Fixture::with(options).await;
    send(&fixture, SMS).await;
    let raw = fixture.only_message().raw.clone().unwrap();
    assert!(raw.contains("api_secret=(blanked)&") && !raw.contains("Sandbox123456789"), "{raw}");
}

#[tokio::test]
async fn faults_have_vonages_form() {
    let fixture = Fixture::start().await;
    fixture.set_fault(Service::Vonage, &json!({ "fault": "rate_limited", "retry_after_s": 2, "times": 1 })).await;
    let limited = send(&fixture, SMS).await;
    assert_eq!((limited.status.as_u16(), &limited.json()["messages"][0]["status"]), (200, &json!("1")));
    for (fault, status) in [(json!({ "fault": "rejected" }), "6"), (json!({ "fault": "rejected", "code": 9 }), "9")] {
        fixture.set_fault(Service::Vonage, &fault).await;
        assert_eq!(send(&fixture, SMS).await.json()["messages"][0]["status"], status);
    }
    fixture.set_fault(Service::Vonage, &json!({ "fault": "unavailable", "times": 1 })).await;
    let unavailable = send(&fixture, SMS).await;
    assert_eq!((unavailable.status.as_u16(), serde_json::from_slice::<Value>(&unavailable.body).is_err()), (503, true));
    assert_eq!(send(&fixture, SMS).await.json()["messages"][0]["status"], "0");
}
