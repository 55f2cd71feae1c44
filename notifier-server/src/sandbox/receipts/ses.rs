//! SES's events as SNS posts them: docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
//!
//! The addresses of the mailbox simulator (docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html) end as
//! their names say, whatever else is chosen.

use std::{collections::BTreeMap, sync::Arc};

use http::Uri;
use serde_json::{Value, json};

use super::super::{
    Clock, Credentials, Message, SandboxError,
    ses::{ACCOUNT_ID, Topic},
    vendor_id::VendorIds,
};
use super::{End, Report, recipients, sender};

/// Subject of all of SES's events.
const SUBJECT: &str = "Amazon SES Email Event Notification";

/// Makes events and has them signed.
pub(super) struct SesReports {
    topic: Arc<Topic>,
    region: String,
    clock: Clock,
    ids: VendorIds,
}

impl SesReports {
    pub(super) fn new(credentials: &Credentials, clock: Clock, base_url: &str) -> Result<Self, SandboxError> {
        Ok(Self {
            topic: Arc::new(Topic::new(credentials, clock.clone(), base_url)?),
            region: credentials.ses_region.clone(),
            ids: VendorIds::new(clock()),
            clock,
        })
    }

    pub(super) fn topic(&self) -> &Arc<Topic> {
        &self.topic
    }

    /// The question whether there is to be a subscription.
    pub(super) fn confirmation(&self, url: Uri) -> Option<Report> {
        let (headers, body) = self.topic.confirmation()?;
        Some(Report { url, headers, body })
    }

    /// That the message was taken, and for each recipient how it ended; nothing before the subscription is confirmed.
    pub(super) fn reports(&self, message: &Message, end: End, url: &Uri) -> Vec<Report> {
        if !self.topic.is_confirmed() {
            return Vec::new();
        }
        let mut events = vec![self.event(message, "Send", "send", json!({}))];
        for recipient in recipients(message) {
            events.extend(self.ends(message, simulated(recipient).unwrap_or(end), recipient));
        }
        let report = |event: Value| {
            let (headers, body) = self.topic.notification(SUBJECT, &event.to_string())?;
            Some(Report { url: url.clone(), headers, body })
        };
        events.into_iter().filter_map(report).collect()
    }

    fn ends(&self, message: &Message, end: End, recipient: &str) -> Vec<Value> {
        let bounce = |kind, sub_kind, status, code| {
            let fields = self.bounce(recipient, kind, sub_kind, status, code);
            vec![self.event(message, "Bounce", "bounce", fields)]
        };
        match end {
            End::Delivered => vec![self.delivery(message, recipient)],
            End::Complained => {
                let complaint = json!({
                    "complainedRecipients": [{ "emailAddress": recipient }],
                    "timestamp": self.now(),
                    "feedbackId": self.ids.ses(),
                    "userAgent": "Amazon SES Mailbox Simulator",
                    "complaintFeedbackType": "abuse",
                    "arrivalDate": self.now(),
                });
                vec![self.delivery(message, recipient), self.event(message, "Complaint", "complaint", complaint)]
            }
            End::Failed => bounce("Transient", "General", "4.4.7", "smtp; 421 4.4.7 message delayed"),
            End::Bounced => bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown"),
            End::Suppressed => bounce(
                "Permanent",
                "Suppressed",
                "5.1.1",
                "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an \
                 invalid address.",
            ),
        }
    }

    fn bounce(&self, recipient: &str, kind: &str, sub_kind: &str, status: &str, diagnosis: &str) -> Value {
        json!({
            "bounceType": kind,
            "bounceSubType": sub_kind,
            "bouncedRecipients": [{
                "emailAddress": recipient, "action": "failed", "status": status, "diagnosticCode": diagnosis,
            }],
            "timestamp": self.now(),
            "feedbackId": self.ids.ses(),
            "reportingMTA": "dsn; a8-50.smtp-out.amazonses.com",
        })
    }

    fn delivery(&self, message: &Message, recipient: &str) -> Value {
        let delivery = json!({
            "timestamp": self.now(),
            "processingTimeMillis": 546,
            "recipients": [recipient],
            "smtpResponse": "250 2.6.0 Message received",
            "reportingMTA": "a8-50.smtp-out.amazonses.com",
        });
        self.event(message, "Delivery", "delivery", delivery)
    }

    fn event(&self, message: &Message, kind: &str, name: &str, own: Value) -> Value {
        let tags: BTreeMap<&str, [&str; 1]> =
            message.custom_args.iter().map(|(name, value)| (name.as_str(), [value.as_str()])).collect();
        let source = sender(message);
        let mut event = json!({
            "eventType": kind,
            "mail": {
                "timestamp": self.now(),
                "source": source,
                "sourceArn": format!(
                    "arn:aws:ses:{}:{ACCOUNT_ID}:identity/{}", self.region, message.from.as_deref().unwrap_or_default()
                ),
                "sendingAccountId": ACCOUNT_ID,
                "messageId": message.provider_message_id,
                "destination": recipients(message).collect::<Vec<_>>(),
                "headersTruncated": false,
                "headers": [
                    { "name": "From", "value": source },
                    { "name": "To", "value": message.to.join(", ") },
                    { "name": "Subject", "value": message.subject },
                ],
                "commonHeaders": {
                    "from": [source],
                    "to": message.to,
                    "messageId": message.provider_message_id,
                    "subject": message.subject,
                },
                "tags": tags,
            },
        });
        event[name] = own;
        event
    }

    /// RFC 3339 with milliseconds.
    fn now(&self) -> String {
        format!("{:.3}", (self.clock)())
    }
}

/// What the mailbox simulator does with an address; labels (`bounce+label1@`) are let pass. An automatic answer
/// (`ooto@`) comes after a delivery, and by mail.
fn simulated(address: &str) -> Option<End> {
    let (local, domain) = address.rsplit_once('@')?;
    if !domain.eq_ignore_ascii_case("simulator.amazonses.com") {
        return None;
    }
    match local.split('+').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "success" | "ooto" => Some(End::Delivered),
        "bounce" => Some(End::Bounced),
        "complaint" => Some(End::Complained),
        "suppressionlist" => Some(End::Suppressed),
        _ => None,
    }
}
