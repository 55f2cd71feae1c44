//! Taking in notifications, and remembering idempotency keys for as long as they count.

use jiff::Timestamp;

use super::{Effect, Engine};
use crate::adapters::sled::keys::{self, QueueEntry};
use crate::adapters::sled::present::{Present, whole};
use crate::adapters::sled::records::{IdempotencyRecord, NotificationRecord};
use crate::adapters::sled::stored::{Size, Source, Trouble, understood};
use crate::domain::id::{IdempotencyKey, NotificationId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::revision::Revision;
use crate::domain::timeline::Reason;
use crate::ports::store::{Acceptance, Accepted, StoreError};

/// Keys removed per group, so that a day that ends does not hold up everybody.
const FORGOTTEN_PER_GROUP_MAX: usize = 256;
/// Days that a past day is kept, for clocks that step back.
const GRACE_DAYS: u32 = 1;

impl Engine {
    pub(in crate::adapters::sled) fn accept(&mut self, acceptance: &Acceptance) -> Result<Accepted, Trouble> {
        let notification = &acceptance.notification;
        self.latest_heard = self.latest_heard.max(notification.created_at);
        if let Some(key) = &notification.idempotency_key
            && let Some(before) =
                self.recall(&notification.tenant, key, Some(&acceptance.request_hash), notification.created_at)?
        {
            return Ok(Accepted::Before(before));
        }
        let place = keys::notification(&notification.tenant, notification.id);
        if self.staging.value(&place)?.is_some() {
            return Ok(Accepted::Before(notification.id));
        }
        let named = acceptance.replaces.map(|old| self.replace(notification, old)).transpose()?;
        let collapsed = self.collapse(notification)?;
        let record = NotificationRecord::from(acceptance);
        self.staging.write(&place, &record, Size::default())?;
        for delivery in notification.first_deliveries() {
            let entry = QueueEntry::of(&delivery);
            self.staging.insert(entry.key(), Vec::new());
            self.staging.tally().delivery(delivery.lane, delivery.state, 1);
            self.effects.push(Effect::Freed(entry));
        }
        if let (Some(idempotency), Some(key)) = (record.idempotency(), &notification.idempotency_key) {
            let day = keys::key_bucket(notification.created_at, acceptance.key_expires_at);
            let entry = IdempotencyRecord::new(notification.id, idempotency);
            self.staging.write(&keys::idempotency(day, &notification.tenant, key), &entry, Size::default())?;
            self.key_days.insert(day);
        }
        if !self.tenants.contains(&notification.tenant) {
            self.tenants.insert(notification.tenant.clone());
        }
        // By what is stored alone: whoever reads the records sees which keys are past.
        self.latest = self.latest.max(notification.created_at);
        Ok(Accepted::New { replaced: named.or(collapsed) })
    }

    /// Cancels what the new one is to take the place of, if that still waits as a whole.
    fn replace(&mut self, new: &Notification, old: NotificationId) -> Result<NotificationId, Trouble> {
        let too_late = || Trouble::Refused(StoreError::TooLate(old));
        let whole = whole(&self.staging, &new.tenant, old)?.ok_or_else(too_late)?;
        let present = self.deliveries_of(&whole.notification)?;
        if present.iter().any(|present| present.delivery.state != DeliveryState::Pending) {
            return Err(too_late());
        }
        let reason = Reason::new("replace.requested", format!("replaced by {}", new.id));
        self.apply_revision(whole, present, &Revision::Cancel(reason), new.created_at)?;
        Ok(old)
    }

    /// Cancels what waits under the same collapse key, which is the new one's from now on. Says what lost something by it.
    fn collapse(&mut self, new: &Notification) -> Result<Option<NotificationId>, Trouble> {
        let Some(text) = &new.collapse_key else { return Ok(None) };
        let key = keys::collapse(&new.tenant, &new.recipient.id, text);
        let before = self.staging.value(&key)?;
        let size = before.as_ref().map_or(Size::default(), |value| Size { bytes: key.len() + value.len(), parts: 0 });
        let mut replaced = None;
        let old = before.and_then(|value| keys::notification_id(&value));
        let found = old.map_or(Ok(None), |old| whole(&self.staging, &new.tenant, old));
        // What cannot be read cannot be taken back; the key is the new one's all the same.
        if let Some(whole) = self.readable(found)?.flatten() {
            let old = whole.notification.id;
            let present = self.readable_deliveries_of(&whole.notification)?;
            let text = format!("a newer notification under the same collapse key took its place: {}", new.id);
            let cancel = Revision::Cancel(Reason::new("collapse.replaced", text));
            let changed = self.apply_revision(whole, present, &cancel, new.created_at)?;
            replaced = (!changed.is_empty()).then_some(old);
        }
        // The cancelling may have removed it.
        let size = if self.staging.value(&key)?.is_some() { size } else { Size::default() };
        self.staging.put(key, new.id.as_bytes().to_vec(), size);
        Ok(replaced)
    }

    /// A collapse key is free again when everything has ended that the notification under it was to tell.
    pub(super) fn forget_collapsed(&mut self, notification: &Notification) -> Result<(), Trouble> {
        let Some(text) = &notification.collapse_key else { return Ok(()) };
        let key = keys::collapse(&notification.tenant, &notification.recipient.id, text);
        let Some(value) = self.staging.value(&key)?.filter(|value| **value == *notification.id.as_bytes()) else {
            return Ok(());
        };
        let found = self.deliveries_of(notification);
        let has_ended = |present: Vec<Present>| present.iter().all(|present| present.delivery.state.is_final());
        if self.readable(found)?.is_some_and(has_ended) {
            self.staging.remove(&key, value.len());
        }
        Ok(())
    }

    pub(in crate::adapters::sled) fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: Option<&[u8; 32]>,
        now: Timestamp,
    ) -> Result<Option<NotificationId>, Trouble> {
        for day in self.key_days.range(keys::day(now)..) {
            let place = keys::idempotency(*day, tenant, key);
            let Some((entry, _)) = self.fetch::<IdempotencyRecord>(&place)? else { continue };
            if understood(&place, entry.expires_at())? <= now {
                continue;
            }
            if request_hash.is_none_or(|hash| entry.is_of(hash)) {
                return Ok(Some(entry.notification()));
            }
            return Err(StoreError::KeyReused { key: key.clone(), existing: entry.notification() }.into());
        }
        Ok(None)
    }

    /// A key that is still remembered stands for its notification until that expires, also when that was moved. The record of
    /// the notification, with what it says about that from now on.
    pub(super) fn prolong_key(
        &mut self,
        record: NotificationRecord,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<NotificationRecord, Trouble> {
        let (Some(key), Some(said)) = (&notification.idempotency_key, record.idempotency()) else { return Ok(record) };
        let before = IdempotencyRecord::new(notification.id, said);
        let own = keys::notification(&notification.tenant, notification.id);
        let ends_at = understood(&own, before.expires_at())?;
        if ends_at <= now || notification.expires_at <= ends_at {
            return Ok(record);
        }
        let bucket = |ends_at| keys::key_bucket(notification.created_at, ends_at);
        let place = |day| keys::idempotency(day, &notification.tenant, key);
        let old = place(bucket(ends_at));
        let found = self.fetch::<IdempotencyRecord>(&old);
        let Some((_, size)) = self.readable(found)?.flatten().filter(|(entry, _)| *entry == before) else {
            return Ok(record);
        };
        let record = record.remembered_until(notification.expires_at);
        let after = record.idempotency().map(|said| IdempotencyRecord::new(notification.id, said));
        self.staging.erase(&old, size);
        if let Some(after) = after {
            let day = bucket(notification.expires_at);
            self.staging.write(&place(day), &after, Size::default())?;
            self.key_days.insert(day);
        }
        Ok(record)
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
