//! Resend's side of `POST /emails`.
//!
//! Schema and rules are those of Resend's OpenAPI description (github.com/resend/resend-openapi, `resend.yaml`) and of
//! its documentation (resend.com/docs/api-reference). Every domain counts as verified, there are no
//! templates, and addresses at example.com, which Resend refuses, are taken: the sandbox's users have them.
//!
//! To send through it, a configuration names the fake's address:
//!
//! ```toml
//! [providers.resend]
//! plugin = "resend"
//! hosts = ["127.0.0.1:40004"]
//! settings = { base_url = "http://127.0.0.1:40004" }
//! secrets = { api_key = "re_sandbox_api_key", webhook_secret = "whsec_c2FuZGJveC1yZXNlbmQtd2ViaG9vay1rZXk=" }
//! ```

mod answers;
mod checks;
mod idempotency;
mod schema;

use std::sync::Arc;

use axum::{http::request::Parts, response::Response};
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header::USER_AGENT};

use self::{
    answers::{ResendError, accepted, refusal, without_user_agent},
    idempotency::{IdempotencyKeys, Seen},
    schema::Email,
};
use super::{
    Credentials, Refusal, Service,
    vendor::{Desk, Vendor, Verdict, World, credentials, header, media_type},
};

pub(super) use self::answers::status_of;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const IDEMPOTENCY_KEY_MAX: usize = 256;

/// The fake.
pub(super) struct FakeResend {
    desk: Desk,
    api_key: String,
    keys: IdempotencyKeys,
}

impl FakeResend {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Self {
        Self {
            desk: Desk::new(Service::Resend, world, Vec::new()),
            api_key: credentials.resend_api_key.clone(),
            keys: IdempotencyKeys::default(),
        }
    }

    fn check_head(&self, parts: &Parts) -> Result<(), ResendError> {
        if parts.uri.path() != "/emails" {
            return Err(ResendError::named("not_found"));
        }
        match credentials(parts, "bearer") {
            None => return Err(ResendError::named("missing_api_key")),
            Some(key) if key != self.api_key => return Err(ResendError::named("invalid_api_key")),
            Some(_) => {}
        }
        if parts.method != Method::POST {
            return Err(ResendError::named("method_not_allowed"));
        }
        if media_type(parts) != "application/json" {
            let told = "The request body has to be application/json.";
            return Err(ResendError::validation(told).with_status(StatusCode::BAD_REQUEST));
        }
        Ok(())
    }

    fn take(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, ResendError> {
        self.check_head(parts)?;
        let key = idempotency_key(parts)?;
        let id = self.desk.ids.uuid();
        let mut message = checks::check(Email::parse(body)?, id.clone())?;
        match self.keys.take(key, body, &id, self.desk.now())? {
            Seen::Answered(id) => Ok(Verdict::nothing(accepted(&id))),
            Seen::InProgress(mark) => {
                message.idempotency_key = key.map(str::to_owned);
                let mut answer = accepted(&id);
                // The request is in progress for as long as its answer is held back.
                answer.extensions_mut().insert(Arc::new(mark));
                Ok(Verdict::accepted(message, answer))
            }
        }
    }
}

impl Vendor for FakeResend {
    /// The largest email, attachments in base64 included: 40 MB.
    const BODY_BYTES_MAX: usize = 40 * 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        if header(parts, &USER_AGENT).is_empty() {
            return Verdict::refused(without_user_agent());
        }
        self.take(parts, body).unwrap_or_else(|error| Verdict::refused(error.render()))
    }

    fn too_large(&self) -> Response {
        ResendError::validation("The email is larger than 40 MB.").with_status(StatusCode::PAYLOAD_TOO_LARGE).render()
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        refusal(fault)
    }
}

fn idempotency_key(parts: &Parts) -> Result<Option<&str>, ResendError> {
    let key = header(parts, &IDEMPOTENCY_KEY);
    match parts.headers.get_all(IDEMPOTENCY_KEY).iter().count() {
        0 => Ok(None),
        1 if (1..=IDEMPOTENCY_KEY_MAX).contains(&key.chars().count()) => Ok(Some(key)),
        _ => Err(ResendError::named("invalid_idempotency_key")),
    }
}
