//! The routes of the service that this one replaces, over the same engine. Its notification ids are delivery ids here.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use notifier_core::{
    Channel, Content, Delivery, DeliveryId, DeliveryState, EmailSource, FieldError, NotificationRequest, Preferences,
    PreviewError, PutError, RecipientId, ScheduleRequest as Schedule, SmsSource, Subject, SubjectId, SubmitError,
    TenantId,
};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::compat_wire::{
    CompatNotification, CompatPreferences, CompatPreferencesView, Details, ScheduleAnswer, ScheduleRequest, wants,
};
use super::{health, json};
use crate::app::{App, SharedApp};
use crate::problem::{Problem, ProblemBody};
use crate::request::{Json, Segments, parse_parameter};

/// Those that the service had which this one replaces.
const CHANNELS: [Channel; 2] = [Channel::Email, Channel::Sms];

pub(super) fn router() -> OpenApiRouter<SharedApp> {
    OpenApiRouter::new()
        .routes(routes!(schedule))
        .routes(routes!(read))
        .routes(routes!(read_preferences, replace_preferences, create_preferences))
        .routes(routes!(live))
}

/// Schedule a message about a property
#[utoipa::path(
    post, path = "/notifications/schedule", tag = "compatibility", operation_id = "compat_schedule",
    request_body(content = ScheduleRequest, content_type = "application/json"),
    responses(
        (status = 200, description = "Scheduled", body = ScheduleAnswer),
        (status = 404, description = "Unknown user or property, or no preferences", body = ProblemBody,
            content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used; the time is not in the future", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn schedule(State(app): State<SharedApp>, Json(body): Json<ScheduleRequest>) -> Result<Response, Problem> {
    let field = |name: &'static str| move |error: notifier_core::InvalidId| Problem::invalid_field(name, error.problem);
    let user = RecipientId::new(body.user_id.as_str()).map_err(field("user_id"))?;
    let property = SubjectId::new(body.property_id.as_str()).map_err(field("property_id"))?;
    let due_at = future_time(&body.scheduled_time_utc, app.clock.now())?;
    if body.message.trim().is_empty() {
        return Err(Problem::invalid_field("message", "must not be empty"));
    }
    let preferences = stored_preferences(&app, &user).await?;
    let subject = app.notifier.subject(&TenantId::unnamed(), &property).await?;
    let subject = subject.ok_or_else(|| Problem::not_found("Property not found"))?;
    // Of the channels that the user wants, those that the operator has a provider for.
    let routed = app.notifier.channels();
    let is_usable = |channel: &Channel| wants(&preferences, *channel) && routed.contains(channel);
    let channels: Vec<Channel> = CHANNELS.into_iter().filter(is_usable).collect();
    if channels.is_empty() {
        return Ok(json(StatusCode::OK, &ScheduleAnswer { notification_ids: Vec::new() }));
    }
    let chars_max = app.notifier.limits().sms_chars_max;
    if channels.contains(&Channel::Sms) && body.message.chars().count() > chars_max {
        let problem = format!("the user gets text messages, which have at most {chars_max} characters");
        return Err(Problem::invalid_field("message", problem));
    }
    let request = request_for(&body, &subject, channels, due_at);
    let submitted = app.notifier.submit(request).await.map_err(refused)?;
    let notification_ids = submitted.deliveries.iter().map(ToString::to_string).collect();
    Ok(json(StatusCode::OK, &ScheduleAnswer { notification_ids }))
}

/// The engine's refusal, in fields of the body that callers sent.
fn refused(error: SubmitError) -> Problem {
    let SubmitError::Invalid(errors) = error else { return error.into() };
    let in_body = |error: FieldError| {
        let field = match error.field.split(['.', '[']).next().unwrap_or_default() {
            "recipient" => "user_id",
            "subject" => "property_id",
            "schedule" | "expires_at" => "scheduled_time_utc",
            "variables" | "content" => "message",
            // The rest is not the caller's: the request as a whole.
            _ => "",
        };
        FieldError::new(field, error.problem)
    };
    Problem::invalid(errors.into_iter().map(in_body).collect())
}

/// An instant after `now`; without an offset it is in UTC.
fn future_time(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let field = "scheduled_time_utc";
    let in_utc = |civil: DateTime| civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    // An instant first: the parser of civil times would ignore an offset.
    let instant = text.parse::<Timestamp>().ok().or_else(|| text.parse::<DateTime>().ok().and_then(in_utc));
    match instant {
        None => Err(Problem::invalid_field(field, "not a time: use `2026-12-24T09:00:00Z`")),
        Some(instant) if instant <= now => Err(Problem::invalid_field(field, "must be in the future")),
        Some(instant) => Ok(instant),
    }
}

/// The message goes in as a variable, so that braces in it are only braces.
fn request_for(
    body: &ScheduleRequest,
    subject: &Subject,
    channels: Vec<Channel>,
    due_at: Timestamp,
) -> NotificationRequest {
    let address = subject.fields.get("address").and_then(Value::as_str).filter(|address| !address.trim().is_empty());
    let title = address.map_or_else(|| "About your property".to_owned(), |address| format!("About {address}"));
    let mut request = NotificationRequest::to(body.user_id.as_str());
    request.channels = Some(channels.clone());
    request.content = Some(Content {
        email: channels.contains(&Channel::Email).then(|| EmailSource {
            subject: "{{title}}".into(),
            text: Some("{{message}}".into()),
            html: Some(r#"<p style="white-space: pre-line">{{message}}</p>"#.into()),
        }),
        sms: channels.contains(&Channel::Sms).then(|| SmsSource { text: "{{message}}".into() }),
        ..Content::default()
    });
    request.variables.insert("message".into(), body.message.as_str().into());
    request.variables.insert("title".into(), title.into());
    request.subject = Some(body.property_id.clone());
    request.schedule = Some(Schedule { at: Some(due_at.to_string()), ..Schedule::default() });
    request
}

/// Read a scheduled or sent message
///
/// `details` are of the message as it would go out now, or for one that was sent, as it went out: what is not known of it any
/// more is null.
#[utoipa::path(
    get, path = "/notifications/{id}", tag = "compatibility", operation_id = "compat_read_notification",
    params(("id" = String, Path, description = "The id")),
    responses(
        (status = 200, description = "The message", body = CompatNotification),
        (status = 404, description = "There is no such message", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read(State(app): State<SharedApp>, Segments(id): Segments<String>) -> Result<Response, Problem> {
    let unknown = || Problem::not_found("Notification not found");
    let tenant = TenantId::unnamed();
    // Ids are opaque to these callers: one that cannot be is simply unknown.
    let id: DeliveryId = id.parse().ok().filter(is_known).ok_or_else(unknown)?;
    let status = app.notifier.status(&tenant, id.notification).await?.ok_or_else(unknown)?;
    let delivery = status.deliveries.iter().find(|delivery| delivery.id == id).ok_or_else(unknown)?;
    let details = details(&app, delivery).await?;
    let notification = &status.notification;
    let body = CompatNotification {
        id: id.to_string(),
        user_id: notification.recipient.id.to_string(),
        property_id: notification.subject.as_ref().map(ToString::to_string),
        notification_type: id.channel.name().to_owned(),
        scheduled_time_utc: notification.due_at.to_string(),
        sent: was_taken(delivery.state),
        service_response: service_response(delivery),
        details,
    };
    Ok(json(StatusCode::OK, &body))
}

/// Whether it is on a channel that these callers know.
fn is_known(id: &DeliveryId) -> bool {
    CHANNELS.contains(&id.channel)
}

/// Whether a provider took it, whatever became of it afterwards.
fn was_taken(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Sent | DeliveryState::Delivered | DeliveryState::Bounced)
}

/// The record is here, whatever the user database and the catalog say: what cannot be made without them is null.
async fn details(app: &App, delivery: &Delivery) -> Result<Option<Details>, Problem> {
    match &delivery.last_attempt {
        Some(attempt) if delivery.state != DeliveryState::Pending => {
            let content = app.notifier.attempted(delivery).await?;
            Ok(Some(Details::attempted(delivery.id.channel, attempt, content)))
        }
        _ => match app.notifier.preview(&delivery.tenant, delivery.id).await {
            Ok(content) => Ok(Details::of(content)),
            Err(PreviewError::NotSendable(_) | PreviewError::Lookup(_)) => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}

fn service_response(delivery: &Delivery) -> Option<String> {
    let attempt = delivery.last_attempt.as_ref();
    let taken = attempt.and_then(|attempt| attempt.provider_message_id.clone());
    taken.or_else(|| {
        (delivery.state != DeliveryState::Pending || attempt.is_some()).then(|| delivery.reason.to_string())
    })
}

/// Read what a user wants
#[utoipa::path(
    get, path = "/preferences/{user_id}", tag = "compatibility", operation_id = "compat_read_preferences",
    params(("user_id" = String, Path, description = "Id in the user database")),
    responses(
        (status = 200, description = "The preferences", body = CompatPreferencesView),
        (status = 404, description = "Unknown user, or none stored", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn read_preferences(State(app): State<SharedApp>, Segments(id): Segments<String>) -> Result<Response, Problem> {
    let user: RecipientId = parse_parameter("user_id", &id)?;
    let preferences = stored_preferences(&app, &user).await?;
    Ok(json(StatusCode::OK, &CompatPreferences::from(&preferences).into_view(id)))
}

/// Replace what a user wants
#[utoipa::path(
    put, path = "/preferences/{user_id}", tag = "compatibility", operation_id = "compat_replace_preferences",
    params(("user_id" = String, Path, description = "Id in the user database")),
    request_body(content = CompatPreferences, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored", body = CompatPreferencesView),
        (status = 404, description = "Unknown user", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn replace_preferences(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    Json(body): Json<CompatPreferences>,
) -> Result<Response, Problem> {
    store_preferences(&app, id, body).await
}

/// Replace what a user wants, as PUT does
#[utoipa::path(
    post, path = "/preferences/{user_id}", tag = "compatibility", operation_id = "compat_create_preferences",
    params(("user_id" = String, Path, description = "Id in the user database")),
    request_body(content = CompatPreferences, content_type = "application/json"),
    responses(
        (status = 200, description = "Stored", body = CompatPreferencesView),
        (status = 404, description = "Unknown user", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields cannot be used", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
async fn create_preferences(
    State(app): State<SharedApp>,
    Segments(id): Segments<String>,
    Json(body): Json<CompatPreferences>,
) -> Result<Response, Problem> {
    store_preferences(&app, id, body).await
}

async fn store_preferences(app: &App, id: String, body: CompatPreferences) -> Result<Response, Problem> {
    let user: RecipientId = parse_parameter("user_id", &id)?;
    known_user(app, &user).await?;
    let mut wanted = Preferences::from(body.clone());
    // What these callers do not know they cannot mean to change.
    let before = app.notifier.preferences(&TenantId::unnamed(), &user).await?.unwrap_or_default();
    wanted.channels.extend(before.channels.into_iter().filter(|(channel, _)| !CHANNELS.contains(channel)));
    let stored = app.notifier.put_preferences(&TenantId::unnamed(), &user, wanted).await;
    stored.map_err(|error| match error {
        // All that the engine can refuse is the size of what it calls interests.
        PutError::Invalid(errors) => {
            let in_body = |error: FieldError| FieldError::new(body.largest_interest(), error.problem);
            Problem::invalid(errors.into_iter().map(in_body).collect())
        }
        error => error.into(),
    })?;
    Ok(json(StatusCode::OK, &body.into_view(id)))
}

async fn stored_preferences(app: &App, user: &RecipientId) -> Result<Preferences, Problem> {
    known_user(app, user).await?;
    let preferences = app.notifier.preferences(&TenantId::unnamed(), user).await?;
    preferences.ok_or_else(|| Problem::not_found("User preferences not found"))
}

async fn known_user(app: &App, user: &RecipientId) -> Result<(), Problem> {
    let recipient = app.notifier.recipient(&TenantId::unnamed(), user).await?;
    recipient.map(drop).ok_or_else(|| Problem::not_found("User not found"))
}

/// Whether the process answers
#[utoipa::path(
    get, path = "/health", tag = "compatibility", operation_id = "compat_health",
    responses((status = 200, description = "It does", body = super::health::Health))
)]
async fn live() -> Response {
    health::ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_bounced_had_been_sent() {
        let taken: Vec<_> = DeliveryState::ALL.into_iter().filter(|state| was_taken(*state)).collect();
        assert_eq!(taken, [DeliveryState::Sent, DeliveryState::Delivered, DeliveryState::Bounced]);
    }

    #[test]
    fn times_are_in_utc_and_in_the_future() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-01-01T00:00:01Z", Some("2026-01-01T00:00:01Z")),
            ("2026-01-01T00:00:01", Some("2026-01-01T00:00:01Z")),
            ("2026-01-01 10:00", Some("2026-01-01T10:00:00Z")),
            ("2026-01-01T10:00:00+02:00", Some("2026-01-01T08:00:00Z")),
            ("2026-01-01T01:00:00+02:00", None),
            ("2026-01-01T00:00:00Z", None),
            ("2025-12-31T23:59:59", None),
            ("soon", None),
            ("", None),
        ] {
            let read = future_time(text, now);
            assert_eq!(read.as_ref().ok().map(ToString::to_string).as_deref(), expected, "{text}");
            if let Err(problem) = read {
                assert_eq!(problem.errors[0].field, "scheduled_time_utc");
            }
        }
    }
}
