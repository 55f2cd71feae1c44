//! Looking for what nobody would ever look at again.

use std::ops::Bound;

use jiff::ToSpan;

use super::{Effect, Engine};
use crate::adapters::sled::holders::Holding;
use crate::adapters::sled::keys::{self, QueueEntry};
use crate::adapters::sled::present::{Present, whole};
use crate::adapters::sled::stored::{Source, Trouble, measure};
use crate::domain::lifecycle::DeliveryState;

/// How long a report about nothing known is kept, in hours.
const UNMATCHED_HOURS: i64 = 3 * 24;
/// Kept reports that one sweep looks at, at least.
const UNMATCHED_LOOK_MIN: usize = 1_000;

impl Engine {
    /// Looks at those notifications, and forgets old reports. Says how many deliveries were put right.
    pub(in crate::adapters::sled) fn sweep(&mut self, open: &[Vec<u8>], limit: usize) -> Result<usize, Trouble> {
        self.forget_old_receipts(limit.max(UNMATCHED_LOOK_MIN))?;
        let mut repaired = 0;
        for key in open {
            let swept = self.sweep_notification(key, &mut repaired);
            self.readable(swept)?;
        }
        Ok(repaired)
    }

    fn sweep_notification(&mut self, key: &[u8], repaired: &mut usize) -> Result<(), Trouble> {
        let Some((tenant, id)) = keys::parse_notification(key) else { return Ok(()) };
        let Some(whole) = whole(&self.staging, &tenant, id)? else { return Ok(()) };
        for present in self.deliveries_of(&whole.notification)? {
            if self.put_right(present)? {
                tracing::error!(notification = %id, "a delivery was lost from sight; it was put right");
                *repaired += 1;
            }
        }
        Ok(())
    }

    /// Sees to it that somebody will look at the delivery, if there is something left to do. Says whether nobody would have.
    fn put_right(&mut self, present: Present) -> Result<bool, Trouble> {
        let Present { delivery, entry, entry_size, .. } = present;
        let id = delivery.id;
        match (delivery.state, entry) {
            (DeliveryState::Pending, Some(entry)) => {
                let is_queued = entry_size.is_some();
                if !is_queued {
                    self.staging.insert(entry.key(), Vec::new());
                }
                let is_lost = !is_queued || (self.holders.is_free(id) && !self.queues.covers(&entry));
                if is_lost {
                    self.effects.push(Effect::Freed(entry));
                }
                Ok(is_lost)
            }
            (DeliveryState::Sending, Some(entry)) => {
                let is_lost = !self.holders.is_sending(id);
                if is_lost {
                    self.unusable.remove(&id);
                    self.effects.push(Effect::Orphaned(Holding { entry, has_record: true, collapses: true }));
                }
                Ok(is_lost)
            }
            _ => {
                let mut is_left = false;
                for entry in QueueEntry::leftovers(&delivery) {
                    let key = entry.key();
                    if self.staging.value(&key)?.is_some() {
                        is_left = true;
                        let size = measure(&self.staging, &key)?;
                        self.staging.erase(&key, size);
                        self.effects.push(Effect::Taken(entry));
                    }
                }
                Ok(is_left)
            }
        }
    }

    /// Removes some of the reports that were kept too long for their message to come.
    fn forget_old_receipts(&mut self, look: usize) -> Result<(), Trouble> {
        let Ok(oldest) = self.latest_heard.checked_sub(UNMATCHED_HOURS.hours()) else { return Ok(()) };
        let last = self.swept_unmatched.take();
        let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let keys: Vec<_> = self.unmatched.range(from).take(look).cloned().collect();
        for key in &keys {
            match self.kept_receipt(key) {
                Ok(Some(receipt)) if receipt.received_at < oldest => self.forget_receipt(key)?,
                Ok(_) => {}
                Err(Trouble::Damaged { key, problem }) => self.quarantine(&key, &problem)?,
                Err(trouble) => return Err(trouble),
            }
        }
        self.swept_unmatched = keys.last().filter(|_| keys.len() == look).cloned();
        Ok(())
    }
}
