//! The engine's errors, as the API tells them.

use notifier_core::{LookupError, PreviewError, PutError, StoreError, SubmitError};

use super::{Problem, ProblemKind};

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(errors) => Problem::invalid(errors),
            SubmitError::KeyReused { existing, .. } => {
                let detail = format!("the idempotency key belongs to a different request, accepted as {existing}");
                let errors = vec![notifier_core::FieldError::new("idempotency_key", detail.clone())];
                Problem { errors, ..Problem::new(ProblemKind::KeyReused, detail) }
            }
            SubmitError::Stopping => Problem::stopping(),
            SubmitError::Store(error) => error.into(),
            // The engine's error may grow; what is new is a defect until it is told properly.
            other => internal(&other),
        }
    }
}

impl From<PutError> for Problem {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Invalid(errors) => Problem::invalid(errors),
            PutError::Store(error) => error.into(),
            other => internal(&other),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Problem::stopping(),
            StoreError::Failed(_) => {
                tracing::error!(%error, "the store does not work");
                Problem::new(ProblemKind::Unavailable, "the store does not work; the server's log says why")
            }
            other => internal(&other),
        }
    }
}

impl From<LookupError> for Problem {
    fn from(error: LookupError) -> Self {
        let detail = format!("a system that is needed for the answer does not answer: {error}");
        Problem::new(ProblemKind::Unavailable, detail)
    }
}

impl From<PreviewError> for Problem {
    fn from(error: PreviewError) -> Self {
        match error {
            PreviewError::NotFound => Problem::not_found("there is no such delivery"),
            PreviewError::Lookup(error) => error.into(),
            PreviewError::Store(error) => error.into(),
            other => internal(&other),
        }
    }
}

impl Problem {
    /// The server is about to end.
    #[must_use]
    pub fn stopping() -> Self {
        Self::new(ProblemKind::Stopping, "the server is shutting down; another one, or the next one, will answer")
            .closing()
    }
}

fn internal(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a request failed");
    Problem::new(ProblemKind::Internal, "the server failed to do this; its log says why")
}
