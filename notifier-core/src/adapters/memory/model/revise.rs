//! What a person changes.

use jiff::Timestamp;

use super::Model;
use crate::domain::id::{NotificationId, TenantId};
use crate::domain::revision::{Revised, Revision, revise};
use crate::planted::planted;
use crate::ports::store::RevisedStatus;

impl Model {
    pub(in crate::adapters::memory) fn revise(
        &mut self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
        now: Timestamp,
    ) -> Option<RevisedStatus> {
        let status = self.status(tenant, id)?;
        let Revised { notification, changes, asked } = revise(&status.notification, &status.deliveries, revision, now);
        if let (Some(notification), Some(recorded)) = (notification, self.notifications.get_mut(&(tenant.clone(), id)))
        {
            let key = notification.idempotency_key.clone().map(|key| (tenant.clone(), key));
            if let Some(known) = key.and_then(|key| self.keys.get_mut(&key))
                && known.notification == id
                && known.expires_at > now
            {
                known.expires_at = known.expires_at.max(notification.expires_at);
            }
            recorded.notification = notification;
        }
        let mut changed = Vec::new();
        if planted!(CancelsInWordsOnly) && matches!(revision, Revision::Cancel(_)) {
            let mut status = self.status(tenant, id)?;
            for change in changes {
                changed.push(change.delivery.id);
                status.deliveries.iter_mut().filter(|old| old.id == change.delivery.id).for_each(|old| {
                    *old = change.delivery.clone();
                });
            }
            return Some(RevisedStatus { status, changed });
        }
        for change in changes {
            let id = change.delivery.id;
            if asked.contains(&id) {
                self.apply(change);
                continue;
            }
            changed.push(id);
            let has_moved = self.deliveries.get(&id).is_some_and(|tracked| tracked.delivery != change.delivery);
            self.apply(change);
            // What only gets a line in its timeline stays in the hands that it is in.
            if has_moved {
                self.free(id, Timestamp::MIN);
            }
        }
        self.status(tenant, id).map(|status| RevisedStatus { status, changed })
    }
}
