//! Webhooks of vendors, read by their plugins with keys that these do not see.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, Key, sign};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::json;

use super::friendly::{sendgrid, twilio};
use super::vendor::{Vendor, response};
use super::{StoppedClock, config, load, secret};
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
