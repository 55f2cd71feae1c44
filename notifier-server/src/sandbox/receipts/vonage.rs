//! Vonage's delivery receipts: developer.vonage.com/messaging/sms/guides/delivery-receipts, the schema
//! `DeliveryReceipt` of its OpenAPI description, signed as in
//! developer.vonage.com/getting-started/concepts/signing-messages.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};

use super::super::{
    Clock, Credentials, Message,
    vendor_id::VendorIds,
    vonage::{signature_of, signed_text},
};
use super::{End, Report};

/// Makes and signs receipts.
pub(super) struct VonageReports {
    api_key: String,
    secret: String,
    clock: Clock,
    nonces: VendorIds,
}

impl VonageReports {
    pub(super) fn new(credentials: &Credentials, clock: Clock) -> Self {
        Self {
            api_key: credentials.vonage_api_key.clone(),
            secret: credentials.vonage_signature_secret.clone(),
            nonces: VendorIds::new(clock()),
            clock,
        }
    }

    /// That the carrier has it, and how it ended; nothing where no callback was asked for. Each part of a text has its own.
    pub(super) fn reports(&self, message: &Message, end: End) -> Vec<Report> {
        let Some(url) = message.status_callback.as_ref().and_then(|callback| callback.parse::<Uri>().ok()) else {
            return Vec::new();
        };
        let (last, code) = match end {
            End::Delivered | End::Complained => ("delivered", "0"),
            // "Absent Subscriber - Temporary".
            End::Failed => ("failed", "2"),
            // "Absent Subscriber - Permanent".
            End::Bounced | End::Suppressed => ("failed", "3"),
        };
        let mut reports = Vec::new();
        for (status, code) in [("accepted", "0"), (last, code)] {
            for id in std::iter::once(&message.provider_message_id).chain(&message.further_part_ids) {
                reports.extend(self.signed(message, id, url.clone(), status, code));
            }
        }
        reports
    }

    fn signed(&self, message: &Message, id: &str, url: Uri, status: &str, code: &str) -> Option<Report> {
        let now = (self.clock)();
        let of_carrier = now.strftime("%y%m%d%H%M").to_string();
        let posted_at = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
        let (timestamp, nonce) = (now.as_second().to_string(), self.nonces.uuid());
        let mut fields = BTreeMap::from([
            ("msisdn", message.to.first().map(String::as_str).unwrap_or_default()),
            ("to", message.from.as_deref().unwrap_or_default()),
            ("network-code", "12345"),
            ("messageId", id),
            ("price", "0.03330000"),
            ("status", status),
            ("scts", &of_carrier),
            ("err-code", code),
            ("api-key", &self.api_key),
            ("message-timestamp", &posted_at),
            ("timestamp", &timestamp),
            ("nonce", &nonce),
        ]);
        fields.extend(message.idempotency_key.as_deref().map(|reference| ("client-ref", reference)));
        let signature = signature_of(&self.secret, &signed_text(fields.iter().map(|(name, value)| (*name, *value))));
        fields.insert("sig", &signature);
        let body = serde_json::to_vec(&fields).ok()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(Report { url, headers, body: body.into() })
    }
}
