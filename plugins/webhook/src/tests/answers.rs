//! What an endpoint's answers mean.

use notifier_plugin_sdk::testing::{context, webhook_event};
use notifier_plugin_sdk::{Class, Problem, Receipt, RejectionKind, SendError};
use serde_json::json;

use super::{URL, accepted, host, post};
use crate::StandardWebhooks;

fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post("{}").reply_with(status, headers, body);
    host(json!({"envelope": "none"}))
        .exchange(exchange)
        .send::<StandardWebhooks>(webhook_event(URL, "rent.due", "{}").into(), context())
}

#[test]
fn any_2xx_is_a_success_whatever_the_body() {
    for status in [200, 201, 202, 204, 208, 299] {
        for body in ["", "ok", "<html>", r#"{"error":"no"}"#] {
            assert_eq!(answered(status, &[], body), Ok(accepted()), "{status}");
        }
    }
    assert_eq!(answered(200, &[], vec![0xff, 0xfe]), Ok(accepted()));
}

#[test]
fn each_status_has_its_class() {
    for (status, class) in [
        (400, Class::Message),
        (401, Class::Unavailable),
        (402, Class::Unavailable),
        (403, Class::Unavailable),
        (404, Class::Unavailable),
        (405, Class::Unavailable),
        (407, Class::Unavailable),
        (408, Class::Unavailable),
        (409, Class::Unavailable),
        (410, Class::Suppressed),
        (413, Class::Message),
        (422, Class::Message),
        (418, Class::Unavailable),
        (425, Class::Unavailable),
        (429, Class::RateLimited),
        (499, Class::Unavailable),
        (500, Class::Unavailable),
        // A gateway without an answer does not know whether the application has the event.
        (502, Class::Unknown),
        (503, Class::Unavailable),
        (504, Class::Unknown),
    ] {
        let message = format!("HTTP {status}: Said");
        assert_eq!(answered(status, &[], "Said"), Err(class.into_error(None, Problem { code: None, message })));
    }
}

#[test]
fn a_redirect_is_not_followed() {
    for status in 300..400 {
        match answered(status, &[("location", "https://other.example/")], "") {
            Err(SendError::Rejected(rejection)) => assert_eq!(rejection.kind, RejectionKind::Recipient),
            other => unreachable!("{status}: {other:?}"),
        }
    }
}

/// One endpoint must not keep events from another.
#[test]
fn no_answer_is_the_providers_fault() {
    for status in (100..1000).filter(|status| !(200..300).contains(status)) {
        match answered(status, &[], "") {
            Err(SendError::Rejected(rejection)) => {
                assert_ne!(rejection.kind, RejectionKind::Provider, "{status}");
            }
            Err(SendError::RateLimited(_) | SendError::Unavailable(_) | SendError::Unknown(_)) => {}
            Ok(_) => unreachable!("{status} is no success"),
        }
    }
}

#[test]
fn an_endpoint_says_when_to_come_back() {
    let Err(SendError::RateLimited(wait)) = answered(429, &[("retry-after", "120")], "") else { unreachable!() };
    assert_eq!(wait.retry_after_ms, Some(120_000));
    let Err(SendError::RateLimited(wait)) = answered(429, &[], "") else { unreachable!() };
    assert_eq!(wait.retry_after_ms, None);
    // The script's time is 2026-01-01T00:00:00Z.
    let date = [("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT")];
    for status in [404, 503] {
        let Err(SendError::Unavailable(wait)) = answered(status, &date, "") else { unreachable!() };
        assert_eq!(wait.retry_after_ms, Some(30_000), "{status}");
    }
}

#[test]
fn a_long_answer_is_told_in_short() {
    let Err(SendError::Unavailable(wait)) = answered(500, &[], vec![b'x'; 100_000]) else { unreachable!() };
    assert!(wait.problem.message.chars().count() < 300);
    let Err(SendError::Unavailable(wait)) = answered(500, &[], "") else { unreachable!() };
    assert_eq!(wait.problem.message, "HTTP 500 with an empty body");
}
