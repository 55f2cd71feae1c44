//! `/v1/dead-letters`: what ended without success, and trying it again.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use notifier_core::{DeadLetterPlace, DeadLetterQuery, DeliveryId, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use super::notifications::unknown;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{ListParameters, ListRequest, NoQuery, Segments, open_cursor, parse_parameter, seal_cursor};
use crate::wire::{DeadLetterBody, DeadLetterPage, RevisedBody};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(replay))
}

/// List deliveries that ended without success, the latest first
///
/// Those that failed, expired or are unknown: nobody tries them again unless somebody asks for it.
#[utoipa::path(
    get, path = "/v1/dead-letters", tag = "dead letters", operation_id = "list_dead_letters",
    params(ListParameters),
    responses(
        (status = 200, description = "A page", body = DeadLetterPage),
        (status = 400, description = "A parameter cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn list(State(app): State<SharedApp>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let ListRequest { limit, cursor, filter } = ListRequest::read(text.as_deref())?;
    let read = |died_at: &str, delivery: &str| {
        Some(DeadLetterPlace { died_at: died_at.parse().ok()?, delivery: delivery.parse().ok()? })
    };
    let before = cursor.as_deref().map(|cursor| open_cursor(cursor, read)).transpose()?;
    let query = DeadLetterQuery { tenant: TenantId::unnamed(), filter, before, limit };
    let page = app.notifier.dead_letters(&query).await?;
    let next = page.next.map(|place| seal_cursor(&place.died_at.to_string(), &place.delivery.to_string()));
    let items = page.items.iter().map(DeadLetterBody::from).collect();
    Ok(json(StatusCode::OK, &DeadLetterPage { items, next }))
}

/// Try a dead letter again
///
/// At once, and with all attempts anew. What was unknown may arrive twice.
#[utoipa::path(
    post, path = "/v1/dead-letters/{delivery_id}/replay", tag = "dead letters", operation_id = "replay_dead_letter",
    params(("delivery_id" = String, Path, description = "The delivery's id, as `0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.sms`")),
    responses(
        (status = 202, description = "It is tried again: how its notification stands now", body = RevisedBody),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "It is no dead letter; `detail` says how it stands", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn replay(State(app): State<SharedApp>, Segments(id): Segments<String>, _: NoQuery) -> Result<Response, Problem> {
    let id: DeliveryId = parse_parameter("delivery_id", &id)?;
    let revised = app.notifier.replay(&TenantId::unnamed(), id.notification, Some(id.channel)).await?;
    let revised = revised.ok_or_else(|| unknown(id.notification))?;
    Ok(json(StatusCode::ACCEPTED, &RevisedBody::from(&revised)))
}
