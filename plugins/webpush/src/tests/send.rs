//! What is sent to a push service, byte for byte.

use notifier_plugin_sdk::testing::{Exchange, context, push, sms};
use notifier_plugin_sdk::web_push::PLAINTEXT_BYTES_MAX;
use notifier_plugin_sdk::{Auth, Context, HttpError, Push, Receipt, RejectionKind, SendError, VapidAuth};
use serde_json::{Value, json};

use super::{ENCRYPTED, ENDPOINT, host, subscription};
use crate::WebPush;

fn vapid(exchange: Exchange) -> Exchange {
    let subject = "mailto:push@example.com".into();
    exchange.auth(Auth::Vapid(VapidAuth { private_key: "vapid_private_key".into(), subject }))
}

fn post(endpoint: &str, headers: &[(&str, &str)], plaintext: &str) -> Exchange {
    let exchange =
        headers.iter().fold(Exchange::post(endpoint), |exchange, (name, value)| exchange.header(name, value));
    let exchange = exchange.header("content-encoding", "aes128gcm").header("content-type", "application/octet-stream");
    vapid(exchange).body(format!("{ENCRYPTED}{plaintext}")).reply(201, "")
}

const TTL: (&str, &str) = ("ttl", "2419200");
const NORMAL: (&str, &str) = ("urgency", "normal");
const PLAIN: &str = r#"{"title":"Rent","body":"Due","tag":"key-1","data":{}}"#;

fn check(settings: Value, context: Context, message: Push, exchange: Exchange) {
    let outcome = host(settings).exchange(exchange).send::<WebPush>(message.into(), context);
    assert_eq!(outcome, Ok(Receipt { provider_message_id: None, attributes: vec![] }));
}

fn rejected(outcome: Result<Receipt, SendError>) -> (RejectionKind, String) {
    match outcome {
        Err(SendError::Rejected(rejection)) => (rejection.kind, rejection.problem.message),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_message_is_encrypted_json() {
    check(json!({}), context(), push(&subscription(ENDPOINT), "Rent", "Due"), post(ENDPOINT, &[TTL, NORMAL], PLAIN));
}

#[test]
fn title_body_and_data_arrive_in_any_script() {
    let message = Push {
        data: vec![
            ("url".into(), "/rent?unit=4b&x=\"1\"".into()),
            ("מספר".into(), "٤".into()),
            ("url".into(), "/2".into()),
        ],
        ..push(&subscription(ENDPOINT), "Miete 🏠", "مرحبا\n\"fällig\"\u{0}")
    };
    let plaintext = concat!(
        "{\"title\":\"Miete 🏠\",\"body\":\"مرحبا\\n\\\"fällig\\\"\\u0000\",\"tag\":\"key-1\",",
        "\"data\":{\"url\":\"/2\",\"מספר\":\"٤\"}}",
    );
    check(json!({}), context(), message, post(ENDPOINT, &[TTL, NORMAL], plaintext));
}

#[test]
fn ttl_and_urgency_are_those_of_the_category() {
    let settings = json!({
        "ttl_s": 3600, "urgency": "low",
        "categories": {"emergency": {"ttl_s": 60, "urgency": "high"}, "news": {"urgency": "very-low"}},
    });
    for (category, ttl, urgency) in
        [("rent-reminder", "3600", "low"), ("emergency", "60", "high"), ("news", "3600", "very-low")]
    {
        let context = Context { category: category.into(), ..context() };
        let exchange = post(ENDPOINT, &[("ttl", ttl), ("urgency", urgency)], PLAIN);
        check(settings.clone(), context, push(&subscription(ENDPOINT), "Rent", "Due"), exchange);
    }
}

/// Each is the SHA-256, cut to 24 bytes, in base64url: `printf 'delivery\nkey-1' | sha256sum` and so on.
#[test]
fn a_topic_is_of_the_delivery_or_of_the_category() {
    for (topic, wanted) in
        [("delivery", "jQt29-kLeFP5fTG1F3eY7s6wctTdYBhZ"), ("category", "fR4566UEu7sFeOI3zOroC9F_-BaMe5So")]
    {
        let exchange = post(ENDPOINT, &[TTL, NORMAL, ("topic", wanted)], PLAIN);
        check(json!({"topic": topic}), context(), push(&subscription(ENDPOINT), "Rent", "Due"), exchange);
        // The same at the second attempt.
        let context = Context { attempt: 2, ..context() };
        let exchange = post(ENDPOINT, &[TTL, NORMAL, ("topic", wanted)], PLAIN);
        check(
            json!({"categories": {"rent-reminder": {"topic": topic}}}),
            context,
            push(&subscription(ENDPOINT), "Rent", "Due"),
            exchange,
        );
        assert_eq!(wanted.len(), 32);
    }
    let exchange = post(ENDPOINT, &[TTL, NORMAL], PLAIN);
    let settings = json!({"topic": "category", "categories": {"rent-reminder": {"topic": "none"}}});
    check(settings, context(), push(&subscription(ENDPOINT), "Rent", "Due"), exchange);
}

#[test]
fn microsoft_is_told_not_to_store_what_is_now_or_never() {
    for (endpoint, ttl_s, is_told) in [
        ("https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2f", 0, true),
        ("https://DB5P.notify.windows.com:443/w/?token=x", 0, true),
        ("https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2f", 1, false),
        ("https://fcm.googleapis.com/fcm/send/x:y?z=a.notify.windows.com", 0, false),
        ("https://notify.windows.com.example.com/", 0, false),
    ] {
        let ttl = ttl_s.to_string();
        let mut headers = vec![("ttl", ttl.as_str()), NORMAL];
        if is_told {
            headers.push(("x-wns-cache-policy", "no-cache"));
        }
        let exchange = post(endpoint, &headers, PLAIN);
        check(json!({"ttl_s": ttl_s}), context(), push(&subscription(endpoint), "Rent", "Due"), exchange);
    }
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let frame = PLAIN.len() - "Due".len();
    let body = "x".repeat(PLAINTEXT_BYTES_MAX - frame);
    let exchange = post(ENDPOINT, &[TTL, NORMAL], &PLAIN.replace("Due", &body));
    check(json!({}), context(), push(&subscription(ENDPOINT), "Rent", &body), exchange);
    let outcome =
        host(json!({})).send::<WebPush>(push(&subscription(ENDPOINT), "Rent", &format!("{body}x")).into(), context());
    let (kind, problem) = rejected(outcome);
    assert_eq!(kind, RejectionKind::Message);
    assert!(problem.contains("have 3994 bytes as JSON, push services take 3993"), "{problem}");
}

#[test]
fn another_channel_is_refused() {
    let (kind, problem) = rejected(host(json!({})).send::<WebPush>(sms("+14155550100", "Hi"), context()));
    assert!(kind == RejectionKind::Message && problem.contains("push only"));
}

#[test]
fn a_subscription_that_is_over_is_not_called() {
    // The script's time is 2026-01-01T00:00:00Z.
    let expiring = |time: Value| {
        let token: Value = serde_json::from_str(&subscription(ENDPOINT)).unwrap();
        let mut token = token;
        token["expirationTime"] = time;
        push(&token.to_string(), "Rent", "Due")
    };
    for time in [json!(1_767_225_600_000_u64), json!(1_767_225_599_999.5), json!(0), json!(-1)] {
        let (kind, problem) = rejected(host(json!({})).send::<WebPush>(expiring(time).into(), context()));
        assert_eq!(kind, RejectionKind::Recipient);
        assert!(problem.contains("has expired"), "{problem}");
    }
    for time in [json!(1_767_225_600_000.5), json!(1_767_225_600_001_u64), json!(null)] {
        check(json!({}), context(), expiring(time), post(ENDPOINT, &[TTL, NORMAL], PLAIN));
    }
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |error| {
        let exchange = post(ENDPOINT, &[TTL, NORMAL], PLAIN).fail(error);
        host(json!({}))
            .exchange(exchange)
            .send::<WebPush>(push(&subscription(ENDPOINT), "Rent", "Due").into(), context())
    };
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), Err(SendError::Unavailable(_))));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), Err(SendError::Unknown(_))));
    assert!(failed(HttpError::TooLarge(201)).is_ok());
    assert!(matches!(failed(HttpError::TooLarge(503)), Err(SendError::Unavailable(_))));
    assert_eq!(rejected(failed(HttpError::Denied("not a granted host".into()))).0, RejectionKind::Recipient);
    assert_eq!(rejected(failed(HttpError::Invalid("the secret is no key".into()))).0, RejectionKind::Provider);
}

#[test]
fn a_key_that_is_missing_stops_the_provider() {
    let script = notifier_plugin_sdk::testing::Script::new()
        .settings(json!({"subject": "mailto:push@example.com"}))
        .exchange(post(ENDPOINT, &[TTL, NORMAL], PLAIN));
    let outcome = script.send::<WebPush>(push(&subscription(ENDPOINT), "Rent", "Due").into(), context());
    let (kind, problem) = rejected(outcome);
    assert_eq!(kind, RejectionKind::Provider);
    assert!(problem.contains("`vapid_private_key`"), "{problem}");
}
