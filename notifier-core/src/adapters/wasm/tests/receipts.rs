//! Webhooks of vendors, read by their plugins with keys that these do not see.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, sign};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;
use tokio::net::TcpListener;

use super::super::config::{LOOK_UP_PLACES, RECEIPT_PLACES};
use super::friendly::{sendgrid, twilio};
use super::look_up::look_up;
use super::vendor::{Vendor, response};
use super::{StoppedClock, config, context, load, secret, sms};
use crate::domain::outcome::LookUp;
use crate::domain::receipt::ReceiptStatus;
use crate::ports::clock::Clock;
use crate::ports::provider::{Provider, ReceiveError, Webhook};

/// What stands before the point of a P-256 key in its DER form (RFC 5480).
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const URL: &str = "https://hooks.example.com/v1/receipts/twilio";

/// <https://www.twilio.com/docs/usage/security>: HMAC-SHA1 over the URL and the parameters, sorted by name.
fn callback(token: &str) -> Webhook {
    let signed = format!("{URL}MessageSidSM77MessageStatusdelivered");
    let signature = sign(&Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes()), signed.as_bytes());
    Webhook {
        method: "POST".into(),
        url: URL.into(),
        headers: vec![
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
            ("x-twilio-signature".into(), STANDARD.encode(signature)),
        ],
        body: b"MessageSid=SM77&MessageStatus=delivered".to_vec(),
    }
}

#[tokio::test]
async fn a_signed_receipt_is_read_and_a_forged_one_is_not() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let provider = load(twilio(&vendor));
    let timeout = Duration::from_secs(10);
    let reported = provider.receive(&callback("twilio-token-value"), timeout).await.unwrap();
    assert!(reported.is_url_signed, "Twilio signs the address");
    let events = reported.events;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].provider_message_id.as_str(), events[0].status), ("SM77", ReceiptStatus::Delivered));
    let forged = provider.receive(&callback("another-token"), timeout).await;
    assert!(matches!(forged, Err(ReceiveError::Unverified(_))), "{forged:?}");
    let mut altered = callback("twilio-token-value");
    altered.body = b"MessageSid=SM78&MessageStatus=delivered".to_vec();
    let altered = provider.receive(&altered, timeout).await;
    assert!(matches!(altered, Err(ReceiveError::Unverified(_))), "{altered:?}");
    assert!(vendor.arrived().is_empty());
}

/// A vendor that takes messages and never answers reports all the same.
#[tokio::test]
async fn a_report_is_read_while_messages_take_all_places() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let mut config = twilio(&vendor);
    let address = silent.local_addr().unwrap();
    config.settings["base_url"] = format!("http://{address}").into();
    config.hosts = Some(vec![address.to_string()]);
    config.limits.concurrent_calls_max = 1;
    let provider = load(config);
    let (message, context) = (sms(), context(300_000));
    let receiving = async {
        while provider.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        provider.receive(&callback("twilio-token-value"), Duration::from_secs(60)).await
    };
    tokio::select! {
        outcome = provider.send(&message, &context) => panic!("{outcome:?}"),
        reported = receiving => assert_eq!(reported.unwrap().events[0].status, ReceiptStatus::Delivered),
    }
}

#[tokio::test]
async fn reports_and_look_ups_take_no_places_of_each_other() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let provider = load(twilio(&vendor));
    let look_ups = provider.look_up_places.acquire_many(LOOK_UP_PLACES as u32).await.unwrap();
    let reported = provider.receive(&callback("twilio-token-value"), Duration::from_secs(60)).await.unwrap();
    assert_eq!(reported.events[0].status, ReceiptStatus::Delivered);
    drop(look_ups);
    let _reports = provider.receipt_places.acquire_many(RECEIPT_PLACES as u32).await.unwrap();
    assert_eq!(look_up(&provider, 60_000).await, LookUp::Impossible);
}

/// SendGrid signs the time and the body: whoever caught a post can send it again to another address.
#[tokio::test]
async fn an_address_that_the_vendor_does_not_sign_is_not_taken_for_signed() {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
    let vendor = Vendor::start(|_| response("202 Accepted", "", "")).await;
    let mut config = sendgrid(&vendor);
    let der = [&SPKI_P256, pair.public_key().as_ref()].concat();
    config.settings["webhook_public_key"] = STANDARD.encode(der).into();
    let provider = load(config);
    let timestamp = StoppedClock.now().as_second().to_string();
    let body = br#"[{"event":"bounce","sg_message_id":"sg-1","email":"a@example.org"}]"#;
    let signature = pair.sign(&random, &[timestamp.as_bytes(), body].concat()).unwrap();
    for query in ["", "?delivery=0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.email"] {
        let webhook = Webhook {
            method: "POST".into(),
            url: format!("https://hooks.example.com/v1/receipts/sendgrid{query}"),
            headers: vec![
                ("x-twilio-email-event-webhook-signature".into(), STANDARD.encode(signature)),
                ("x-twilio-email-event-webhook-timestamp".into(), timestamp.clone()),
            ],
            body: body.to_vec(),
        };
        let reported = provider.receive(&webhook, Duration::from_secs(10)).await.unwrap();
        assert_eq!(reported.events[0].status, ReceiptStatus::Bounced);
        assert!(!reported.is_url_signed, "{query}");
    }
}

/// Whoever posts to us cannot send us somewhere; the vendor, once it has shown who it is, can.
#[tokio::test]
async fn no_request_is_made_for_somebody_who_was_not_verified() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let settings = json!({ "attack": "get", "url": vendor.url("/") });
    let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
    config.hosts = Some(vec![vendor.host()]);
    config.secrets.insert("canary".into(), secret("canary-value"));
    let provider = load(config);
    let body = b"the body".to_vec();
    let signed = sign(&Key::new(HMAC_SHA256, b"canary-value"), &body);
    let webhook = |signature: &[u8]| Webhook {
        method: "POST".into(),
        url: URL.into(),
        headers: vec![("x-signature".into(), STANDARD.encode(signature))],
        body: body.clone(),
    };
    let timeout = Duration::from_secs(10);
    let held = "denied: while a webhook is read, no request can be made before its signature was found right";
    for signature in [&b""[..], &signed.as_ref()[1..]] {
        let forged = provider.receive(&webhook(signature), timeout).await;
        assert!(matches!(&forged, Err(ReceiveError::Unverified(why)) if why.ends_with(held)), "{forged:?}");
    }
    assert!(vendor.arrived().is_empty());
    // Each call begins anew: what one has shown is not worth anything to the next.
    for requests in [1, 2] {
        let reported = provider.receive(&webhook(signed.as_ref()), timeout).await.unwrap();
        let said: Vec<_> = reported.events[0].attributes.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(said, [held, "200"]);
        assert_eq!(vendor.arrived().len(), requests);
    }
}

/// Mailgun signs a time and a token, and not what it posts.
#[tokio::test]
async fn a_signature_that_was_caught_is_good_for_what_it_came_with() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let settings = json!({ "domain": "mg.example.com", "base_url": vendor.url("") });
    let mut config = config("mailgun", notifier_plugins::MAILGUN.component, settings);
    config.secrets.insert("api_key".into(), secret("key-mailgun"));
    config.secrets.insert("webhook_signing_key".into(), secret("signing-key"));
    config.hosts = Some(vec![vendor.host()]);
    let provider = load(config.clone());
    let webhook = |token: &str, message_id: &str| {
        let timestamp = StoppedClock.now().as_second().to_string();
        let signed = sign(&Key::new(HMAC_SHA256, b"signing-key"), format!("{timestamp}{token}").as_bytes());
        let signature: String = signed.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let body = json!({
            "signature": { "timestamp": timestamp, "token": token, "signature": signature },
            "event-data": { "event": "delivered", "message": { "headers": { "message-id": message_id } } },
        });
        let url = "https://hooks.example.com/v1/receipts/mailgun".into();
        Webhook { method: "POST".into(), url, headers: Vec::new(), body: body.to_string().into_bytes() }
    };
    let timeout = Duration::from_secs(10);
    for (token, message_id, is_taken) in [
        ("token-1", "1@mg.example.com", true),
        // It was not answered in time, perhaps.
        ("token-1", "1@mg.example.com", true),
        ("token-1", "2@mg.example.com", false),
        ("token-2", "2@mg.example.com", true),
        ("token-1", "1@mg.example.com", true),
    ] {
        let received = provider.receive(&webhook(token, message_id), timeout).await;
        match (is_taken, received) {
            (true, Ok(reported)) => assert_eq!(reported.events[0].status, ReceiptStatus::Delivered, "{message_id}"),
            (false, Err(ReceiveError::Unverified(_))) => {}
            (_, other) => panic!("{token} {message_id}: {other:?}"),
        }
    }
    // Another account knows nothing of it.
    load(config).receive(&webhook("token-1", "2@mg.example.com"), timeout).await.unwrap();
}
