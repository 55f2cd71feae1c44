//! Why a notification is where it is, and what would become of one that nobody has sent.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use notifier_core::TenantId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use super::notifications::unknown;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, NoQuery, Segments, parse_parameter};
use crate::wire::{ExplanationBody, SubmissionBody};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(explain)).routes(routes!(explain_request))
}

/// Explain why a notification is where it is, and what is next
///
/// What happened so far, the rules that would be consulted now, what they say, when it is looked at next and through whom it
/// would go. Changes nothing.
#[utoipa::path(
    get, path = "/v1/notifications/{id}/explain", tag = "notifications", operation_id = "explain_notification",
    params(("id" = String, Path, description = "The notification's id")),
    responses(
        (status = 200, description = "The explanation", body = ExplanationBody),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn explain(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    let explanation = app.notifier.explain(&TenantId::unnamed(), id).await?.ok_or_else(|| unknown(id))?;
    Ok(json(StatusCode::OK, &ExplanationBody::from(&explanation)))
}

/// Explain what would become of a request
///
/// The body is that of a submission. Nothing is stored and nothing is sent.
#[utoipa::path(
    post, path = "/v1/explain", tag = "notifications", operation_id = "explain_request",
    request_body(content = SubmissionBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The explanation", body = ExplanationBody),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn explain_request(
    State(app): State<SharedApp>,
    _: NoQuery,
    Json(body): Json<SubmissionBody>,
) -> Result<Response, Problem> {
    let request = body.into_request(app.notifier.limits()).map_err(Problem::invalid)?;
    let explanation = app.notifier.explain_request(request).await?;
    Ok(json(StatusCode::OK, &ExplanationBody::from(&explanation)))
}
