//! The system that knows what notifications are about, for example properties.

use async_trait::async_trait;

use super::directory::LookupError;
use crate::domain::id::{SubjectId, TenantId};
use crate::domain::subject::Subject;

/// Finds subjects.
#[async_trait]
pub trait Catalog: Send + Sync + 'static {
    /// The subject with that id; `None` when the catalog says that there is none.
    ///
    /// # Errors
    /// When the catalog does not answer usefully. Never to be taken for "unknown".
    async fn subject(&self, tenant: &TenantId, id: &SubjectId) -> Result<Option<Subject>, LookupError>;
}
