//! Whether the process lives, and whether it can make promises: for load balancers and supervisors.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready))
}

/// How the server is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Health {
    /// `ok` or `ready`.
    #[schema(example = "ok")]
    status: String,
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/v1/health", tag = "health", operation_id = "health",
    responses((status = 200, description = "It does", body = Health))
)]
async fn health() -> Response {
    ok()
}

/// Whether the server can make promises
///
/// It can while the store works and no shutdown has begun.
#[utoipa::path(
    get, path = "/v1/ready", tag = "health", operation_id = "ready",
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "It cannot; `detail` says why", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn ready(State(app): State<SharedApp>) -> Result<Response, Problem> {
    if app.is_stopping() {
        return Err(Problem::stopping());
    }
    app.notifier.check().await?;
    Ok(json(StatusCode::OK, &Health { status: "ready".into() }))
}

/// The answer of a live process.
pub(super) fn ok() -> Response {
    json(StatusCode::OK, &Health { status: "ok".into() })
}
