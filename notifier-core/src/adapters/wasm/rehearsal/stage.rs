//! Who stands in for the world while a component is rehearsed: the vendor, its certificates, the clock, and the operator who
//! reads the log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use notifier_plugin_exchanges as file;
use tokio::time::timeout;

use super::super::cache::hex;
use super::super::verify::VerifyError;
use super::super::web_push::PLAINTEXT_BYTES_MAX;
use crate::adapters::egress::EgressError;
use crate::ports::clock::Clock;

/// A request as the component made it, before anything is filled in: secrets by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// As `POST`.
    pub method: String,
    /// As given.
    pub url: String,
    /// As given.
    pub headers: Vec<(String, String)>,
    /// How it is to be authenticated.
    pub auth: Option<file::Auth>,
    /// Names of all secrets that it takes.
    pub secrets: Vec<String>,
    /// As given.
    pub body: Vec<u8>,
    /// As given.
    pub timeout_ms: Option<u32>,
}

impl Asked {
    /// Of a request through `wasi:http`, which knows nothing of secrets.
    pub(in super::super) fn plain(request: &Request<Bytes>) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: request.method().to_string(),
            url: request.uri().to_string(),
            headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            auth: None,
            secrets: Vec::new(),
            body: request.body().to_vec(),
            timeout_ms: None,
        }
    }

    /// In the form in which it is compared with a documented one.
    #[must_use]
    pub fn seen(&self) -> file::SeenRequest<'_> {
        file::SeenRequest {
            method: &self.method,
            url: &self.url,
            headers: &self.headers,
            auth: self.auth.clone(),
            body: &self.body,
        }
    }
}

/// What a stand-in does with a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Answers, or fails.
    Reply(file::Reply),
    /// Says nothing until the time is over.
    Silence,
}

/// Answers in place of a vendor.
pub trait StandIn: Send + Sync {
    /// What comes of that request.
    fn answer(&self, asked: &Asked) -> Answer;
}

/// A request that was answered by a real vendor, or was not.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchanged {
    /// The request.
    pub asked: Asked,
    /// The answer, without secrets; or why there is none.
    pub answer: Result<Answered, String>,
    /// How long it took.
    pub took: Duration,
}

/// The answer of a real vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP.
    pub status: u16,
    /// As they came, secrets taken out.
    pub headers: Vec<(String, String)>,
    /// As it came, secrets taken out.
    pub body: Vec<u8>,
}

/// The world of one call.
pub(in super::super) struct Stage {
    /// `None` where the world is the real one, and only watched.
    vendor: Option<Arc<dyn StandIn>>,
    certificates: BTreeMap<String, Vec<u8>>,
    seen: Mutex<Seen>,
}

/// What a call did to its world.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) asked: Vec<Asked>,
    pub(super) log: Vec<String>,
    pub(super) exchanged: Vec<Exchanged>,
}

impl Stage {
    pub(in super::super) fn new(vendor: Arc<dyn StandIn>, certificates: BTreeMap<String, Vec<u8>>) -> Self {
        Self { vendor: Some(vendor), certificates, seen: Mutex::default() }
    }

    /// Sees what happens in the real world.
    pub(super) fn watching() -> Self {
        Self { vendor: None, certificates: BTreeMap::new(), seen: Mutex::default() }
    }

    pub(in super::super) fn is_watching(&self) -> bool {
        self.vendor.is_none()
    }

    pub(in super::super) fn note_exchange(
        &self,
        asked: Asked,
        result: &Result<Response<Bytes>, EgressError>,
        took: Duration,
    ) {
        let answer = result.as_ref().map(answered).map_err(ToString::to_string);
        self.seen().exchanged.push(Exchanged { asked, answer, took });
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen until now.
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.seen())
    }

    pub(in super::super) fn note_line(&self, line: String) {
        self.seen().log.push(line);
    }

    pub(in super::super) async fn answer(&self, asked: Asked, left: Duration) -> Result<Response<Bytes>, EgressError> {
        let answer = self.vendor.as_ref().map_or(Answer::Silence, |vendor| vendor.answer(&asked));
        self.seen().asked.push(asked);
        match answer {
            Answer::Reply(file::Reply::Response(response)) => to_http(&response),
            Answer::Reply(file::Reply::Failure(failure)) => Err(match failure {
                file::Failure::Denied => EgressError::Denied("the host is not granted".into()),
                file::Failure::Unreachable => EgressError::Unreachable("connection refused".into()),
                file::Failure::Interrupted => EgressError::Interrupted("connection reset".into()),
                file::Failure::TooLarge(status) => EgressError::TooLarge { status },
            }),
            Answer::Silence => {
                // Nothing ends this but the time.
                let _ = timeout(left, std::future::pending::<()>()).await;
                Err(EgressError::Interrupted(format!("no response within {} ms", left.as_millis())))
            }
        }
    }

    pub(in super::super) fn certified_key(&self, url: &str) -> Result<Vec<u8>, VerifyError> {
        let nothing = || VerifyError::Unreachable(format!("nothing is at {url}"));
        self.certificates.get(url).cloned().ok_or_else(nothing)
    }
}

fn answered(response: &Response<Bytes>) -> Answered {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Answered {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: response.body().to_vec(),
    }
}

/// A file may hold what HTTP cannot.
fn to_http(response: &file::Response) -> Result<Response<Bytes>, EgressError> {
    let wrong = |what: String| EgressError::Invalid(format!("the documented answer: {what}"));
    let body = match &response.body {
        Some(body) => body.bytes().ok_or_else(|| wrong("its body is not base64".into()))?,
        None => Vec::new(),
    };
    let mut built = Response::new(Bytes::from(body));
    *built.status_mut() =
        StatusCode::from_u16(response.status).map_err(|_| wrong(format!("{} is no status", response.status)))?;
    for (name, value) in &response.headers {
        let header = HeaderName::try_from(name.as_str()).map_err(|_| wrong(format!("`{name}` is no header name")))?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| wrong(format!("the value of `{name}`")))?;
        built.headers_mut().append(header, value);
    }
    Ok(built)
}

/// Not encrypted, so that it can be compared: the keys in hexadecimal, and the message. The scripted host of the SDK does the
/// same, so that one file of exchanges serves both.
pub(in super::super) fn encrypt(p256dh: &[u8], auth: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, String> {
    if p256dh.len() != 65 || auth.len() != 16 {
        return Err(format!("p256dh has {} bytes and auth {}: want 65 and 16", p256dh.len(), auth.len()));
    }
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(format!("the message has {} bytes, at most {PLAINTEXT_BYTES_MAX} fit", plaintext.len()));
    }
    Ok([format!("encrypted for {} with {}: ", hex(p256dh), hex(auth)).as_bytes(), plaintext].concat())
}

/// The time that a case is played at.
pub(super) struct CaseClock(pub(super) Timestamp);

#[async_trait]
impl Clock for CaseClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}
