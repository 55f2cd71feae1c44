//! What Slack's answers mean.

use notifier_plugin_sdk::testing::{chat, context};
use notifier_plugin_sdk::{Class, HttpError, Problem, Receipt, RejectionKind, SendError};
use serde_json::json;

use super::{CHANNEL, api, host, webhook};
use crate::Slack;
use crate::errors::{API_ERRORS, WEBHOOK_ERRORS};

const BODY: &str = r#"{"channel":"C1H9RESGL","text":"Hi"}"#;

fn api_answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = api(BODY).reply_with(status, headers, body);
    host(json!({})).exchange(exchange).send::<Slack>(chat(CHANNEL, "Hi").into(), context())
}

fn webhook_answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = webhook(r#"{"text":"Hi"}"#).reply_with(status, headers, body);
    host(json!({"mode": "webhook", "channel": CHANNEL}))
        .exchange(exchange)
        .send::<Slack>(chat(CHANNEL, "Hi").into(), context())
}

fn problem(code: &str, message: &str) -> Problem {
    Problem { code: Some(code.into()), message: message.into() }
}

#[test]
fn every_error_of_the_web_api_comes_with_200() {
    for (code, class) in API_ERRORS.codes {
        let wanted = class.into_error(None, problem(code, &format!("Slack says {code}")));
        assert_eq!(api_answered(200, &[], format!(r#"{{"ok":false,"error":"{code}"}}"#)), Err(wanted), "{code}");
    }
}

#[test]
fn every_error_of_a_webhook_is_a_word() {
    for (code, class) in WEBHOOK_ERRORS.codes {
        // A status that means something else, so that only the word can give this class.
        let status = if *class == Class::Provider { 400 } else { 403 };
        let wanted = class.into_error(None, problem(code, &format!("Slack says {code}")));
        assert_eq!(webhook_answered(status, &[], format!("{code}\n")), Err(wanted), "{code}");
    }
}

#[test]
fn each_code_is_listed_once() {
    for table in [API_ERRORS, WEBHOOK_ERRORS] {
        let mut codes: Vec<_> = table.codes.iter().map(|(code, _)| code).collect();
        codes.sort();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}

/// Rows of the tables, written a second time: one that changes by accident is seen.
#[test]
fn the_codes_that_matter_most() {
    for (code, api, webhook) in [
        ("channel_not_found", Class::Recipient, Class::Provider),
        ("is_archived", Class::Recipient, Class::Message),
        ("channel_is_archived", Class::Message, Class::Provider),
        ("not_in_channel", Class::Recipient, Class::Message),
        ("restricted_action", Class::Recipient, Class::Message),
        ("messages_tab_disabled", Class::Recipient, Class::Message),
        ("access_denied", Class::Recipient, Class::Message),
        ("ekm_access_denied", Class::Recipient, Class::Message),
        ("invalid_auth", Class::Provider, Class::Message),
        ("missing_scope", Class::Provider, Class::Message),
        ("no_service", Class::Message, Class::Provider),
        ("invalid_blocks", Class::Message, Class::Message),
        ("ratelimited", Class::RateLimited, Class::RateLimited),
        ("internal_error", Class::Unknown, Class::Message),
        ("fatal_error", Class::Unknown, Class::Message),
        ("rollup_error", Class::Message, Class::Unavailable),
    ] {
        assert_eq!(API_ERRORS.class(Some(code), 200), api, "{code}");
        assert_eq!(WEBHOOK_ERRORS.class(Some(code), 400), webhook, "{code}");
    }
}

#[test]
fn an_error_that_is_new_is_a_refusal_of_the_message() {
    let wanted = Class::Message.into_error(None, problem("brand_new", "Slack says brand_new"));
    assert_eq!(api_answered(200, &[], r#"{"ok":false,"error":"brand_new"}"#), Err(wanted));
    for body in [r#"{"ok":false}"#, r#"{"ok":false,"error":7}"#, r#"{"ok":false,"error":""}"#] {
        let Err(SendError::Rejected(rejection)) = api_answered(200, &[], body) else { unreachable!("{body}") };
        assert_eq!((rejection.kind, rejection.problem.code), (RejectionKind::Message, None));
        assert!(rejection.problem.message.starts_with("HTTP 200"), "{}", rejection.problem.message);
    }
}

#[test]
fn what_slack_remarks_is_told() {
    for (body, message) in [
        (
            json!({"ok": false, "error": "e", "errors": ["must define `text`", 7], "response_metadata": {"messages": ["[ERROR] at /blocks/0"]}}),
            "Slack says e: must define `text`; [ERROR] at /blocks/0",
        ),
        (
            json!({"ok": false, "error": "e", "needed": "chat:write", "provided": "x"}),
            "Slack says e: the token needs the scope chat:write",
        ),
        (json!({"ok": false, "error": "e", "errors": "x", "response_metadata": ["y"], "needed": null}), "Slack says e"),
        (json!({"ok": false, "error": "e", "errors": ["1", "2", "3", "4", "5", "6"]}), "Slack says e: 1; 2; 3; 4; 5"),
    ] {
        let wanted = Class::Message.into_error(None, problem("e", message));
        assert_eq!(api_answered(200, &[], body.to_string()), Err(wanted));
    }
}

/// A webhook has no other word for it than its status.
#[test]
fn a_success_of_the_web_api_says_ok() {
    for body in [r#"{"ok":true}"#, r#"{"ok":true,"channel":"C1","ts":7}"#] {
        assert_eq!(api_answered(200, &[], body).unwrap().provider_message_id, None, "{body}");
    }
    for body in
        ["", "<html>", "[]", "ok", "{}", r#"{"ok":"true"}"#, r#"{"ok":null}"#, r#"{"ts":"1.2"}"#, r#"{"ok":tru"#]
    {
        assert!(matches!(api_answered(200, &[], body), Err(SendError::Unknown(_))), "{body}");
        assert_eq!(webhook_answered(200, &[], body).unwrap().provider_message_id, None, "{body}");
    }
    let receipt =
        api_answered(200, &[], r#"{"ok":true,"channel":"D1","ts":"1.2","warning":"message_truncated"}"#).unwrap();
    assert_eq!(receipt.provider_message_id.as_deref(), Some("D1:1.2"));
    let attributes = [("channel", "D1"), ("ts", "1.2"), ("warning", "message_truncated")];
    assert_eq!(receipt.attributes, attributes.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn without_a_code_the_status_decides() {
    for (status, class) in [
        (302, Class::Provider),
        (400, Class::Message),
        (401, Class::Provider),
        (403, Class::Provider),
        (404, Class::Provider),
        (410, Class::Provider),
        (413, Class::Message),
        (429, Class::RateLimited),
        (500, Class::Unavailable),
        (502, Class::Unknown),
        (503, Class::Unavailable),
        (504, Class::Unknown),
    ] {
        for body in ["", "<html>Oops</html>", "{}", "[1]", "7", r#"{"error":null}"#, "Two words"] {
            for answered in [api_answered(status, &[], body), webhook_answered(status, &[], body)] {
                let wanted = class.into_error(None, Problem { code: None, message: String::new() });
                let error = answered.unwrap_err();
                assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&wanted), "{status} {body}");
                if let (SendError::Rejected(got), SendError::Rejected(wanted)) = (&error, &wanted) {
                    assert_eq!((got.kind, &got.problem.code), (wanted.kind, &None), "{status} {body}");
                }
            }
        }
    }
    let Err(SendError::Rejected(rejection)) = webhook_answered(400, &[], vec![0xff; 100_000]) else { unreachable!() };
    assert!(rejection.problem.message.chars().count() < 300);
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let headers = [("retry-after", "30")];
    for (answered, code) in [
        (api_answered(429, &headers, r#"{"ok":false,"error":"ratelimited"}"#), Some("ratelimited")),
        (api_answered(429, &headers, ""), None),
        (webhook_answered(429, &headers, "rate_limited"), Some("rate_limited")),
        (
            webhook_answered(429, &headers, r#"{"retry_after":30,"ok":false,"error":"rate_limited"}"#),
            Some("rate_limited"),
        ),
    ] {
        let Err(SendError::RateLimited(wait)) = answered else { unreachable!("{answered:?}") };
        assert_eq!((wait.retry_after_ms, wait.problem.code.as_deref()), (Some(30_000), code));
    }
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |error| {
        let script = host(json!({})).exchange(api(BODY).fail(error));
        script.send::<Slack>(chat(CHANNEL, "Hi").into(), context()).unwrap_err()
    };
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), SendError::Unavailable(_)));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), SendError::Unknown(_)));
    assert!(matches!(failed(HttpError::TooLarge(200)), SendError::Unknown(_)));
    let SendError::Rejected(denied) = failed(HttpError::Denied("host".into())) else { unreachable!() };
    assert_eq!(denied.kind, RejectionKind::Provider);
}
