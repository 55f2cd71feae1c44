//! SendGrid's signed event webhook: twilio.com/docs/sendgrid/for-developers/tracking-events.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Map, Value, json};

use super::super::{Clock, Message, SandboxError, vendor_id::VendorIds};
use super::{End, Report, recipients};

/// What stands before the point of a P-256 key in its DER form (RFC 5480): the two object identifiers, and the lengths.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Makes and signs events.
pub(super) struct SendGridReports {
    key: EcdsaKeyPair,
    random: SystemRandom,
    clock: Clock,
    ids: VendorIds,
}

impl SendGridReports {
    /// With a key that lives as long as this does.
    pub(super) fn new(clock: Clock) -> Result<Self, SandboxError> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|_| SandboxError::Key)?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).map_err(|_| SandboxError::Key)?;
        Ok(Self { key, random, ids: VendorIds::new(clock()), clock })
    }

    pub(super) fn public_key(&self) -> String {
        STANDARD.encode([&SPKI_P256, self.key.public_key().as_ref()].concat())
    }

    /// For each recipient that the mail was taken, and how it ended, in one request.
    pub(super) fn report(&self, message: &Message, end: End, url: Uri) -> Option<Report> {
        let of_one = |recipient: &String| [None, Some(end)].map(|end| self.event(message, end, recipient));
        let events: Vec<Value> = recipients(message).flat_map(of_one).collect();
        let body = serde_json::to_vec(&events).ok()?;
        let timestamp = (self.clock)().as_second().to_string();
        let signed = [timestamp.as_bytes(), &body].concat();
        let signature = STANDARD.encode(self.key.sign(&self.random, &signed).ok()?);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let name = "x-twilio-email-event-webhook-signature";
        headers.insert(name, HeaderValue::try_from(signature).ok()?);
        headers.insert("x-twilio-email-event-webhook-timestamp", HeaderValue::try_from(timestamp).ok()?);
        Some(Report { url, headers, body: body.into() })
    }

    fn event(&self, message: &Message, end: Option<End>, recipient: &str) -> Value {
        let own = match end {
            None => json!({"event": "processed"}),
            Some(End::Delivered | End::Complained) => json!({"event": "delivered", "response": "250 OK"}),
            Some(End::Failed) => json!({
                "event": "bounce", "type": "blocked", "status": "4.7.1",
                "reason": "421 4.7.1 try again later from another address",
            }),
            Some(End::Bounced | End::Suppressed) => json!({
                "event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user",
            }),
        };
        let common = json!({
            "email": recipient,
            "timestamp": (self.clock)().as_second(),
            "sg_event_id": self.ids.sendgrid(),
            // With the machine that handled the mail.
            "sg_message_id": format!("{}.filterdrecv-sandbox-0", message.provider_message_id),
            "category": message.categories,
        });
        // Custom arguments stand among the fields, and the vendor's own win.
        let arguments = message.custom_args.iter().map(|(name, value)| (name.clone(), json!(value)));
        let mut event: Map<String, Value> = arguments.collect();
        for fields in [common, own] {
            if let Value::Object(fields) = fields {
                event.extend(fields);
            }
        }
        Value::Object(event)
    }
}
