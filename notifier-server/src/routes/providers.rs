//! `/v1/providers`: what is configured to send.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::request::NoQuery;
use crate::wire::ProviderList;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list))
}

/// List the configured providers
///
/// With the settings that each takes, the channels that are routed to it and the hosts that it asks for.
#[utoipa::path(
    get, path = "/v1/providers", tag = "providers", operation_id = "list_providers",
    responses((status = 200, description = "The providers, by name", body = ProviderList))
)]
async fn list(State(app): State<SharedApp>, _: NoQuery) -> Response {
    let items = app.notifier.providers().into_iter().map(Into::into).collect();
    json(StatusCode::OK, &ProviderList { items })
}
