//! What the answers of push services mean.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{Exchange, context, push};
use notifier_plugin_sdk::{Auth, Class, Problem, Receipt, RejectionKind, SendError, VapidAuth};
use serde_json::{Value, json};

use super::{ENCRYPTED, ENDPOINT, host, subscription};
use crate::WebPush;
use crate::errors::{ERRORS, SENTENCES};

const EDGE: &str = "https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD";

fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    answered_by(ENDPOINT, status, headers, body)
}

fn answered_by(
    endpoint: &str,
    status: u16,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Result<Receipt, SendError> {
    let subject = "mailto:push@example.com".into();
    let exchange = Exchange::post(endpoint)
        .header("ttl", "2419200")
        .header("urgency", "normal")
        .header("content-encoding", "aes128gcm")
        .header("content-type", "application/octet-stream")
        .auth(Auth::Vapid(VapidAuth { private_key: "vapid_private_key".into(), subject }))
        .body(format!(r#"{ENCRYPTED}{{"title":"Rent","body":"Due","tag":"key-1","data":{{}}}}"#))
        .reply_with(status, headers, body);
    host(json!({})).exchange(exchange).send::<WebPush>(push(&subscription(endpoint), "Rent", "Due").into(), context())
}

fn error_of(status: u16, headers: &[(&str, &str)], body: &str) -> SendError {
    answered(status, headers, body).unwrap_err()
}

#[test]
fn any_2xx_accepts_with_the_id_that_the_service_gives() {
    for (status, headers, id) in [
        (
            201,
            vec![("location", "https://updates.push.services.mozilla.com/m/gAA")],
            Some("https://updates.push.services.mozilla.com/m/gAA"),
        ),
        (201, vec![("apns-id", "6CE6B1E5-2E3C-4E0C-A0F5-5E5B7B1C2D3E")], Some("6CE6B1E5-2E3C-4E0C-A0F5-5E5B7B1C2D3E")),
        (201, vec![("x-wns-msg-id", "2D3CCACF3E2F45C0"), ("x-wns-status", "received")], Some("2D3CCACF3E2F45C0")),
        (202, vec![("x-wns-msg-id", "7"), ("location", "/m/1")], Some("/m/1")),
        (200, vec![("location", "")], None),
        (204, vec![], None),
    ] {
        let receipt = answered(status, &headers, "").unwrap();
        assert_eq!(receipt, Receipt { provider_message_id: id.map(Into::into), attributes: vec![] });
    }
    for body in ["<html>", r#"{"errno":103}"#, r#"{"reason":"BadJwtToken"}"#] {
        assert!(answered(201, &[], body).is_ok(), "{body}");
    }
    let receipt = answered(201, &[("ttl", "3600")], vec![0xff, 0xfe]).unwrap();
    assert_eq!(receipt.attributes, [("ttl".into(), "3600".into())]);
}

#[test]
fn microsoft_may_drop_what_it_answered_with_2xx() {
    assert!(matches!(error_of(201, &[("x-wns-status", "channelthrottled")], ""), SendError::RateLimited(_)));
    let SendError::Rejected(dropped) = error_of(200, &[("x-wns-status", "dropped")], "") else { unreachable!() };
    assert_eq!((dropped.kind, dropped.problem.code.as_deref()), (RejectionKind::Recipient, Some("dropped")));
    // With an error it says no more than that, and the error counts.
    let headers = [("x-wns-status", "dropped"), ("x-wns-error-description", "JWT Authentication Failed")];
    let problem = Problem { code: None, message: "HTTP 401: JWT Authentication Failed".into() };
    assert_eq!(error_of(401, &headers, ""), Class::Provider.into_error(None, problem));
}

/// 401 is about our key; 403 says that the key is right, and not for this subscription.
#[test]
fn microsoft_knows_our_key_and_not_for_this_subscription() {
    let headers = [("x-wns-status", "dropped"), ("x-wns-error-description", "Said")];
    let problem = |status| Problem { code: None, message: format!("HTTP {status}: Said") };
    for (endpoint, status, class) in [
        (EDGE, 403, Class::Recipient),
        (EDGE, 401, Class::Provider),
        (ENDPOINT, 403, Class::Provider),
        ("https://notify.windows.com.example/w", 403, Class::Provider),
    ] {
        let wanted = class.into_error(None, problem(status));
        assert_eq!(answered_by(endpoint, status, &headers, ""), Err(wanted), "{endpoint} {status}");
    }
    let throttled = answered_by(EDGE, 403, &[("x-wns-status", "channelthrottled")], "");
    assert!(matches!(throttled, Err(SendError::RateLimited(_))), "{throttled:?}");
}

#[test]
fn every_code_of_the_table_is_classified_by_code() {
    for (code, class) in ERRORS.codes.iter().filter(|(code, _)| *code != "dropped") {
        // A status that means something else, so that only the code can give this class.
        let status = if *class == Class::Message { 401 } else { 400 };
        let (headers, body) = match code.parse::<u64>() {
            Ok(errno) => (vec![], json!({"code": status, "errno": errno, "message": "Said"}).to_string()),
            Err(_) if code.ends_with("throttled") => (vec![("x-wns-status", *code)], String::new()),
            Err(_) => (vec![], json!({"reason": code}).to_string()),
        };
        let told = if headers.is_empty() { ["Said", code][usize::from(code.parse::<u64>().is_err())] } else { "" };
        let message = if told.is_empty() {
            format!("HTTP {status} with an empty body")
        } else {
            format!("HTTP {status}: {told}")
        };
        let wanted = class.into_error(None, Problem { code: Some((*code).into()), message });
        assert_eq!(error_of(status, &headers, &body), wanted, "{code}");
    }
    let codes: BTreeSet<_> = ERRORS.codes.iter().map(|(code, _)| code).collect();
    assert_eq!(codes.len(), ERRORS.codes.len(), "each once");
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn the_codes_that_matter_most() {
    for (code, class) in [
        ("103", Class::Suppressed),
        ("106", Class::Suppressed),
        ("109", Class::Provider),
        ("903", Class::Unknown),
        ("BadJwtToken", Class::Provider),
        ("BadVapidPublicKey", Class::Provider),
        ("VapidPkHashMismatch", Class::Recipient),
        ("TooManyRequests", Class::RateLimited),
    ] {
        assert_eq!(ERRORS.class(Some(code), 400), class, "{code}");
    }
    assert!(ERRORS.codes.iter().all(|(code, _)| *code != "201"), "429 or 503 tells what it means");
}

#[test]
fn a_sentence_about_one_subscription_is_not_about_our_key() {
    for (sentence, class) in SENTENCES {
        assert_eq!(*class, Class::Recipient);
        for body in [
            format!("the VAPID or other credentials {sentence}.\n"),
            format!("<HTML>\n<TITLE>{sentence}</TITLE>\n</HTML>"),
            json!({"code": 401, "errno": 109, "error": "Unauthorized", "message": sentence}).to_string(),
        ] {
            for status in [400, 401, 403] {
                match error_of(status, &[], &body) {
                    SendError::Rejected(rejection) => assert_eq!(rejection.kind, RejectionKind::Recipient, "{body}"),
                    other => unreachable!("{other:?}"),
                }
            }
        }
    }
    // Chromium's components/gcm_driver/web_push_common.cc.
    for body in
        ["sender is not authenticated.\n", "invalid JWT provided\n", "invalid aud claim\n", "token has expired\n"]
    {
        assert!(
            matches!(error_of(403, &[], body), SendError::Rejected(r) if r.kind == RejectionKind::Provider),
            "{body}"
        );
    }
}

#[test]
fn each_status_has_its_class() {
    for (status, class) in [
        (301, Class::Recipient),
        (307, Class::Recipient),
        (399, Class::Recipient),
        (400, Class::Message),
        (401, Class::Provider),
        (403, Class::Provider),
        (404, Class::Suppressed),
        (406, Class::RateLimited),
        (408, Class::Unavailable),
        (410, Class::Suppressed),
        (413, Class::Message),
        (429, Class::RateLimited),
        (500, Class::Unavailable),
        (502, Class::Unknown),
        (503, Class::Unavailable),
        (504, Class::Unknown),
    ] {
        let problem = |code: Option<&str>, said: &str| Problem {
            code: code.map(Into::into),
            message: format!("HTTP {status}: {said}"),
        };
        assert_eq!(error_of(status, &[], "Said"), class.into_error(None, problem(None, "Said")), "{status}");
        // A code that nobody knows changes nothing.
        let body = json!({"errno": 12345, "message": "New"}).to_string();
        assert_eq!(error_of(status, &[], &body), class.into_error(None, problem(Some("12345"), "New")), "{status}");
    }
}

#[test]
fn a_service_says_when_to_come_back() {
    let body = r#"{"code":429,"errno":201,"error":"Too Many Requests"}"#;
    let SendError::RateLimited(wait) = error_of(429, &[("retry-after", "117")], body) else { unreachable!() };
    assert_eq!((wait.retry_after_ms, wait.problem.code.as_deref()), (Some(117_000), Some("201")));
    let SendError::Unavailable(wait) = error_of(503, &[("retry-after", "120")], body) else { unreachable!() };
    assert_eq!(wait.retry_after_ms, Some(120_000));
    assert!(matches!(error_of(429, &[], ""), SendError::RateLimited(wait) if wait.retry_after_ms.is_none()));
}

#[test]
fn an_error_body_that_is_no_services_does_not_crash() {
    let bodies: [Value; 8] = [
        json!(null),
        json!([1]),
        json!({}),
        json!({"errno": "x"}),
        json!({"errno": -1}),
        json!({"errno": null, "reason": ["x"]}),
        json!({"reason": ""}),
        json!({"message": {"a": 1}}),
    ];
    let bodies = bodies.iter().map(Value::to_string).chain(["", "<html>Bad gateway</html>", "{"].map(Into::into));
    for body in bodies {
        let SendError::Unavailable(wait) = error_of(503, &[], &body) else { unreachable!("{body}") };
        assert!(wait.problem.message.starts_with("HTTP 503"), "{}", wait.problem.message);
        assert_eq!(wait.problem.code, None, "{body}");
    }
    let SendError::Rejected(rejection) = answered(400, &[], vec![0xff; 100_000]).unwrap_err() else { unreachable!() };
    assert!(rejection.problem.message.chars().count() < 300);
}
