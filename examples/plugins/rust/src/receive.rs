//! Receipts: JSON, signed by `x-acme-signature`, the HMAC-SHA256 of the body in hexadecimal.

use notifier_plugin_sdk::webhook::is_signed_hex;
use notifier_plugin_sdk::{Algorithm, Key, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, Webhook, time};
use serde::Deserialize;

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Accepted,
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Unsubscribed,
];

#[derive(Deserialize)]
struct Posted {
    id: String,
    event: String,
    message_id: String,
    status: String,
    at: String,
}

pub(crate) fn receive(webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    verify(webhook)?;
    let posted: Posted =
        serde_json::from_slice(&webhook.body).map_err(|error| ReceiveError::Malformed(error.to_string()))?;
    // Acme posts other events to the same address, as those of its own account.
    if posted.event != "message.status" {
        return Ok(vec![]);
    }
    let status = match posted.status.as_str() {
        "queued" | "sent" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "failed" | "expired" => ReceiptStatus::Failed,
        "undeliverable" => ReceiptStatus::Bounced,
        "opted_out" => ReceiptStatus::Unsubscribed,
        _ => ReceiptStatus::Other,
    };
    let went_wrong = matches!(status, ReceiptStatus::Failed | ReceiptStatus::Bounced | ReceiptStatus::Unsubscribed);
    Ok(vec![ReceiptEvent {
        event_id: Some(posted.id),
        provider_message_id: posted.message_id,
        status,
        recipient: None,
        occurred_at_ms: time::rfc3339_ms(&posted.at),
        problem: went_wrong.then_some(Problem { code: None, message: posted.status }),
        attributes: vec![],
    }])
}

/// Whether Acme posted this. The signature covers no time at which it was made, and Acme posts again what we did not take, so
/// age proves nothing: repeats are known by the id of the event.
fn verify(webhook: &Webhook) -> Result<(), ReceiveError> {
    let signature = webhook.signed_header("x-acme-signature")?;
    let key = Key::Secret("webhook_secret".into());
    if !is_signed_hex(Algorithm::HmacSha256, &key, &webhook.body, signature)? {
        return Err(ReceiveError::Unverified("the signature is wrong".into()));
    }
    Ok(())
}
