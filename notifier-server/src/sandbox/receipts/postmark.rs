//! Postmark's webhooks: postmarkapp.com/developer/webhooks/delivery-webhook and its neighbours, with the fields of
//! github.com/ActiveCampaign/postmark.js, `client/models/webhooks/payload`. They are not signed: a user name and a
//! password, or a header of one's own, stand for a signature.
//!
//! The addresses of postmarkapp.com/support/article/1239-how-to-test-bounces end as their names say, whatever else is
//! chosen.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::{Value, json};

use super::super::{Clock, Credentials, Message, PostmarkWebhook};
use super::{End, Report, recipients};

/// The number of the server that everything in the fake belongs to.
const SERVER_ID: u64 = 23;

/// Makes webhooks.
pub(super) struct PostmarkReports {
    proof: PostmarkWebhook,
    clock: Clock,
    /// Numbers of bounces and complaints.
    issued: AtomicU64,
}

impl PostmarkReports {
    pub(super) fn new(credentials: &Credentials, clock: Clock) -> Self {
        Self { proof: credentials.postmark_webhook.clone(), clock, issued: AtomicU64::new(0) }
    }

    /// For each recipient how it ended.
    pub(super) fn reports(&self, message: &Message, end: End, url: &Uri) -> Vec<Report> {
        let of_one = |recipient: &String| {
            let bounce = |kind| self.bounce(message, recipient, kind);
            match simulated(recipient).unwrap_or(end) {
                End::Delivered => vec![self.delivery(message, recipient)],
                End::Complained => vec![self.delivery(message, recipient), bounce(BounceKind::SPAM)],
                End::Failed => vec![bounce(BounceKind::SOFT)],
                End::Bounced | End::Suppressed => vec![bounce(BounceKind::HARD)],
            }
        };
        recipients(message).flat_map(of_one).filter_map(|record| self.report(&record, url)).collect()
    }

    fn delivery(&self, message: &Message, recipient: &str) -> Value {
        json!({
            "RecordType": "Delivery",
            "MessageID": message.provider_message_id,
            "Recipient": recipient,
            "DeliveredAt": (self.clock)().to_string(),
            "Details": "smtp;250 OK",
            "Tag": message.categories.first(),
            "ServerID": SERVER_ID,
            "Metadata": message.custom_args,
            "MessageStream": "outbound",
        })
    }

    fn bounce(&self, message: &Message, recipient: &str, kind: BounceKind) -> Value {
        json!({
            "RecordType": kind.record,
            "ID": self.issued.fetch_add(1, Relaxed) + 1,
            "Type": kind.name,
            "TypeCode": kind.code,
            "Name": kind.title,
            "Tag": message.categories.first(),
            "MessageID": message.provider_message_id,
            "ServerID": SERVER_ID,
            "MessageStream": "outbound",
            "Description": kind.description,
            "Details": kind.details,
            "Email": recipient,
            "From": message.from,
            "BouncedAt": (self.clock)().to_string(),
            "DumpAvailable": false,
            "Inactive": kind.deactivates,
            "CanActivate": kind.can_activate,
            "Subject": message.subject,
            "Metadata": message.custom_args,
        })
    }

    fn report(&self, record: &Value, url: &Uri) -> Option<Report> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match &self.proof {
            PostmarkWebhook::Basic { username, password } => {
                let credentials = STANDARD.encode(format!("{username}:{password}"));
                headers.insert(AUTHORIZATION, HeaderValue::try_from(format!("Basic {credentials}")).ok()?);
            }
            PostmarkWebhook::Header { name, value } => {
                headers.insert(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
            }
        }
        Some(Report { url: url.clone(), headers, body: serde_json::to_vec(record).ok()?.into() })
    }
}

/// A row of the table of bounce types: postmarkapp.com/developer/api/bounce-api#bounce-types.
#[derive(Clone, Copy)]
struct BounceKind {
    record: &'static str,
    name: &'static str,
    code: u32,
    title: &'static str,
    description: &'static str,
    details: &'static str,
    deactivates: bool,
    can_activate: bool,
}

impl BounceKind {
    const HARD: Self = Self {
        record: "Bounce",
        name: "HardBounce",
        code: 1,
        title: "Hard bounce",
        description: "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
        details: "smtp;550 5.1.1 user unknown",
        deactivates: true,
        can_activate: true,
    };
    const SOFT: Self = Self {
        record: "Bounce",
        name: "SoftBounce",
        code: 4096,
        title: "Soft bounce",
        description: "Unable to temporarily deliver message (i.e. mailbox full, account disabled, exceeds quota, out of disk \
                      space).",
        details: "smtp;421 4.4.7 message delayed",
        deactivates: false,
        can_activate: false,
    };
    const SPAM: Self = Self {
        record: "SpamComplaint",
        name: "SpamComplaint",
        code: 512,
        title: "Spam complaint",
        description: "The subscriber explicitly marked this message as spam.",
        details: "",
        deactivates: true,
        can_activate: false,
    };
}

/// What becomes of an address for tests.
fn simulated(address: &str) -> Option<End> {
    let (local, domain) = address.rsplit_once('@')?;
    if !domain.eq_ignore_ascii_case("bounce-testing.postmarkapp.com") {
        return None;
    }
    match local.to_ascii_lowercase().as_str() {
        "softbounce" => Some(End::Failed),
        // A complaint cannot be asked for, nor anything unknown: a hard bounce comes in its place.
        _ => Some(End::Bounced),
    }
}
