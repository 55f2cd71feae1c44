//! The routes: each reads what came in, asks the engine once or twice, and writes what comes out.

mod batch;
mod compat;
mod compat_wire;
mod dead_letters;
mod explanations;
mod health;
mod metrics;
mod notifications;
mod preferences;
mod problems;
mod providers;
mod receipts;
mod replays;
mod revisions;
mod stats;
mod suppressions;
mod templates;

use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;

use crate::app::SharedApp;
use crate::problem::{Problem, ProblemKind};

/// Everything under `/v1`, the metrics, the explanations of problems, and the routes of the replaced service where they are wanted.
pub(crate) fn router(compat: bool) -> OpenApiRouter<SharedApp> {
    let router = OpenApiRouter::new()
        .merge(notifications::router())
        .merge(batch::router())
        .merge(revisions::router())
        .merge(explanations::router())
        .merge(receipts::router())
        .merge(suppressions::router())
        .merge(dead_letters::router())
        .merge(replays::router())
        .merge(stats::router())
        .merge(preferences::router())
        .merge(templates::router())
        .merge(providers::router())
        .merge(health::router())
        .merge(problems::router());
    if compat { router.merge(compat::router()) } else { router }
}

/// What is answered where there is no route.
pub(crate) async fn no_route(uri: Uri) -> Problem {
    let shown: String = uri.path().chars().take(256).collect();
    Problem::not_found(format!("there is nothing at `{shown}`; `/docs` lists the routes"))
}

/// What is answered where there is a route, but not with this method. The router adds `Allow`.
pub(crate) async fn no_method() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "this route has other methods: see the header `Allow`")
}

/// A JSON answer. Unlike axum's, it needs no feature and fails as a problem.
fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => {
            let headers = [(http::header::CONTENT_TYPE, "application/json")];
            (status, headers, bytes).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            Problem::new(ProblemKind::Internal, "the answer could not be written").into_response()
        }
    }
}
