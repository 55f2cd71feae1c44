//! What people change about notifications, and what that came to.

use notifier_core::{FieldError, IdempotencyKey, NotificationId, RevisedMany, RevisedStatus, Selection};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::filter::FilterBody;
use super::notification::{CancellationBody, DeliveryBody};
use super::submission::{ScheduleBody, SubmissionBody};

/// Characters of who took note.
const BY_CHARS_MAX: usize = 200;

/// Who took note.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Acknowledgement)]
pub(crate) struct AcknowledgementBody {
    /// Who or what, for the timeline: at most 200 printable characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Ana, on call", max_length = 200)]
    pub(crate) by: Option<String>,
}

impl AcknowledgementBody {
    /// Who took note, if that was said.
    ///
    /// # Errors
    /// When it is not printable, or too long.
    pub(crate) fn into_by(self) -> Result<Option<String>, Vec<FieldError>> {
        let is_fine = |by: &str| {
            (1..=BY_CHARS_MAX).contains(&by.chars().count())
                && !by.chars().any(char::is_control)
                && !by.trim().is_empty()
        };
        match self.by {
            Some(by) if !is_fine(&by) => {
                let problem = format!("must be 1 to {BY_CHARS_MAX} printable characters");
                Err(vec![FieldError::new("by", problem)])
            }
            by => Ok(by),
        }
    }
}

/// Another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Rescheduling)]
pub(crate) struct ReschedulingBody {
    /// When what has not been sent is due from now on.
    pub(crate) schedule: ScheduleBody,
}

/// Another time for one notification, or for many. Exactly one of `id`, `idempotency_key` and `filter` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SelectedRescheduling)]
pub(crate) struct SelectedReschedulingBody {
    /// The notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11")]
    pub(crate) id: Option<String>,
    /// The key that it was submitted with, as long as that is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "rent-2026-12-user-1")]
    pub(crate) idempotency_key: Option<String>,
    /// All notifications that fit. At least one of its fields is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<FilterBody>,
    /// Goes with `filter`: `next` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
    /// When what has not been sent is due from now on.
    pub(crate) schedule: ScheduleBody,
}

/// What is to be cancelled. Exactly one of `id`, `idempotency_key` and `filter` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CancellationRequest)]
#[schema(example = json!({"filter": {"category": "listing-alert", "state": "pending"}}))]
pub(crate) struct CancellationRequestBody {
    /// The notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The key that it was submitted with, as long as that is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<String>,
    /// All notifications that fit. At least one of its fields is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<FilterBody>,
    /// Goes with `filter`: `next` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

/// What is to be revised.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Revisable {
    One(Selection),
    Many(notifier_core::Filter, Option<NotificationId>),
}

impl CancellationRequestBody {
    /// What is meant.
    ///
    /// # Errors
    /// When nothing or two things are meant, or a field cannot be used.
    pub(crate) fn read(self) -> Result<Revisable, Vec<FieldError>> {
        revisable(self.id, self.idempotency_key, self.filter, self.cursor)
    }
}

impl SelectedReschedulingBody {
    /// What is meant, and to when.
    ///
    /// # Errors
    /// When nothing or two things are meant, or a field cannot be used.
    pub(crate) fn read(self) -> Result<(Revisable, ScheduleBody), Vec<FieldError>> {
        Ok((revisable(self.id, self.idempotency_key, self.filter, self.cursor)?, self.schedule))
    }
}

/// A notification in place of an earlier one, which is named by exactly one of `id` and `idempotency_key`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replacement)]
pub(crate) struct ReplacementBody {
    /// The earlier notification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11")]
    pub(crate) id: Option<String>,
    /// The key that the earlier one was submitted with, as long as that is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "rent-2026-12-user-1")]
    pub(crate) idempotency_key: Option<String>,
    /// What takes its place. It has a key of its own.
    pub(crate) with: SubmissionBody,
}

impl ReplacementBody {
    /// Which one, and by what.
    ///
    /// # Errors
    /// When none or two are meant, or one that cannot be.
    pub(crate) fn read(self) -> Result<(Selection, SubmissionBody), Vec<FieldError>> {
        let both = "give `id` or `idempotency_key`: exactly one of them";
        Ok((selection(self.id, self.idempotency_key, both)?, self.with))
    }
}

fn revisable(
    id: Option<String>,
    key: Option<String>,
    filter: Option<FilterBody>,
    cursor: Option<String>,
) -> Result<Revisable, Vec<FieldError>> {
    let one = |field: &str, problem: &str| vec![FieldError::new(field, problem)];
    let exactly_one = "give `id`, `idempotency_key` or `filter`: exactly one of them";
    let Some(filter) = filter else {
        if cursor.is_some() {
            return Err(one("cursor", "goes with `filter`"));
        }
        return selection(id, key, exactly_one).map(Revisable::One);
    };
    if id.is_some() || key.is_some() {
        return Err(one("filter", exactly_one));
    }
    if filter == FilterBody::default() {
        return Err(one("filter", "names nothing; for everything, give `\"state\": \"pending\"`"));
    }
    let before = cursor.map(|cursor| cursor.parse());
    let before = before.transpose().map_err(|_| one("cursor", "is not the `next` of an answer"))?;
    Ok(Revisable::Many(filter.into_filter("filter")?, before))
}

fn selection(id: Option<String>, key: Option<String>, both: &str) -> Result<Selection, Vec<FieldError>> {
    let wrong = |field: &str, error: notifier_core::InvalidId| vec![FieldError::new(field, error.problem)];
    match (id, key) {
        (Some(id), None) => id.parse().map(Selection::Id).map_err(|error| wrong("id", error)),
        (None, Some(key)) => {
            IdempotencyKey::new(key).map(Selection::Key).map_err(|error| wrong("idempotency_key", error))
        }
        (Some(_), Some(_)) => Err(vec![FieldError::new("idempotency_key", both)]),
        (None, None) => Err(vec![FieldError::new("", both)]),
    }
}

/// What a change came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Revised)]
pub(crate) struct RevisedBody {
    /// The notification.
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11")]
    pub(crate) id: String,
    /// When it falls due.
    #[schema(format = DateTime)]
    pub(crate) due_at: String,
    /// When it is too late to send it.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// When somebody took note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) acknowledged_at: Option<String>,
    /// The deliveries that changed.
    pub(crate) changed: Vec<String>,
    /// How each stands now.
    pub(crate) deliveries: Vec<DeliveryBody>,
}

impl From<&RevisedStatus> for RevisedBody {
    fn from(revised: &RevisedStatus) -> Self {
        let notification = &revised.status.notification;
        Self {
            id: notification.id.to_string(),
            due_at: notification.due_at.to_string(),
            expires_at: notification.expires_at.to_string(),
            acknowledged_at: notification.acknowledged_at.map(|at| at.to_string()),
            changed: revised.changed.iter().map(ToString::to_string).collect(),
            deliveries: revised.status.deliveries.iter().map(Into::into).collect(),
        }
    }
}

/// What a cancellation came to: of one notification, or of all that fit a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = CancellationResult)]
pub(crate) enum CancellationResultBody {
    /// Of one.
    One(CancellationBody),
    /// Of all that fit.
    Many(CancelledManyBody),
}

/// What the cancellation of all that fit a filter came to, newest first, as far as one call looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CancelledMany)]
pub(crate) struct CancelledManyBody {
    /// Notifications that fit.
    pub(crate) matched: usize,
    /// Deliveries that were cancelled: they will not be sent.
    pub(crate) cancelled: usize,
    /// Deliveries that are being sent at this moment and could not be stopped. They are not tried again.
    pub(crate) still_being_sent: usize,
    /// There are more: the `cursor` of the next call. Absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl From<&RevisedMany> for CancelledManyBody {
    fn from(revised: &RevisedMany) -> Self {
        Self {
            matched: revised.matched,
            cancelled: revised.changed,
            still_being_sent: revised.sending,
            next: revised.next.map(|id| id.to_string()),
        }
    }
}

/// What rescheduling came to: of one notification, or of all that fit a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ReschedulingResult)]
pub(crate) enum ReschedulingResultBody {
    /// Of one.
    One(RevisedBody),
    /// Of all that fit.
    Many(RescheduledManyBody),
}

/// What rescheduling all that fit a filter came to, newest first, as far as one call looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RescheduledMany)]
pub(crate) struct RescheduledManyBody {
    /// Notifications that fit.
    pub(crate) matched: usize,
    /// Deliveries that have another time now.
    pub(crate) rescheduled: usize,
    /// Deliveries that are being sent at this moment and stay as they are.
    pub(crate) still_being_sent: usize,
    /// There are more: the `cursor` of the next call. Absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl From<&RevisedMany> for RescheduledManyBody {
    fn from(revised: &RevisedMany) -> Self {
        Self {
            matched: revised.matched,
            rescheduled: revised.changed,
            still_being_sent: revised.sending,
            next: revised.next.map(|id| id.to_string()),
        }
    }
}
