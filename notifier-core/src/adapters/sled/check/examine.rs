//! One walk through the tree, and what it shows.

use jiff::Timestamp;
use sled::IVec;

use super::{NAMED_MAX, Report};
use crate::adapters::sled::engine::index_key;
use crate::adapters::sled::envelope::{self, Kind, Record, Unreadable};
use crate::adapters::sled::keys;
use crate::adapters::sled::records::{
    DeliveryRecord, IdempotencyRecord, NotificationRecord, PreferencesRecord, ProgressRecord, TemplateRecord,
};
use crate::adapters::sled::stored::{Trouble, fetch, measure, understood};
use crate::domain::delivery::Delivery;
use crate::domain::id::TenantId;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::template::Template;

/// Changes in one batch of the repair.
const BATCH_CHANGES: usize = 384;

#[derive(Default)]
pub(super) struct Examination {
    report: Report,
    progress: Option<ProgressRecord>,
    /// The highest number of an operation in any timeline.
    last_operation: u64,
    /// The latest that any notification was accepted: what idempotency keys are past by.
    latest: Option<Timestamp>,
    missing: Vec<(Vec<u8>, Vec<u8>)>,
    /// Missing if it turns out that they are not past.
    missing_keys: Vec<(Timestamp, Vec<u8>, Vec<u8>)>,
    stale: Vec<(IVec, IVec)>,
    damaged: Vec<Vec<u8>>,
}

impl Examination {
    pub(super) fn of(tree: &sled::Tree) -> Result<Self, sled::Error> {
        let mut examination = Self::default();
        for entry in tree.iter() {
            let (key, value) = entry?;
            examination.report.live_bytes += u64::try_from(key.len() + value.len()).unwrap_or(0);
            match examination.look_at(tree, &key, &value) {
                Ok(()) => {}
                Err(Trouble::Damaged { key, problem }) => examination.note_damage(key, &problem),
                Err(Trouble::Medium(error)) => return Err(error),
                Err(Trouble::Refused(error)) => {
                    examination.note_damage(key.to_vec(), &Unreadable::Body(error.to_string()));
                }
            }
        }
        let latest = examination.latest.unwrap_or(Timestamp::MIN);
        let remembered = std::mem::take(&mut examination.missing_keys).into_iter().filter(|(end, ..)| *end > latest);
        examination.missing.extend(remembered.map(|(_, key, value)| (key, value)));
        Ok(examination)
    }

    pub(super) fn report(&self) -> Report {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Report {
            damaged: count(self.damaged.len()),
            missing_entries: count(self.missing.len()),
            stale_entries: count(self.stale.len()),
            ..self.report.clone()
        }
    }

    /// What the store knows about itself; put together from the records if that cannot be read.
    pub(super) fn progress(&self, acknowledged: Option<u64>) -> ProgressRecord {
        let rebuilt = || ProgressRecord {
            operations: self.last_operation.max(acknowledged.unwrap_or(0)),
            live_bytes: self.report.live_bytes,
            // Any number that was surely not used: processes differ by it.
            opens: 1 << 20,
        };
        self.progress.clone().unwrap_or_else(rebuilt)
    }

    /// Makes the indexes agree with the records.
    pub(super) fn apply(self, tree: &sled::Tree) -> Result<(), sled::Error> {
        let mut changes: Vec<(Vec<u8>, Option<IVec>)> = Vec::new();
        for key in self.damaged {
            let Some(value) = tree.get(&key)? else { continue };
            let parts = measure(tree, &key)?.parts;
            for number in 0..parts {
                let part = keys::part(&key, number);
                if let Some(value) = tree.get(&part)? {
                    changes.push((keys::quarantine(&part), Some(value)));
                }
            }
            changes.push((keys::quarantine(&key), Some(value)));
        }
        for (key, value) in self.stale {
            changes.push((keys::quarantine(&key), Some(value)));
            changes.push((key.to_vec(), None));
        }
        changes.extend(self.missing.into_iter().map(|(key, value)| (key, Some(value.into()))));
        for some in changes.chunks(BATCH_CHANGES) {
            let mut batch = sled::Batch::default();
            for (key, value) in some {
                match value {
                    Some(value) => batch.insert(key.as_slice(), value),
                    None => batch.remove(key.as_slice()),
                }
            }
            tree.apply_batch(batch)?;
        }
        Ok(())
    }

    fn look_at(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        let prefix = key.first().copied().unwrap_or(0);
        match prefix {
            _ if key == keys::FORMAT => Ok(()),
            _ if key == keys::PROGRESS => {
                self.progress = fetch::<ProgressRecord>(tree, key)?.map(|(record, _)| record);
                Ok(())
            }
            keys::NOTIFICATION => self.notification(tree, key),
            keys::DELIVERY => self.delivery(tree, key),
            keys::DUE => {
                self.count("due entry");
                self.entry(tree, key, value, keys::parse_due(key).map(|(_, id)| id))
            }
            keys::SENDING => {
                self.count("sending entry");
                self.entry(tree, key, value, keys::parse_sending(key))
            }
            keys::IDEMPOTENCY => self.idempotency(tree, key, value),
            keys::PREFERENCES => {
                self.count("preferences");
                self.readable::<PreferencesRecord, Preferences>(tree, key)
            }
            keys::TEMPLATE => {
                self.count("template version");
                self.readable::<TemplateRecord, Template>(tree, key)
            }
            keys::PART => {
                self.count("part");
                self.part(tree, key, value)
            }
            keys::QUARANTINE => {
                self.report.quarantined += 1;
                Ok(())
            }
            other => {
                let problem = format!("no kind of key begins with {other:#04x}");
                Err(Trouble::Damaged { key: key.to_vec(), problem: Unreadable::Field { field: "key", problem } })
            }
        }
    }

    fn notification(&mut self, tree: &sled::Tree, key: &IVec) -> Result<(), Trouble> {
        self.count("notification");
        let Some((record, _)) = fetch::<NotificationRecord>(tree, key)? else { return Ok(()) };
        let idempotency = record.idempotency().cloned();
        let notification = understood(key, Notification::try_from(record))?;
        self.latest = self.latest.max(Some(notification.created_at));
        if let (Some(idempotency), Some(text)) = (idempotency, &notification.idempotency_key) {
            let entry = IdempotencyRecord::new(notification.id, &idempotency);
            let expires_at = understood(key, entry.expires_at())?;
            let place = keys::idempotency(keys::day(expires_at), &notification.tenant, text);
            if tree.get(&place)?.is_none() {
                self.missing_keys.push((expires_at, place, envelope::seal(&entry)));
            }
        }
        Ok(())
    }

    fn delivery(&mut self, tree: &sled::Tree, key: &IVec) -> Result<(), Trouble> {
        self.count("delivery");
        let Some((record, _)) = fetch::<DeliveryRecord>(tree, key)? else { return Ok(()) };
        let delivery = understood(key, Delivery::try_from(record.clone()))?;
        let facts = understood(key, record.facts())?;
        self.last_operation = facts.iter().map(|(operation, _)| *operation).fold(self.last_operation, u64::max);
        let tenant = delivery.tenant.as_str().as_bytes();
        if let Some(place) = index_key(&delivery)
            && tree.get(&place)?.as_deref() != Some(tenant)
        {
            self.missing.push((place, tenant.to_vec()));
        }
        Ok(())
    }

    /// An entry of a pending delivery or one being sent.
    fn entry(
        &mut self,
        tree: &sled::Tree,
        key: &IVec,
        value: &IVec,
        id: Option<crate::domain::id::DeliveryId>,
    ) -> Result<(), Trouble> {
        let delivery = match (keys::parse_tenant(value), id) {
            (Some(tenant), Some(id)) => read_delivery(tree, &keys::delivery(&tenant, id))?,
            _ => None,
        };
        if delivery.and_then(|delivery| index_key(&delivery)).as_deref() != Some(key) {
            self.stale.push((key.clone(), value.clone()));
        }
        Ok(())
    }

    fn idempotency(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.count("idempotency key");
        let leads_to = |tenant: TenantId, record: IdempotencyRecord| {
            tree.contains_key(keys::notification(&tenant, record.notification()))
        };
        let sound = match (keys::parse_idempotency_tenant(key), envelope::open::<IdempotencyRecord>(value)) {
            (Some(tenant), Ok(record)) => leads_to(tenant, record)?,
            _ => false,
        };
        if !sound {
            self.stale.push((key.clone(), value.clone()));
        }
        Ok(())
    }

    fn part(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        let owned = match keys::parse_part(key) {
            Some((owner, number)) => match tree.get(owner)? {
                Some(head) if envelope::is(Kind::Split, &head) => number < measure(tree, owner)?.parts,
                _ => false,
            },
            None => false,
        };
        if !owned {
            self.stale.push((key.clone(), value.clone()));
        }
        Ok(())
    }

    fn readable<R: Record, T: TryFrom<R, Error = Unreadable>>(
        &self,
        tree: &sled::Tree,
        key: &[u8],
    ) -> Result<(), Trouble> {
        match fetch::<R>(tree, key)? {
            Some((record, _)) => understood(key, T::try_from(record)).map(drop),
            None => Ok(()),
        }
    }

    fn note_damage(&mut self, key: Vec<u8>, problem: &Unreadable) {
        if self.damaged.len() < NAMED_MAX {
            self.report.damaged_records.push((keys::printable(&key), problem.to_string()));
        }
        self.damaged.push(key);
    }

    fn count(&mut self, kind: &'static str) {
        *self.report.counts.entry(kind).or_default() += 1;
    }
}

/// The delivery under that key; `None` when it is not there or cannot be read, which is told where it is looked at.
fn read_delivery(tree: &sled::Tree, key: &[u8]) -> Result<Option<Delivery>, Trouble> {
    let found = fetch::<DeliveryRecord>(tree, key)
        .and_then(|found| found.map(|(record, _)| understood(key, Delivery::try_from(record))).transpose());
    match found {
        Err(Trouble::Damaged { .. }) => Ok(None),
        other => other,
    }
}
