//! Errors of the `/sandbox` routes, as RFC 9457 problems that name the offending field.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::CONTENT_TYPE};
use serde_json::json;

/// What was wrong with a request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    field: Option<String>,
    detail: String,
}

impl Problem {
    /// 400, without a field to blame.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, field: None, detail: detail.into() }
    }

    /// 400, because of one field.
    pub(super) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, field: Some(field.into()), detail: detail.into() }
    }

    /// 404.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, field: None, detail: detail.into() }
    }

    /// 413.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, field: None, detail: detail.into() }
    }

    /// 400 for a body that does not fit, with the path at which reading it stopped.
    pub(super) fn malformed_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let path = error.path().to_string();
        let detail = error.inner().to_string();
        if error.inner().is_data() && path != "." { Self::field(path, detail) } else { Self::bad_request(detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body =
            json!({ "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail });
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        (self.status, [(CONTENT_TYPE, "application/problem+json")], Body::from(body.to_string())).into_response()
    }
}
