//! `/problems/{name}`: what the `type` of a problem means.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody, ProblemKind};
use crate::request::{NoQuery, Segments};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(explain))
}

/// Explain a kind of problem
#[utoipa::path(
    get, path = "/problems/{name}", tag = "problems", operation_id = "explain_problem",
    params(("name" = String, Path, description = "The last segment of a problem's `type`")),
    responses(
        (status = 200, description = "What it means and what to do", body = String, content_type = "text/plain"),
        (status = 404, description = "There is no such kind", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn explain(Segments(name): Segments<String>, _: NoQuery) -> Result<Response, Problem> {
    let kind = ProblemKind::ALL.into_iter().find(|kind| kind.name() == name);
    let kind = kind.ok_or_else(|| {
        let known = ProblemKind::ALL.map(ProblemKind::name).join("`, `");
        Problem::not_found(format!("there is no such kind of problem; there are `{known}`"))
    })?;
    let text = format!("{} ({})\n\n{}\n", kind.title(), kind.status(), kind.explanation());
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}
