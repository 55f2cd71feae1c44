//! Resend's answers: `{"id":…}`, and errors of the form `{"statusCode","name","message"}` with the names and statuses
//! of resend.com/docs/api-reference/errors.

use axum::response::{IntoResponse, Response};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;

use super::super::{Refusal, vendor};

/// Requests a second that the default plan allows: resend.com/docs/api-reference/rate-limit.
const REQUESTS_PER_SECOND: u32 = 5;

/// Errors that a request to send may meet. A validation error has the status 400 or 403 too.
const ERRORS: [(&str, u16, &str); 18] = [
    ("invalid_idempotency_key", 400, "The key must be between 1-256 chars."),
    ("missing_api_key", 401, "Missing API key in the authorization header."),
    ("restricted_api_key", 401, "This API key is restricted to only send emails."),
    ("invalid_api_key", 403, "API key is invalid."),
    ("not_found", 404, "The requested endpoint does not exist."),
    ("method_not_allowed", 405, "Method is not allowed for the requested path."),
    ("invalid_idempotent_request", 409, "Same idempotency key used with a different request payload."),
    ("concurrent_idempotent_requests", 409, "Same idempotency key used while original request is still in progress."),
    ("validation_error", 422, INVALID_TO),
    ("invalid_attachment", 422, "Attachment must have either a `content` or `path`."),
    ("invalid_from_address", 422, "Invalid `from` field."),
    ("missing_required_field", 422, "The request body is missing one or more required fields."),
    ("monthly_quota_exceeded", 429, "You have reached your monthly email quota."),
    ("daily_quota_exceeded", 429, "You have reached your daily email quota."),
    ("rate_limit_exceeded", 429, "Too many requests. Please limit the number of requests per second."),
    ("security_error", 451, "We may have found a security issue with the request."),
    ("application_error", 500, "An unexpected error occurred."),
    ("internal_server_error", 500, "An unexpected error occurred."),
];

const INVALID_TO: &str = "Invalid `to` field. The email address needs to follow the `email@example.com` or `Name <email@example.com>` format.";

/// The status of an error.
pub(in super::super) fn status_of(name: &str) -> Option<u16> {
    ERRORS.iter().find(|(known, ..)| *known == name).map(|(_, status, _)| *status)
}

/// What Resend answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct ResendError {
    status: StatusCode,
    name: &'static str,
    message: String,
}

impl ResendError {
    /// An error in Resend's own words.
    pub(super) fn named(name: &str) -> Self {
        let known = ERRORS.iter().find(|(known, ..)| *known == name);
        let (name, status, message) = known.unwrap_or(&ERRORS[ERRORS.len() - 1]);
        let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, name, message: (*message).to_owned() }
    }

    /// The same, that says more.
    pub(super) fn telling(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// A field is wrong.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::named("validation_error").telling(message)
    }

    /// An address is none.
    pub(super) fn address(field: &str) -> Self {
        Self::validation(INVALID_TO.replacen("`to`", &format!("`{field}`"), 1))
    }

    /// A field is not there.
    pub(super) fn missing(field: &str) -> Self {
        Self::named("missing_required_field").telling(format!("Missing `{field}` field."))
    }

    pub(super) fn render(self) -> Response {
        let body = json!({ "statusCode": self.status.as_u16(), "name": self.name, "message": self.message });
        vendor::json(self.status, &body)
    }
}

/// The email was taken.
pub(super) fn accepted(id: &str) -> Response {
    vendor::json(StatusCode::OK, &json!({ "id": id }))
}

/// A request without `User-Agent` does not get as far as the API, and is answered by what stands before it:
/// resend.com/docs/knowledge-base/403-error-1010.
pub(super) fn without_user_agent() -> Response {
    (StatusCode::FORBIDDEN, [(CONTENT_TYPE, "text/plain; charset=UTF-8")], "error code: 1010").into_response()
}

/// The answer that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal) -> Response {
    match fault {
        Refusal::Unavailable => ResendError::named("application_error").render(),
        Refusal::RateLimited { retry_after_s } => {
            let mut answer = ResendError::named("rate_limit_exceeded").render();
            answer.headers_mut().extend(rate_limit(*retry_after_s));
            answer
        }
        Refusal::Rejected { field, .. } => ResendError::named(field.as_deref().unwrap_or("validation_error")).render(),
    }
}

fn rate_limit(retry_after_s: Option<u32>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ratelimit-limit", HeaderValue::from(REQUESTS_PER_SECOND));
    headers.insert("ratelimit-remaining", HeaderValue::from(0));
    if let Some(seconds) = retry_after_s {
        headers.insert("ratelimit-reset", HeaderValue::from(seconds));
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    headers
}
