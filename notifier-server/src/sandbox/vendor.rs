//! What the fakes of vendors have in common around their own checks: reading the request, the faults, the inbox, the
//! reports. A fake itself is a function from a request to a message or a refusal.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderName, StatusCode, header::CONTENT_TYPE};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    Clock, Faults, Inbox, Message, Receipts, Refusal, Service,
    body::{self, BodyError},
    counters::Event,
    faults::Denial,
    listener,
    vendor_id::VendorIds,
};

/// What the fakes of one sandbox share.
#[derive(Clone)]
pub(super) struct World {
    clock: Clock,
    keep_raw: bool,
    faults: Faults,
    inbox: Inbox,
    receipts: Receipts,
}

impl World {
    pub(super) fn new(clock: &Clock, keep_raw: bool, faults: &Faults, inbox: &Inbox, receipts: &Receipts) -> Self {
        let (clock, faults, inbox, receipts) = (clock.clone(), faults.clone(), inbox.clone(), receipts.clone());
        Self { clock, keep_raw, faults, inbox, receipts }
    }
}

/// One fake's part of the world.
pub(super) struct Desk {
    service: Service,
    world: World,
    pub(super) ids: VendorIds,
    /// What raw requests are kept without, beside the header `Authorization`.
    secrets: Vec<String>,
}

impl Desk {
    pub(super) fn new(service: Service, world: &World, secrets: Vec<String>) -> Self {
        Self { service, ids: VendorIds::new((world.clock)()), world: world.clone(), secrets }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.world.clock)()
    }

    /// The request as it came, if it is to be kept.
    fn raw(&self, parts: &Parts, body: &[u8]) -> Option<String> {
        let raw = self.world.keep_raw.then(|| body::raw(parts, body))?;
        Some(self.secrets.iter().fold(raw, |raw, secret| raw.replace(secret.as_str(), "(blanked)")))
    }
}

/// What a fake makes of a request.
pub(super) struct Verdict {
    messages: Vec<Message>,
    answer: Response,
    /// What is counted, beside the messages that are stored.
    event: Option<Event>,
}

impl Verdict {
    /// The message arrives.
    pub(super) fn accepted(message: Message, answer: Response) -> Self {
        Self { messages: vec![message], answer, event: None }
    }

    /// Several messages arrive: copies for one recipient each.
    pub(super) fn accepted_all(messages: Vec<Message>, answer: Response) -> Self {
        Self { messages, answer, event: None }
    }

    /// All is well and no message arrives: the vendor only checks, or has it already, or delivers nothing without a
    /// word.
    pub(super) fn nothing(answer: Response) -> Self {
        Self { messages: Vec::new(), answer, event: Some(Event::Validated) }
    }

    /// An error that the request deserves.
    pub(super) fn refused(answer: Response) -> Self {
        Self { messages: Vec::new(), answer, event: Some(Event::Refused) }
    }

    /// The answer to what is no message, as a request for a token.
    pub(super) fn aside(answer: Response) -> Self {
        Self { messages: Vec::new(), answer, event: None }
    }
}

/// A fake.
pub(super) trait Vendor: Send + Sync + 'static {
    /// Beyond it a body is not even read.
    const BODY_BYTES_MAX: usize;

    fn desk(&self) -> &Desk;

    /// Answers what sends no message, as a request for a token. No fault hits it.
    fn aside(&self, _parts: &Parts, _body: &Bytes) -> Option<Verdict> {
        None
    }

    /// Checks a request as the vendor does. Nothing is stored here: a fault may still follow.
    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict;

    /// The answer to a body of more than [`Vendor::BODY_BYTES_MAX`].
    fn too_large(&self) -> Response;

    /// The answer that a switched fault asks for.
    fn refusal(&self, fault: &Refusal) -> Response;
}

/// All requests go to the fake: it knows its own paths.
pub(super) fn router<V: Vendor>(vendor: V) -> Router {
    Router::new().fallback(serve::<V>).with_state(Arc::new(vendor))
}

async fn serve<V: Vendor>(State(vendor): State<Arc<V>>, request: Request) -> Response {
    let desk = vendor.desk();
    let World { faults, inbox, receipts, .. } = &desk.world;
    let (parts, body) = request.into_parts();
    let body = match body::read(body, V::BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::Broken) => return listener::no_answer(),
        Err(BodyError::TooLarge) => {
            inbox.count(desk.service, Event::Refused);
            return vendor.too_large();
        }
    };
    if let Some(Verdict { answer, event, .. }) = vendor.aside(&parts, &body) {
        count(inbox, desk.service, event);
        return answer;
    }
    match faults.admit(desk.service).await {
        Some(Denial::Refused(fault)) => return vendor.refusal(&fault),
        Some(Denial::Reset) => return listener::reset(),
        None => {}
    }
    let Verdict { messages, answer, event } = vendor.judge(&parts, &body);
    count(inbox, desk.service, event);
    if messages.is_empty() {
        return answer;
    }
    for mut message in messages {
        message.raw = desk.raw(&parts, &body);
        receipts.report(&message);
        inbox.store(message);
    }
    if faults.loses_answer(desk.service).await { listener::no_answer() } else { answer }
}

fn count(inbox: &Inbox, service: Service, event: Option<Event>) {
    if let Some(event) = event {
        inbox.count(service, event);
    }
}

/// The media type of the body without its parameters, in lower case; empty if none is given.
pub(super) fn media_type(parts: &Parts) -> String {
    header(parts, &CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The value of a header; empty if there is none, or none of visible characters.
pub(super) fn header<'a>(parts: &'a Parts, name: &HeaderName) -> &'a str {
    parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The credentials of that scheme in an `Authorization` header (RFC 9110, section 11.4: the scheme's name ignores
/// case).
pub(super) fn credentials<'a>(parts: &'a Parts, scheme: &str) -> Option<&'a str> {
    let (given, credentials) = header(parts, &http::header::AUTHORIZATION).split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
}

pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json; charset=UTF-8")], Body::from(body.to_string())).into_response()
}
