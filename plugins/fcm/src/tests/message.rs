//! What is sent to FCM, byte for byte, and what is refused unsent.

use notifier_plugin_sdk::testing::{Exchange, context, push, sms};
use notifier_plugin_sdk::{Context, Message, Problem, Push, Receipt, Rejection, RejectionKind, SendError};
use serde_json::{Value, json};

use super::{TOKEN, host, post, signed};
use crate::Fcm;
use crate::message::{PAYLOAD_BYTES_MAX, is_reserved};

const SENT: &str = r#"{"name":"projects/my-app-1a2b3/messages/0:1500415314455276%31bd1c9631bd1c96"}"#;

fn check(settings: Value, push: Push, body: &str) {
    let script = host(settings).exchange(post(body).reply(200, SENT));
    let id = Some("projects/my-app-1a2b3/messages/0:1500415314455276%31bd1c9631bd1c96".into());
    assert_eq!(script.send::<Fcm>(push.into(), context()), Ok(Receipt { provider_message_id: id, attributes: vec![] }));
}

/// A message whose own part is `message`.
fn body(message: &str) -> String {
    format!(r#"{{"message":{{"token":"{TOKEN}",{message},"fcm_options":{{"analytics_label":"rent-reminder"}}}}}}"#)
}

fn with_data(title: &str, body: &str, data: &[(&str, &str)]) -> Push {
    let data = data.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    Push { data, ..push(TOKEN, title, body) }
}

/// What is refused without a request.
fn refused(message: impl Into<Message>) -> (RejectionKind, Problem) {
    match host(json!({})).send::<Fcm>(message.into(), context()).unwrap_err() {
        SendError::Rejected(Rejection { kind, problem }) => (kind, problem),
        other => unreachable!("{other:?}"),
    }
}

fn check_refused(push: Push, wanted: &str) {
    let (kind, problem) = refused(push);
    assert_eq!((kind, problem.code.as_deref()), (RejectionKind::Message, Some("INVALID_ARGUMENT")));
    assert!(problem.message.contains(wanted), "{}", problem.message);
}

#[test]
fn a_plain_notification() {
    check(json!({}), push(TOKEN, "Rent", "Due"), &body(r#""notification":{"title":"Rent","body":"Due"}"#));
}

#[test]
fn what_is_empty_is_left_out() {
    check(json!({}), push(TOKEN, "", "Due"), &body(r#""notification":{"body":"Due"}"#));
    check(json!({}), push(TOKEN, "Rent", ""), &body(r#""notification":{"title":"Rent"}"#));
    check(
        json!({"android": {}, "apns": {}, "webpush": {}}),
        push(TOKEN, "Rent", ""),
        &body(r#""notification":{"title":"Rent"}"#),
    );
}

#[test]
fn unicode_and_data_arrive_whole() {
    let push = with_data(
        "Miete 🏠",
        "Fällig: 5 m² \"ab\" ‹שלום›\n",
        &[("unit", "4"), ("Größe", "✓ \\"), ("collapse_key", "")],
    );
    let wanted = concat!(
        r#""notification":{"title":"Miete 🏠","body":"Fällig: 5 m² \"ab\" ‹שלום›\n"},"#,
        r#""data":{"Größe":"✓ \\","collapse_key":"","unit":"4"}"#,
    );
    check(json!({}), push, &body(wanted));
}

#[test]
fn every_setting_has_its_field() {
    let settings = json!({
        "ttl_s": 3600,
        "android": {
            "priority": "high", "collapse_key": "rent", "channel_id": "reminders", "icon": "ic_house", "color": "#36a64f",
            "sound": "default", "click_action": "OPEN_RENT",
        },
        "apns": {"priority": 10, "collapse_id": "rent", "sound": "bell.caf"},
        "webpush": {"urgency": "very-low", "topic": "rent", "link": "https://example.com/rent"},
    });
    let wanted = concat!(
        r#""notification":{"title":"Rent","body":"Due"},"#,
        r#""android":{"priority":"HIGH","ttl":"3600s","collapse_key":"rent","notification":{"channel_id":"reminders","#,
        r##""icon":"ic_house","color":"#36a64f","sound":"default","click_action":"OPEN_RENT"}},"##,
        // An hour after 2026-01-01T00:00:00Z.
        r#""apns":{"headers":{"apns-collapse-id":"rent","apns-expiration":"1767229200","apns-priority":"10"},"#,
        r#""payload":{"aps":{"sound":"bell.caf"}}},"#,
        r#""webpush":{"headers":{"TTL":"3600","Topic":"rent","Urgency":"very-low"},"#,
        r#""fcm_options":{"link":"https://example.com/rent"}}"#,
    );
    check(settings, push(TOKEN, "Rent", "Due"), &body(wanted));
}

#[test]
fn now_or_never_is_zero_everywhere() {
    let wanted = concat!(
        r#""notification":{"title":"Rent","body":"Due"},"android":{"ttl":"0s"},"#,
        r#""apns":{"headers":{"apns-expiration":"0"}},"webpush":{"headers":{"TTL":"0"}}"#,
    );
    check(json!({"ttl_s": 0}), push(TOKEN, "Rent", "Due"), &body(wanted));
}

#[test]
fn data_alone_is_not_shown_and_wakes_no_device_of_apple() {
    let settings = json!({
        "android": {"priority": "normal", "channel_id": "reminders"},
        "apns": {"priority": 10, "sound": "default"},
    });
    let wanted = r#""data":{"unit":"4"},"android":{"priority":"NORMAL"},"apns":{"headers":{"apns-priority":"5"}}"#;
    check(settings, with_data("", "", &[("unit", "4")]), &body(wanted));
    let wanted = r#""data":{"unit":"4"},"apns":{"headers":{"apns-priority":"1"}}"#;
    check(json!({"apns": {"priority": 1}}), with_data("", "", &[("unit", "4")]), &body(wanted));
}

#[test]
fn the_category_is_the_label_where_fcm_takes_it() {
    for (category, label) in [
        ("a-B_c.d~e%9", Some("a-B_c.d~e%9")),
        (&*"c".repeat(50), Some(&*"c".repeat(50))),
        (&*"c".repeat(51), None),
        ("rent reminder", None),
        ("größe", None),
        ("", None),
    ] {
        let label = label.map(|label| format!(r#","fcm_options":{{"analytics_label":"{label}"}}"#)).unwrap_or_default();
        let body =
            format!(r#"{{"message":{{"token":"{TOKEN}","notification":{{"title":"Rent","body":"Due"}}{label}}}}}"#);
        let context = Context { category: category.into(), ..context() };
        let script = host(json!({})).exchange(post(&body).reply(200, SENT));
        assert!(script.send::<Fcm>(push(TOKEN, "Rent", "Due").into(), context).is_ok(), "{category}");
    }
}

#[test]
fn a_message_that_is_only_checked_has_no_id() {
    let body = body(r#""notification":{"title":"Rent","body":"Due"}"#).replacen('{', r#"{"validate_only":true,"#, 1);
    let answer = r#"{"name":"projects/my-app-1a2b3/messages/fake_message_id"}"#;
    let script = host(json!({"validate_only": true})).exchange(post(&body).reply(200, answer));
    let attributes = vec![("validate_only".into(), "true".into())];
    assert_eq!(
        script.send::<Fcm>(push(TOKEN, "Rent", "Due").into(), context()),
        Ok(Receipt { provider_message_id: None, attributes })
    );
}

#[test]
fn the_urls_can_be_others() {
    let url = "http://127.0.0.1:9/v1/projects/example.com:my-app/messages:send";
    let exchange = signed(Exchange::post(url), "http://127.0.0.1:9/token");
    let settings = json!({
        "project_id": "example.com:my-app", "base_url": "http://127.0.0.1:9", "token_url": "http://127.0.0.1:9/token",
    });
    let exchange = exchange.body(body(r#""notification":{"title":"Rent","body":"Due"}"#)).reply(200, SENT);
    assert!(host(settings).exchange(exchange).send::<Fcm>(push(TOKEN, "Rent", "Due").into(), context()).is_ok());
}

#[test]
fn keys_and_values_are_counted_in_bytes() {
    // `title`, `body` and `unit` are 13 bytes, `Rent` and one more character 5.
    let longest = "ü".repeat((PAYLOAD_BYTES_MAX - 13 - 5) / 2);
    let wanted = format!(r#""notification":{{"title":"Rent","body":"{longest}"}},"data":{{"unit":"4"}}"#);
    check(json!({}), with_data("Rent", &longest, &[("unit", "4")]), &body(&wanted));
    check_refused(with_data("Rent", &longest, &[("unit", "44")]), "4097 bytes, FCM takes 4096");
    check_refused(push(TOKEN, "", &"x".repeat(4093)), "4097 bytes");
    check_refused(with_data("", "", &[(&"k".repeat(4000), &"v".repeat(97))]), "4097 bytes");
}

#[test]
fn what_fcm_would_refuse_is_not_sent() {
    check_refused(push(TOKEN, "", ""), "neither title, body nor data");
    for key in ["from", "message_type", "gcm", "gcm.n.e", "gcm.notification.title", "google", "google.sent_time"] {
        check_refused(with_data("Rent", "Due", &[("unit", "4"), (key, "x")]), &format!("`{key}`"));
    }
    for key in ["From", "collapse_key", "googled", "gcm_id", "message", "x.google.y"] {
        assert!(!is_reserved(key), "{key}");
    }
    check_refused(with_data("Rent", "Due", &[("unit", "4"), ("unit", "5")]), "`unit` of the data is given twice");
    let (kind, problem) = refused(push("", "Rent", "Due"));
    assert_eq!((kind, problem.code.as_deref()), (RejectionKind::Recipient, Some("INVALID_ARGUMENT")));
    assert!(refused(sms("+14155550100", "Hi")).1.message.contains("push only"));
}

/// A device cannot make a message for one person a message for all by the token that it registers.
#[test]
fn a_token_is_never_a_topic() {
    for token in ["topic:all", "/topics/all", "'all' in topics"] {
        let message = body(r#""notification":{"title":"Rent","body":"Due"}"#).replace(TOKEN, token);
        check(json!({}), push(token, "Rent", "Due"), &message);
    }
}
