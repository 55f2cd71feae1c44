//! A user database and a catalog in memory, which can be switched off.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::domain::id::{RecipientId, SubjectId, TenantId};
use crate::domain::recipient::Recipient;
use crate::domain::subject::Subject;
use crate::ports::catalog::Catalog;
use crate::ports::directory::{Directory, LookupError};

/// People and things in memory, the same for every tenant.
#[derive(Default)]
pub struct ScriptedLookup(Mutex<Known>);

#[derive(Default)]
struct Known {
    recipients: BTreeMap<RecipientId, Recipient>,
    subjects: BTreeMap<SubjectId, Subject>,
    is_down: bool,
}

impl ScriptedLookup {
    /// Adds or replaces a person.
    pub fn put_recipient(&self, recipient: Recipient) {
        self.known().recipients.insert(recipient.id.clone(), recipient);
    }

    /// Adds or replaces a thing.
    pub fn put_subject(&self, subject: Subject) {
        self.known().subjects.insert(subject.id.clone(), subject);
    }

    /// Whether it answers from now on.
    pub fn set_down(&self, is_down: bool) {
        self.known().is_down = is_down;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer<T>(&self, find: impl FnOnce(&Known) -> Option<T>) -> Result<Option<T>, LookupError> {
        let known = self.known();
        if known.is_down {
            return Err(LookupError { message: "it is switched off".into() });
        }
        Ok(find(&known))
    }
}

#[async_trait]
impl Directory for ScriptedLookup {
    async fn recipient(&self, _tenant: &TenantId, id: &RecipientId) -> Result<Option<Recipient>, LookupError> {
        self.answer(|known| known.recipients.get(id).cloned())
    }
}

#[async_trait]
impl Catalog for ScriptedLookup {
    async fn subject(&self, _tenant: &TenantId, id: &SubjectId) -> Result<Option<Subject>, LookupError> {
        self.answer(|known| known.subjects.get(id).cloned())
    }
}
