//! `POST /v1/notifications/batch`: many submissions in one call.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use super::notifications::IDEMPOTENCY_KEY;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Batch, BatchForm, NoQuery};
use crate::wire::{BatchResultBody, SubmissionBody};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(submit))
}

/// Accept many notifications at once
///
/// 1 to 10,000 of them, as a JSON array or as NDJSON, one object a line. Each is checked and stored as if it had been submitted
/// alone, and one that is refused leaves the others as they are. The answer has a result for each, in order, in the form in
/// which they were sent; its own status is 200 whatever became of them, so look at the `status` of each. A line that cannot be
/// read is refused with its own result; an array that is not JSON is refused as a whole. Every item that is answered with 202
/// is on disk. Without an answer nobody knows which were accepted: repeat the call, and give each item an `idempotency_key` to
/// make that safe.
#[utoipa::path(
    post, path = "/v1/notifications/batch", tag = "notifications", operation_id = "submit_notifications",
    request_body(
        description = "The notifications",
        content((Vec<SubmissionBody> = "application/json"), (SubmissionBody = "application/x-ndjson")),
    ),
    responses(
        (status = 200, description = "A result for each item, in order",
            content((Vec<BatchResultBody> = "application/json"), (BatchResultBody = "application/x-ndjson"))),
        (status = 400, description = "The array is not JSON; nothing was stored", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 413, description = "More than 10,000 items, or more bytes than may be; nothing was stored",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "No item, or not an array", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "More waits already than may, or the server stops: send it again after `Retry-After`",
            body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn submit(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    _: NoQuery,
    Batch { form, items, room: _room }: Batch<SubmissionBody>,
) -> Result<Response, Problem> {
    if headers.contains_key(IDEMPOTENCY_KEY) {
        let problem = "is of one notification: give each item its own `idempotency_key`";
        return Err(Problem::parameter("Idempotency-Key", problem));
    }
    let limits = app.notifier.limits();
    let mut requests = Vec::with_capacity(items.len());
    let mut refused = Vec::with_capacity(items.len());
    for item in items {
        match item.and_then(|body| body.into_request(limits).map_err(Problem::invalid)) {
            Ok(request) => {
                requests.push(request);
                refused.push(None);
            }
            Err(problem) => refused.push(Some(problem)),
        }
    }
    let mut submitted = match requests.is_empty() {
        true => Vec::new(),
        false => app.notifier.submit_all(requests).await?,
    }
    .into_iter();
    let result = |problem: Option<Problem>| match problem {
        Some(problem) => Some(BatchResultBody::from(problem)),
        None => submitted.next().map(BatchResultBody::from),
    };
    let results: Vec<BatchResultBody> = refused.into_iter().filter_map(result).collect();
    Ok(match form {
        BatchForm::Array => json(StatusCode::OK, &results),
        BatchForm::Lines => lines(&results),
    })
}

/// One JSON object a line.
fn lines(items: &[impl Serialize]) -> Response {
    let mut text = Vec::with_capacity(items.len() * 160);
    for item in items {
        // Text and numbers only: it cannot fail.
        if serde_json::to_writer(&mut text, item).is_ok() {
            text.push(b'\n');
        }
    }
    ([(CONTENT_TYPE, "application/x-ndjson")], text).into_response()
}
