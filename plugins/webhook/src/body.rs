//! The body: the payload, in the envelope of the specification ("Payload structure") or without.

use notifier_plugin_sdk::{Attributes, SendError, WebhookEvent, clock};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::settings::{Envelope, Settings};
use crate::timestamp::rfc3339;

/// The attribute of a message that says when the event occurred, in milliseconds since 1970-01-01T00:00:00Z. A host
/// that does not give it leaves us the time of the attempt, which a retry's is later than.
pub(crate) const OCCURRED_AT_MS: &str = "occurred_at_ms";

#[derive(Serialize)]
struct Enveloped<'a> {
    r#type: &'a str,
    timestamp: String,
    data: &'a RawValue,
}

/// The bytes that are sent and signed.
pub(crate) fn body(settings: &Settings, event: &WebhookEvent, attributes: &Attributes) -> Result<Vec<u8>, SendError> {
    let refuse = |problem: String| SendError::message(None, problem);
    let data: &RawValue =
        serde_json::from_str(&event.payload).map_err(|error| refuse(format!("the payload is not JSON: {error}")))?;
    let body = match settings.envelope {
        Envelope::None => event.payload.clone().into_bytes(),
        Envelope::Standard if event.kind.is_empty() => {
            return Err(refuse("the event has no kind, and the envelope needs one as its `type`".into()));
        }
        Envelope::Standard => {
            let occurred_at_ms = occurred_at_ms(attributes).unwrap_or_else(clock::now_ms);
            let envelope = Enveloped { r#type: &event.kind, timestamp: rfc3339(occurred_at_ms), data };
            serde_json::to_vec(&envelope)
                .map_err(|error| refuse(format!("the event cannot be written as JSON: {error}")))?
        }
    };
    if body.len() > settings.body_bytes_max as usize {
        let limit = settings.body_bytes_max;
        let problem = format!("the body has {} bytes, `body_bytes_max` allows {limit}: link to large data", body.len());
        return Err(refuse(problem));
    }
    Ok(body)
}

fn occurred_at_ms(attributes: &Attributes) -> Option<u64> {
    attributes.iter().find(|(name, _)| name == OCCURRED_AT_MS)?.1.parse().ok()
}
