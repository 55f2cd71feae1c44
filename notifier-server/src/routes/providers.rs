//! `/v1/providers` and `/v1/routes`: what is configured to send, how it is, and which of it sends what.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use notifier_core::ProviderName;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, NoQuery, Segments, parse_parameter};
use crate::wire::{BreakerRequestBody, ProviderBody, ProviderList, RouteBody, RouteList};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(set_breaker)).routes(routes!(list_routes))
}

/// List the configured providers
///
/// With the settings that each takes, the channels that are routed to it and the hosts that it asks for; its circuit breaker,
/// its calls and what it is allowed.
#[utoipa::path(
    get, path = "/v1/providers", tag = "providers", operation_id = "list_providers",
    responses((status = 200, description = "The providers, by name", body = ProviderList))
)]
async fn list(State(app): State<SharedApp>, _: NoQuery) -> Response {
    let items = app.notifier.providers().into_iter().map(Into::into).collect();
    json(StatusCode::OK, &ProviderList { items })
}

/// Set a provider's circuit breaker by hand
///
/// `open` keeps every call from it, `closed` lets every call pass whatever comes of it, `automatic` leaves it to itself. It
/// outlives a restart. Calls that run already go on.
#[utoipa::path(
    put, path = "/v1/providers/{name}/breaker", tag = "providers", operation_id = "set_breaker",
    params(("name" = String, Path, description = "The provider's name")),
    request_body(content = BreakerRequestBody, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored; the provider as it is now", body = ProviderBody),
        (status = 404, description = "There is no such provider", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn set_breaker(
    State(app): State<SharedApp>,
    Segments(name): Segments<String>,
    _: NoQuery,
    Json(body): Json<BreakerRequestBody>,
) -> Result<Response, Problem> {
    let name: ProviderName = parse_parameter("name", &name)?;
    app.notifier.set_breaker(&name, body.state.into()).await?;
    let status = app.notifier.providers().into_iter().find(|status| status.name == name);
    let status = status.ok_or_else(|| Problem::not_found(format!("there is no provider `{name}`")))?;
    Ok(json(StatusCode::OK, &ProviderBody::from(status)))
}

/// List the routes
///
/// Of those that fit a delivery, the first counts.
#[utoipa::path(
    get, path = "/v1/routes", tag = "providers", operation_id = "list_routes",
    responses((status = 200, description = "The routes, in the order in which they count", body = RouteList))
)]
async fn list_routes(State(app): State<SharedApp>, _: NoQuery) -> Response {
    json(StatusCode::OK, &RouteList { items: app.notifier.routes().iter().map(RouteBody::from).collect() })
}
