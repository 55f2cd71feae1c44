//! `/v1/notifications`: submit, read, list, and tell what happened.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use notifier_core::{ListQuery, NotificationId, Submitted, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, ListParameters, ListRequest, NoQuery, Segments, parse_cursor, parse_parameter, query};
use crate::wire::{NotificationBody, NotificationPage, SubmissionBody, SubmittedBody, TimelineBody};

pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
const WAIT_MS_MAX: u64 = 20_000;

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new().routes(routes!(submit, list)).routes(routes!(read)).routes(routes!(timeline))
}

/// Accept a notification
///
/// When this answers 202, the notification is on disk and will reach a final state. What is wrong with a request is
/// said at once: unknown template, missing variable, malformed address. Preferences, addresses from the user database
/// and the newest version of the template are resolved when the notification falls due.
#[utoipa::path(
    post, path = "/v1/notifications", tag = "notifications", operation_id = "submit_notification",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same as `idempotency_key` in the body")),
    request_body(content = SubmissionBody, content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted: stored and synced", body = SubmittedBody,
            headers(("Location" = String, description = "Where the notification can be read"))),
        (status = 409, description = "The idempotency key belongs to a different request", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 503, description = "More waits already than may, or the server stops: send it again after `Retry-After`",
            body = ProblemBody, content_type = "application/problem+json"),
    )
)]
async fn submit(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    _: NoQuery,
    Json(mut body): Json<SubmissionBody>,
) -> Result<Response, Problem> {
    body.idempotency_key = idempotency_key(&headers, body.idempotency_key)?;
    let request = body.into_request(app.notifier.limits()).map_err(Problem::invalid)?;
    Ok(accepted(&app.notifier.submit(request).await?))
}

/// The answer for a notification that was accepted.
pub(super) fn accepted(submitted: &Submitted) -> Response {
    let location = format!("/v1/notifications/{}", submitted.id);
    located(json(StatusCode::ACCEPTED, &SubmittedBody::from(submitted)), location)
}

/// The answer, with where to read on.
pub(super) fn located(mut response: Response, location: String) -> Response {
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// The key of the header and that of the body are one key.
pub(super) fn idempotency_key(headers: &HeaderMap, in_body: Option<String>) -> Result<Option<String>, Problem> {
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = given.next() else { return Ok(in_body) };
    if given.next().is_some() {
        return Err(Problem::parameter("Idempotency-Key", "is given twice"));
    }
    let Ok(in_header) = value.to_str() else {
        return Err(Problem::parameter("Idempotency-Key", "must be printable ASCII"));
    };
    match in_body {
        Some(in_body) if in_body != in_header => {
            let problem = "differs from the header `Idempotency-Key`: give one of the two";
            Err(Problem::invalid_field("idempotency_key", problem))
        }
        _ => Ok(Some(in_header.to_owned())),
    }
}

/// List notifications, newest first
#[utoipa::path(
    get, path = "/v1/notifications", tag = "notifications", operation_id = "list_notifications",
    params(ListParameters),
    responses(
        (status = 200, description = "A page", body = NotificationPage),
        (status = 400, description = "A parameter cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn list(State(app): State<SharedApp>, RawQuery(text): RawQuery) -> Result<Response, Problem> {
    let ListRequest { limit, cursor, filter } = ListRequest::read(text.as_deref())?;
    let mut query = ListQuery::of(TenantId::unnamed(), limit);
    query.before = cursor.as_deref().map(parse_cursor).transpose()?;
    query.filter = filter;
    let page = app.notifier.list(&query).await?;
    Ok(json(StatusCode::OK, &NotificationPage::from(&page)))
}

/// Read a notification and where its deliveries stand
///
/// With `wait_ms`, answers once every delivery is in a final state, or when the time is over: no need to ask again and
/// again. The time is over earlier when the server stops, and at nine tenths of the longest time that it may take to answer.
#[utoipa::path(
    get, path = "/v1/notifications/{id}", tag = "notifications", operation_id = "read_notification",
    params(
        ("id" = String, Path, description = "The notification's id"),
        ("wait_ms" = Option<u64>, Query, description = "How long to wait for final states, in milliseconds",
            maximum = 20_000),
    ),
    responses(
        (status = 200, description = "The notification", body = NotificationBody),
        (status = 400, description = "A parameter cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    RawQuery(text): RawQuery,
) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    let [wait_ms] = query(text.as_deref(), ["wait_ms"])?;
    let tenant = TenantId::unnamed();
    let status = match wait_ms.as_deref().map(str::parse::<u64>) {
        None => app.notifier.status(&tenant, id).await?,
        Some(Ok(wait_ms)) if wait_ms <= WAIT_MS_MAX => {
            let wait = Duration::from_millis(wait_ms).min(app.wait_max());
            tokio::select! {
                status = app.notifier.wait_at_most(&tenant, id, wait) => status?,
                () = app.stopped() => app.notifier.status(&tenant, id).await?,
            }
        }
        Some(_) => {
            let problem = format!("must be a whole number of milliseconds, at most {WAIT_MS_MAX}");
            return Err(Problem::parameter("wait_ms", problem));
        }
    };
    Ok(json(StatusCode::OK, &NotificationBody::from(&status.ok_or_else(|| unknown(id))?)))
}

/// Tell what happened to a notification, and why
#[utoipa::path(
    get, path = "/v1/notifications/{id}/timeline", tag = "notifications", operation_id = "read_timeline",
    params(("id" = String, Path, description = "The notification's id")),
    responses(
        (status = 200, description = "The facts, oldest first", body = TimelineBody),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn timeline(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    _: NoQuery,
) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    let facts = app.notifier.timeline(&TenantId::unnamed(), id).await?.ok_or_else(|| unknown(id))?;
    Ok(json(StatusCode::OK, &TimelineBody::new(id, &facts)))
}

/// There is no such notification.
pub(super) fn unknown(id: NotificationId) -> Problem {
    Problem::not_found(format!("there is no notification {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_from_two_places() {
        let header = |values: &[&'static [u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
            }
            headers
        };
        let read = |values: &[&'static [u8]], body: Option<&str>| {
            idempotency_key(&header(values), body.map(Into::into)).map_err(|problem| problem.errors[0].field.clone())
        };
        assert_eq!(read(&[], None), Ok(None));
        assert_eq!(read(&[], Some("a")), Ok(Some("a".into())));
        assert_eq!(read(&[b"a"], None), Ok(Some("a".into())));
        assert_eq!(read(&[b"a"], Some("a")), Ok(Some("a".into())));
        assert_eq!(read(&[b"a"], Some("b")), Err("idempotency_key".into()));
        assert_eq!(read(&[b"a", b"a"], None), Err("Idempotency-Key".into()));
        assert_eq!(read(&[b"\xff"], None), Err("Idempotency-Key".into()));
    }
}
