//! Google's side of Firebase Cloud Messaging: the token endpoint of OAuth 2.0 for service accounts
//! (developers.google.com/identity/protocols/oauth2/service-account, RFC 7523) and `messages:send` of the HTTP v1 API
//! (firebase.google.com/docs/reference/fcm/rest/v1/projects.messages, Google's discovery document `fcm:v1`).
//!
//! The assertion is verified with the public key of a service account made for this sandbox, whose private key is
//! public: `Sandbox::fcm_service_account` is its key file. Both endpoints are at one address here.
//!
//! Some registration tokens have a meaning: `unregistered`, `sender-id-mismatch`, `quota-exceeded`, `invalid-argument`,
//! `third-party-auth-error`, `unavailable` and `internal` are answered with the error of that name. Access tokens end
//! after 3,599 seconds of the sandbox's clock; the fault `rejected` with the code 401 refuses one earlier.
//!
//! In a configuration:
//!
//! ```toml
//! [providers.fcm.settings]
//! base_url = "http://127.0.0.1:40007"              # Sandbox::url(Service::Fcm)
//! token_url = "http://127.0.0.1:40007/token"
//! project_id = "sandbox-project"                   # Credentials::fcm_project_id
//! # The service account: Sandbox::fcm_service_account()
//! ```

mod answers;
mod message;
mod schema;
mod token;

use axum::{
    body::Body,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_TYPE};
use serde_json::json;

use self::{
    answers::{FcmError, refusal},
    message::SendRequest,
    token::TokenEndpoint,
};
use super::{
    Channel, Credentials, Message, Refusal, SandboxError, Service,
    vendor::{self, Desk, Vendor, Verdict, World, credentials, media_type},
};

/// The fake.
pub(super) struct FakeFcm {
    desk: Desk,
    project_id: String,
    tokens: TokenEndpoint,
}

/// The key file of the service account, as Google hands it out.
pub(super) fn service_account(credentials: &Credentials, url: &str) -> String {
    json!({
        "type": "service_account",
        "project_id": credentials.fcm_project_id,
        "private_key_id": token::PRIVATE_KEY_ID,
        "private_key": credentials.fcm_private_key,
        "client_email": credentials.fcm_client_email,
        "client_id": "100000000000000000001",
        "auth_uri": format!("{url}/o/oauth2/auth"),
        "token_uri": format!("{url}/token"),
        "universe_domain": "googleapis.com",
    })
    .to_string()
}

impl FakeFcm {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Result<Self, SandboxError> {
        let tokens = TokenEndpoint::new(credentials)?;
        Ok(Self {
            desk: Desk::new(Service::Fcm, world, Vec::new()),
            project_id: credentials.fcm_project_id.clone(),
            tokens,
        })
    }

    fn send(&self, parts: &Parts, project: &str, body: &Bytes) -> Result<Verdict, FcmError> {
        let token = credentials(parts, "bearer").ok_or_else(FcmError::no_credentials)?;
        let access = self.tokens.access(token, self.desk.now()).ok_or_else(FcmError::bad_credentials)?;
        if !access.to_messaging {
            return Err(FcmError::insufficient_scopes());
        }
        if project != self.project_id {
            return Err(FcmError::no_permission(project));
        }
        if media_type(parts) != "application/json" {
            return Err(FcmError::no_json());
        }
        let request = SendRequest::parse(body)?;
        if request.validate_only {
            let name = format!("projects/{project}/messages/fake_message_id");
            return Ok(Verdict::nothing(vendor::json(StatusCode::OK, &json!({ "name": name }))));
        }
        let name = format!("projects/{project}/messages/0:{}", self.desk.ids.hex());
        let mut message = Message::new(Service::Fcm, Channel::Push, name.clone());
        message.to = vec![request.target];
        message.subject = request.title;
        message.text = request.body;
        message.custom_args = request.data;
        message.document = Some(request.message);
        Ok(Verdict::accepted(message, vendor::json(StatusCode::OK, &json!({ "name": name }))))
    }
}

impl Vendor for FakeFcm {
    /// Far above the largest message that the rules allow.
    const BODY_BYTES_MAX: usize = 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn aside(&self, parts: &Parts, body: &Bytes) -> Option<Verdict> {
        if parts.uri.path() != "/token" {
            return None;
        }
        let issued = self.tokens.issue(parts, body, self.desk.now(), &self.desk.ids);
        Some(match issued {
            Ok(token) => Verdict::aside(vendor::json(StatusCode::OK, &token)),
            Err(error) => Verdict::refused(vendor::json(StatusCode::BAD_REQUEST, &error)),
        })
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        let project =
            parts.uri.path().strip_prefix("/v1/projects/").and_then(|rest| rest.strip_suffix("/messages:send"));
        match project.filter(|project| parts.method == Method::POST && !project.contains('/')) {
            Some(project) => {
                let refused = |error: FcmError| Verdict::refused(error.render());
                self.send(parts, project, body).unwrap_or_else(refused)
            }
            None => Verdict::refused(not_found()),
        }
    }

    fn too_large(&self) -> Response {
        FcmError::too_big().render()
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        refusal(fault)
    }
}

/// Google's front end, which is no API.
fn not_found() -> Response {
    let page = "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> <ins>That’s an \
                error.</ins>\n";
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "text/html; charset=UTF-8")], Body::from(page)).into_response()
}
