//! Errors as the API tells them: `application/problem+json` (RFC 9457).
//!
//! A handler returns a [`Problem`]. It travels as an extension of an empty response and is written out in one place
//! ([`Problem::render`], called by `observe`), where the request's path and id are known.

mod from_core;
mod kind;

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use notifier_core::FieldError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use kind::ProblemKind;

/// Something went wrong, and what the caller can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of thing.
    pub kind: ProblemKind,
    /// What happened this time, and what would be right.
    pub detail: String,
    /// What is wrong with which field, where that is the problem: the first fifty.
    pub errors: Vec<FieldError>,
    /// How many more errors there are.
    pub errors_omitted: usize,
    retry_after_s: Option<u32>,
    closes: bool,
}

/// The problem as JSON (RFC 9457). `field`, `errors` and `request_id` are extensions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Identifies the kind of problem: a path of this server with an explanation. Stable.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-request")]
    pub kind: String,
    /// The kind in a few words.
    #[schema(example = "The request is not valid")]
    pub title: String,
    /// The status code of the answer.
    #[schema(example = 422)]
    pub status: u16,
    /// What happened this time, and what would be right.
    #[schema(example = "recipient.email: not an email address: Missing separator character '@'.")]
    pub detail: String,
    /// The path of the request.
    #[schema(example = "/v1/notifications")]
    pub instance: String,
    /// Finds the request in the server's log; also in the header `X-Request-Id`.
    #[schema(example = "5d1f0c2ab7e94c31-2a")]
    pub request_id: String,
    /// The path of the first field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "recipient.email")]
    pub field: Option<String>,
    /// The fields that are wrong, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub errors: Vec<FieldProblem>,
    /// How many more fields are wrong; absent when `errors` has all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub errors_omitted: usize,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// Its path in the body, or the name of the parameter; empty for the request as a whole.
    #[schema(example = "recipient.email")]
    pub field: String,
    /// What is wrong, and what would be right.
    #[schema(example = "not an email address: Missing separator character '@'.")]
    pub problem: String,
}

/// How long callers are asked to wait when nothing better is known.
const RETRY_AFTER_S: u32 = 1;

/// Errors of one problem: nobody reads more, and an answer must not outgrow the request that caused it.
const ERRORS_MAX: usize = 50;

/// Errors that `detail` repeats.
const DETAIL_ERRORS_MAX: usize = 3;

/// Characters of a field's path. Names in it come from the request, and may be as long as its body.
const FIELD_CHARS_MAX: usize = 256;

/// Characters of what is wrong with a field, for the same reason.
const PROBLEM_CHARS_MAX: usize = 1_024;

impl Problem {
    /// A problem of that kind.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let retry_after_s = kind.status().as_u16().eq(&503).then_some(RETRY_AFTER_S);
        Self { kind, detail: detail.into(), errors: Vec::new(), errors_omitted: 0, retry_after_s, closes: false }
    }

    /// Fields of the body that cannot be used. Of a long list, the first.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self::of_fields(ProblemKind::InvalidRequest, errors)
    }

    fn of_fields(kind: ProblemKind, errors: Vec<FieldError>) -> Self {
        let count = errors.len();
        let errors: Vec<FieldError> = errors.into_iter().take(ERRORS_MAX).map(clipped).collect();
        let mut told: Vec<String> = errors.iter().take(DETAIL_ERRORS_MAX).map(described).collect();
        match count - told.len() {
            0 => {}
            1 => told.push("and one more".into()),
            more => told.push(format!("and {more} more")),
        }
        let errors_omitted = count - errors.len();
        Self { errors, errors_omitted, ..Self::new(kind, told.join("; ")) }
    }

    /// One field of the body that cannot be used.
    #[must_use]
    pub fn invalid_field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, problem)])
    }

    /// A parameter of the path, the query or a header that cannot be used.
    #[must_use]
    pub fn parameter(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::of_fields(ProblemKind::InvalidParameter, vec![FieldError::new(name, problem)])
    }

    /// There is no such record.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::NotFound, detail)
    }

    /// Asks callers to wait that long, rounded up to seconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.retry_after_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX).max(1));
        self
    }

    /// Ends the connection with this answer: the rest of the request is not worth reading.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Writes it out for a request to `path` with that id. `headers` are those that the answer has already.
    #[must_use]
    pub fn render(&self, path: &str, request_id: &str, mut headers: HeaderMap) -> Response {
        let field = self.errors.first().map(|error| error.field.clone()).filter(|field| !field.is_empty());
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind.name()),
            title: self.kind.title().to_owned(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
            instance: path.to_owned(),
            request_id: request_id.to_owned(),
            field,
            errors: self.errors.iter().map(FieldProblem::from).collect(),
            errors_omitted: self.errors_omitted,
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // Of the empty body that carried the problem.
        headers.remove(CONTENT_LENGTH);
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == ProblemKind::Unverified {
            // RFC 9110, section 11.6.1, wants a name for what was missing.
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Signature"));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // Text and numbers only: it cannot fail.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.kind.status();
        *response.headers_mut() = headers;
        response
    }
}

fn clipped(error: FieldError) -> FieldError {
    FieldError { field: clip(error.field, FIELD_CHARS_MAX), problem: clip(error.problem, PROBLEM_CHARS_MAX) }
}

fn clip(mut text: String, chars_max: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn described(error: &FieldError) -> String {
    if error.field.is_empty() { error.problem.clone() } else { error.to_string() }
}

impl From<&FieldError> for FieldProblem {
    fn from(error: &FieldError) -> Self {
        Self { field: error.field.clone(), problem: error.problem.clone() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.kind.status();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn rendered(problem: Problem) -> (Response<()>, ProblemBody) {
        let response = problem.render("/v1/x", "r-1", HeaderMap::new());
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_problem_names_every_field() {
        let errors = vec![FieldError::new("recipient.id", "is empty"), FieldError::new("category", "is odd")];
        let (response, body) = rendered(Problem::invalid(errors)).await;
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(body.kind, "/problems/invalid-request");
        assert_eq!(body.field.as_deref(), Some("recipient.id"));
        assert_eq!(body.errors[1].field, "category");
        assert_eq!(body.detail, "recipient.id: is empty; category: is odd");
        assert_eq!((body.instance.as_str(), body.request_id.as_str()), ("/v1/x", "r-1"));
    }

    #[tokio::test]
    async fn a_long_list_of_errors_is_cut_and_counted() {
        let errors = |count| (0..count).map(|n| FieldError::new(format!("a[{n}]"), "x".repeat(100_000))).collect();
        let (response, body) = rendered(Problem::invalid(errors(1_000))).await;
        assert_eq!(response.status(), 422);
        assert_eq!((body.errors.len(), body.errors_omitted), (50, 950));
        assert!(body.detail.ends_with("…; and 997 more"), "{}", body.detail);
        assert!(serde_json::to_string(&body).unwrap().len() < 100_000);
        let (_, body) = rendered(Problem::invalid(errors(50))).await;
        assert_eq!((body.errors.len(), body.errors_omitted), (50, 0));
        let (_, body) = rendered(Problem::parameter("y".repeat(100_000), "is not known")).await;
        assert_eq!(body.field.unwrap().chars().count(), 257);
    }

    #[tokio::test]
    async fn what_passes_says_when_to_come_back() {
        let (response, body) = rendered(Problem::new(ProblemKind::Stopping, "bye").closing()).await;
        assert_eq!(response.headers()[RETRY_AFTER], "1");
        assert_eq!(response.headers()[CONNECTION], "close");
        assert_eq!((body.field, body.errors.len()), (None, 0));
    }

    #[tokio::test]
    async fn a_problem_of_the_whole_request_has_no_field() {
        let (_, body) = rendered(Problem::invalid_field("", "needs words")).await;
        assert_eq!(body.field, None);
        assert_eq!(body.detail, "needs words");
    }
}
