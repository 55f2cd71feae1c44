//! What a notification is about, for example a property.

use super::id::SubjectId;

/// A thing of the operator's, as the catalog describes it. Its fields are available to templates as `subject.…`.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The id in the catalog.
    pub id: SubjectId,
    /// What the catalog says about it.
    pub fields: serde_json::Map<String, serde_json::Value>,
}
