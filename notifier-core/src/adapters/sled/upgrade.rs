//! Bringing a store of an older format up to the present one.
//!
//! Format 1 had a due entry for each pending delivery and a sending entry for each that was being sent, a record for every
//! delivery, and no index of messages and dead letters. Format 2 had one queue in each lane, where format 3 has one more for
//! what has a time of its own.
//!
//! All that is new follows from the records, so the change can be cut short anywhere: what was done is done again with the same
//! result. The format record says from the beginning to the end that the data is being converted, and from which format, so
//! that no older program takes it for what it knows.

use super::batches::{BATCH_CHANGES_MAX, Batches};
use super::engine::{death, message_of};
use super::keys::{self, QueueEntry};
use super::open::{Database, OpenError, medium};
use super::present::present;
use super::records::{Counts, DeliveryRecord, ProgressRecord};
use super::staging::Tally;
use super::stored::{Trouble, fetch, split, understood};
use super::sync::DataSync;
use super::{envelope, stored};
use crate::domain::delivery::Delivery;
use crate::domain::lifecycle::DeliveryState;

/// Converts the data. Returns the bookkeeping that goes with the new format; it and the format are on the medium then.
pub(super) fn upgrade(database: &Database, progress: ProgressRecord) -> Result<ProgressRecord, OpenError> {
    convert(database, progress, Box::new(database.data_sync()?), BATCH_CHANGES_MAX)
}

/// The same with a sync of one's own and batches of that many changes.
pub(super) fn convert(
    database: &Database,
    progress: ProgressRecord,
    sync: Box<dyn DataSync>,
    changes_max: usize,
) -> Result<ProgressRecord, OpenError> {
    tracing::info!("the store has an older format and is brought up to the present one");
    let tree = database.tree();
    let mut batches = Batches::new(tree, sync, changes_max);
    database.mark_converting(&mut batches).map_err(medium)?;
    let mut upgrade = Upgrade { tree, batches, tally: Tally::default() };
    // A program that knew format 2 may have begun with a store of format 1.
    upgrade.queues().map_err(medium)?;
    let counts = match database.format() {
        1 => upgrade.deliveries().map_err(medium)?,
        _ => progress.counts,
    };
    let live_bytes = tree.iter().try_fold(0, |bytes, entry| {
        let (key, value) = entry.map_err(medium)?;
        Ok(bytes + u64::try_from(key.len() + value.len()).unwrap_or(0))
    })?;
    let progress = ProgressRecord { counts, live_bytes, ..progress };
    database.record(&progress)?;
    Ok(progress)
}

/// Changes that replace one record by another.
const RECORD_CHANGES_MAX: usize = 2 * stored::RECORD_BYTES_MAX / stored::PART_BYTES_MAX + 2;

struct Upgrade<'t> {
    tree: &'t sled::Tree,
    batches: Batches<'t>,
    tally: Tally,
}

impl Upgrade<'_> {
    /// Moves what has a time of its own to the queue for that.
    fn queues(&mut self) -> Result<(), sled::Error> {
        for entry in self.tree.scan_prefix([keys::QUEUE]) {
            let (key, value) = entry?;
            let moved = self.queue_entry(&key, &value);
            told(moved)?;
        }
        self.batches.finish()
    }

    fn queue_entry(&mut self, key: &[u8], value: &[u8]) -> Result<(), Trouble> {
        let Some(entry) = QueueEntry::parse(key) else { return Ok(()) };
        let present = present(self.tree, &entry.tenant, entry.id(), None)?;
        let Some(wanted) = present.and_then(|present| present.entry) else { return Ok(()) };
        // Anything else that is wrong with it is for the check to find.
        if wanted == entry || (QueueEntry { timing: entry.timing, ..wanted.clone() }) != entry {
            return Ok(());
        }
        if value.is_empty() {
            self.batches.together(2)?;
            self.batches.insert(&wanted.key(), &[]);
        } else if let Some((record, size)) = fetch::<DeliveryRecord>(self.tree, key)? {
            self.batches.together(RECORD_CHANGES_MAX)?;
            self.write(&wanted.key(), envelope::seal(&record));
            for number in 0..size.parts {
                self.batches.remove(&keys::part(key, number));
            }
        }
        self.batches.remove(key);
        Ok(())
    }

    /// Writes what format 1 did not say.
    fn deliveries(mut self) -> Result<Counts, sled::Error> {
        for key in self.tree.scan_prefix([keys::DELIVERY]).keys() {
            let converted = self.delivery(&key?);
            told(converted)?;
        }
        self.batches.finish()?;
        for prefix in [keys::DUE, keys::SENDING] {
            for key in self.tree.scan_prefix([prefix]).keys() {
                self.batches.together(1)?;
                self.batches.remove(&key?);
            }
        }
        self.batches.finish()?;
        Ok(self.tally.added_to(&Counts::default()))
    }

    /// Writes what is not in format 1 about a delivery.
    fn delivery(&mut self, key: &[u8]) -> Result<(), Trouble> {
        let Some((record, _)) = fetch::<DeliveryRecord>(self.tree, key)? else { return Ok(()) };
        let delivery = understood(key, Delivery::try_from(record.clone()))?;
        let entry = QueueEntry::of(&delivery).key();
        match delivery.state {
            DeliveryState::Pending => match self.tree.get(&entry)? {
                None => {
                    self.insert(&entry, &[])?;
                    self.tally.delivery(delivery.lane, DeliveryState::Pending, 1);
                }
                // Converted before this was cut short.
                Some(value) if value.is_empty() => self.tally.delivery(delivery.lane, DeliveryState::Pending, 1),
                Some(_) => self.tally.delivery(delivery.lane, DeliveryState::Sending, 1),
            },
            DeliveryState::Sending => {
                // In one batch: what is being sent is never taken for pending.
                self.batches.together(RECORD_CHANGES_MAX)?;
                self.write(&entry, envelope::seal(&record));
                self.write(key, envelope::seal(&record.pending()));
                self.tally.delivery(delivery.lane, DeliveryState::Sending, 1);
            }
            _ => {
                if let Some(death) = death(&delivery) {
                    self.insert(&death, &[])?;
                    self.tally.dead += 1;
                }
            }
        }
        if let Some((provider, message_id)) = message_of(&delivery) {
            let value = keys::message_value(&delivery.tenant, delivery.id);
            self.insert(&keys::message(provider, message_id), &value)?;
        }
        Ok(())
    }

    fn write(&mut self, key: &[u8], sealed: Vec<u8>) {
        let (head, parts) = split(sealed);
        for (number, part) in (0..).zip(parts) {
            self.batches.insert(&keys::part(key, number), part);
        }
        self.batches.insert(key, head);
    }

    fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), sled::Error> {
        self.batches.together(1)?;
        self.batches.insert(key, value);
        Ok(())
    }
}

/// One record that cannot be converted holds up no other; a medium that fails ends it all.
fn told(result: Result<(), Trouble>) -> Result<(), sled::Error> {
    match result {
        Ok(()) => {}
        Err(Trouble::Medium(error)) => return Err(error),
        Err(Trouble::Damaged { key, problem }) => {
            tracing::error!(key = keys::printable(&key), %problem, "a record is damaged: check the store");
        }
        Err(Trouble::Refused(error)) => tracing::error!(%error, "a record cannot be brought up to date"),
    }
    Ok(())
}
