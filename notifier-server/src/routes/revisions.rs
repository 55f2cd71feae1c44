//! What people change about notifications: cancel, reschedule, replace, acknowledge.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use notifier_core::{NotificationId, Selection, TenantId};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::json;
use super::notifications::{accepted, idempotency_key, unknown};
use crate::app::{App, SharedApp};
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, NoQuery, OptionalJson, Segments, parse_parameter};
use crate::wire::{
    AcknowledgementBody, CancellationBody, CancellationRequestBody, CancellationResultBody, CancelledManyBody,
    ReplacementBody, RescheduledManyBody, ReschedulingBody, ReschedulingResultBody, Revisable, RevisedBody,
    SelectedReschedulingBody, SubmissionBody, SubmittedBody,
};

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(cancel))
        .routes(routes!(cancel_selected))
        .routes(routes!(reschedule))
        .routes(routes!(reschedule_selected))
        .routes(routes!(replace))
        .routes(routes!(replace_selected))
        .routes(routes!(acknowledge))
}

/// Take back what has not been sent
///
/// The answer is final: a delivery with `stopped` will not be sent. One without was sent, is being sent, or had ended
/// otherwise; its `state` and `reason` say which. One that is being sent is not tried again, should that be in vain.
#[utoipa::path(
    post, path = "/v1/notifications/{id}/cancel", tag = "notifications", operation_id = "cancel_notification",
    params(("id" = String, Path, description = "The notification's id")),
    responses(
        (status = 200, description = "What it came to, for each delivery", body = CancellationBody),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn cancel(State(app): State<SharedApp>, Segments(id): Segments<String>, _: NoQuery) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    Ok(json(StatusCode::OK, &cancelled(&app, id).await?))
}

async fn cancelled(app: &App, id: NotificationId) -> Result<CancellationBody, Problem> {
    let deliveries = app.notifier.cancel(&TenantId::unnamed(), id).await?.ok_or_else(|| unknown(id))?;
    Ok(CancellationBody::new(id, &deliveries))
}

/// Take back what has not been sent, by id, by key, or of everything that fits a filter
///
/// Exactly one of `id`, `idempotency_key` and `filter` is given. The answer is final, as that of the cancellation of one. With
/// a filter, one call looks at 10,000 notifications, newest first, for ten seconds at most: while the answer has a `next`, send
/// the same again with it as `cursor`.
#[utoipa::path(
    post, path = "/v1/notifications/cancel", tag = "notifications", operation_id = "cancel_notifications",
    request_body(content = CancellationRequestBody, content_type = "application/json"),
    responses(
        (status = 200, description = "What it came to", body = CancellationResultBody),
        (status = 404, description = "There is no such notification, or the key is not remembered", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn cancel_selected(
    State(app): State<SharedApp>,
    _: NoQuery,
    Json(body): Json<CancellationRequestBody>,
) -> Result<Response, Problem> {
    let result = match body.read().map_err(Problem::invalid)? {
        Revisable::One(selection) => {
            let id = find(&app, &selection).await?;
            CancellationResultBody::One(cancelled(&app, id).await?)
        }
        Revisable::Many(filter, before) => {
            let revised = app.notifier.cancel_all(&TenantId::unnamed(), &filter, before).await?;
            CancellationResultBody::Many(CancelledManyBody::from(&revised))
        }
    };
    Ok(json(StatusCode::OK, &result))
}

/// Send at another time what has not been sent
///
/// It lives on as long after the new time as it would have after the old one.
#[utoipa::path(
    post, path = "/v1/notifications/{id}/reschedule", tag = "notifications", operation_id = "reschedule_notification",
    params(("id" = String, Path, description = "The notification's id")),
    request_body(content = ReschedulingBody, content_type = "application/json"),
    responses(
        (status = 200, description = "How it stands now", body = RevisedBody),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Everything of it was sent, is being sent, or has ended; `detail` says how it stands",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn reschedule(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    _: NoQuery,
    Json(ReschedulingBody { schedule }): Json<ReschedulingBody>,
) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    let revised = app.notifier.reschedule(&TenantId::unnamed(), id, &schedule.into()).await?;
    Ok(json(StatusCode::OK, &RevisedBody::from(&revised.ok_or_else(|| unknown(id))?)))
}

/// Send at another time what has not been sent, by id, by key, or of everything that fits a filter
///
/// Exactly one of `id`, `idempotency_key` and `filter` is given. With a filter, one call looks at 10,000 notifications, newest
/// first, for ten seconds at most: while the answer has a `next`, send the same again with it as `cursor`. A `local_time`
/// without a zone is that of each recipient; where the time cannot be used for one of them, those that come after that one
/// stay as they are.
#[utoipa::path(
    post, path = "/v1/notifications/reschedule", tag = "notifications", operation_id = "reschedule_selected_notification",
    request_body(content = SelectedReschedulingBody, content_type = "application/json"),
    responses(
        (status = 200, description = "How it stands now, or what it came to", body = ReschedulingResultBody),
        (status = 404, description = "There is no such notification, or the key is not remembered", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Everything of it was sent, is being sent, or has ended; `detail` says how it stands",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn reschedule_selected(
    State(app): State<SharedApp>,
    _: NoQuery,
    Json(body): Json<SelectedReschedulingBody>,
) -> Result<Response, Problem> {
    let (meant, schedule) = body.read().map_err(Problem::invalid)?;
    let result = match meant {
        Revisable::One(selection) => {
            let id = find(&app, &selection).await?;
            let revised = app.notifier.reschedule(&TenantId::unnamed(), id, &schedule.into()).await?;
            ReschedulingResultBody::One(RevisedBody::from(&revised.ok_or_else(|| unknown(id))?))
        }
        Revisable::Many(filter, before) => {
            let tenant = TenantId::unnamed();
            let revised = app.notifier.reschedule_all(&tenant, &filter, before, &schedule.into()).await?;
            ReschedulingResultBody::Many(RescheduledManyBody::from(&revised))
        }
    };
    Ok(json(StatusCode::OK, &result))
}

/// Accept a notification in place of an earlier one
///
/// The earlier one is cancelled in the same moment in which the new one is stored: never both are sent, and never neither.
#[utoipa::path(
    post, path = "/v1/notifications/{id}/replace", tag = "notifications", operation_id = "replace_notification",
    params(
        ("id" = String, Path, description = "The id of the earlier notification"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same as `idempotency_key` in the body"),
    ),
    request_body(content = SubmissionBody, content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted: stored and synced; `replaced` names the earlier one", body = SubmittedBody,
            headers(("Location" = String, description = "Where the notification can be read"))),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Something of the earlier one was sent, is being sent, or has ended: nothing changed",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn replace(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    headers: HeaderMap,
    _: NoQuery,
    Json(body): Json<SubmissionBody>,
) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    replace_by(&app, id, &headers, body).await
}

/// Accept a notification in place of an earlier one, by its id or its key
///
/// As with the earlier one's id in the path. Exactly one of `id` and `idempotency_key` is given.
#[utoipa::path(
    post, path = "/v1/notifications/replace", tag = "notifications", operation_id = "replace_selected_notification",
    params(("Idempotency-Key" = Option<String>, Header, description = "The same as `with.idempotency_key` in the body")),
    request_body(content = ReplacementBody, content_type = "application/json"),
    responses(
        (status = 202, description = "Accepted: stored and synced; `replaced` names the earlier one", body = SubmittedBody,
            headers(("Location" = String, description = "Where the notification can be read"))),
        (status = 404, description = "There is no such notification, or the key is not remembered", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 409, description = "Something of the earlier one was sent, is being sent, or has ended: nothing changed",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn replace_selected(
    State(app): State<SharedApp>,
    headers: HeaderMap,
    _: NoQuery,
    Json(body): Json<ReplacementBody>,
) -> Result<Response, Problem> {
    let (selection, with) = body.read().map_err(Problem::invalid)?;
    replace_by(&app, find(&app, &selection).await?, &headers, with).await
}

async fn replace_by(
    app: &App,
    id: NotificationId,
    headers: &HeaderMap,
    mut body: SubmissionBody,
) -> Result<Response, Problem> {
    body.idempotency_key = idempotency_key(headers, body.idempotency_key)?;
    let request = body.into_request(app.notifier.limits()).map_err(Problem::invalid)?;
    if app.notifier.status(&TenantId::unnamed(), id).await?.is_none() {
        return Err(unknown(id));
    }
    Ok(accepted(&app.notifier.replace(id, request).await?))
}

/// Say that somebody took note
///
/// What escalates from channel to channel until then stops. Doing it again changes nothing. The body may be left out.
#[utoipa::path(
    post, path = "/v1/notifications/{id}/acknowledge", tag = "notifications", operation_id = "acknowledge_notification",
    params(("id" = String, Path, description = "The notification's id")),
    request_body(content = Option<AcknowledgementBody>, content_type = "application/json"),
    responses(
        (status = 200, description = "How it stands now", body = RevisedBody),
        (status = 404, description = "There is no such notification", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn acknowledge(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    _: NoQuery,
    OptionalJson(body): OptionalJson<AcknowledgementBody>,
) -> Result<Response, Problem> {
    let id = parse_parameter("id", &id)?;
    let by = body.unwrap_or_default().into_by().map_err(Problem::invalid)?;
    let revised = app.notifier.acknowledge(&TenantId::unnamed(), id, by).await?;
    Ok(json(StatusCode::OK, &RevisedBody::from(&revised.ok_or_else(|| unknown(id))?)))
}

async fn find(app: &App, selection: &Selection) -> Result<NotificationId, Problem> {
    let found = app.notifier.find(&TenantId::unnamed(), selection).await?;
    found.ok_or_else(|| {
        Problem::not_found("nothing was accepted under this idempotency key, as far as it is remembered")
    })
}
