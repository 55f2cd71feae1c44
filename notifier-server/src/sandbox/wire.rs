//! Messages as JSON: the form of `/sandbox/messages` and of the live events.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{Attachment, Channel, Counters, Encoding, Inbox, Message, Segments, Service};

/// A message in answers.
#[derive(Serialize)]
pub(super) struct MessageView<'a> {
    seq: u64,
    /// RFC 3339, in UTC.
    received_at: String,
    provider: Service,
    channel: Channel,
    to: &'a [String],
    cc: &'a [String],
    bcc: &'a [String],
    from: Option<&'a str>,
    from_name: Option<&'a str>,
    reply_to: &'a [String],
    subject: Option<&'a str>,
    text: Option<&'a str>,
    html: Option<&'a str>,
    headers: &'a BTreeMap<String, String>,
    attachments: &'a [Attachment],
    categories: &'a [String],
    custom_args: &'a BTreeMap<String, String>,
    media_urls: &'a [String],
    segments: Option<SegmentsView<'a>>,
    status_callback: Option<&'a str>,
    document: Option<&'a Value>,
    messaging_service_sid: Option<&'a str>,
    idempotency_key: Option<&'a str>,
    provider_message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<&'a str>,
}

#[derive(Serialize)]
struct SegmentsView<'a> {
    encoding: Encoding,
    count: usize,
    units: usize,
    units_per_segment: usize,
    parts: Vec<PartView<'a>>,
}

#[derive(Serialize)]
struct PartView<'a> {
    text: &'a str,
    units: usize,
}

impl<'a> MessageView<'a> {
    /// The message without its raw request, which would swell lists.
    pub(super) fn brief(message: &'a Message) -> Self {
        Self { raw: None, ..Self::full(message) }
    }

    /// All there is.
    pub(super) fn full(message: &'a Message) -> Self {
        let text = message.text.as_deref();
        Self {
            seq: message.seq,
            received_at: message.received_at.to_string(),
            provider: message.provider,
            channel: message.channel,
            to: &message.to,
            cc: &message.cc,
            bcc: &message.bcc,
            from: message.from.as_deref(),
            from_name: message.from_name.as_deref(),
            reply_to: &message.reply_to,
            subject: message.subject.as_deref(),
            text,
            html: message.html.as_deref(),
            headers: &message.headers,
            attachments: &message.attachments,
            categories: &message.categories,
            custom_args: &message.custom_args,
            media_urls: &message.media_urls,
            segments: message.segments.as_ref().map(|segments| SegmentsView::new(segments, text.unwrap_or_default())),
            status_callback: message.status_callback.as_deref(),
            document: message.document.as_ref(),
            messaging_service_sid: message.messaging_service_sid.as_deref(),
            idempotency_key: message.idempotency_key.as_deref(),
            provider_message_id: &message.provider_message_id,
            raw: message.raw.as_deref(),
        }
    }
}

impl<'a> SegmentsView<'a> {
    fn new(segments: &'a Segments, text: &'a str) -> Self {
        let part = |text: &'a str| PartView { text, units: segments.encoding.units(text) };
        Self {
            encoding: segments.encoding,
            count: segments.count(),
            units: segments.units,
            units_per_segment: segments.units_per_segment(),
            parts: segments.parts(text).map(part).collect(),
        }
    }
}

/// The counters of all services by name.
pub(super) fn counters(inbox: &Inbox) -> BTreeMap<&'static str, Counters> {
    Service::ALL.into_iter().map(|service| (service.name(), inbox.counters(service))).collect()
}
