//! Taking in notifications.

use jiff::Timestamp;

use super::{Model, Place, Recorded, Remembered, Tracked};
use crate::domain::id::{IdempotencyKey, NotificationId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::revision::Revision;
use crate::domain::timeline::Reason;
use crate::planted::planted;
use crate::ports::store::{Acceptance, Accepted, StoreError};

impl Model {
    pub(in crate::adapters::memory) fn accept(&mut self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        let Acceptance { notification, request_hash, key_expires_at, replaces } = acceptance;
        let id = notification.id;
        let now = notification.created_at;
        if let Some(key) = &notification.idempotency_key
            && let Some(before) = self.recall(&notification.tenant, key, Some(&request_hash), now)?
        {
            return Ok(Accepted::Before(before));
        }
        let place = (notification.tenant.clone(), id);
        if self.notifications.contains_key(&place) {
            return Ok(Accepted::Before(id));
        }
        if planted!(KeepsWhatIsReplaced) && (replaces.is_some() || notification.collapse_key.is_some()) {
            let key =
                (notification.tenant.clone(), notification.recipient.id.clone(), notification.collapse_key.clone());
            let old = key.2.and_then(|collapse| self.collapsing.insert((key.0, key.1, collapse), id));
            self.insert(notification);
            return Ok(Accepted::New { replaced: replaces.or(old) });
        }
        let named = replaces.map(|old| self.replace(&notification, old)).transpose()?;
        let collapsed = self.collapse(&notification);
        let replaced = named.or(collapsed);
        if let Some(key) = &notification.idempotency_key {
            let remembered = Remembered { notification: id, request_hash, expires_at: key_expires_at };
            self.keys.insert((notification.tenant.clone(), key.clone()), remembered);
        }
        self.insert(notification);
        Ok(Accepted::New { replaced })
    }

    fn insert(&mut self, notification: Notification) {
        let deliveries = notification.first_deliveries();
        let facts = vec![notification.acceptance()];
        let place = (notification.tenant.clone(), notification.id);
        self.notifications.insert(place, Recorded { notification, facts });
        for delivery in deliveries {
            let id = delivery.id;
            self.deliveries.insert(id, Tracked { delivery, token: None, place: Place::Nowhere });
            self.free(id, Timestamp::MIN);
        }
    }

    /// Cancels what the new one is to take the place of, if that still waits as a whole.
    fn replace(&mut self, new: &Notification, old: NotificationId) -> Result<NotificationId, StoreError> {
        let status = self.status(&new.tenant, old).ok_or(StoreError::TooLate(old))?;
        if status.deliveries.iter().any(|delivery| delivery.state != DeliveryState::Pending) {
            return Err(StoreError::TooLate(old));
        }
        let reason = Reason::new("replace.requested", format!("replaced by {}", new.id));
        self.revise(&new.tenant, old, &Revision::Cancel(reason), new.created_at);
        Ok(old)
    }

    /// Cancels what waits under the same collapse key.
    fn collapse(&mut self, new: &Notification) -> Option<NotificationId> {
        let key = (new.tenant.clone(), new.recipient.id.clone(), new.collapse_key.clone()?);
        let old = self.collapsing.insert(key.clone(), new.id);
        let text = format!("a newer notification under the same collapse key took its place: {}", new.id);
        let cancel = Revision::Cancel(Reason::new("collapse.replaced", text));
        let revised = self.revise(&new.tenant, old?, &cancel, new.created_at);
        self.collapsing.insert(key, new.id);
        old.filter(|_| revised.is_some_and(|revised| !revised.changed.is_empty()))
    }

    pub(in crate::adapters::memory) fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError> {
        if planted!(IgnoresKeys) {
            return Ok(None);
        }
        let known = self.keys.get(&(tenant.clone(), key.clone())).filter(|known| known.expires_at > now);
        match known {
            Some(known) if request_hash.is_none_or(|hash| *hash == known.request_hash) => Ok(Some(known.notification)),
            Some(known) => Err(StoreError::KeyReused { key: key.clone(), existing: known.notification }),
            None => Ok(None),
        }
    }
}
