//! Mailgun's webhooks: documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-payloads, with the fields of
//! github.com/mailgun/mailgun-go, `events`. The signature is part of the body:
//! documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks.

use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use ring::hmac;
use serde_json::{Value, json};

use super::super::{Clock, Credentials, Message, hex, vendor_id::VendorIds};
use super::{End, Report, recipients, sender};

/// Makes and signs webhooks.
pub(super) struct MailgunReports {
    key: hmac::Key,
    domain: String,
    clock: Clock,
    ids: VendorIds,
}

impl MailgunReports {
    pub(super) fn new(credentials: &Credentials, clock: Clock) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, credentials.mailgun_webhook_signing_key.as_bytes()),
            domain: credentials.mailgun_domain.clone(),
            ids: VendorIds::new(clock()),
            clock,
        }
    }

    /// For each recipient that the message was accepted, and how it ended, one request each.
    pub(super) fn reports(&self, message: &Message, end: End, url: &Uri) -> Vec<Report> {
        let of_one = |recipient: &String| {
            let failed = |severity, reason, code, told| {
                json!({
                    "event": "failed", "log-level": "error", "severity": severity, "reason": reason,
                    "delivery-status": { "code": code, "message": told, "description": "", "attempt-no": 1 },
                })
            };
            let delivered = || {
                json!({
                    "event": "delivered", "log-level": "info",
                    "delivery-status": { "code": 250, "message": "OK", "description": "", "attempt-no": 1 },
                })
            };
            let ends = match end {
                End::Delivered => vec![delivered()],
                End::Complained => vec![delivered(), json!({ "event": "complained", "log-level": "warn" })],
                End::Failed => vec![failed("temporary", "generic", 421, "421 4.4.7 try again later")],
                End::Bounced => vec![failed("permanent", "bounce", 550, "550 5.1.1 user unknown")],
                End::Suppressed => {
                    vec![failed("permanent", "suppress-bounce", 605, "Not delivering to previously bounced address")]
                }
            };
            let accepted = json!({ "event": "accepted", "log-level": "info", "method": "HTTP" });
            let events = [accepted].into_iter().chain(ends);
            events.filter_map(|own| self.signed(&self.event(message, recipient, own), url)).collect::<Vec<_>>()
        };
        recipients(message).flat_map(of_one).collect()
    }

    fn event(&self, message: &Message, recipient: &str, own: Value) -> Value {
        let mut event = json!({
            "id": self.ids.sendgrid(),
            "timestamp": (self.clock)().as_microsecond() as f64 / 1e6,
            "domain": { "name": self.domain },
            "envelope": { "sender": message.from, "targets": recipient, "transport": "smtp" },
            "flags": { "is-authenticated": true, "is-test-mode": false },
            "message": {
                "headers": {
                    "from": sender(message),
                    // Without the brackets that it was answered with.
                    "message-id": message.provider_message_id.trim_start_matches('<').trim_end_matches('>'),
                    "subject": message.subject,
                    "to": message.to.join(", "),
                },
            },
            "recipient": recipient,
            "recipient-domain": recipient.rsplit('@').next(),
            "tags": message.categories,
            "user-variables": message.custom_args,
        });
        if let (Value::Object(event), Value::Object(own)) = (&mut event, own) {
            event.extend(own);
        }
        event
    }

    fn signed(&self, event: &Value, url: &Uri) -> Option<Report> {
        let timestamp = (self.clock)().as_second().to_string();
        // 50 characters.
        let token: String = [self.ids.hex(), self.ids.hex()].concat().chars().take(50).collect();
        let signature = hex::encode(hmac::sign(&self.key, format!("{timestamp}{token}").as_bytes()).as_ref());
        let body = json!({
            "signature": { "timestamp": timestamp, "token": token, "signature": signature },
            "event-data": event,
        });
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Some(Report { url: url.clone(), headers, body: serde_json::to_vec(&body).ok()?.into() })
    }
}
