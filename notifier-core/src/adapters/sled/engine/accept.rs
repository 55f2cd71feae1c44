//! Taking in notifications, and remembering idempotency keys for as long as they count.

use jiff::Timestamp;

use super::Engine;
use crate::adapters::sled::keys;
use crate::adapters::sled::records::{DeliveryRecord, IdempotencyRecord, NotificationRecord};
use crate::adapters::sled::stored::{Size, Source, Trouble, understood};
use crate::domain::delivery::Delivery;
use crate::domain::id::{IdempotencyKey, NotificationId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::ports::store::{Acceptance, Accepted, StoreError};

/// Keys removed per group, so that a day that ends does not hold up everybody.
const FORGOTTEN_PER_GROUP_MAX: usize = 256;
/// Days that a past day is kept, for clocks that step back.
const GRACE_DAYS: u32 = 1;

impl Engine {
    pub(in crate::adapters::sled) fn accept(&mut self, acceptance: &Acceptance) -> Result<Accepted, Trouble> {
        let notification = &acceptance.notification;
        self.latest = self.latest.max(notification.created_at);
        if let Some(key) = &notification.idempotency_key
            && let Some(before) =
                self.recall(&notification.tenant, key, &acceptance.request_hash, notification.created_at)?
        {
            return Ok(Accepted::Before(before));
        }
        let place = keys::notification(&notification.tenant, notification.id);
        if self.staging.value(&place)?.is_some() {
            return Ok(Accepted::Before(notification.id));
        }
        let record = NotificationRecord::from(acceptance);
        self.staging.write(&place, &record, Size::default())?;
        for delivery in &acceptance.deliveries {
            self.write_new_delivery(delivery)?;
        }
        if let (Some(idempotency), Some(key)) = (record.idempotency(), &notification.idempotency_key) {
            let day = keys::day(acceptance.key_expires_at);
            let entry = IdempotencyRecord::new(notification.id, idempotency);
            self.staging.write(&keys::idempotency(day, &notification.tenant, key), &entry, Size::default())?;
            self.key_days.insert(day);
        }
        Ok(Accepted::New)
    }

    pub(in crate::adapters::sled) fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<NotificationId>, Trouble> {
        for day in self.key_days.range(keys::day(now)..) {
            let place = keys::idempotency(*day, tenant, key);
            let Some((entry, _)) = self.fetch::<IdempotencyRecord>(&place)? else { continue };
            if understood(&place, entry.expires_at())? <= now {
                continue;
            }
            if entry.is_of(request_hash) {
                return Ok(Some(entry.notification()));
            }
            return Err(StoreError::KeyReused { key: key.clone(), existing: entry.notification() }.into());
        }
        Ok(None)
    }

    fn write_new_delivery(&mut self, delivery: &Delivery) -> Result<(), Trouble> {
        let place = keys::delivery(&delivery.tenant, delivery.id);
        self.staging.write(&place, &DeliveryRecord::from(delivery), Size::default())?;
        if delivery.state == DeliveryState::Pending {
            let tenant = delivery.tenant.as_str().as_bytes().to_vec();
            self.staging.insert(keys::due(delivery.due_at, delivery.id), tenant);
        }
        Ok(())
    }

    /// Removes some of the keys of a day that is over.
    pub(super) fn forget_past_keys(&mut self) -> Result<(), sled::Error> {
        if self.latest == Timestamp::MIN {
            return Ok(());
        }
        let today = keys::day(self.latest);
        let Some(day) = self.key_days.first().copied().filter(|day| day.saturating_add(GRACE_DAYS) < today) else {
            return Ok(());
        };
        let past: Vec<_> = self.staging.scan(&keys::idempotency_day(day))?.take(FORGOTTEN_PER_GROUP_MAX).collect();
        if past.is_empty() {
            self.key_days.remove(&day);
        }
        for entry in past {
            let (key, value) = entry?;
            self.staging.remove(&key, value.len());
        }
        Ok(())
    }
}
