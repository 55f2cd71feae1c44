//! Twilio's side of `POST /2010-04-01/Accounts/{sid}/Messages.json`.
//!
//! Rules, codes and shapes are those of Twilio's Messages resource (twilio.com/docs/messaging/api/message-resource),
//! error dictionary (twilio.com/docs/api/errors) and test credentials (twilio.com/docs/iam/test-credentials). Two
//! rules are stricter than the vendor, who ignores what it does not know: an unknown parameter and a repeated one are
//! refused, since both are mistakes of a plugin.

mod answers;
mod parameters;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::any,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    Method, StatusCode,
    header::{ALLOW, AUTHORIZATION, CONTENT_TYPE},
};

use self::{
    answers::{TwilioError, created, refusal},
    parameters::CreateMessage,
};
use super::{
    Channel, Clock, Credentials, Faults, Inbox, Message, Receipts, Segments, Service,
    body::{self, BodyError},
    counters::Event,
    faults::Denial,
    form, listener,
    message::IDEMPOTENCY_KEY,
    vendor_id::VendorIds,
};

/// Far above the largest form that the rules allow.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The fake.
pub(super) struct FakeTwilio {
    account_sid: String,
    /// `user:password` in base64, once per way to authenticate.
    basic_credentials: [String; 2],
    keep_raw: bool,
    clock: Clock,
    ids: VendorIds,
    faults: Faults,
    inbox: Inbox,
    receipts: Option<Receipts>,
}

impl FakeTwilio {
    pub(super) fn new(credentials: &Credentials, keep_raw: bool, clock: Clock, faults: Faults, inbox: Inbox) -> Self {
        let basic = |user: &str, password: &str| STANDARD.encode(format!("{user}:{password}"));
        Self {
            account_sid: credentials.twilio_account_sid.clone(),
            basic_credentials: [
                basic(&credentials.twilio_account_sid, &credentials.twilio_auth_token),
                basic(&credentials.twilio_api_key_sid, &credentials.twilio_api_key_secret),
            ],
            keep_raw,
            ids: VendorIds::new(clock()),
            clock,
            faults,
            inbox,
            receipts: None,
        }
    }

    /// The same, that reports about what it takes.
    pub(super) fn reporting(self, receipts: Receipts) -> Self {
        Self { receipts: Some(receipts), ..self }
    }

    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/2010-04-01/Accounts/{sid}/Messages.json", any(create_message))
            .fallback(unknown_path)
            .with_state(Arc::new(self))
    }

    fn keep(&self, message: Message) {
        if let Some(receipts) = &self.receipts {
            receipts.report(&message);
        }
        self.inbox.store(message);
    }

    fn refused(&self, error: &TwilioError) -> Response {
        self.inbox.count(Service::Twilio, Event::Refused);
        error.into_response()
    }

    fn check_head(&self, parts: &Parts, account_sid: &str) -> Result<(), TwilioError> {
        if !self.authenticates(parts) {
            return Err(TwilioError::new(20003, "Authentication Error - invalid username"));
        }
        if account_sid != self.account_sid {
            return Err(TwilioError::not_found(parts.uri.path()));
        }
        if parts.method != Method::POST {
            return Err(TwilioError::new(20004, "Method not allowed"));
        }
        let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(TwilioError::new(20415, format!("Unsupported content type '{media_type}'")));
        }
        Ok(())
    }

    /// RFC 7617: the scheme's name ignores case.
    fn authenticates(&self, parts: &Parts) -> bool {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, credentials)) = header.and_then(|header| header.split_once(' ')) else {
            return false;
        };
        scheme.eq_ignore_ascii_case("basic") && self.basic_credentials.iter().any(|known| known == credentials)
    }

    fn store(&self, sms: CreateMessage, segments: Segments, sid: String, raw: Option<String>) {
        let mut message = Message::new(Service::Twilio, Channel::Sms, sid);
        message.idempotency_key = sms.status_callback.as_deref().and_then(idempotency_key);
        message.to = vec![sms.to];
        message.from = sms.from;
        message.text = sms.body;
        message.segments = Some(segments);
        message.media_urls = sms.media_urls;
        message.status_callback = sms.status_callback;
        message.messaging_service_sid = sms.messaging_service_sid;
        message.raw = raw;
        self.keep(message);
    }
}

async fn create_message(
    State(twilio): State<Arc<FakeTwilio>>,
    Path(account_sid): Path<String>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = match body::read(body, BODY_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::Broken) => return listener::no_answer(),
        Err(BodyError::TooLarge) => return twilio.refused(&TwilioError::new(20413, "Request entity too large")),
    };
    match twilio.faults.admit(Service::Twilio).await {
        Some(Denial::Refused(fault)) => return refusal(&fault),
        Some(Denial::Reset) => return listener::reset(),
        None => {}
    }
    if let Err(error) = twilio.check_head(&parts, &account_sid) {
        return twilio.refused(&error);
    }
    let sms = match CreateMessage::parse(&body) {
        Ok(sms) => sms,
        Err(error) => return twilio.refused(&error),
    };
    let segments = Segments::of(sms.body.as_deref().unwrap_or_default());
    // Twilio tells pictures from texts by the prefix.
    let sid = twilio.ids.twilio(if sms.media_urls.is_empty() { "SM" } else { "MM" });
    let answer = created(&account_sid, &sid, &sms, &segments, (twilio.clock)());
    let raw = twilio.keep_raw.then(|| body::raw(&parts, &body));
    twilio.store(sms, segments, sid, raw);
    if twilio.faults.loses_answer(Service::Twilio).await { listener::no_answer() } else { answer }
}

async fn unknown_path(State(twilio): State<Arc<FakeTwilio>>, request: Request) -> Response {
    twilio.refused(&TwilioError::not_found(request.uri().path()))
}

/// Twilio has no such parameter; a caller can only hide the key in the address of its own callback.
fn idempotency_key(status_callback: &str) -> Option<String> {
    let (_, query) = status_callback.split_once('?')?;
    let query = query.split('#').next().unwrap_or_default();
    let pairs = form::pairs(query.as_bytes()).flatten();
    pairs.into_iter().find_map(|(name, value)| (name == IDEMPOTENCY_KEY).then_some(value))
}

impl IntoResponse for &TwilioError {
    fn into_response(self) -> Response {
        let answer = self.render();
        match self.status() {
            StatusCode::METHOD_NOT_ALLOWED => ([(ALLOW, "POST")], answer).into_response(),
            _ => answer,
        }
    }
}
