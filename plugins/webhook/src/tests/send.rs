//! What is sent to an endpoint, byte for byte.

use notifier_plugin_sdk::testing::{Exchange, context, sms, webhook_event};
use notifier_plugin_sdk::{Auth, Context, HttpError, Message, RejectionKind, SendError, WebhookEvent};
use serde_json::{Value, json};

use super::{URL, accepted, host, post};
use crate::StandardWebhooks;
use crate::body::OCCURRED_AT_MS;
use crate::timestamp::rfc3339;

fn event(payload: &str) -> WebhookEvent {
    webhook_event(URL, "rent.due", payload)
}

fn check_body(settings: Value, message: impl Into<Message>, body: &str) {
    let outcome =
        host(settings).exchange(post(body).reply(204, "")).send::<StandardWebhooks>(message.into(), context());
    assert_eq!(outcome, Ok(accepted()));
}

/// What is refused without a request.
fn refused(settings: Value, message: impl Into<Message>, kind: RejectionKind) -> String {
    match host(settings).send::<StandardWebhooks>(message.into(), context()) {
        Err(SendError::Rejected(rejection)) => {
            assert_eq!(rejection.kind, kind, "{}", rejection.problem.message);
            rejection.problem.message
        }
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn an_event_is_wrapped_as_the_specification_says() {
    check_body(
        json!({}),
        event(r#"{"unit": "4b", "amount": 950.00}"#),
        r#"{"type":"rent.due","timestamp":"2026-01-01T00:00:00.000Z","data":{"unit": "4b", "amount": 950.00}}"#,
    );
}

#[test]
fn a_payload_is_not_rewritten() {
    for payload in [
        r#"{"z":1,"a":12345678901234567890123456789,"z":1.10}"#,
        r#""Miete fällig 🏠 \u0041 مرحبا""#,
        "[]",
        "null",
        "-0.0e+10",
    ] {
        check_body(json!({"envelope": "none"}), event(payload), payload);
        let body = format!(r#"{{"type":"rent.due","timestamp":"2026-01-01T00:00:00.000Z","data":{payload}}}"#);
        check_body(json!({}), event(payload), &body);
    }
    check_body(json!({"envelope": "none"}), event(" {\n} "), " {\n} ");
}

#[test]
fn the_time_is_the_events_where_the_host_gives_it() {
    let with = |value: &str| {
        let message: Message = event("1").into();
        Message { attributes: vec![(OCCURRED_AT_MS.into(), value.into())], ..message }
    };
    check_body(
        json!({}),
        with("1667507170344"),
        r#"{"type":"rent.due","timestamp":"2022-11-03T20:26:10.344Z","data":1}"#,
    );
    check_body(json!({}), with("soon"), r#"{"type":"rent.due","timestamp":"2026-01-01T00:00:00.000Z","data":1}"#);
}

#[test]
fn moments_are_written_as_rfc_3339() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(rfc3339(ms), text);
    }
    assert!(rfc3339(u64::MAX).ends_with('Z'));
}

#[test]
fn headers_and_limits_are_the_settings() {
    let exchange = Exchange::post("http://127.0.0.1:9/hook")
        .header("user-agent", "Rent-Office/2 (+https://rent.example)")
        .header("webhook-id", "key-1")
        .header("X-Environment", "staging")
        .header("x-tenant", "north side")
        .header("content-type", "application/json")
        .auth(Auth::StandardWebhook(vec!["signing_secret".into(), "signing_secret_previous".into()]))
        .timeout_ms(15_000)
        .body("{}")
        .reply(200, "thanks");
    let settings = json!({
        "envelope": "none", "sign_with_previous": true, "timeout_ms": 15000,
        "user_agent": "Rent-Office/2 (+https://rent.example)",
        "headers": {"x-tenant": "north side", "X-Environment": "staging"},
    });
    let host = host(settings).secret("signing_secret_previous", "whsk_test").exchange(exchange);
    let outcome =
        host.send::<StandardWebhooks>(webhook_event("http://127.0.0.1:9/hook", "rent.due", "{}").into(), context());
    assert_eq!(outcome, Ok(accepted()));
}

/// What is signed is `{id}.{timestamp}.{body}`.
#[test]
fn the_id_is_the_key_of_the_delivery_without_full_stops() {
    let exchange = Exchange::post(URL)
        .header("user-agent", "notifier")
        .header("webhook-id", "0190163d-8694-739b-aea5-966c26f8ad91_webhook")
        .header("content-type", "application/json")
        .auth(Auth::StandardWebhook(vec!["signing_secret".into()]))
        .timeout_ms(20_000)
        .body("{}")
        .reply(200, "");
    let idempotency_key = "0190163d-8694-739b-aea5-966c26f8ad91.webhook".into();
    let context = Context { idempotency_key, attempt: 7, ..context() };
    let host = host(json!({"envelope": "none"})).exchange(exchange);
    assert_eq!(host.send::<StandardWebhooks>(event("{}").into(), context), Ok(accepted()));
}

#[test]
fn a_payload_that_is_not_json_is_refused() {
    for payload in ["", "{", "{'a':1}", "{} {}", "rent", "{\"a\":1,}", "\u{feff}{}", "NaN"] {
        for envelope in ["standard", "none"] {
            let problem = refused(json!({"envelope": envelope}), event(payload), RejectionKind::Message);
            assert!(problem.starts_with("the payload is not JSON"), "{payload}: {problem}");
        }
    }
}

#[test]
fn an_event_without_a_kind_has_no_envelope() {
    assert!(refused(json!({}), webhook_event(URL, "", "{}"), RejectionKind::Message).contains("no kind"));
    check_body(json!({"envelope": "none"}), webhook_event(URL, "", "{}"), "{}");
}

#[test]
fn the_size_is_that_of_the_body() {
    let payload = format!("\"{}\"", "x".repeat(20_478));
    check_body(json!({"envelope": "none"}), event(&payload), &payload);
    let problem = refused(json!({}), event(&payload), RejectionKind::Message);
    assert!(problem.contains("the body has 20546 bytes, `body_bytes_max` allows 20480"), "{problem}");
    let problem = refused(json!({"envelope": "none"}), event(&format!("{payload} ")), RejectionKind::Message);
    assert!(problem.contains("20481 bytes"), "{problem}");
    check_body(
        json!({"envelope": "none", "body_bytes_max": 20481}),
        event(&format!("{payload} ")),
        &format!("{payload} "),
    );
}

#[test]
fn a_url_that_is_none_is_the_recipients_fault() {
    for url in ["", "app.example.com", "http://app.example.com/", "https://user:pass@app.example.com/", "https://a b/"]
    {
        refused(json!({}), webhook_event(url, "rent.due", "{}"), RejectionKind::Recipient);
    }
}

#[test]
fn another_channel_is_refused() {
    assert!(refused(json!({}), sms("+14155550100", "Hi"), RejectionKind::Message).contains("webhook only"));
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |settings: Value, error| {
        let body = r#"{"type":"rent.due","timestamp":"2026-01-01T00:00:00.000Z","data":1}"#;
        let exchange = post(body).fail(error);
        host(settings).exchange(exchange).send::<StandardWebhooks>(event("1").into(), context())
    };
    assert!(matches!(failed(json!({}), HttpError::Unreachable("dns".into())), Err(SendError::Unavailable(_))));
    assert!(matches!(failed(json!({}), HttpError::Interrupted("reset".into())), Err(SendError::Unknown(_))));
    let kind_of = |error| match failed(json!({}), error) {
        Err(SendError::Rejected(rejection)) => rejection.kind,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(kind_of(HttpError::Denied("`app.example.com` is not a granted host".into())), RejectionKind::Recipient);
    // The URL was found right before: what is malformed is ours, as a key that is none.
    assert_eq!(kind_of(HttpError::Invalid("the secret is no key".into())), RejectionKind::Provider);
}

#[test]
fn of_an_answer_too_large_to_be_read_the_status_counts() {
    let answered = |status| {
        let exchange = post("1").fail(HttpError::TooLarge(status));
        host(json!({"envelope": "none"})).exchange(exchange).send::<StandardWebhooks>(event("1").into(), context())
    };
    assert_eq!(answered(200), Ok(accepted()));
    let Err(SendError::Unavailable(wait)) = answered(500) else { unreachable!() };
    assert_eq!(wait.problem.message, "HTTP 500: an answer larger than allowed");
    assert!(matches!(answered(410), Err(SendError::Rejected(r)) if r.kind == RejectionKind::Suppressed));
}

#[test]
fn a_secret_that_is_missing_stops_the_provider() {
    let exchange = Exchange::post(URL)
        .header("user-agent", "notifier")
        .header("webhook-id", "key-1")
        .header("content-type", "application/json")
        .auth(Auth::StandardWebhook(vec!["signing_secret".into(), "signing_secret_previous".into()]))
        .timeout_ms(20_000)
        .body("1")
        .reply(200, "");
    let host = host(json!({"envelope": "none", "sign_with_previous": true})).exchange(exchange);
    let Err(SendError::Rejected(rejection)) = host.send::<StandardWebhooks>(event("1").into(), context()) else {
        unreachable!()
    };
    assert_eq!(rejection.kind, RejectionKind::Provider);
    assert!(rejection.problem.message.contains("`signing_secret_previous`"), "{}", rejection.problem.message);
}
