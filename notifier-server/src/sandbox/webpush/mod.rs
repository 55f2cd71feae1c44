//! A push service (RFC 8030) and, behind it, the browser that has the keys of its subscriptions (RFC 8291).
//!
//! Errors are those of Mozilla's service (mozilla-services.github.io/autopush-rs/errors.html and its source,
//! `autoendpoint`). Senders have to identify themselves with the key that the subscriptions were made for (RFC 8292,
//! `vapid`). Stricter than a push service, which cannot read messages: what the browser could not decrypt (`aes128gcm`)
//! is refused.
//!
//! `Sandbox::webpush_subscription` makes subscriptions, each name another. Some names have a meaning: `missing` is
//! answered with 404, `gone` with 410, `throttled` with 429 and `Retry-After: 120`, `too-large` with 413, `unavailable`
//! with 503.
//!
//! In a configuration:
//!
//! ```toml
//! [providers.webpush.settings]
//! subject = "mailto:office@example.com"
//! # The private key: Credentials::webpush_vapid_key; recipients: Sandbox::webpush_subscription("ana")
//! # Granted host: Sandbox::url(Service::WebPush) without its scheme
//! ```

mod aes128gcm;
mod answers;
mod vapid;

use axum::{
    http::request::Parts,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{
    HeaderName, Method, StatusCode,
    header::{CONTENT_ENCODING, HOST, LOCATION},
};
use serde_json::json;

use self::{
    aes128gcm::{Subscriber, UNREADABLE_BYTES},
    answers::PushError,
    vapid::Vapid,
};
use super::{
    Channel, Credentials, Message, Refusal, SandboxError, Service,
    vendor::{Desk, Vendor, Verdict, World, header},
};

const PATH: &str = "/wpush/v2/";

/// RFC 8030, section 7.2: no service may refuse less.
const BODY_BYTES_MAX: usize = 4_096;

/// Mozilla's longest time to live, 60 days; more is cut to it.
const TTL_MAX_S: u64 = 60 * 60 * 24 * 60;

const TTL: HeaderName = HeaderName::from_static("ttl");
const TOPIC: HeaderName = HeaderName::from_static("topic");
const URGENCY: HeaderName = HeaderName::from_static("urgency");

/// The fake.
pub(super) struct FakePushService {
    desk: Desk,
    vapid: Vapid,
    subscriber: Subscriber,
}

/// What `PushSubscription.toJSON` gives for the subscription of that name.
pub(super) fn subscription(url: &str, name: &str) -> String {
    let keys = json!({ "p256dh": aes128gcm::PUBLIC_KEY, "auth": aes128gcm::AUTH_SECRET });
    json!({ "endpoint": format!("{url}{PATH}{name}"), "expirationTime": null, "keys": keys }).to_string()
}

impl FakePushService {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Result<Self, SandboxError> {
        let desk = Desk::new(Service::WebPush, world, Vec::new());
        Ok(Self { desk, vapid: Vapid::new(&credentials.webpush_vapid_key)?, subscriber: Subscriber::new()? })
    }

    fn push(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, PushError> {
        let path = parts.uri.path();
        let name = path.strip_prefix(PATH).filter(|name| is_base64url(name)).ok_or_else(PushError::no_endpoint)?;
        if let Some(error) = PushError::magic(name) {
            return Err(error);
        }
        let origin = format!("http://{}", header(parts, &HOST));
        self.vapid.check(parts, &origin, self.desk.now())?;
        let ttl_s = checked_ttl(parts)?;
        check_topic(parts)?;
        check_urgency(parts)?;
        if body.len() > BODY_BYTES_MAX {
            return Err(PushError::too_large());
        }
        let plaintext = if body.is_empty() { None } else { Some(self.decrypt(parts, body)?) };
        let location = format!("{origin}/m/{}", self.desk.ids.hex());
        let mut message = Message::new(Service::WebPush, Channel::Push, location.clone());
        message.to = vec![format!("{origin}{path}")];
        let set = [TTL, TOPIC, URGENCY].into_iter().filter(|name| parts.headers.contains_key(name));
        message.headers = set.map(|name| (name.to_string(), header(parts, &name).to_owned())).collect();
        if let Some(plaintext) = plaintext {
            message.document = serde_json::from_slice(&plaintext).ok();
            let title = message.document.as_ref().and_then(|document| document.get("title")?.as_str());
            message.subject = title.map(str::to_owned);
            message.text = Some(String::from_utf8_lossy(&plaintext).into_owned());
        }
        let headers = [(LOCATION, location), (TTL, ttl_s.to_string())];
        Ok(Verdict::accepted(message, (StatusCode::CREATED, headers).into_response()))
    }

    fn decrypt(&self, parts: &Parts, body: &[u8]) -> Result<Vec<u8>, PushError> {
        match header(parts, &CONTENT_ENCODING) {
            "" => return Err(PushError::encryption("Missing Content-Encoding header")),
            "aes128gcm" => {}
            _ => return Err(PushError::encryption("Unknown Content-Encoding header")),
        }
        for (name, key) in [("encryption", "salt"), ("crypto-key", "dh")] {
            let value = parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if value.split([';', ',']).any(|part| part.trim().starts_with(&format!("{key}="))) {
                let message = format!("Do not include '{key}' header in aes128gcm {name} header");
                return Err(PushError::encryption(message));
            }
        }
        self.subscriber.decrypt(body).ok_or_else(|| PushError::encryption(UNREADABLE_BYTES))
    }
}

impl Vendor for FakePushService {
    /// Enough to tell by how much a message is too large.
    const BODY_BYTES_MAX: usize = 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        if parts.method != Method::POST {
            return Verdict::refused(StatusCode::METHOD_NOT_ALLOWED.into_response());
        }
        self.push(parts, body).unwrap_or_else(|error| Verdict::refused(error.render()))
    }

    fn too_large(&self) -> Response {
        PushError::too_large().render()
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        match fault {
            Refusal::Unavailable => PushError::unavailable().render(),
            Refusal::RateLimited { retry_after_s } => PushError::throttled(*retry_after_s).render(),
            Refusal::Rejected { code, .. } => PushError::of_status(*code).render(),
        }
    }
}

/// "An application server MUST include the TTL header field" (RFC 8030, section 5.2): one or more digits.
fn checked_ttl(parts: &Parts) -> Result<u64, PushError> {
    let ttl = header(parts, &TTL);
    if ttl.is_empty() {
        return Err(PushError::no_ttl());
    }
    let seconds = ttl.parse::<u64>().ok().filter(|_| ttl.bytes().all(|b| b.is_ascii_digit()));
    Ok(seconds.ok_or_else(PushError::bad_ttl)?.min(TTL_MAX_S))
}

/// "The Topic header field […] no more than 32 characters from the URL and a filename-safe Base 64 alphabet" (RFC 8030,
/// section 5.4).
fn check_topic(parts: &Parts) -> Result<(), PushError> {
    let topic = header(parts, &TOPIC);
    if topic.len() > 32 {
        return Err(PushError::topic("Topic must be no greater than 32 characters"));
    }
    if parts.headers.contains_key(TOPIC) && !is_base64url(topic) {
        return Err(PushError::topic("Topic must be URL and Filename safe Base64 alphabet"));
    }
    Ok(())
}

/// "Multiple values for the Urgency header field MUST NOT be included in requests; otherwise, the push service MUST
/// return a 400" (RFC 8030, section 5.3).
fn check_urgency(parts: &Parts) -> Result<(), PushError> {
    let mut values = parts.headers.get_all(&URGENCY).iter();
    let known = ["very-low", "low", "normal", "high"];
    let is_known = values.next().is_none_or(|value| known.iter().any(|known| value == known));
    if is_known && values.next().is_none() { Ok(()) } else { Err(PushError::urgency()) }
}

fn is_base64url(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Without padding, as in every RFC of web push.
fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
