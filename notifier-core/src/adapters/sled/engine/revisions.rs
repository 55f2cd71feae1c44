//! What a person changes about a notification.

use jiff::Timestamp;

use super::{Effect, Engine};
use crate::adapters::sled::keys;
use crate::adapters::sled::present::{Present, Whole, missing, present, whole};
use crate::adapters::sled::stored::Trouble;
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{DeliveryId, NotificationId, TenantId};
use crate::domain::notification::Notification;
use crate::domain::revision::{Revised, Revision, revise};
use crate::ports::store::{RevisedStatus, Status};

impl Engine {
    pub(in crate::adapters::sled) fn revise(
        &mut self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Option<RevisedStatus>, Trouble> {
        let Some(found) = whole(&self.staging, tenant, id)? else { return Ok(None) };
        let present = self.deliveries_of(&found.notification)?;
        let changed = self.apply_revision(found, present, revision, now)?;
        let Some(Whole { notification, .. }) = whole(&self.staging, tenant, id)? else { return Ok(None) };
        let deliveries = self.deliveries_of(&notification)?.into_iter().map(|present| present.delivery).collect();
        Ok(Some(RevisedStatus { status: Status { notification, deliveries }, changed }))
    }

    /// The deliveries of a notification as they stand.
    pub(super) fn deliveries_of(&self, notification: &Notification) -> Result<Vec<Present>, Trouble> {
        notification.channels.iter().map(|channel| self.delivery_of(notification, *channel)).collect()
    }

    /// Those of them that can be read; the others are put into quarantine.
    pub(super) fn readable_deliveries_of(&mut self, notification: &Notification) -> Result<Vec<Present>, Trouble> {
        let mut readable = Vec::new();
        for channel in &notification.channels {
            let found = self.delivery_of(notification, *channel);
            readable.extend(self.readable(found)?);
        }
        Ok(readable)
    }

    fn delivery_of(&self, notification: &Notification, channel: Channel) -> Result<Present, Trouble> {
        let (tenant, id) = (&notification.tenant, DeliveryId { notification: notification.id, channel });
        present(&self.staging, tenant, id, Some(notification))?.ok_or_else(|| missing(&keys::delivery(tenant, id)))
    }

    /// Writes down what a revision changes, and says which deliveries it changed.
    pub(super) fn apply_revision(
        &mut self,
        whole: Whole,
        mut present: Vec<Present>,
        revision: &Revision,
        now: Timestamp,
    ) -> Result<Vec<DeliveryId>, Trouble> {
        let Whole { mut notification, record, size } = whole;
        let deliveries: Vec<Delivery> = present.iter().map(|present| present.delivery.clone()).collect();
        let Revised { notification: revised, changes, asked } = revise(&notification, &deliveries, revision, now);
        if let Some(revised) = revised {
            let key = keys::notification(&revised.tenant, revised.id);
            let record = self.prolong_key(record.revised(&revised), &revised, now)?;
            self.staging.write(&key, &record, size)?;
            notification = revised;
        }
        for change in &changes {
            let id = change.delivery.id;
            let Some(place) = present.iter().position(|present| present.delivery.id == id) else { continue };
            let before = present.swap_remove(place);
            // What is being sent, or only gets a line in its timeline, stays in the hands that it is in.
            if before.delivery != change.delivery && !asked.contains(&id) {
                self.effects.push(Effect::Dropped(id));
            }
            self.commit(before, change)?;
        }
        for change in &changes {
            self.follow_up(&notification, change)?;
        }
        Ok(changes.into_iter().map(|change| change.delivery.id).filter(|id| !asked.contains(id)).collect())
    }
}
