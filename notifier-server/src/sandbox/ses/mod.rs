//! SES's side of `POST /v2/email/outbound-emails`, and SNS's side of what SES reports.
//!
//! Requests are those of `sesv2/2019-09-27/service-2.json` in github.com/boto/botocore, for simple and raw messages;
//! templates there are none. Every sender counts as verified.
//!
//! To send through it, a configuration names the fake's address, and SNS on the same port:
//!
//! ```toml
//! [providers.ses]
//! plugin = "ses"
//! hosts = ["127.0.0.1:40003"]
//! settings = { base_url = "http://127.0.0.1:40003", sns_base_url = "http://127.0.0.1:40003", region = "us-east-1" }
//! secrets = { access_key_id = "AKIASANDBOXSANDBOX00", secret_access_key = "sandbox/ses+secret-access-key" }
//! ```

mod answers;
mod checks;
mod mime;
mod schema;
mod sns;

use std::sync::Arc;

use axum::{
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_TYPE};

use self::{
    answers::{AwsError, accepted, refusal},
    schema::SendEmail,
    sns::{CERTIFICATE, CERTIFICATE_PATH},
};
use super::{
    Credentials, Refusal, Service,
    sigv4::Verifier,
    vendor::{Desk, Vendor, Verdict, World, media_type},
};

pub(super) use self::{
    answers::status_of,
    sns::{ACCOUNT_ID, Topic},
};

const SEND_PATH: &str = "/v2/email/outbound-emails";

/// The fake.
pub(super) struct FakeSes {
    desk: Desk,
    verifier: Verifier,
    topic: Arc<Topic>,
}

impl FakeSes {
    pub(super) fn new(credentials: &Credentials, world: &World, topic: &Arc<Topic>) -> Self {
        let verifier = Verifier {
            access_key_id: credentials.ses_access_key_id.clone(),
            secret_access_key: credentials.ses_secret_access_key.clone(),
            session_token: None,
            service: "ses",
            region: credentials.ses_region.clone(),
            // As its errors tell: "(20250505T151330Z + 5 min.)".
            skew_max_min: 5,
        };
        Self { desk: Desk::new(Service::Ses, world, Vec::new()), verifier, topic: topic.clone() }
    }

    fn check_head(&self, parts: &Parts, body: &Bytes) -> Result<(), AwsError> {
        if parts.uri.path() != SEND_PATH || parts.method != Method::POST {
            return Err(AwsError::new(StatusCode::NOT_FOUND, "UnknownOperationException", "Unknown operation."));
        }
        self.verifier.verify(parts, body, self.desk.now())?;
        if media_type(parts) != "application/json" {
            let name = "UnsupportedMediaTypeException";
            return Err(AwsError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                name,
                "The body has to be application/json.",
            ));
        }
        Ok(())
    }

    fn take(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, AwsError> {
        self.check_head(parts, body)?;
        let id = self.desk.ids.ses();
        let message = checks::check(SendEmail::parse(body)?, id.clone())?;
        Ok(Verdict::accepted(message, accepted(&id, &self.desk.ids.uuid(), self.desk.now())))
    }

    fn render(&self, error: &AwsError) -> Response {
        error.render(&self.desk.ids.uuid(), self.desk.now())
    }
}

impl Vendor for FakeSes {
    /// The largest message with its attachments in base64: 40 MB.
    const BODY_BYTES_MAX: usize = 40 * 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What SNS answers.
    fn aside(&self, parts: &Parts, _body: &Bytes) -> Option<Verdict> {
        let xml = |status: StatusCode, xml: String| (status, [(CONTENT_TYPE, "text/xml")], xml).into_response();
        match (parts.method.clone(), parts.uri.path()) {
            (Method::GET, CERTIFICATE_PATH) => {
                let answer = ([(CONTENT_TYPE, "application/x-pem-file")], CERTIFICATE).into_response();
                Some(Verdict::aside(answer))
            }
            (Method::GET, "/") => Some(match self.topic.confirm(parts.uri.query().unwrap_or_default()) {
                Ok(told) => Verdict::aside(xml(StatusCode::OK, told)),
                Err(told) => Verdict::refused(xml(StatusCode::BAD_REQUEST, told)),
            }),
            _ => None,
        }
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        self.take(parts, body).unwrap_or_else(|error| Verdict::refused(self.render(&error)))
    }

    fn too_large(&self) -> Response {
        self.render(&AwsError::bad_request("Message length is more than 41943040 bytes long."))
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        self.render(&refusal(fault))
    }
}
