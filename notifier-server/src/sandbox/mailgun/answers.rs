//! Mailgun's answers: `{"id","message"}`, errors of the form `{"message"}`, and a plain "Forbidden" for a wrong key.

use axum::response::{IntoResponse, Response};
use http::{
    StatusCode,
    header::{CONTENT_TYPE, WWW_AUTHENTICATE},
};
use serde_json::json;

use super::super::{Refusal, vendor};

/// What Mailgun answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct MailgunError {
    status: StatusCode,
    message: String,
}

impl MailgunError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A parameter that is needed is not there.
    pub(super) fn missing(parameter: &str) -> Self {
        Self::bad_request(format!("{parameter} parameter is missing"))
    }

    /// A parameter holds no address, or one too many.
    pub(super) fn address(parameter: &str) -> Self {
        Self::bad_request(format!("'{parameter}' parameter is not a valid address. please check documentation"))
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Forbidden")
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
    }

    pub(super) fn render(self) -> Response {
        if self.status == StatusCode::UNAUTHORIZED {
            let headers = [(CONTENT_TYPE, "text/plain"), (WWW_AUTHENTICATE, "Basic realm=\"MG API\"")];
            return (self.status, headers, self.message).into_response();
        }
        vendor::json(self.status, &json!({ "message": self.message }))
    }
}

/// The message was taken.
pub(super) fn accepted(id: &str) -> Response {
    vendor::json(StatusCode::OK, &json!({ "id": id, "message": "Queued. Thank you." }))
}

/// The answer that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal, domain: &str) -> Response {
    let told = match fault {
        Refusal::Unavailable => MailgunError::new(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        Refusal::RateLimited { retry_after_s } => {
            // How long to wait stands in the text only.
            let wait = retry_after_s.map(|seconds| format!(", try again after {seconds} seconds")).unwrap_or_default();
            let told = format!("Domain {domain} is not allowed to send: request rate limit exceeded{wait}");
            MailgunError::new(StatusCode::TOO_MANY_REQUESTS, told)
        }
        Refusal::Rejected { code: Some(401), .. } => MailgunError::forbidden(),
        Refusal::Rejected { code: Some(403), .. } => MailgunError::new(
            StatusCode::FORBIDDEN,
            format!(
                "Domain {domain} is not allowed to send: The domain is unverified and requires DNS configuration. Log in \
                 to your control panel to view required DNS records."
            ),
        ),
        Refusal::Rejected { code: Some(413), .. } => MailgunError::too_large(),
        Refusal::Rejected { field, .. } => MailgunError::address(field.as_deref().unwrap_or("to")),
    };
    told.render()
}
