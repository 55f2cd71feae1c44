//! What FCM's answers mean.

use notifier_plugin_sdk::testing::{context, push};
use notifier_plugin_sdk::{Class, HttpError, Problem, Receipt, RejectionKind, SendError};
use serde_json::{Value, json};

use super::{TOKEN, host, post};
use crate::Fcm;
use crate::errors::{ERRORS, RATE_LIMIT_MS, THIRD_PARTY_AUTH};
use crate::message::body;

fn answered(status: u16, headers: &[(&str, &str)], answer: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    sent(post(&plain()).reply_with(status, headers, answer))
}

fn sent(exchange: notifier_plugin_sdk::testing::Exchange) -> Result<Receipt, SendError> {
    host(json!({})).exchange(exchange).send::<Fcm>(push(TOKEN, "Rent", "Due").into(), context())
}

/// The body of the message that is sent here; that it is the right one is tested elsewhere.
fn plain() -> String {
    let settings = serde_json::from_value(json!({"project_id": "my-app-1a2b3"})).unwrap();
    String::from_utf8(body(&settings, &push(TOKEN, "Rent", "Due"), &context()).unwrap()).unwrap()
}

fn fcm_error(code: &str) -> Value {
    json!({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
}

fn violations(fields: &[(&str, &str)]) -> Value {
    let fields: Vec<_> =
        fields.iter().map(|(field, description)| json!({"field": field, "description": description})).collect();
    json!({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields})
}

fn error(status: &str, message: &str, details: &[Value]) -> String {
    json!({"error": {"code": 400, "message": message, "status": status, "details": details}}).to_string()
}

fn problem(code: &str, message: &str) -> Problem {
    Problem { code: Some(code.into()), message: message.into() }
}

/// A rate limit without a header is a minute.
fn wanted(class: Class, problem: Problem) -> Result<Receipt, SendError> {
    Err(class.into_error((class == Class::RateLimited).then_some(RATE_LIMIT_MS), problem))
}

#[test]
fn every_code_of_the_table_is_classified_by_code() {
    for (code, class) in ERRORS.codes {
        // A status that means something else, so that only the code can give this class.
        let http = if *class == Class::Message { 401 } else { 400 };
        let wanted = wanted(*class, problem(code, "Said"));
        // As an `FcmError`, whatever the status, and as the status.
        assert_eq!(answered(http, &[], error("WHATEVER", "Said", &[fcm_error(code)])), wanted, "{code}");
        assert_eq!(answered(http, &[], error(code, "Said", &[])), wanted, "{code}");
    }
    let mut codes: Vec<_> = ERRORS.codes.iter().map(|(code, _)| code).collect();
    codes.sort();
    assert!(codes.is_sorted_by(|a, b| a < b), "each once: {codes:?}");
}

/// Rows of the table, written a second time: one that changes by accident is seen.
#[test]
fn the_codes_that_matter_most() {
    for (code, class) in [
        ("INVALID_ARGUMENT", Class::Message),
        ("UNREGISTERED", Class::Suppressed),
        ("SENDER_ID_MISMATCH", Class::Recipient),
        ("PERMISSION_DENIED", Class::Provider),
        ("UNAUTHENTICATED", Class::Provider),
        ("THIRD_PARTY_AUTH_ERROR", Class::Recipient),
        ("APNS_AUTH_ERROR", Class::Recipient),
        ("QUOTA_EXCEEDED", Class::RateLimited),
        ("UNAVAILABLE", Class::Unavailable),
        ("INTERNAL", Class::Unavailable),
        ("DEADLINE_EXCEEDED", Class::Unknown),
    ] {
        assert_eq!(ERRORS.class(Some(code), 418), class, "{code}");
    }
}

/// Android is served all the same, so that only the log calls for the operator.
#[test]
fn a_wrong_key_for_apple_or_for_browsers_is_told_to_the_operator() {
    let log_of = |code: &str| {
        let exchange = post(&plain()).reply_with(401, &[], error("UNAUTHENTICATED", "Auth error", &[fcm_error(code)]));
        // The plugin runs inside the script, so that its log can be read.
        let (outcome, log) = host(json!({})).exchange(exchange).run(|| {
            let settings = serde_json::from_value(json!({"project_id": "my-app-1a2b3"})).unwrap();
            crate::send::send(&settings, push(TOKEN, "Rent", "Due").into(), context())
        });
        assert!(outcome.is_err());
        log
    };
    for code in THIRD_PARTY_AUTH {
        let log = log_of(code);
        assert_eq!(log.len(), 1, "{code}");
        assert!(log[0].starts_with("error: FCM has no valid key") && log[0].contains("Auth error"), "{log:?}");
    }
    assert_eq!(log_of("SENDER_ID_MISMATCH"), Vec::<String>::new());
}

#[test]
fn a_bad_token_is_the_recipients_fault_and_any_other_argument_the_messages() {
    const INVALID: &str = "INVALID_ARGUMENT";
    let documented = "The registration token is not a valid FCM registration token";
    for (class, said, details, message) in [
        (Class::Recipient, documented, vec![fcm_error(INVALID)], documented),
        (
            Class::Recipient,
            "Request contains an invalid argument.",
            vec![fcm_error(INVALID), violations(&[("message.token", "Invalid registration token")])],
            "Request contains an invalid argument. (message.token: Invalid registration token)",
        ),
        (
            Class::Recipient,
            "Bad",
            vec![violations(&[("message.data", "Too big"), ("message.token", "Bad")])],
            "Bad (message.data: Too big)",
        ),
        (
            Class::Message,
            "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
            vec![violations(&[(
                "message.data[0].value",
                "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
            )])],
            "Invalid value at 'message.data[0].value' (TYPE_STRING), 12",
        ),
        (Class::Message, "Android message is too big", vec![fcm_error(INVALID)], "Android message is too big"),
        (
            Class::Message,
            "Bad",
            vec![violations(&[("message.token.x", "Bad token")])],
            "Bad (message.token.x: Bad token)",
        ),
    ] {
        let wanted = wanted(class, problem(INVALID, message));
        assert_eq!(answered(400, &[], error(INVALID, said, &details)), wanted, "{said}");
    }
    // The words count for this code only.
    let other = wanted(Class::Suppressed, problem("UNREGISTERED", documented));
    assert_eq!(answered(404, &[], error("NOT_FOUND", documented, &[fcm_error("UNREGISTERED")])), other);
}

#[test]
fn a_code_that_says_nothing_means_what_its_status_means() {
    for code in ["UNSPECIFIED_ERROR", "BRAND_NEW"] {
        for (status, class) in [
            (302, Class::Provider),
            (400, Class::Message),
            (401, Class::Provider),
            (403, Class::Provider),
            (404, Class::Provider),
            (429, Class::RateLimited),
            (500, Class::Unavailable),
            (502, Class::Unknown),
            (503, Class::Unavailable),
            (504, Class::Unknown),
        ] {
            let got = answered(status, &[], error("UNKNOWN", "Said", &[fcm_error(code)]));
            assert_eq!(got, wanted(class, problem(code, "Said")), "{status}");
        }
    }
}

#[test]
fn an_error_of_unexpected_types_costs_no_more_than_it_must() {
    for (answer, code, message) in [
        (
            json!({"error": {"status": "UNAVAILABLE", "message": 7, "details": "x"}}),
            Some("UNAVAILABLE"),
            "FCM says UNAVAILABLE",
        ),
        (json!({"error": {"status": ["x"], "message": "Said", "details": {}}}), None, "Said"),
        (
            json!({"error": {"message": "Said", "details": [7, {"@type": 7}, fcm_error("INTERNAL")]}}),
            Some("INTERNAL"),
            "Said",
        ),
        (
            json!({"error": {"message": "Said", "details": [violations(&[]), {"@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [7, {"field": 7}, {"field": "message.data"}]}]}}),
            None,
            "Said (message.data)",
        ),
    ] {
        let Err(SendError::Unavailable(wait)) = answered(503, &[], answer.to_string()) else {
            unreachable!("{answer}")
        };
        assert_eq!((wait.problem.code.as_deref(), wait.problem.message.as_str()), (code, message));
    }
    for body in ["", "<html>Bad gateway</html>", "null", "[1]", "{}", "{", r#"{"error":"x"}"#, r#"{"error":{}}"#] {
        let Err(SendError::Unavailable(wait)) = answered(503, &[], body) else { unreachable!("{body}") };
        assert!(wait.problem.message.starts_with("HTTP 503"), "{}", wait.problem.message);
        assert_eq!(wait.problem.code, None);
    }
    let Err(SendError::Rejected(rejection)) = answered(400, &[], vec![0xff; 100_000]) else { unreachable!() };
    assert!(rejection.problem.message.chars().count() < 300);
}

#[test]
fn every_2xx_accepts_with_or_without_an_id() {
    for (answer, id) in [
        (r#"{"name":"projects/p/messages/1"}"#, Some("projects/p/messages/1")),
        (r#"{"name":""}"#, None),
        (r#"{"name":7}"#, None),
        ("{}", None),
        ("", None),
        ("<html>", None),
    ] {
        assert_eq!(answered(200, &[], answer).unwrap().provider_message_id.as_deref(), id, "{answer}");
    }
}

#[test]
fn how_long_to_wait_is_what_fcm_says() {
    let quota = error("RESOURCE_EXHAUSTED", "Said", &[fcm_error("QUOTA_EXCEEDED")]);
    for (headers, retry_after_ms) in [(vec![("retry-after", "17")], 17_000), (vec![], RATE_LIMIT_MS)] {
        let Err(SendError::RateLimited(wait)) = answered(429, &headers, &*quota) else { unreachable!() };
        assert_eq!(wait.retry_after_ms, Some(retry_after_ms));
    }
    for (headers, retry_after_ms) in [(vec![("retry-after", "30")], Some(30_000)), (vec![], None)] {
        let answer = answered(503, &headers, error("UNAVAILABLE", "Said", &[fcm_error("UNAVAILABLE")]));
        let Err(SendError::Unavailable(wait)) = answer else { unreachable!() };
        assert_eq!(wait.retry_after_ms, retry_after_ms);
    }
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |error| sent(post(&plain()).fail(error)).unwrap_err();
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), SendError::Unavailable(_)));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), SendError::Unknown(_)));
    assert!(matches!(failed(HttpError::TooLarge(200)), SendError::Unknown(_)));
    let SendError::Rejected(denied) = failed(HttpError::Denied("host".into())) else { unreachable!() };
    assert_eq!(denied.kind, RejectionKind::Provider);
}
