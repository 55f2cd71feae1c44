//! A receiver of webhooks that follow Standard Webhooks 1.0.0 (github.com/standard-webhooks/standard-webhooks,
//! `spec/standard-webhooks.md`).
//!
//! It takes a JSON document at any path, and checks what the specification asks of a consumer: a signature is right
//! (`v1` by the symmetric secret or `v1a` by the public key), the timestamp is within five minutes, and an id that was
//! seen with the same document is answered like the first time and not stored again. Stricter: an id that comes with
//! another document is a conflict.
//!
//! Paths under `/status/` are answered with the status that they name, as `/status/410`: 410, 404, 401, 403, 500, 502,
//! 504; 429 and 503 with `Retry-After: 30`; 301, 302, 307 and 308 with a `Location`.
//!
//! In a configuration:
//!
//! ```toml
//! [providers.webhook]
//! # Signs with Credentials::{webhook_secret, webhook_signing_key}; the receiver is Sandbox::url(Service::Webhook).
//! ```

mod signature;

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::{
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{ALLOW, LOCATION, RETRY_AFTER},
};
use jiff::{SignedDuration, Timestamp};
use ring::digest;
use serde_json::{Value, json};

use self::signature::Signatures;
use super::{
    Channel, Credentials, Message, Refusal, SandboxError, Service,
    vendor::{self, Desk, Vendor, Verdict, World, header, media_type},
};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// "within some allowable tolerance": that of the libraries of Standard Webhooks.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Ids that are remembered; then all are forgotten.
const IDS_MAX: usize = 10_000;

/// Why an event is not taken.
#[derive(Debug)]
struct Rejection {
    status: StatusCode,
    message: Cow<'static, str>,
}

impl Rejection {
    fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into() }
    }

    fn render(&self) -> Response {
        refused(self.status, &self.message)
    }
}

/// The fake.
pub(super) struct FakeReceiver {
    desk: Desk,
    signatures: Signatures,
    /// What came under each id, hashed.
    seen: Mutex<HashMap<String, Vec<u8>>>,
}

impl FakeReceiver {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Result<Self, SandboxError> {
        let signatures = Signatures::new(&credentials.webhook_secret, &credentials.webhook_signing_key)?;
        Ok(Self { desk: Desk::new(Service::Webhook, world, Vec::new()), signatures, seen: Mutex::default() })
    }

    fn receive(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, Rejection> {
        let id = self.checked_id(parts)?;
        self.check_time(parts)?;
        let right = self.signatures.right(id, header(parts, &TIMESTAMP), header(parts, &SIGNATURE), body);
        if right.is_empty() {
            return Err(Rejection::new(StatusCode::UNAUTHORIZED, "no signature is right"));
        }
        if media_type(parts) != "application/json" {
            return Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type has to be application/json"));
        }
        let Ok(document) = serde_json::from_slice::<Value>(body) else {
            return Err(Rejection::new(StatusCode::BAD_REQUEST, "the body is not JSON"));
        };
        let ok = vendor::json(StatusCode::OK, &json!({ "received": id }));
        if self.is_repeat(id, body)? {
            return Ok(Verdict::nothing(ok));
        }
        let mut message = Message::new(Service::Webhook, Channel::Webhook, String::new());
        message.to = vec![parts.uri.path().to_owned()];
        message.subject = document.get("type").and_then(Value::as_str).map(str::to_owned);
        message.text = std::str::from_utf8(body).ok().map(str::to_owned);
        message.idempotency_key = Some(id.to_owned());
        message.headers =
            [ID, TIMESTAMP, SIGNATURE].map(|name| (name.to_string(), header(parts, &name).to_owned())).into();
        message.custom_args = [("verified".to_owned(), right.join(" "))].into();
        message.document = Some(document);
        Ok(Verdict::accepted(message, ok))
    }

    /// The id is part of what is signed, and parts are divided by full stops.
    fn checked_id<'a>(&self, parts: &'a Parts) -> Result<&'a str, Rejection> {
        for name in [ID, TIMESTAMP, SIGNATURE] {
            let mut values = parts.headers.get_all(&name).iter();
            if values.next().is_none_or(HeaderValue::is_empty) || values.next().is_some() {
                let message = format!("the header {name} has to be there once");
                return Err(Rejection::new(StatusCode::BAD_REQUEST, message));
            }
        }
        let id = header(parts, &ID);
        if id.is_empty() || id.contains('.') {
            return Err(Rejection::new(StatusCode::BAD_REQUEST, "webhook-id has to be without full stops"));
        }
        Ok(id)
    }

    fn check_time(&self, parts: &Parts) -> Result<(), Rejection> {
        let timestamp = header(parts, &TIMESTAMP);
        let digits = timestamp.bytes().all(|b| b.is_ascii_digit());
        let sent_at =
            timestamp.parse().ok().filter(|_| digits).and_then(|seconds| Timestamp::from_second(seconds).ok());
        let Some(sent_at) = sent_at else {
            return Err(Rejection::new(StatusCode::BAD_REQUEST, "webhook-timestamp has to be in seconds since 1970"));
        };
        let between = self.desk.now().duration_since(sent_at);
        match () {
            () if between > TOLERANCE => Err(Rejection::new(StatusCode::BAD_REQUEST, "Message timestamp too old")),
            () if between < -TOLERANCE => Err(Rejection::new(StatusCode::BAD_REQUEST, "Message timestamp too new")),
            () => Ok(()),
        }
    }

    /// Remembers the id.
    fn is_repeat(&self, id: &str, body: &[u8]) -> Result<bool, Rejection> {
        let hash = digest::digest(&digest::SHA256, body).as_ref().to_vec();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(id) {
            Some(known) if *known == hash => return Ok(true),
            Some(_) => {
                return Err(Rejection::new(StatusCode::CONFLICT, "webhook-id came before with another document"));
            }
            None => {}
        }
        if seen.len() == IDS_MAX {
            seen.clear();
        }
        seen.insert(id.to_owned(), hash);
        Ok(false)
    }
}

impl Vendor for FakeReceiver {
    /// Fifty times what is recommended ("usually smaller than 20kb").
    const BODY_BYTES_MAX: usize = 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        if parts.method != Method::POST {
            let answer = refused(StatusCode::METHOD_NOT_ALLOWED, "webhooks are posted");
            return Verdict::refused(([(ALLOW, "POST")], answer).into_response());
        }
        match parts.uri.path().strip_prefix("/status/") {
            Some(status) => Verdict::refused(magic(status)),
            None => {
                let refused = |error: Rejection| Verdict::refused(error.render());
                self.receive(parts, body).unwrap_or_else(refused)
            }
        }
    }

    fn too_large(&self) -> Response {
        refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        match fault {
            Refusal::Unavailable => refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Refusal::RateLimited { retry_after_s } => waiting(StatusCode::TOO_MANY_REQUESTS, *retry_after_s),
            Refusal::Rejected { code, .. } => {
                let status = code.and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
                refused(status.unwrap_or(StatusCode::BAD_REQUEST), "rejected by a sandbox fault")
            }
        }
    }
}

/// The answer of a path that names a status.
fn magic(status: &str) -> Response {
    match status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)) => waiting(status, Some(30)),
        Some(status) if status.is_redirection() => {
            ([(LOCATION, "/elsewhere")], refused(status, "moved")).into_response()
        }
        Some(status) if status.is_client_error() || status.is_server_error() => refused(status, "as the path says"),
        _ => refused(StatusCode::NOT_FOUND, "the path names no status of an error"),
    }
}

fn waiting(status: StatusCode, retry_after_s: Option<u32>) -> Response {
    let mut answer = refused(status, "later");
    if let Some(seconds) = retry_after_s {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

fn refused(status: StatusCode, error: &str) -> Response {
    vendor::json(status, &json!({ "error": error }))
}
