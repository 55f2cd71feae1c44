//! What is a subscription, and what is none.

use notifier_plugin_sdk::testing::{context, push};
use notifier_plugin_sdk::{RejectionKind, SendError};
use serde_json::{Value, json};

use super::{AUTH, ENDPOINT, P256DH, host, subscription};
use crate::WebPush;
use crate::subscription::Subscription;

/// A good one with one member changed; `None` takes it away.
fn with(path: &str, value: Option<Value>) -> String {
    let mut token: Value = serde_json::from_str(&subscription(ENDPOINT)).unwrap();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = token.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(name.into(), value),
        None => parent.remove(name),
    };
    token.to_string()
}

#[test]
fn the_json_of_browsers_is_read() {
    for token in [
        subscription(ENDPOINT),
        with("/expirationTime", None),
        with("/expirationTime", Some(json!(1_900_000_000_000.25))),
        with("/keys/auth", Some(json!(format!("{AUTH}==")))),
        with("/keys/p256dh", Some(json!(format!("{P256DH}=")))),
        with("/keys/another", Some(json!("x"))),
        with("/supportedContentEncodings", Some(json!(["aes128gcm"]))),
        with("/endpoint", Some(json!("https://web.push.apple.com/QGuQyavXutnMH"))),
        with("/endpoint", Some(json!("https://wns2-par02p.notify.windows.com/w/?token=BQYAAAD%2f5%3d"))),
        with("/endpoint", Some(json!("http://127.0.0.1:8080/push"))),
    ] {
        let read = Subscription::read(&token).unwrap();
        assert_eq!((read.p256dh.len(), read.auth.len()), (65, 16), "{token}");
    }
}

#[test]
fn what_is_none_is_the_recipients_fault() {
    let not_a_point = P256DH.replacen('B', "A", 1);
    for (token, wanted) in [
        (String::new(), "is not JSON"),
        ("fcm-token-of-an-app".into(), "is not JSON"),
        ("null".into(), "has no `endpoint`"),
        ("[]".into(), "has no `endpoint`"),
        (format!("\"{ENDPOINT}\""), "has no `endpoint`"),
        (with("/endpoint", None), "has no `endpoint`"),
        (with("/endpoint", Some(json!(7))), "has no `endpoint`"),
        (with("/endpoint", Some(json!("http://fcm.googleapis.com/x"))), "has an `endpoint` that does not begin with"),
        (
            with("/endpoint", Some(json!("https://fcm.googleapis.com/a b"))),
            "has an `endpoint` that holds the character ' '",
        ),
        (with("/expirationTime", Some(json!("soon"))), "has an `expirationTime` that is neither"),
        (with("/keys", None), "has no `keys.p256dh`"),
        (with("/keys", Some(json!("x"))), "has no `keys.p256dh`"),
        (with("/keys/p256dh", Some(json!(null))), "has no `keys.p256dh`"),
        (with("/keys/p256dh", Some(json!(P256DH.replace('_', "/")))), "has a `keys.p256dh` that is not base64url"),
        (with("/keys/p256dh", Some(json!(AUTH))), "has a `keys.p256dh` of 16 bytes: want 65"),
        (with("/keys/p256dh", Some(json!(not_a_point))), "has a `keys.p256dh` that is not an uncompressed point"),
        (with("/keys/auth", None), "has no `keys.auth`"),
        (with("/keys/auth", Some(json!(P256DH))), "has a `keys.auth` of 65 bytes: want 16"),
        (with("/keys/auth", Some(json!("a b"))), "has a `keys.auth` that is not base64url"),
    ] {
        let outcome = host(json!({})).send::<WebPush>(push(&token, "Rent", "Due").into(), context());
        let Err(SendError::Rejected(rejection)) = outcome else { unreachable!("{token}") };
        assert_eq!(rejection.kind, RejectionKind::Recipient, "{token}");
        let problem = rejection.problem.message;
        assert!(problem.starts_with(&format!("the subscription {wanted}")), "{token}: {problem}");
        assert!(!problem.contains(AUTH) && !problem.contains("gAAAAABk"), "a problem gives the keys away: {problem}");
    }
}
