//! Deliveries that ended without success, and trying them again.

use std::num::NonZeroU32;

use notifier_core::{DeadLetter, FieldError, ReplayProgress, ReplayRequest, TenantId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::filter::FilterBody;
use super::notification::DeliveryBody;

/// A delivery that failed, expired or is unknown, and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterBody {
    /// The notification.
    pub(crate) notification_id: String,
    /// To whom.
    pub(crate) recipient_id: String,
    /// Of which kind.
    pub(crate) category: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// When it was due.
    #[schema(format = DateTime)]
    pub(crate) due_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub(crate) died_at: String,
    /// The delivery: where it stands, why, and its latest attempt.
    pub(crate) delivery: DeliveryBody,
}

/// A page of dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct DeadLetterPage {
    /// The dead letters, the latest first. May be fewer than asked for although there are more: go by `next`.
    pub(crate) items: Vec<DeadLetterBody>,
    /// The `cursor` of the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

impl From<&DeadLetter> for DeadLetterBody {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            notification_id: letter.notification.id.to_string(),
            recipient_id: letter.notification.recipient.id.to_string(),
            category: letter.notification.category.to_string(),
            subject: letter.notification.subject.as_ref().map(ToString::to_string),
            due_at: letter.notification.due_at.to_string(),
            died_at: letter.delivery.updated_at.to_string(),
            delivery: (&letter.delivery).into(),
        }
    }
}

/// Dead letters in a second, at most.
const PER_SECOND_MAX: u32 = 1_000;

/// Which dead letters to try again, and how fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayRequest)]
pub(crate) struct ReplayRequestBody {
    /// Which of them; an empty one means all.
    pub(crate) filter: FilterBody,
    /// How many in a second; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000, example = 10)]
    pub(crate) per_second: Option<u32>,
}

impl ReplayRequestBody {
    /// The request as the engine takes it.
    ///
    /// # Errors
    /// One for each field that cannot be used.
    pub(crate) fn into_request(self) -> Result<ReplayRequest, Vec<FieldError>> {
        let per_second = self.per_second.map(|number| {
            let problem = format!("must be 1 to {PER_SECOND_MAX}");
            let number = NonZeroU32::new(number).filter(|number| number.get() <= PER_SECOND_MAX);
            number.ok_or_else(|| vec![FieldError::new("per_second", problem)])
        });
        let per_second = per_second.transpose()?;
        let mut request = ReplayRequest::of(TenantId::unnamed(), self.filter.into_filter("filter")?);
        request.per_second = per_second.unwrap_or(request.per_second);
        Ok(request)
    }
}

/// A replay, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Replay)]
pub(crate) struct ReplayBody {
    /// Its number, counted from 1 since the start of the server.
    pub(crate) number: u64,
    /// Which dead letters.
    pub(crate) filter: FilterBody,
    /// How many in a second.
    pub(crate) per_second: u32,
    /// When it began.
    #[schema(format = DateTime)]
    pub(crate) started_at: String,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) ended_at: Option<String>,
    /// Dead letters that it looked at.
    pub(crate) examined: u64,
    /// Deliveries that are tried again.
    pub(crate) replayed: u64,
    /// Why it ended early, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// The replays since the start of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReplayList {
    /// The replays, the latest first; the last hundred are remembered.
    pub(crate) items: Vec<ReplayBody>,
}

impl From<&ReplayProgress> for ReplayBody {
    fn from(progress: &ReplayProgress) -> Self {
        Self {
            number: progress.number,
            filter: (&progress.request.filter).into(),
            per_second: progress.request.per_second.get(),
            started_at: progress.started_at.to_string(),
            ended_at: progress.ended_at.map(|at| at.to_string()),
            examined: progress.examined,
            replayed: progress.replayed,
            problem: progress.problem.clone(),
        }
    }
}
