//! What can go wrong for an application that uses the engine.

use std::time::Duration;

use crate::domain::id::{IdempotencyKey, NotificationId, ProviderName};
use crate::domain::request::FieldError;
use crate::ports::directory::LookupError;
use crate::ports::provider::ReceiveError;
use crate::ports::store::{Status, StoreError};

/// Why a request was not accepted. Nothing of it was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubmitError {
    /// The request cannot be used: one entry for each field.
    #[error("the request is not valid: {}", list(.0))]
    Invalid(Vec<FieldError>),
    /// The idempotency key stands for a different request.
    #[error("idempotency key `{}` belongs to another request, accepted as {existing}", key.as_str())]
    KeyReused {
        /// The key.
        key: IdempotencyKey,
        /// What was accepted under it.
        existing: NotificationId,
    },
    /// What it was to replace was sent, is being sent, or has ended.
    #[error("notification {0} cannot be replaced any more")]
    TooLate(NotificationId),
    /// There is more to do than can be kept up with: nothing was stored, and it is worth asking again later.
    #[error("{problem}; ask again in {} s", retry_after.as_secs())]
    Overloaded {
        /// What there is too much of.
        problem: String,
        /// When to ask again.
        retry_after: Duration,
    },
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a notification was not changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReviseError {
    /// The request cannot be used: one entry for each field.
    #[error("not valid: {}", list(.0))]
    Invalid(Vec<FieldError>),
    /// Nothing of it can be changed like that any more; how it stands.
    #[error("it is too late for that")]
    TooLate(Box<Status>),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a replay did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// So many run already.
    #[error("{0} replays run already: wait for one to end")]
    TooMany(usize),
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Stopping,
}

/// Why a webhook was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// There is no such provider.
    #[error("there is no provider `{0}`")]
    UnknownProvider(ProviderName),
    /// The provider did not take it.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    /// The store refused or failed: the vendor should send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a template or preference was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError {
    /// It cannot be used: one entry for each field.
    #[error("not valid: {}", list(.0))]
    Invalid(Vec<FieldError>),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a message cannot be shown as it would go out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PreviewError {
    /// There is no such delivery.
    #[error("there is no such delivery")]
    NotFound,
    /// It could not be made; the reason is the one that the timeline would give.
    #[error("{0}")]
    NotSendable(String),
    /// Another system could not be asked.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A part of the configuration contradicts another, or is missing.
    #[error("{setting}: {problem}")]
    Setting {
        /// Which part, as `routes.sms`.
        setting: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A plugin could not be loaded.
    #[error("provider `{provider}`: {problem}")]
    Plugin {
        /// Which provider.
        provider: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The data directory could not be opened.
    #[error("{0}")]
    Open(String),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(errors: &[FieldError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
