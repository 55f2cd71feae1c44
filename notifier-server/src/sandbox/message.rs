//! A message that arrived at a fake vendor, as its recipient would get it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use super::{Segments, Service, hex};

/// The name of the idempotency key in requests of vendors that have no place for one: a custom argument of SendGrid,
/// where our plugin puts it, a tag of SES, a variable of Mailgun, a key of Postmark's metadata, and a query parameter
/// of Twilio's `StatusCallback`. Ours adds none there: its text messages have a key only when the configured
/// `status_callback` or receipt URL holds one.
pub(super) const IDEMPOTENCY_KEY: &str = "notifier_key";

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// An email.
    Email,
    /// An SMS or MMS.
    Sms,
    /// A notification to an app or a browser.
    Push,
    /// A message in a chat.
    Chat,
    /// An event, posted to another server.
    Webhook,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Email, Self::Sms, Self::Push, Self::Chat, Self::Webhook];

    /// The name in JSON and in filters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Push => "push",
            Self::Chat => "chat",
            Self::Webhook => "webhook",
        }
    }
}

/// A message that was accepted. One SendGrid request makes one message per personalization.
#[derive(Clone, Debug)]
pub struct Message {
    /// Position in the order of arrival, counted from 1; never reused, also not after clearing.
    pub seq: u64,
    /// When it was stored.
    pub received_at: Timestamp,
    /// Where it arrived.
    pub provider: Service,
    /// What it is.
    pub channel: Channel,
    /// Email addresses; or one number, device, browser, chat channel or path of a receiver.
    pub to: Vec<String>,
    /// Email addresses of the carbon copies.
    pub cc: Vec<String>,
    /// Email addresses of the blind carbon copies.
    pub bcc: Vec<String>,
    /// Email address, number or sender id; absent when a messaging service was to choose.
    pub from: Option<String>,
    /// The name shown for `from`.
    pub from_name: Option<String>,
    /// Where answers to an email go.
    pub reply_to: Vec<String>,
    /// Subject of an email, title of a push message, type of a webhook's event.
    pub subject: Option<String>,
    /// Plain text; for an SMS its body.
    pub text: Option<String>,
    /// HTML of an email.
    pub html: Option<String>,
    /// Extra email headers; of an email that came as MIME all that it has but those with a place of their own here; of
    /// web push and webhooks, those that the protocol gives a meaning.
    pub headers: BTreeMap<String, String>,
    /// Files of an email.
    pub attachments: Vec<Attachment>,
    /// SendGrid's categories, Mailgun's tags, Postmark's tag.
    pub categories: Vec<String>,
    /// What travels along, by name: SendGrid's custom arguments, SES's and Resend's tags, Mailgun's variables,
    /// Postmark's metadata, Amazon SNS's attributes, the data of a push message.
    pub custom_args: BTreeMap<String, String>,
    /// Pictures of an MMS, and files of an email that Resend is to fetch.
    pub media_urls: Vec<String>,
    /// How the text of an SMS is cut.
    pub segments: Option<Segments>,
    /// Where Twilio or Vonage was asked to report progress.
    pub status_callback: Option<String>,
    /// What arrived as JSON, whole: a chat message with its blocks, a push message, the payload of a webhook.
    pub document: Option<Value>,
    /// The Twilio messaging service that was to choose the sender.
    pub messaging_service_sid: Option<String>,
    /// What tells repeats apart: Resend's `Idempotency-Key`, Vonage's `client-ref`, the `webhook-id`; with other vendors
    /// the value of the name `notifier_key` among `custom_args`, or in the query of Twilio's `StatusCallback`.
    pub idempotency_key: Option<String>,
    /// The id that the vendor answered with; empty where it tells none.
    pub provider_message_id: String,
    /// Those of the other parts of a text, where a vendor tells one for each: Vonage does.
    pub(super) further_part_ids: Vec<String>,
    /// The request as it came, with credentials blanked; kept only when the sandbox is told to.
    pub raw: Option<String>,
}

/// What is kept of a file: everything but its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attachment {
    /// File name.
    pub filename: String,
    /// Media type, as `application/pdf`.
    pub content_type: Option<String>,
    /// Size after decoding.
    pub size_bytes: usize,
    /// SHA-256 of the content after decoding, in hexadecimal digits.
    pub sha256: String,
    /// `attachment` or `inline`.
    pub disposition: &'static str,
    /// What `cid:` URLs in the HTML refer to.
    pub content_id: Option<String>,
}

impl Attachment {
    /// A file of which nothing is known but its name and content.
    pub(super) fn of(filename: &str, content: &[u8]) -> Self {
        Self {
            filename: filename.to_owned(),
            content_type: None,
            size_bytes: content.len(),
            sha256: hex::encode(digest(&SHA256, content).as_ref()),
            disposition: "attachment",
            content_id: None,
        }
    }
}

impl Message {
    /// A message with nothing but what every message has; `seq` and `received_at` are given by the inbox.
    pub(super) fn new(provider: Service, channel: Channel, provider_message_id: String) -> Self {
        Self {
            seq: 0,
            received_at: Timestamp::UNIX_EPOCH,
            provider,
            channel,
            to: Vec::new(),
            cc: Vec::new(),
            bcc: Vec::new(),
            from: None,
            from_name: None,
            reply_to: Vec::new(),
            subject: None,
            text: None,
            html: None,
            headers: BTreeMap::new(),
            attachments: Vec::new(),
            categories: Vec::new(),
            custom_args: BTreeMap::new(),
            media_urls: Vec::new(),
            segments: None,
            status_callback: None,
            document: None,
            messaging_service_sid: None,
            idempotency_key: None,
            provider_message_id,
            further_part_ids: Vec::new(),
            raw: None,
        }
    }
}
