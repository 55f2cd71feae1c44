//! One walk through the tree, and what it shows.

mod entries;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sled::IVec;

use super::{NAMED_MAX, Report};
use crate::adapters::sled::batches::Batches;
use crate::adapters::sled::engine::{death, message_of};
use crate::adapters::sled::envelope::{self, Kind, Record, Unreadable};
use crate::adapters::sled::keys;
use crate::adapters::sled::present::{Present, Whole, present, whole};
use crate::adapters::sled::records::{
    Counts, DeliveryRecord, IdempotencyRecord, PreferencesRecord, ProgressRecord, ProviderStateRecord, ReceiptRecord,
    SuppressionRecord, TemplateRecord,
};
use crate::adapters::sled::staging::Tally;
use crate::adapters::sled::stored::{Trouble, fetch, measure, understood};
use crate::domain::id::{DeliveryId, NotificationId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::receipt::Receipt;
use crate::domain::suppression::Suppression;
use crate::domain::template::Template;
use crate::domain::timeline::FactKind;
use crate::ports::store::ProviderState;

#[derive(Default)]
pub(super) struct Examination {
    report: Report,
    progress: Option<ProgressRecord>,
    /// The highest number of an operation in any timeline.
    last_operation: u64,
    /// The latest that any notification was accepted: what idempotency keys are past by.
    latest: Option<Timestamp>,
    /// How many there are, once everything is put right.
    tally: Tally,
    missing: Vec<(Vec<u8>, Vec<u8>)>,
    /// Missing if it turns out that they are not past.
    missing_keys: Vec<(Timestamp, Vec<u8>, Vec<u8>)>,
    /// Collapse keys that nobody has, and the newest notification that should have each.
    missing_collapse: BTreeMap<Vec<u8>, NotificationId>,
    stale: Vec<(IVec, IVec)>,
    damaged: BTreeSet<Vec<u8>>,
}

impl Examination {
    pub(super) fn of(tree: &sled::Tree) -> Result<Self, sled::Error> {
        let mut examination = Self::default();
        for entry in tree.iter() {
            let (key, value) = entry?;
            examination.report.live_bytes += u64::try_from(key.len() + value.len()).unwrap_or(0);
            let looked = examination.look_at(tree, &key, &value);
            examination.note_trouble(&key, looked)?;
        }
        let latest = examination.latest.unwrap_or(Timestamp::MIN);
        let remembered = std::mem::take(&mut examination.missing_keys).into_iter().filter(|(end, ..)| *end > latest);
        examination.missing.extend(remembered.map(|(_, key, value)| (key, value)));
        let collapse = std::mem::take(&mut examination.missing_collapse).into_iter();
        examination.missing.extend(collapse.map(|(key, id)| (key, id.as_bytes().to_vec())));
        Ok(examination)
    }

    pub(super) fn report(&self) -> Report {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Report {
            damaged: count(self.damaged.len()),
            missing_entries: count(self.missing.len()),
            stale_entries: count(self.stale.len()),
            wrong_counts: self.wrong_counts(),
            ..self.report.clone()
        }
    }

    /// How many numbers are wrong, as far as that can be told: what cannot be read cannot be counted.
    fn wrong_counts(&self) -> u64 {
        let Some(progress) = self.progress.as_ref().filter(|_| self.damaged.is_empty()) else { return 0 };
        let numbers = |counts: Counts| {
            let [urgent, normal, bulk] = counts.pending;
            [urgent, normal, bulk, counts.sending, counts.dead, counts.unmatched]
        };
        let pairs = numbers(progress.counts).into_iter().zip(numbers(self.counts()));
        pairs.map(|(believed, counted)| u64::from(believed != counted)).sum()
    }

    fn counts(&self) -> Counts {
        self.tally.added_to(&Counts::default())
    }

    /// What the store knows about itself; put together from the records if that cannot be read.
    pub(super) fn progress(&self, acknowledged: Option<u64>) -> ProgressRecord {
        let rebuilt = || ProgressRecord {
            operations: self.last_operation.max(acknowledged.unwrap_or(0)),
            live_bytes: self.report.live_bytes,
            // Any number that was surely not used: processes differ by it.
            opens: 1 << 20,
            counts: Counts::default(),
        };
        ProgressRecord { counts: self.counts(), ..self.progress.clone().unwrap_or_else(rebuilt) }
    }

    /// Makes the indexes agree with the records. Cut short, it can be done again.
    pub(super) fn apply(self, tree: &sled::Tree, mut batches: Batches<'_>) -> Result<(), sled::Error> {
        for key in &self.damaged {
            copy_aside(tree, key, &mut batches, false)?;
        }
        for (key, _) in &self.stale {
            copy_aside(tree, key, &mut batches, true)?;
        }
        for (key, value) in self.missing {
            batches.together(1)?;
            batches.insert(&key, value);
        }
        batches.finish()
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
            keys::DELIVERY => self.delivery_record(tree, key),
            keys::QUEUE => self.queue_entry(tree, key, value),
            keys::IDEMPOTENCY => self.idempotency(tree, key, value),
            keys::MESSAGE => self.message(tree, key, value),
            keys::COLLAPSE => self.collapse(tree, key, value),
            keys::DEAD => self.dead_letter(tree, key, value),
            keys::UNMATCHED => {
                self.count("unmatched receipt");
                self.tally.unmatched += 1;
                self.readable::<ReceiptRecord, Receipt>(tree, key)
            }
            keys::SUPPRESSION => {
                self.count("suppression");
                self.readable::<SuppressionRecord, Suppression>(tree, key)
            }
            keys::PROVIDER_STATE => {
                self.count("provider state");
                self.readable::<ProviderStateRecord, ProviderState>(tree, key)
            }
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
        let Some((tenant, id)) = keys::parse_notification(key) else {
            let problem = Unreadable::Field { field: "key", problem: "names no notification".into() };
            return Err(Trouble::Damaged { key: key.to_vec(), problem });
        };
        let Some(Whole { notification, record, .. }) = whole(tree, &tenant, id)? else { return Ok(()) };
        self.latest = self.latest.max(Some(notification.created_at));
        if let (Some(idempotency), Some(text)) = (record.idempotency(), &notification.idempotency_key) {
            let entry = IdempotencyRecord::new(notification.id, idempotency);
            let expires_at = understood(key, entry.expires_at())?;
            let place =
                keys::idempotency(keys::key_bucket(notification.created_at, expires_at), &notification.tenant, text);
            if tree.get(&place)?.is_none() {
                self.missing_keys.push((expires_at, place, envelope::seal(&entry)));
            }
        }
        let mut has_kept_key = false;
        for channel in &notification.channels {
            let id = DeliveryId { notification: id, channel: *channel };
            match present(tree, &tenant, id, Some(&notification)) {
                Ok(Some(present)) => has_kept_key |= self.delivery(tree, present)?,
                Ok(None) => {}
                Err(trouble) => self.note_trouble(key, Err(trouble))?,
            }
        }
        if has_kept_key { self.expect_collapse(tree, &notification) } else { Ok(()) }
    }

    /// A delivery, and the entries that lead to it. Says whether it has waited ever since it was accepted: then nothing newer
    /// can have come under its collapse key. Of others nobody can say whether they still should have it.
    fn delivery(&mut self, tree: &sled::Tree, present: Present) -> Result<bool, Trouble> {
        self.count("delivery");
        let Present { delivery, record, entry, entry_size, .. } = present;
        let key = keys::delivery(&delivery.tenant, delivery.id);
        let facts = understood(&key, record.facts())?;
        self.last_operation = facts.iter().map(|(operation, _)| *operation).fold(self.last_operation, u64::max);
        if let Some(entry) = entry.filter(|_| entry_size.is_none()) {
            self.missing.push((entry.key(), Vec::new()));
            self.tally.delivery(delivery.lane, DeliveryState::Pending, 1);
        }
        if let Some(key) = death(&delivery)
            && tree.get(&key)?.is_none()
        {
            self.missing.push((key, Vec::new()));
            self.tally.dead += 1;
        }
        if let Some((provider, message_id)) = message_of(&delivery) {
            let key = keys::message(provider, message_id);
            if tree.get(&key)?.is_none() {
                self.missing.push((key, keys::message_value(&delivery.tenant, delivery.id)));
            }
        }
        let was_replayed = facts.iter().any(|(_, fact)| fact.kind == FactKind::Replayed);
        Ok(delivery.state == DeliveryState::Pending && delivery.attempts == 0 && !was_replayed)
    }

    fn expect_collapse(&mut self, tree: &sled::Tree, notification: &Notification) -> Result<(), Trouble> {
        let Some(text) = &notification.collapse_key else { return Ok(()) };
        let key = keys::collapse(&notification.tenant, &notification.recipient.id, text);
        if tree.get(&key)?.is_none() {
            let newest = self.missing_collapse.entry(key).or_insert(notification.id);
            *newest = notification.id.max(*newest);
        }
        Ok(())
    }

    /// A record of a delivery: what it says is looked at with its notification.
    fn delivery_record(&mut self, tree: &sled::Tree, key: &IVec) -> Result<(), Trouble> {
        let Some((record, _)) = fetch::<DeliveryRecord>(tree, key)? else { return Ok(()) };
        let facts = understood(key, record.facts())?;
        self.last_operation = facts.iter().map(|(operation, _)| *operation).fold(self.last_operation, u64::max);
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

    /// Notes what cannot be read; only a medium that fails ends the examination.
    fn note_trouble(&mut self, key: &[u8], result: Result<(), Trouble>) -> Result<(), sled::Error> {
        match result {
            Ok(()) => {}
            Err(Trouble::Medium(error)) => return Err(error),
            Err(Trouble::Damaged { key, problem }) => self.note_damage(key, &problem),
            Err(Trouble::Refused(error)) => self.note_damage(key.to_vec(), &Unreadable::Body(error.to_string())),
        }
        Ok(())
    }

    /// Several may lead to the same damage: it counts once.
    fn note_damage(&mut self, key: Vec<u8>, problem: &Unreadable) {
        if self.damaged.contains(&key) {
            return;
        }
        if self.damaged.len() < NAMED_MAX {
            self.report.damaged_records.push((keys::printable(&key), problem.to_string()));
        }
        self.damaged.insert(key);
    }

    fn count(&mut self, kind: &'static str) {
        *self.report.counts.entry(kind).or_default() += 1;
    }
}

/// Copies a value with its parts to the quarantine, and removes the original if that is asked for: all in one batch.
fn copy_aside(tree: &sled::Tree, key: &[u8], batches: &mut Batches<'_>, remove: bool) -> Result<(), sled::Error> {
    let parts = measure(tree, key)?.parts;
    batches.together(2 * (1 + usize::try_from(parts).unwrap_or(0)))?;
    for key in std::iter::once(key.to_vec()).chain((0..parts).map(|number| keys::part(key, number))) {
        let Some(value) = tree.get(&key)? else { continue };
        batches.insert(&keys::quarantine(&key), value);
        if remove {
            batches.remove(&key);
        }
    }
    Ok(())
}
