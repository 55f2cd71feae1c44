//! Writing down what becomes of deliveries: the one place that does, with everything that follows from it.

use jiff::Timestamp;

use super::{Effect, Engine};
use crate::adapters::sled::holders::{Holding, Stage};
use crate::adapters::sled::keys::{self, QueueEntry};
use crate::adapters::sled::present::{Present, Queued, notification, present, queued, waiting_size};
use crate::adapters::sled::records::DeliveryRecord;
use crate::adapters::sled::stored::{Size, Source, Trouble, measure, understood};
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{DeliveryId, ProviderName};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::ports::store::{DeadLetterPlace, Lease, StoreError};

impl Engine {
    pub(in crate::adapters::sled) fn begin(
        &mut self,
        lease: Lease,
        change: &Change,
        until: Timestamp,
    ) -> Result<(), Trouble> {
        let (holding, present) = self.held(lease, change, |stage| !matches!(stage, Stage::Sending { .. }))?;
        self.commit(present, change)?;
        self.follow(&holding, change)?;
        match change.delivery.state {
            DeliveryState::Sending => drop(self.holders.enter(lease.delivery, Stage::Sending { until })),
            _ => self.effects.push(Effect::Dropped(lease.delivery)),
        }
        Ok(())
    }

    pub(in crate::adapters::sled) fn settle(&mut self, lease: Lease, change: &Change) -> Result<(), Trouble> {
        let (holding, present) = self.held(lease, change, |_| true)?;
        if let Some(reason) = change.overlooks(&present.delivery) {
            return Err(StoreError::CancelAsked { delivery: lease.delivery, reason: reason.clone() }.into());
        }
        let message = message_of(&change.delivery).filter(|now| message_of(&present.delivery) != Some(*now));
        self.commit(present, change)?;
        self.follow(&holding, change)?;
        if let Some((provider, message_id)) = message {
            self.tell_kept(&holding.entry.tenant, change.delivery.id, provider, message_id)?;
        }
        self.effects.push(match change.delivery.state {
            DeliveryState::Sending => Effect::Orphaned(holding),
            _ => Effect::Dropped(lease.delivery),
        });
        Ok(())
    }

    /// What else is to be done after a change under a lease.
    fn follow(&mut self, holding: &Holding, change: &Change) -> Result<(), Trouble> {
        let may_end = holding.collapses && change.delivery.state.is_final();
        if change.next_due_at.is_none() && !may_end {
            return Ok(());
        }
        let found = notification(&self.staging, &holding.entry.tenant, holding.entry.notification);
        match self.readable(found)? {
            Some(notification) => self.follow_up(&notification, change),
            None => Ok(()),
        }
    }

    /// When the next delivery of a sequence is due, and whether a collapse key is free again.
    pub(super) fn follow_up(&mut self, notification: &Notification, change: &Change) -> Result<(), Trouble> {
        if change.next_due_at.is_some() {
            self.rouse_next(notification, change)?;
        }
        if change.delivery.state.is_final() {
            self.forget_collapsed(notification)?;
        }
        Ok(())
    }

    fn rouse_next(&mut self, notification: &Notification, change: &Change) -> Result<(), Trouble> {
        let Some(channel) = notification.channel_after(change.delivery.id.channel) else { return Ok(()) };
        let id = DeliveryId { channel, ..change.delivery.id };
        let found = present(&self.staging, &notification.tenant, id, Some(notification));
        let Some(present) = self.readable(found)?.flatten() else { return Ok(()) };
        let Some(next) = notification.next_after(change, &present.delivery) else { return Ok(()) };
        self.effects.push(Effect::Dropped(id));
        if next == present.delivery {
            // Only whoever has it is to look again.
            self.effects.push(Effect::Freed(QueueEntry::of(&next)));
            return Ok(());
        }
        self.commit(present, &Change::to(next))
    }

    /// The delivery as it is, if the lease gives the right to make this change in this stage.
    fn held(
        &self,
        lease: Lease,
        change: &Change,
        in_stage: impl Fn(Stage) -> bool,
    ) -> Result<(Holding, Present), Trouble> {
        let lost = || Trouble::Refused(StoreError::LeaseLost(lease.delivery));
        let (holding, stage) = self.holders.check(lease)?;
        let (entry, delivery) = (&holding.entry, &change.delivery);
        if !in_stage(stage)
            || delivery.id != lease.delivery
            || delivery.tenant != entry.tenant
            || delivery.lane != entry.lane
        {
            return Err(lost());
        }
        let present = match stage {
            Stage::Sending { .. } => self.held_sending(holding)?,
            Stage::Claimed { .. } | Stage::Lapsed if !holding.has_record => Some(untouched(holding, delivery)),
            Stage::Claimed { .. } | Stage::Lapsed => present(&self.staging, &entry.tenant, lease.delivery, None)?,
        };
        Ok((holding.clone(), present.ok_or_else(lost)?))
    }

    /// A delivery that is being sent: all about it stands in its queue entry.
    fn held_sending(&self, holding: &Holding) -> Result<Option<Present>, Trouble> {
        let entry = &holding.entry;
        let key = entry.key();
        let Queued::Sending(record, size) = queued(&self.staging, &key)? else { return Ok(None) };
        let record_size = match holding.has_record {
            true => measure(&self.staging, &keys::delivery(&entry.tenant, entry.id()))?,
            false => Size::default(),
        };
        let delivery = understood(&key, Delivery::try_from((*record).clone()))?;
        Ok(Some(Present { delivery, record: *record, record_size, entry: Some(entry.clone()), entry_size: Some(size) }))
    }

    /// Writes the delivery as it is from now on, and keeps everything in step that follows from it.
    pub(super) fn commit(&mut self, present: Present, change: &Change) -> Result<(), Trouble> {
        let next = &change.delivery;
        let Present { delivery: before, record, record_size, entry, entry_size } = present;
        let record = record.changed(next, &change.facts, self.staging.operation_number());
        let place = match next.state {
            // The intent to call changes nothing about where it is queued.
            DeliveryState::Sending => Some(entry.clone().unwrap_or_else(|| QueueEntry::of(next))),
            DeliveryState::Pending => Some(QueueEntry::of(next)),
            _ => None,
        };
        if let Some(old) = &entry
            && let Some(size) = entry_size
            && place.as_ref() != Some(old)
        {
            self.staging.erase(&old.key(), size);
        }
        let kept_size = if place == entry { entry_size } else { None }.unwrap_or_default();
        match (next.state, &place) {
            (DeliveryState::Sending, Some(place)) => self.staging.write(&place.key(), &record, kept_size)?,
            (_, place) => {
                self.staging.write(&keys::delivery(&next.tenant, next.id), &record, record_size)?;
                if record_size == Size::default() {
                    self.effects.push(Effect::Recorded(next.id));
                }
                if let Some(place) = place {
                    let key = place.key();
                    if kept_size != waiting_size(&key) {
                        self.staging.put(key, Vec::new(), kept_size);
                    }
                }
            }
        }
        self.count(&before, next);
        self.index_death(&before, next);
        self.index_message(&before, next)?;
        if let Some(suppression) = &change.suppression {
            self.put_suppression(suppression)?;
        }
        if let Some(old) = entry.filter(|old| next.state != DeliveryState::Pending || place.as_ref() != Some(old)) {
            self.effects.push(Effect::Taken(old));
        }
        if let Some(place) = place.filter(|_| next.state == DeliveryState::Pending) {
            self.effects.push(Effect::Freed(place));
        }
        Ok(())
    }

    fn count(&mut self, before: &Delivery, next: &Delivery) {
        let tally = self.staging.tally();
        tally.delivery(before.lane, before.state, -1);
        tally.delivery(next.lane, next.state, 1);
    }

    fn index_death(&mut self, before: &Delivery, next: &Delivery) {
        let (old, new) = (death(before), death(next));
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.staging.remove(&old, 0);
        }
        if let Some(new) = new {
            self.staging.insert(new, Vec::new());
        }
    }

    /// Notes to which delivery a message belongs that was not known before.
    fn index_message(&mut self, before: &Delivery, next: &Delivery) -> Result<(), Trouble> {
        let Some((provider, message_id)) = message_of(next).filter(|now| message_of(before) != Some(*now)) else {
            return Ok(());
        };
        let key = keys::message(provider, message_id);
        let previous = match self.staging.value(&key)? {
            Some(value) => Size { bytes: key.len() + value.len(), parts: 0 },
            None => Size::default(),
        };
        self.staging.put(key, keys::message_value(&next.tenant, next.id), previous);
        Ok(())
    }
}

/// A delivery that nothing has happened to before it was claimed, and nothing since: without looking.
fn untouched(holding: &Holding, next: &Delivery) -> Present {
    let before = Delivery { state: DeliveryState::Pending, turn_since: None, last_attempt: None, ..next.clone() };
    Present {
        record: DeliveryRecord::from(&before),
        delivery: before,
        record_size: Size::default(),
        entry_size: Some(waiting_size(&holding.entry.key())),
        entry: Some(holding.entry.clone()),
    }
}

/// The identifier of its latest message, and whose it is.
pub(in crate::adapters::sled) fn message_of(delivery: &Delivery) -> Option<(&ProviderName, &str)> {
    let attempt = delivery.last_attempt.as_ref()?;
    Some((&attempt.provider, attempt.provider_message_id.as_deref()?))
}

/// Where it stands among the dead letters, if it is one.
pub(in crate::adapters::sled) fn death(delivery: &Delivery) -> Option<Vec<u8>> {
    let place = DeadLetterPlace { died_at: delivery.updated_at, delivery: delivery.id };
    delivery.state.is_dead().then(|| keys::dead_letter(&delivery.tenant, place))
}
