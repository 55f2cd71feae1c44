//! SendGrid's answers: an empty one with an id, and errors of the form `{"errors":[{message, field, help}]}`.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{ALLOW, CONTENT_TYPE},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Refusal;

/// What SendGrid answers to a request that it does not take.
#[derive(Debug)]
pub(super) struct Rejection {
    status: StatusCode,
    errors: Vec<FieldError>,
}

/// One complaint.
#[derive(Debug)]
pub(super) struct FieldError {
    pub(super) message: String,
    pub(super) field: Option<String>,
}

impl Rejection {
    pub(super) fn new(status: StatusCode, message: &str) -> Self {
        Self { status, errors: vec![FieldError { message: message.to_owned(), field: None }] }
    }

    /// The body is not JSON.
    pub(super) fn bad_request() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Bad Request")
    }

    pub(super) fn of_field(field: &str, message: &str) -> Self {
        Self::of_fields(vec![FieldError { message: message.to_owned(), field: Some(field.to_owned()) }])
    }

    pub(super) fn of_fields(errors: Vec<FieldError>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, errors }
    }

    pub(super) fn render(self) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        let error = |error: FieldError| json!({ "message": error.message, "field": error.field, "help": Value::Null });
        let errors: Vec<_> = self.errors.into_iter().map(error).collect();
        (self.status, headers, Body::from(json!({ "errors": errors }).to_string())).into_response()
    }
}

/// 202, or 200 in SendGrid's own sandbox mode.
pub(super) fn accepted(status: StatusCode, id: &str) -> Response {
    (status, [("x-message-id", id)]).into_response()
}

/// The answer that a switched fault asks for.
pub(super) fn refusal(fault: &Refusal, now: Timestamp) -> Response {
    match fault {
        Refusal::Unavailable => Rejection::new(StatusCode::SERVICE_UNAVAILABLE, "service unavailable").render(),
        Refusal::RateLimited { retry_after_s } => {
            let mut answer = Rejection::new(StatusCode::TOO_MANY_REQUESTS, "too many requests").render();
            // SendGrid says when the limit ends, and not how long to wait: there is no `Retry-After`.
            if let Some(seconds) = retry_after_s {
                let reset_at = now.as_second() + i64::from(*seconds);
                let headers = answer.headers_mut();
                headers.insert("x-ratelimit-remaining", HeaderValue::from(0));
                headers.insert("x-ratelimit-reset", HeaderValue::from(reset_at));
            }
            answer
        }
        Refusal::Rejected { code, field } => rejected(*code, field.as_deref()),
    }
}

fn rejected(code: Option<u32>, field: Option<&str>) -> Response {
    let message = "Rejected by a sandbox fault";
    let status = code.and_then(|code| u16::try_from(code).ok()).and_then(|code| StatusCode::from_u16(code).ok());
    match (status.unwrap_or(StatusCode::BAD_REQUEST), field) {
        (StatusCode::BAD_REQUEST, field) => {
            Rejection::of_field(field.unwrap_or("personalizations.0.to.0.email"), message).render()
        }
        (status, Some(field)) => {
            let error = FieldError { message: message.to_owned(), field: Some(field.to_owned()) };
            Rejection { status, errors: vec![error] }.render()
        }
        (status, None) => Rejection::new(status, message).render(),
    }
}
