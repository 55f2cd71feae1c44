//! The errors of Mozilla's push service: `{code, errno, error, message, more_info}`.

use std::borrow::Cow;

use axum::response::Response;
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use serde_json::json;

use super::super::vendor;

const MORE_INFO: &str = "http://autopush.readthedocs.io/en/latest/http.html#error-codes";

/// What the push service answers to a message that it does not take.
#[derive(Debug)]
pub(super) struct PushError {
    status: StatusCode,
    errno: Option<u16>,
    message: Cow<'static, str>,
    retry_after_s: Option<u32>,
}

impl PushError {
    fn new(status: StatusCode, errno: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, errno: Some(errno), message: message.into(), retry_after_s: None }
    }

    pub(super) fn no_endpoint() -> Self {
        Self::new(StatusCode::NOT_FOUND, 102, "Invalid token")
    }

    pub(super) fn gone() -> Self {
        Self::new(StatusCode::GONE, 106, "No such subscription")
    }

    pub(super) fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, 104, "Data payload too large")
    }

    pub(super) fn vapid(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, 109, message)
    }

    pub(super) fn encryption(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 110, message)
    }

    pub(super) fn no_ttl() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 111, "Missing TTL value")
    }

    pub(super) fn bad_ttl() -> Self {
        Self::new(StatusCode::BAD_REQUEST, 112, "Invalid TTL value")
    }

    pub(super) fn topic(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 113, message)
    }

    /// Mozilla's service does not look at it; RFC 8030 has it refused.
    pub(super) fn urgency() -> Self {
        let message = "Urgency must be very-low, low, normal or high, once".into();
        Self { status: StatusCode::BAD_REQUEST, errno: None, message, retry_after_s: None }
    }

    /// "The response carries a Retry-After header […] a jittered default near 120 seconds."
    pub(super) fn throttled(retry_after_s: Option<u32>) -> Self {
        Self { retry_after_s, ..Self::new(StatusCode::TOO_MANY_REQUESTS, 201, "Too many requests") }
    }

    pub(super) fn unavailable() -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, 201, "Service unavailable");
        Self { retry_after_s: Some(120), ..error }
    }

    /// The error that a subscription's name stands for.
    pub(super) fn magic(name: &str) -> Option<Self> {
        match name {
            "missing" => Some(Self::no_endpoint()),
            "gone" => Some(Self::gone()),
            "throttled" => Some(Self::throttled(Some(120))),
            "too-large" => Some(Self::too_large()),
            "unavailable" => Some(Self::unavailable()),
            _ => None,
        }
    }

    pub(super) fn of_status(code: Option<u32>) -> Self {
        let message = "Rejected by a sandbox fault";
        match code {
            Some(401) => Self::vapid(message),
            Some(404) => Self::no_endpoint(),
            Some(410) => Self::gone(),
            Some(413) => Self::too_large(),
            _ => Self::encryption(message),
        }
    }

    pub(super) fn render(&self) -> Response {
        let error = self.status.canonical_reason();
        let body = json!({
            "code": self.status.as_u16(), "errno": self.errno, "error": error, "message": self.message, "more_info": MORE_INFO,
        });
        let mut answer = vendor::json(self.status, &body);
        if let Some(seconds) = self.retry_after_s {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}
