//! The engine's errors, as the API tells them.

use std::time::Duration;

use notifier_core::{
    LookupError, PreviewError, PutError, ReceiptError, ReceiveError, ReplayError, ReviseError, Status, StoreError,
    SubmitError,
};

use super::{Problem, ProblemKind};

/// When to ask again for a replay while as many run as may.
const REPLAY_PAUSE: Duration = Duration::from_secs(30);

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Invalid(errors) => Problem::invalid(errors),
            SubmitError::KeyReused { existing, .. } => {
                let detail = format!("the idempotency key belongs to a different request, accepted as {existing}");
                let errors = vec![notifier_core::FieldError::new("idempotency_key", detail.clone())];
                Problem { errors, ..Problem::new(ProblemKind::KeyReused, detail) }
            }
            SubmitError::TooLate(id) => {
                let detail = format!("notification {id} cannot be replaced: it was sent, is being sent, or has ended");
                Problem::new(ProblemKind::TooLate, detail)
            }
            SubmitError::Overloaded { problem, retry_after } => {
                Problem::new(ProblemKind::QueueFull, problem).retry_after(retry_after)
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

impl From<ReviseError> for Problem {
    fn from(error: ReviseError) -> Self {
        match error {
            ReviseError::Invalid(errors) => Problem::invalid(errors),
            ReviseError::TooLate(status) => Problem::too_late(&status),
            ReviseError::Store(error) => error.into(),
            other => internal(&other),
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::TooMany(_) => {
                Problem::new(ProblemKind::TooManyReplays, error.to_string()).retry_after(REPLAY_PAUSE)
            }
            ReplayError::Stopping => Problem::stopping(),
            other => internal(&other),
        }
    }
}

/// The vendor learns what it has to do, and nothing about what is stored.
impl From<ReceiptError> for Problem {
    fn from(error: ReceiptError) -> Self {
        let again = || Problem::new(ProblemKind::Unavailable, "the receipt could not be taken: send it again");
        match error {
            ReceiptError::UnknownProvider(_) | ReceiptError::Receive(ReceiveError::NotSupported) => {
                Problem::not_found("no receipts are taken at this address")
            }
            ReceiptError::Receive(ReceiveError::Unverified(reason)) => {
                tracing::warn!(reason, "a receipt was not verified");
                Problem::new(ProblemKind::Unverified, "the signature is missing, wrong or too old")
            }
            ReceiptError::Receive(ReceiveError::Malformed(reason)) => {
                tracing::warn!("a receipt could not be read");
                // It may repeat what was sent.
                tracing::debug!(reason, "a receipt could not be read");
                Problem::new(ProblemKind::MalformedReceipt, "the body is not what this vendor sends")
            }
            ReceiptError::Store(StoreError::Closed) => Problem::stopping(),
            error => {
                tracing::error!(%error, "a receipt could not be taken");
                again()
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Closed => Problem::stopping(),
            StoreError::TooLarge { .. } => Problem::new(ProblemKind::BodyTooLarge, error.to_string()),
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
    /// Nothing of it can be changed any more; how each delivery stands.
    #[must_use]
    pub fn too_late(status: &Status) -> Self {
        let told = |delivery: &notifier_core::Delivery| format!("the {} is {}", delivery.id.channel, delivery.state);
        let deliveries: Vec<String> = status.deliveries.iter().map(told).collect();
        let detail =
            format!("notification {} cannot be changed like this: {}", status.notification.id, deliveries.join(", "));
        Self::new(ProblemKind::TooLate, detail)
    }

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
