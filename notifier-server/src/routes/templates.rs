//! `/v1/templates`: named, versioned words.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use notifier_core::{TemplateName, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, NoQuery, Segments, page_limit, parse_cursor, parse_parameter, query};
use crate::wire::{TemplateBody, TemplatePage, TemplateView};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, store)).routes(routes!(read_version))
}

/// List the newest version of each template, by name
#[utoipa::path(
    get, path = "/v1/templates", tag = "templates", operation_id = "list_templates",
    params(
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 200; 50 when absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = TemplatePage),
        (status = 400, description = "A parameter cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn list(State(app): State<SharedApp>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let [limit, cursor] = query(text.as_deref(), ["limit", "cursor"])?;
    let limit = page_limit(limit.as_deref())?;
    let after: Option<TemplateName> = cursor.as_deref().map(parse_cursor).transpose()?;
    // One more than is shown, to know whether there is a next page.
    let mut found = app.notifier.templates(&TenantId::unnamed(), after.as_ref(), limit + 1).await?;
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next = found.last().filter(|_| !is_last).map(|template| template.name.to_string());
    Ok(json(StatusCode::OK, &TemplatePage { items: found.into_iter().map(Into::into).collect(), next }))
}

/// Read the newest version of a template
#[utoipa::path(
    get, path = "/v1/templates/{name}", tag = "templates", operation_id = "read_template",
    params(("name" = String, Path, description = "The template's name")),
    responses(
        (status = 200, description = "The template", body = TemplateView),
        (status = 404, description = "There is no such template", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read(State(app): State<SharedApp>, Segments(name): Segments<String>, _: NoQuery) -> Result<Response, Problem> {
    let name: TemplateName = parse_parameter("name", &name)?;
    find(&app, &name, None).await
}

/// Store a version of a template
///
/// It becomes the next version of its name; what equals the newest version is not stored again. A stored version never
/// changes. Notifications that do not pin a version use the newest one when they fall due.
#[utoipa::path(
    put, path = "/v1/templates/{name}", tag = "templates", operation_id = "store_template",
    params(("name" = String, Path, description = "The template's name: 1 to 64 lower-case letters, digits, `-`, `_`, `.`")),
    request_body(content = TemplateBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored, with its version", body = TemplateView),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn store(
    State(app): State<SharedApp>,
    Segments(name): Segments<String>,
    _: NoQuery,
    Json(body): Json<TemplateBody>,
) -> Result<Response, Problem> {
    let name: TemplateName = parse_parameter("name", &name)?;
    let template = body.into_template(name, app.notifier.limits()).map_err(Problem::invalid)?;
    let stored = app.notifier.put_template(&TenantId::unnamed(), template).await?;
    Ok(json(StatusCode::OK, &TemplateView::from(stored)))
}

/// Read a version of a template
#[utoipa::path(
    get, path = "/v1/templates/{name}/versions/{version}", tag = "templates", operation_id = "read_template_version",
    params(
        ("name" = String, Path, description = "The template's name"),
        ("version" = u32, Path, description = "The version, from 1"),
    ),
    responses(
        (status = 200, description = "The template", body = TemplateView),
        (status = 404, description = "There is no such version", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read_version(
    State(app): State<SharedApp>,
    Segments((name, version)): Segments<(String, String)>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let name: TemplateName = parse_parameter("name", &name)?;
    let version = version.parse().ok().filter(|version| *version > 0);
    let version: u32 = version.ok_or_else(|| Problem::parameter("version", "must be a whole number from 1"))?;
    find(&app, &name, Some(version)).await
}

async fn find(app: &SharedApp, name: &TemplateName, version: Option<u32>) -> Result<Response, Problem> {
    let found = app.notifier.template(&TenantId::unnamed(), name, version).await?;
    let template = found.ok_or_else(|| match version {
        Some(version) => Problem::not_found(format!("there is no version {version} of a template `{name}`")),
        None => Problem::not_found(format!("there is no template `{name}`")),
    })?;
    Ok(json(StatusCode::OK, &TemplateView::from(template)))
}
