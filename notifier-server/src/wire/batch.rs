//! The results of many submissions in one call.

use notifier_core::{SubmitError, Submitted};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{FieldProblem, Problem};

/// What became of one item of a call with many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = BatchResult)]
pub(crate) enum BatchResultBody {
    /// It was accepted.
    Accepted(BatchAcceptedBody),
    /// It was refused; nothing of it was stored.
    Refused(BatchRefusedBody),
}

/// An item that was accepted: it is on disk and will reach a final state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BatchAccepted)]
pub(crate) struct BatchAcceptedBody {
    /// 202, as if it had been submitted alone.
    #[schema(example = 202)]
    pub(crate) status: u16,
    /// The notification.
    #[schema(example = "0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11")]
    pub(crate) id: String,
    /// When it falls due.
    #[schema(example = "2026-12-24T09:00:00Z", format = DateTime)]
    pub(crate) due_at: String,
    /// Whether the same request had been accepted before, under the same idempotency key.
    pub(crate) repeated: bool,
    /// The notification that it took the place of, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaced: Option<String>,
}

/// An item that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = BatchRefused)]
pub(crate) struct BatchRefusedBody {
    /// The status that it would have got alone.
    #[schema(example = 422)]
    pub(crate) status: u16,
    /// The kind of problem, as in problems of whole requests.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid-request")]
    pub(crate) kind: String,
    /// What happened, and what would be right.
    pub(crate) detail: String,
    /// The fields of this item that are wrong, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 50)]
    pub(crate) errors: Vec<FieldProblem>,
}

impl From<Result<Submitted, SubmitError>> for BatchResultBody {
    fn from(result: Result<Submitted, SubmitError>) -> Self {
        match result {
            Ok(submitted) => Self::Accepted(BatchAcceptedBody {
                status: 202,
                id: submitted.id.to_string(),
                due_at: submitted.due_at.to_string(),
                repeated: submitted.repeated,
                replaced: submitted.replaced.map(|id| id.to_string()),
            }),
            Err(error) => Problem::from(error).into(),
        }
    }
}

impl From<Problem> for BatchResultBody {
    fn from(problem: Problem) -> Self {
        Self::Refused(BatchRefusedBody {
            status: problem.kind.status().as_u16(),
            kind: format!("/problems/{}", problem.kind.name()),
            errors: problem.errors.iter().map(FieldProblem::from).collect(),
            detail: problem.detail,
        })
    }
}
