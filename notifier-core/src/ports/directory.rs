//! The user database: who a recipient is and how to reach them.

use async_trait::async_trait;

use crate::domain::id::{RecipientId, TenantId};
use crate::domain::recipient::Recipient;

/// The other system could not be asked, or gave no usable answer. Asking again later may work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LookupError {
    /// What happened, without secrets and addresses.
    pub message: String,
}

/// Finds recipients.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The recipient with that id; `None` when the user database says that there is none.
    ///
    /// # Errors
    /// When the user database does not answer usefully. Never to be taken for "unknown".
    async fn recipient(&self, tenant: &TenantId, id: &RecipientId) -> Result<Option<Recipient>, LookupError>;
}
