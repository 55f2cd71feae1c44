//! SendGrid's side of `POST /v3/mail/send`.
//!
//! Schema and rules are those of SendGrid's OpenAPI description (github.com/twilio/sendgrid-oai, `tsg_mail_v3.json`) and of
//! its list of errors (twilio.com/docs/sendgrid/api-reference/mail-send/errors).

mod answers;
mod checks;
mod schema;
mod settings;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::request::Parts,
    response::Response,
    routing::any,
};
use bytes::Bytes;
use http::{
    Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};

use self::{
    answers::{Rejection, accepted, refusal},
    schema::{Mail, Mailbox, Personalization},
};
use super::{
    Attachment, Channel, Clock, Credentials, Faults, Inbox, Message, Receipts, Service,
    body::{self, BodyError},
    counters::Event,
    faults::Denial,
    listener,
    message::IDEMPOTENCY_KEY,
    vendor_id::VendorIds,
};

/// The largest mail, attachments in base64 included: 30 MB.
const MAIL_BYTES_MAX: usize = 30 * 1024 * 1024;

/// The fake.
pub(super) struct FakeSendGrid {
    authorization: String,
    keep_raw: bool,
    clock: Clock,
    ids: VendorIds,
    faults: Faults,
    inbox: Inbox,
    receipts: Option<Receipts>,
}

impl FakeSendGrid {
    pub(super) fn new(credentials: &Credentials, keep_raw: bool, clock: Clock, faults: Faults, inbox: Inbox) -> Self {
        Self {
            authorization: credentials.sendgrid_api_key.clone(),
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
        Router::new().route("/v3/mail/send", any(send)).fallback(unknown_path).with_state(Arc::new(self))
    }

    fn keep(&self, message: Message) {
        if let Some(receipts) = &self.receipts {
            receipts.report(&message);
        }
        self.inbox.store(message);
    }

    fn refused(&self, rejection: Rejection) -> Response {
        self.inbox.count(Service::SendGrid, Event::Refused);
        rejection.render()
    }

    fn check_head(&self, parts: &Parts) -> Result<(), Rejection> {
        let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let bearer = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if bearer.is_none_or(|(_, key)| key != self.authorization) {
            let message = "The provided authorization grant is invalid, expired, or revoked";
            return Err(Rejection::new(StatusCode::UNAUTHORIZED, message));
        }
        if parts.method != Method::POST {
            return Err(Rejection::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed"));
        }
        let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Rejection::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type should be application/json."));
        }
        Ok(())
    }

    /// One message per personalization; the usual single one takes the mail's content over without a copy.
    fn store(&self, mut mail: Mail, attachments: Vec<Attachment>, id: &str, raw: Option<String>) {
        let Some((last, others)) = mail.personalizations.take().and_then(|mut all| Some((all.pop()?, all))) else {
            return;
        };
        let mut shared = shared_message(mail, id);
        shared.attachments = attachments;
        shared.raw = raw;
        for own in others {
            self.keep(personalized(shared.clone(), own));
        }
        self.keep(personalized(shared, last));
    }
}

async fn send(State(sendgrid): State<Arc<FakeSendGrid>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match body::read(body, MAIL_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::Broken) => return listener::no_answer(),
        Err(BodyError::TooLarge) => {
            return sendgrid.refused(Rejection::new(StatusCode::PAYLOAD_TOO_LARGE, "content too large"));
        }
    };
    match sendgrid.faults.admit(Service::SendGrid).await {
        Some(Denial::Refused(fault)) => return refusal(&fault, (sendgrid.clock)()),
        Some(Denial::Reset) => return listener::reset(),
        None => {}
    }
    match sendgrid.take(&parts, &body).await {
        Ok(answer) => answer,
        Err(rejection) => sendgrid.refused(rejection),
    }
}

impl FakeSendGrid {
    async fn take(&self, parts: &Parts, body: &Bytes) -> Result<Response, Rejection> {
        self.check_head(parts)?;
        let mail = Mail::parse(body)?;
        let attachments = checks::check(&mail, (self.clock)())?;
        let id = self.ids.sendgrid();
        if mail.is_sandboxed() {
            self.inbox.count(Service::SendGrid, Event::Validated);
            return Ok(accepted(StatusCode::OK, &id));
        }
        let raw = self.keep_raw.then(|| body::raw(parts, body));
        self.store(mail, attachments, &id, raw);
        if self.faults.loses_answer(Service::SendGrid).await {
            return Ok(listener::no_answer());
        }
        Ok(accepted(StatusCode::ACCEPTED, &id))
    }
}

async fn unknown_path(State(sendgrid): State<Arc<FakeSendGrid>>) -> Response {
    sendgrid.refused(Rejection::new(StatusCode::NOT_FOUND, "not found"))
}

/// What all personalizations have in common.
fn shared_message(mail: Mail, id: &str) -> Message {
    let mut message = Message::new(Service::SendGrid, Channel::Email, id.to_owned());
    let from = mail.from.unwrap_or_default();
    message.from = from.email;
    message.from_name = from.name;
    message.reply_to = addresses(mail.reply_to.into_iter().chain(mail.reply_to_list.into_iter().flatten()));
    message.subject = mail.subject;
    for content in mail.content.into_iter().flatten() {
        match content.media_type.as_deref() {
            Some("text/plain") => message.text = content.value,
            Some("text/html") => message.html = content.value,
            _ => {}
        }
    }
    message.headers = mail.headers.unwrap_or_default();
    message.categories = mail.categories.unwrap_or_default();
    message.custom_args = mail.custom_args.unwrap_or_default();
    message
}

/// What the recipients of one personalization get: its own values win over the mail's.
fn personalized(mut message: Message, own: Personalization) -> Message {
    message.to = addresses(own.to.into_iter().flatten());
    message.cc = addresses(own.cc.into_iter().flatten());
    message.bcc = addresses(own.bcc.into_iter().flatten());
    if let Some(from) = own.from {
        message.from = from.email;
        message.from_name = from.name;
    }
    message.subject = own.subject.or(message.subject);
    message.headers.extend(own.headers.unwrap_or_default());
    message.custom_args.extend(own.custom_args.unwrap_or_default());
    message.idempotency_key = message.custom_args.get(IDEMPOTENCY_KEY).cloned();
    message
}

fn addresses(mailboxes: impl Iterator<Item = Mailbox>) -> Vec<String> {
    mailboxes.filter_map(|mailbox| mailbox.email).collect()
}
