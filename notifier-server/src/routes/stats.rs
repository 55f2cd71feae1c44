//! `/v1/stats` and `/metrics`: how much there is of everything, for people and for Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{json, metrics};
use crate::app::SharedApp;
use crate::problem::Problem;
use crate::request::NoQuery;
use crate::wire::StatsBody;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(stats)).routes(routes!(scrape))
}

/// Tell how much there is of everything
#[utoipa::path(
    get, path = "/v1/stats", tag = "health", operation_id = "stats",
    responses((status = 200, description = "What is stored now, and what happened since the start", body = StatsBody))
)]
async fn stats(State(app): State<SharedApp>, _: NoQuery) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, &StatsBody::from(&app.notifier.stats().await?)))
}

/// Tell the same to Prometheus
///
/// The text format 0.0.4.
#[utoipa::path(
    get, path = "/metrics", tag = "health", operation_id = "metrics",
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"))
)]
async fn scrape(State(app): State<SharedApp>, _: NoQuery) -> Result<Response, Problem> {
    let text = metrics::write(&app.notifier.stats().await?, &app.notifier.providers());
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}
