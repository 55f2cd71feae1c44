//! Webhooks of vendors, read by their plugins with keys that these do not see.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};

use super::friendly::twilio;
use super::load;
use super::vendor::{Vendor, response};
use crate::domain::receipt::ReceiptStatus;
use crate::ports::provider::{Provider, ReceiveError, Webhook};

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
    let events = provider.receive(&callback("twilio-token-value"), timeout).await.unwrap();
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
