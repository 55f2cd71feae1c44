//! Taking up where the store was left: what is kept in memory is read from the tree.
//!
//! Nothing here walks all deliveries: names are found by seeking from one to the next, and deliveries that were being sent
//! stand near the front of their queues.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;

use super::Engine;
use crate::adapters::sled::holders::{Holders, Holding};
use crate::adapters::sled::keys::{self, QueueEntry};
use crate::adapters::sled::queues::Queues;
use crate::adapters::sled::records::ProgressRecord;
use crate::adapters::sled::staging::Staging;
use crate::adapters::sled::suppressed::Suppressed;
use crate::adapters::sled::unmatched::Unmatched;
use crate::domain::channel::Channel;
use crate::domain::id::TenantId;
use crate::domain::lane::{Lane, Timing};

/// Entries of one tenant that are looked at before it is the next one's turn.
const LOOK: usize = 64;

impl Engine {
    /// Takes up where the store was left.
    pub(in crate::adapters::sled) fn new(
        tree: sled::Tree,
        progress: ProgressRecord,
        suppressed: Suppressed,
        unmatched: Unmatched,
    ) -> Result<Self, sled::Error> {
        let mut queues = Queues::default();
        let mut holders = Holders::new(progress.opens);
        let fronts = fronts(&tree)?;
        for front in &fronts {
            let place = (front.due_at, front.notification);
            queues.suspected(front.channel, front.lane, &front.party(), place);
        }
        for entry in sending(&tree, &fronts, progress.counts.sending)? {
            holders.orphan(Holding { entry, has_record: true, collapses: true });
        }
        Ok(Self {
            key_days: key_days(&tree)?,
            tenants: tenants(&tree)?,
            unmatched,
            staging: Staging::new(tree, progress),
            holders,
            queues,
            effects: Vec::new(),
            suppressed,
            latest: Timestamp::MIN,
            latest_heard: Timestamp::MIN,
            swept_unmatched: None,
            unusable: HashSet::new(),
            ran: 0,
        })
    }
}

/// The first entry of every party in every lane.
fn fronts(tree: &sled::Tree) -> Result<Vec<QueueEntry>, sled::Error> {
    let mut fronts = Vec::new();
    let lanes = Channel::ALL.into_iter().flat_map(|channel| Lane::ALL.map(|lane| (channel, lane)));
    for (channel, lane, timing) in lanes.flat_map(|(channel, lane)| Timing::ALL.map(|timing| (channel, lane, timing))) {
        let prefix = keys::queue_lane(channel, lane, timing);
        let (mut from, end) = (prefix.clone(), keys::end_of(&prefix));
        while let Some(entry) = tree.range(from.as_slice()..end.as_slice()).next() {
            let (key, _) = entry?;
            match QueueEntry::parse(&key) {
                Some(entry) => {
                    from = keys::end_of(&keys::queue_of(channel, lane, timing, &entry.tenant));
                    fronts.push(entry);
                }
                None => {
                    tracing::error!(key = keys::printable(&key), "a queue entry cannot be read: check the store");
                    from = key.to_vec();
                    from.push(0);
                }
            }
        }
    }
    Ok(fronts)
}

/// The entries of deliveries that were being sent, of which there are `count`. Tenants take turns, so that a long queue of
/// one is not walked when what is looked for stands at the front of another's.
fn sending(tree: &sled::Tree, fronts: &[QueueEntry], count: u64) -> Result<Vec<QueueEntry>, sled::Error> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    let walk = |front: &QueueEntry| {
        let end = keys::end_of(&keys::queue_of(front.channel, front.lane, front.timing, &front.tenant));
        tree.range(front.key()..end)
    };
    let mut walks: Vec<_> = fronts.iter().map(walk).collect();
    while found.len() < count && !walks.is_empty() {
        let mut rest = Vec::new();
        for mut walk in walks {
            let mut seen = 0;
            for entry in walk.by_ref().take(LOOK) {
                let (key, value) = entry?;
                seen += 1;
                if !value.is_empty() {
                    found.extend(QueueEntry::parse(&key));
                }
            }
            if seen == LOOK {
                rest.push(walk);
            }
        }
        walks = rest;
    }
    if found.len() < count {
        tracing::error!(
            expected = count,
            found = found.len(),
            "deliveries that were being sent are missing: check the store"
        );
    }
    Ok(found)
}

/// Everybody who has a notification.
fn tenants(tree: &sled::Tree) -> Result<BTreeSet<TenantId>, sled::Error> {
    let mut tenants = BTreeSet::new();
    let (mut from, end) = (vec![keys::NOTIFICATION], vec![keys::NOTIFICATION + 1]);
    while let Some(entry) = tree.range(from.as_slice()..end.as_slice()).next() {
        let (key, _) = entry?;
        match keys::parse_notification(&key) {
            Some((tenant, _)) => {
                from = keys::end_of(&keys::notifications(&tenant));
                tenants.insert(tenant);
            }
            None => {
                from = key.to_vec();
                from.push(0);
            }
        }
    }
    Ok(tenants)
}

fn key_days(tree: &sled::Tree) -> Result<BTreeSet<u32>, sled::Error> {
    let mut days = BTreeSet::new();
    let mut from = keys::idempotency_day(0);
    let end = [keys::IDEMPOTENCY + 1];
    // One look per day, however many keys it has.
    while let Some(entry) = tree.range(from.as_slice()..end.as_slice()).next() {
        let (key, _) = entry?;
        let Some(day) = keys::parse_idempotency_day(&key) else { break };
        days.insert(day);
        let Some(next) = day.checked_add(1) else { break };
        from = keys::idempotency_day(next);
    }
    Ok(days)
}
