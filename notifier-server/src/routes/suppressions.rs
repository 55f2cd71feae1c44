//! `/v1/suppressions`: addresses that nothing may be sent to.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use notifier_core::{Channel, PutError, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{NoQuery, OptionalJson, Segments, open_cursor, page_limit, parse_parameter, query, seal_cursor};
use crate::wire::{SuppressionBody, SuppressionPage, SuppressionRequestBody};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, put, remove))
}

/// List the addresses that nothing may be sent to, by channel and address
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "suppressions", operation_id = "list_suppressions",
    params(
        ("limit" = Option<usize>, Query, description = "How many at most, 1 to 200; 50 when absent", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = SuppressionPage),
        (status = 400, description = "A parameter cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn list(State(app): State<SharedApp>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let [limit, cursor] = query(text.as_deref(), ["limit", "cursor"])?;
    let limit = page_limit(limit.as_deref())?;
    let read = |channel: &str, address: &str| Some((channel.parse::<Channel>().ok()?, address.to_owned()));
    let after = cursor.as_deref().map(|cursor| open_cursor(cursor, read)).transpose()?;
    let after = after.as_ref().map(|(channel, address)| (*channel, address.as_str()));
    // One more than is shown, to know whether there is a next page.
    let mut found = app.notifier.suppressions(&TenantId::unnamed(), after, limit + 1).await?;
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let last = found.last().filter(|_| !is_last);
    let next = last.map(|suppression| seal_cursor(suppression.channel.name(), &suppression.address));
    Ok(json(StatusCode::OK, &SuppressionPage { items: found.iter().map(Into::into).collect(), next }))
}

/// Tell why nothing may be sent to an address
#[utoipa::path(
    get, path = "/v1/suppressions/{channel}/{address}", tag = "suppressions", operation_id = "read_suppression",
    params(
        ("channel" = String, Path, description = "The channel"),
        ("address" = String, Path, description = "The address, percent-encoded"),
    ),
    responses(
        (status = 200, description = "Why", body = SuppressionBody),
        (status = 404, description = "It is not on the list: something may be sent to it", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read(
    State(app): State<SharedApp>,
    Segments((channel, address)): Segments<(String, String)>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let channel = parse_parameter("channel", &channel)?;
    let found = app.notifier.suppression(&TenantId::unnamed(), channel, &address).await.map_err(refused)?;
    Ok(json(StatusCode::OK, &SuppressionBody::from(&found.ok_or_else(not_listed)?)))
}

/// Let nothing be sent to an address any more
///
/// It holds for every category, mandatory ones too, from the moment in which this is answered; what is being sent goes on.
/// The body may be left out.
#[utoipa::path(
    put, path = "/v1/suppressions/{channel}/{address}", tag = "suppressions", operation_id = "suppress_address",
    params(
        ("channel" = String, Path, description = "The channel"),
        ("address" = String, Path, description = "The address, percent-encoded"),
    ),
    request_body(content = Option<SuppressionRequestBody>, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored", body = SuppressionBody),
        (status = 400, description = "It is no address of that channel", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn put(
    State(app): State<SharedApp>,
    Segments((channel, address)): Segments<(String, String)>,
    _: NoQuery,
    OptionalJson(body): OptionalJson<SuppressionRequestBody>,
) -> Result<Response, Problem> {
    let channel = parse_parameter("channel", &channel)?;
    let note = body.unwrap_or_default().note;
    let stored = app.notifier.suppress(&TenantId::unnamed(), channel, &address, &note).await.map_err(refused)?;
    Ok(json(StatusCode::OK, &SuppressionBody::from(&stored)))
}

/// Allow an address again
///
/// The vendor may have a list of its own, which this does not change.
#[utoipa::path(
    delete, path = "/v1/suppressions/{channel}/{address}", tag = "suppressions", operation_id = "allow_address",
    params(
        ("channel" = String, Path, description = "The channel"),
        ("address" = String, Path, description = "The address, percent-encoded"),
    ),
    responses(
        (status = 204, description = "It is off the list"),
        (status = 404, description = "It was not on the list", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn remove(
    State(app): State<SharedApp>,
    Segments((channel, address)): Segments<(String, String)>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    let channel = parse_parameter("channel", &channel)?;
    match app.notifier.allow(&TenantId::unnamed(), channel, &address).await.map_err(refused)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(not_listed()),
    }
}

fn not_listed() -> Problem {
    Problem::not_found("the address is not on the list")
}

/// The address is a parameter here, not a field of the body.
fn refused(error: PutError) -> Problem {
    match error {
        PutError::Invalid(errors) => match errors.iter().find(|error| error.field == "address") {
            Some(error) => Problem::parameter("address", error.problem.clone()),
            None => Problem::invalid(errors),
        },
        other => other.into(),
    }
}
