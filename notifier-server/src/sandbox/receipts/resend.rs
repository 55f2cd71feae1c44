//! Resend's webhooks: the events of its OpenAPI description (github.com/resend/resend-openapi), signed as Svix does
//! (docs.svix.com/receiving/verifying-payloads/how-manual).
//!
//! The addresses that Resend has for tests (resend.com/docs/dashboard/emails/send-test-emails) end as their names say,
//! whatever else is chosen.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE};
use ring::hmac;
use serde_json::{Value, json};

use super::super::{Clock, Credentials, Message, SandboxError, vendor_id::VendorIds};
use super::{End, Report, recipients, sender};

/// Makes and signs webhooks.
pub(super) struct ResendReports {
    key: hmac::Key,
    clock: Clock,
    ids: VendorIds,
}

impl ResendReports {
    pub(super) fn new(credentials: &Credentials, clock: Clock) -> Result<Self, SandboxError> {
        let secret = credentials.resend_webhook_secret.strip_prefix("whsec_").ok_or(SandboxError::Key)?;
        let secret = STANDARD.decode(secret).map_err(|_| SandboxError::Key)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &secret), ids: VendorIds::new(clock()), clock })
    }

    /// That the email was sent, and for each recipient how it ended, one request each.
    pub(super) fn reports(&self, message: &Message, end: End, url: &Uri) -> Vec<Report> {
        let everybody: Vec<&String> = recipients(message).collect();
        let mut events = vec![self.event(message, "email.sent", &everybody, None)];
        for recipient in &everybody {
            let impacted = [*recipient];
            let event = |kind, own| self.event(message, kind, &impacted, own);
            let bounce = |kind, code| {
                json!({ "type": kind, "subType": "General", "message": "The recipient's server did not take the message.",
                    "diagnosticCode": [code] })
            };
            match simulated(recipient).unwrap_or(end) {
                End::Delivered => events.push(event("email.delivered", None)),
                End::Complained => {
                    events.extend([event("email.delivered", None), event("email.complained", None)]);
                }
                End::Failed => {
                    let bounce = bounce("Transient", "smtp; 421 4.4.7 message delayed");
                    events.push(event("email.bounced", Some(("bounce", bounce))));
                }
                End::Bounced => {
                    let bounce = bounce("Permanent", "smtp; 550 5.1.1 user unknown");
                    events.push(event("email.bounced", Some(("bounce", bounce))));
                }
                End::Suppressed => {
                    let suppressed = json!({
                        "type": "OnAccountSuppressionList", "reason": "previous_bounce", "diagnosticCode": [],
                        "message": "Resend has suppressed sending to this address because it is on the suppression list.",
                    });
                    events.push(event("email.suppressed", Some(("suppressed", suppressed))));
                }
            }
        }
        events.iter().filter_map(|event| self.signed(event, url)).collect()
    }

    fn event(&self, message: &Message, kind: &str, to: &[&String], own: Option<(&str, Value)>) -> Value {
        let mut data = json!({
            "email_id": message.provider_message_id,
            "created_at": self.now(),
            "from": sender(message),
            "to": to,
            "subject": message.subject,
        });
        if !message.custom_args.is_empty() {
            data["tags"] = json!(message.custom_args);
        }
        if !message.headers.is_empty() {
            let header = |(name, value)| json!({ "name": name, "value": value });
            data["headers"] = message.headers.iter().map(header).collect();
        }
        if let Some((name, value)) = own {
            data[name] = value;
        }
        json!({ "type": kind, "created_at": self.now(), "data": data })
    }

    fn signed(&self, event: &Value, url: &Uri) -> Option<Report> {
        let body = serde_json::to_vec(event).ok()?;
        let id = format!("msg_{}", self.ids.hex());
        let timestamp = (self.clock)().as_second().to_string();
        let said = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat();
        let signature = format!("v1,{}", STANDARD.encode(hmac::sign(&self.key, &said)));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("svix-id", HeaderValue::try_from(id).ok()?);
        headers.insert("svix-timestamp", HeaderValue::try_from(timestamp).ok()?);
        headers.insert("svix-signature", HeaderValue::try_from(signature).ok()?);
        Some(Report { url: url.clone(), headers, body: body.into() })
    }

    /// RFC 3339 with milliseconds.
    fn now(&self) -> String {
        format!("{:.3}", (self.clock)())
    }
}

/// What becomes of an address for tests; labels (`bounced+label1@`) are let pass.
fn simulated(address: &str) -> Option<End> {
    let (local, domain) = address.rsplit_once('@')?;
    if !domain.eq_ignore_ascii_case("resend.dev") {
        return None;
    }
    match local.split('+').next().unwrap_or_default() {
        "delivered" => Some(End::Delivered),
        "bounced" => Some(End::Bounced),
        "complained" => Some(End::Complained),
        "suppressed" => Some(End::Suppressed),
        _ => None,
    }
}
