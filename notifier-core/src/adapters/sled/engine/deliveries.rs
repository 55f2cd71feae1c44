//! Handing out deliveries and writing down what becomes of them.

use jiff::Timestamp;

use super::Engine;
use crate::adapters::sled::envelope::Unreadable;
use crate::adapters::sled::holders::Stage;
use crate::adapters::sled::keys;
use crate::adapters::sled::records::{DeliveryRecord, NotificationRecord};
use crate::adapters::sled::stored::{Size, Source, Trouble, understood};
use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{DeliveryId, NotificationId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::timeline::Fact;
use crate::ports::store::{Claimed, Lease, StoreError};

/// A delivery as it is in the tree.
struct Present {
    key: Vec<u8>,
    record: DeliveryRecord,
    size: Size,
    delivery: Delivery,
}

impl Engine {
    pub(in crate::adapters::sled) fn claim(
        &mut self,
        now: Timestamp,
        limit: usize,
        until: Timestamp,
    ) -> Result<Vec<Claimed>, Trouble> {
        self.holders.lapse(now);
        let mut found = Vec::new();
        let mut due = self.staging.scan(&[keys::DUE])?;
        // Entries of claimed deliveries are passed over: there are never more of them than claims.
        while found.len() < limit
            && let Some(entry) = due.next()
        {
            let (key, value) = entry?;
            let Some((due_at, id)) = keys::parse_due(&key) else {
                self.set_aside(&key, &value, "its key cannot be read");
                continue;
            };
            if due_at > now {
                break;
            }
            if !self.holders.is_free(id) {
                continue;
            }
            match self.find_due(&value, id, due_at) {
                Ok(ready) => found.push(ready),
                Err(Trouble::Damaged { key: damaged, problem }) => {
                    self.quarantine(&damaged, &problem)?;
                    self.set_aside(&key, &value, "its record is damaged");
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let hand_out = |(delivery, notification): (Delivery, Notification)| {
            let stage = Stage::Claimed { until };
            let lease = self.holders.hand_out(delivery.id, delivery.tenant.clone(), stage);
            Claimed { lease, delivery, notification }
        };
        Ok(found.into_iter().map(hand_out).collect())
    }

    /// What a due entry leads to.
    fn find_due(&self, tenant: &[u8], id: DeliveryId, due_at: Timestamp) -> Result<(Delivery, Notification), Trouble> {
        let misled = |problem| Trouble::Damaged {
            key: keys::due(due_at, id),
            problem: Unreadable::Field { field: "index entry", problem },
        };
        let tenant = keys::parse_tenant(tenant).ok_or_else(|| misled("names no tenant".into()))?;
        let (present, notification) = self.find(&tenant, id)?;
        let delivery = present.delivery;
        if delivery.state != DeliveryState::Pending || delivery.due_at != due_at {
            let problem = format!("the delivery is {} and due at {}", delivery.state, delivery.due_at);
            return Err(misled(problem));
        }
        Ok((delivery, notification))
    }

    /// A delivery and its notification, which have to be there.
    fn find(&self, tenant: &TenantId, id: DeliveryId) -> Result<(Present, Notification), Trouble> {
        let missing = |key: &[u8]| Trouble::Damaged { key: key.to_vec(), problem: Unreadable::Missing };
        let key = keys::delivery(tenant, id);
        let present = self.present(tenant, id)?.ok_or_else(|| missing(&key))?;
        let key = keys::notification(tenant, id.notification);
        let (record, _) = self.fetch::<NotificationRecord>(&key)?.ok_or_else(|| missing(&key))?;
        Ok((present, understood(&key, record.try_into())?))
    }

    fn present(&self, tenant: &TenantId, id: DeliveryId) -> Result<Option<Present>, Trouble> {
        let key = keys::delivery(tenant, id);
        let Some((record, size)) = self.fetch::<DeliveryRecord>(&key)? else { return Ok(None) };
        let delivery = understood(&key, Delivery::try_from(record.clone()))?;
        Ok(Some(Present { key, record, size, delivery }))
    }

    pub(in crate::adapters::sled) fn next_due(&mut self) -> Result<Option<Timestamp>, Trouble> {
        let claim_end = self.holders.next_claim_end();
        for entry in self.staging.scan(&[keys::DUE])? {
            let (key, _) = entry?;
            if let Some((due_at, id)) = keys::parse_due(&key)
                && self.holders.is_free(id)
            {
                return Ok(Some(claim_end.map_or(due_at, |claim_end| claim_end.min(due_at))));
            }
        }
        Ok(claim_end)
    }

    pub(in crate::adapters::sled) fn begin(
        &mut self,
        lease: Lease,
        change: &Change,
        until: Timestamp,
    ) -> Result<(), Trouble> {
        let present = self.held(lease, change, |stage| !matches!(stage, Stage::Sending { .. }))?;
        self.write_change(present, &change.delivery, &change.facts)?;
        match change.delivery.state {
            DeliveryState::Sending => self.holders.enter(lease.delivery, Stage::Sending { until }),
            _ => self.holders.drop(lease.delivery),
        }
        Ok(())
    }

    pub(in crate::adapters::sled) fn settle(&mut self, lease: Lease, change: &Change) -> Result<(), Trouble> {
        let present = self.held(lease, change, |_| true)?;
        self.write_change(present, &change.delivery, &change.facts)?;
        let tenant = change.delivery.tenant.clone();
        self.holders.drop(lease.delivery);
        if change.delivery.state == DeliveryState::Sending {
            self.holders.orphan(lease.delivery, tenant);
        }
        Ok(())
    }

    /// The delivery as it is, if the lease gives the right to make this change in this stage.
    fn held(&self, lease: Lease, change: &Change, in_stage: impl Fn(Stage) -> bool) -> Result<Present, Trouble> {
        let lost = || Trouble::Refused(StoreError::LeaseLost(lease.delivery));
        let (tenant, stage) = self.holders.check(lease)?;
        if !in_stage(stage) || change.delivery.id != lease.delivery || change.delivery.tenant != *tenant {
            return Err(lost());
        }
        self.present(tenant, lease.delivery)?.ok_or_else(lost)
    }

    /// Writes the delivery as it is from now on, and keeps its index entry in step with its state.
    fn write_change(&mut self, present: Present, next: &Delivery, facts: &[Fact]) -> Result<(), Trouble> {
        let number = self.staging.operation_number();
        let tenant = next.tenant.as_str().as_bytes();
        let (old, new) = (index_key(&present.delivery), index_key(next));
        self.staging.write(&present.key, &present.record.changed(next, facts, number), present.size)?;
        if old != new {
            if let Some(old) = old {
                self.staging.remove(&old, tenant.len());
            }
            if let Some(new) = new {
                self.staging.insert(new, tenant.to_vec());
            }
        }
        Ok(())
    }

    pub(in crate::adapters::sled) fn release(&mut self, lease: Lease) {
        if let Ok((_, Stage::Claimed { .. } | Stage::Lapsed)) = self.holders.check(lease) {
            self.holders.drop(lease.delivery);
        }
    }

    pub(in crate::adapters::sled) fn reclaim(
        &mut self,
        now: Timestamp,
        limit: usize,
        until: Timestamp,
    ) -> Result<Vec<Claimed>, Trouble> {
        let overdue: Vec<_> = self.holders.overdue(now).take(limit).map(|(id, tenant)| (id, tenant.clone())).collect();
        let mut found = Vec::new();
        for (id, tenant) in overdue {
            match self.find(&tenant, id) {
                Ok((present, notification)) => found.push((present.delivery, notification)),
                Err(Trouble::Damaged { key, problem }) => {
                    self.quarantine(&key, &problem)?;
                    self.set_aside(&keys::sending(id), tenant.as_str().as_bytes(), "its record is damaged");
                    self.holders.drop(id);
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let hand_out = |(delivery, notification): (Delivery, Notification)| {
            let stage = Stage::Sending { until };
            let lease = self.holders.hand_out(delivery.id, delivery.tenant.clone(), stage);
            Claimed { lease, delivery, notification }
        };
        Ok(found.into_iter().map(hand_out).collect())
    }

    pub(in crate::adapters::sled) fn next_lease_end(&self) -> Option<Timestamp> {
        self.holders.next_lease_end()
    }

    pub(in crate::adapters::sled) fn cancel(
        &mut self,
        tenant: &TenantId,
        id: NotificationId,
        now: Timestamp,
    ) -> Result<Option<Vec<Delivery>>, Trouble> {
        if self.staging.value(&keys::notification(tenant, id))?.is_none() {
            return Ok(None);
        }
        let mut deliveries = Vec::new();
        let mut cancelled = Vec::new();
        for channel in Channel::ALL {
            let Some(present) = self.present(tenant, DeliveryId { notification: id, channel })? else { continue };
            match present.delivery.cancel(now) {
                Ok(Change { delivery, facts }) => {
                    self.write_change(present, &delivery, &facts)?;
                    cancelled.push(delivery.id);
                    deliveries.push(delivery);
                }
                Err(_) => deliveries.push(present.delivery),
            }
        }
        for id in cancelled {
            self.holders.drop(id);
        }
        Ok(Some(deliveries))
    }
}

/// The index entry that a delivery has in its state.
pub(in crate::adapters::sled) fn index_key(delivery: &Delivery) -> Option<Vec<u8>> {
    match delivery.state {
        DeliveryState::Pending => Some(keys::due(delivery.due_at, delivery.id)),
        DeliveryState::Sending => Some(keys::sending(delivery.id)),
        _ => None,
    }
}
