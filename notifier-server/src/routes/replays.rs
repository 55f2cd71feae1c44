//! `/v1/replays`: trying many dead letters again, at a rate, with progress.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use super::notifications::located;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, NoQuery, Segments};
use crate::wire::{ReplayBody, ReplayList, ReplayRequestBody};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list, start)).routes(routes!(read))
}

/// Begin to try dead letters again
///
/// All that fit the filter and had ended when it began, at a rate, beside everything else. A replay ends with the server; the
/// dead letters that it had not reached by then are as they were.
#[utoipa::path(
    post, path = "/v1/replays", tag = "dead letters", operation_id = "start_replay",
    request_body(content = ReplayRequestBody, content_type = "application/json"),
    responses(
        (status = 202, description = "It runs", body = ReplayBody,
            headers(("Location" = String, description = "Where its progress can be read"))),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 429, description = "As many run as may", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn start(
    State(app): State<SharedApp>,
    _: NoQuery,
    Json(body): Json<ReplayRequestBody>,
) -> Result<Response, Problem> {
    let progress = app.notifier.start_replay(body.into_request().map_err(Problem::invalid)?)?;
    let location = format!("/v1/replays/{}", progress.number);
    Ok(located(json(StatusCode::ACCEPTED, &ReplayBody::from(&progress)), location))
}

/// List the replays since the start of the server, the latest first
#[utoipa::path(
    get, path = "/v1/replays", tag = "dead letters", operation_id = "list_replays",
    responses((status = 200, description = "The replays", body = ReplayList))
)]
async fn list(State(app): State<SharedApp>, _: NoQuery) -> Response {
    json(StatusCode::OK, &ReplayList { items: app.notifier.replays().iter().map(ReplayBody::from).collect() })
}

/// Tell how far a replay is
#[utoipa::path(
    get, path = "/v1/replays/{number}", tag = "dead letters", operation_id = "read_replay",
    params(("number" = u64, Path, description = "Its number")),
    responses(
        (status = 200, description = "How far it is", body = ReplayBody),
        (status = 404, description = "There is no such replay, or it is no longer remembered", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read(
    State(app): State<SharedApp>,
    Segments(number): Segments<String>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let number = number.parse().map_err(|_| Problem::parameter("number", "must be a whole number from 1"))?;
    let progress = app.notifier.replay_progress(number);
    let progress = progress.ok_or_else(|| Problem::not_found(format!("no replay {number} is remembered")))?;
    Ok(json(StatusCode::OK, &ReplayBody::from(&progress)))
}
