//! `/v1/preferences`: what recipients want.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use notifier_core::{RecipientId, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, NoQuery, Segments, parse_parameter};
use crate::wire::{PreferencesBody, PreferencesView};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(read, replace))
}

/// Read what a recipient wants
#[utoipa::path(
    get, path = "/v1/preferences/{recipient_id}", tag = "preferences", operation_id = "read_preferences",
    params(("recipient_id" = String, Path, description = "The recipient's id")),
    responses(
        (status = 200, description = "The preferences", body = PreferencesView),
        (status = 404, description = "None are stored", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn read(State(app): State<SharedApp>, Segments(id): Segments<String>, _: NoQuery) -> Result<Response, Problem> {
    let recipient: RecipientId = parse_parameter("recipient_id", &id)?;
    let preferences = app.notifier.preferences(&TenantId::unnamed(), &recipient).await?;
    let preferences = preferences.ok_or_else(|| Problem::not_found("no preferences are stored for this recipient"))?;
    Ok(json(StatusCode::OK, &PreferencesView::new(&recipient, preferences)))
}

/// Replace what a recipient wants
///
/// It counts for everything that has not been sent yet.
#[utoipa::path(
    put, path = "/v1/preferences/{recipient_id}", tag = "preferences", operation_id = "replace_preferences",
    params(("recipient_id" = String, Path, description = "The recipient's id")),
    request_body(content = PreferencesBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored", body = PreferencesView),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn replace(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    _: NoQuery,
    Json(body): Json<PreferencesBody>,
) -> Result<Response, Problem> {
    let recipient: RecipientId = parse_parameter("recipient_id", &id)?;
    let preferences = body.into_preferences().map_err(Problem::invalid)?;
    let view = PreferencesView::new(&recipient, preferences.clone());
    app.notifier.put_preferences(&TenantId::unnamed(), &recipient, preferences).await?;
    Ok(json(StatusCode::OK, &view))
}
