//! Postmark's side of `POST /email`.
//!
//! Fields and rules are those of its documentation (postmarkapp.com/developer/api/email-api) and of its JavaScript
//! client (github.com/ActiveCampaign/postmark.js); its OpenAPI description is older and knows fewer fields. Every
//! sender counts as confirmed.
//!
//! To send through it, a configuration names the fake's address:
//!
//! ```toml
//! [providers.postmark]
//! plugin = "postmark"
//! hosts = ["127.0.0.1:40006"]
//! settings = { base_url = "http://127.0.0.1:40006" }
//! secrets = { server_token = "5a4d0b0c-0000-4000-8000-000000000001", webhook_password = "sandbox-postmark-webhook" }
//! ```

mod answers;
mod checks;
mod schema;

use axum::{http::request::Parts, response::Response};
use bytes::Bytes;
use http::{HeaderName, Method, StatusCode, header::ACCEPT};

use self::{
    answers::{PostmarkError, accepted, refusal},
    schema::Email,
};
use super::{
    Credentials, Refusal, Service,
    vendor::{Desk, Vendor, Verdict, World, header, media_type},
};

pub(super) use self::answers::status_of;

const SERVER_TOKEN: HeaderName = HeaderName::from_static("x-postmark-server-token");

/// The token with which everything is checked and nothing is sent.
const TEST_TOKEN: &str = "POSTMARK_API_TEST";

/// The fake.
pub(super) struct FakePostmark {
    desk: Desk,
    server_token: String,
}

impl FakePostmark {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Self {
        let server_token = credentials.postmark_server_token.clone();
        Self { desk: Desk::new(Service::Postmark, world, vec![server_token.clone()]), server_token }
    }

    /// Whether it is only a test.
    fn check_head(&self, parts: &Parts) -> Result<bool, PostmarkError> {
        if !parts.uri.path().eq_ignore_ascii_case("/email") {
            return Err(PostmarkError::of_status(StatusCode::NOT_FOUND, "Not found."));
        }
        let is_test = match header(parts, &SERVER_TOKEN) {
            "" => {
                return Err(PostmarkError::coded(10).telling(
                    "No Account or Server API tokens were supplied in the HTTP headers. Please add a header for either \
                     X-Postmark-Server-Token or X-Postmark-Account-Token.",
                ));
            }
            token if token.eq_ignore_ascii_case(&self.server_token) => false,
            token if token.eq_ignore_ascii_case(TEST_TOKEN) => true,
            _ => {
                return Err(PostmarkError::coded(10).telling(
                    "The Server Token you provided in the X-Postmark-Server-Token request header was invalid. Please \
                     verify that you are using a valid token.",
                ));
            }
        };
        if parts.method != Method::POST {
            return Err(PostmarkError::of_status(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed."));
        }
        if media_type(parts) != "application/json" || !header(parts, &ACCEPT).contains("application/json") {
            let told = "Content-Type and Accept have to be application/json.";
            return Err(PostmarkError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, told));
        }
        Ok(is_test)
    }

    fn take(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, PostmarkError> {
        let is_test = self.check_head(parts)?;
        let email = Email::parse(body)?;
        let to = email.to.clone().unwrap_or_default();
        let message = checks::check(email, self.desk.ids.uuid())?;
        let answer = |told| accepted(&to, &message.provider_message_id, self.desk.now(), told);
        Ok(match is_test {
            true => Verdict::nothing(answer("Test job accepted")),
            false => {
                let answer = answer("OK");
                Verdict::accepted(message, answer)
            }
        })
    }
}

impl Vendor for FakePostmark {
    /// The largest request: 10 MB.
    const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        self.take(parts, body).unwrap_or_else(|error| Verdict::refused(error.render()))
    }

    fn too_large(&self) -> Response {
        PostmarkError::of_status(StatusCode::PAYLOAD_TOO_LARGE, "The request is larger than 10 MB.").render()
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        refusal(fault)
    }
}
