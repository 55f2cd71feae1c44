//! Who holds what: claims and leases of this process.
//!
//! All of it is in memory. The store belongs to one process at a time, so whoever held something when the store was
//! opened is gone; what they had begun to send is known from the tree, and can be taken over at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::keys::QueueEntry;
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, TenantId};
use crate::domain::lane::Lane;
use crate::ports::store::{Lease, StoreError};

#[derive(Debug, Default)]
pub(super) struct Holders {
    held: HashMap<DeliveryId, Held>,
    /// Claims by their end.
    claims: BTreeMap<(Channel, Lane), BTreeSet<(Timestamp, DeliveryId)>>,
    /// Leases of deliveries that are being sent, by their end.
    leases: BTreeSet<(Timestamp, DeliveryId)>,
    last_token: u64,
}

#[derive(Debug)]
struct Held {
    token: u64,
    holding: Holding,
    stage: Stage,
}

/// What is known about a held delivery without looking: nobody else changes it in a way that touches this.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    /// Where it is queued.
    pub(super) entry: QueueEntry,
    /// Whether it has a record of its own; unless it has, nothing has happened to it before it was held.
    pub(super) has_record: bool,
    /// Whether its notification takes the place of others.
    pub(super) collapses: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Somebody looks at it.
    Claimed { until: Timestamp },
    /// The claim ran out, but nobody else has it yet: the old lease still counts.
    Lapsed,
    /// It is being sent.
    Sending { until: Timestamp },
}

impl Holders {
    /// Nobody holds anything. `epoch` is different each time that the store is opened, so that no two tokens are equal.
    pub(super) fn new(epoch: u64) -> Self {
        const TOKEN_BITS: u32 = 40;
        Self { last_token: epoch << TOKEN_BITS, ..Self::default() }
    }

    /// Whether a pending delivery can be handed out.
    pub(super) fn is_free(&self, id: DeliveryId) -> bool {
        self.held.get(&id).is_none_or(|held| held.stage == Stage::Lapsed)
    }

    /// Whether somebody is sending it, or is known to have been.
    pub(super) fn is_sending(&self, id: DeliveryId) -> bool {
        self.held.get(&id).is_some_and(|held| matches!(held.stage, Stage::Sending { .. }))
    }

    /// Ends the claims whose time is over, and says which.
    pub(super) fn lapse(&mut self, now: Timestamp) -> Vec<QueueEntry> {
        let ended = |claims: &BTreeSet<(Timestamp, DeliveryId)>| {
            claims.iter().take_while(|(end, _)| *end <= now).map(|(_, id)| *id).collect::<Vec<_>>()
        };
        let lapsed: Vec<_> = self.claims.values().flat_map(ended).collect();
        lapsed.into_iter().filter_map(|id| self.enter(id, Stage::Lapsed).map(|holding| holding.entry.clone())).collect()
    }

    /// Gives the delivery to whoever asks, and takes it from whoever had it.
    pub(super) fn hand_out(&mut self, holding: Holding, stage: Stage) -> Lease {
        self.last_token += 1;
        let id = holding.entry.id();
        self.drop(id);
        self.held.insert(id, Held { token: self.last_token, holding, stage: Stage::Lapsed });
        self.enter(id, stage);
        Lease { delivery: id, token: self.last_token }
    }

    /// A delivery whose sender is gone: anybody may take it over, at any time.
    pub(super) fn orphan(&mut self, holding: Holding) {
        self.hand_out(holding, Stage::Sending { until: Timestamp::MIN });
    }

    /// What is held under the lease and in which stage, if it is the newest.
    pub(super) fn check(&self, lease: Lease) -> Result<(&Holding, Stage), StoreError> {
        let held = self.held.get(&lease.delivery).filter(|held| held.token == lease.token);
        held.map(|held| (&held.holding, held.stage)).ok_or(StoreError::LeaseLost(lease.delivery))
    }

    /// Moves a held delivery on.
    pub(super) fn enter(&mut self, id: DeliveryId, stage: Stage) -> Option<&Holding> {
        let held = self.held.get_mut(&id)?;
        let left = std::mem::replace(&mut held.stage, stage);
        let lane = (held.holding.entry.channel, held.holding.entry.lane);
        self.unlist(id, lane, left);
        match stage {
            Stage::Claimed { until } => self.claims.entry(lane).or_default().insert((until, id)),
            Stage::Sending { until } => self.leases.insert((until, id)),
            Stage::Lapsed => false,
        };
        self.held.get(&id).map(|held| &held.holding)
    }

    /// Nobody holds it any longer.
    pub(super) fn drop(&mut self, id: DeliveryId) {
        if let Some(Held { holding, stage, .. }) = self.held.remove(&id) {
            self.unlist(id, (holding.entry.channel, holding.entry.lane), stage);
        }
    }

    /// The delivery has a record of its own from now on.
    pub(super) fn recorded(&mut self, id: DeliveryId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.holding.has_record = true;
        }
    }

    /// The tenant of a delivery that somebody holds.
    pub(super) fn tenant(&self, id: DeliveryId) -> Option<&TenantId> {
        self.held.get(&id).map(|held| &held.holding.entry.tenant)
    }

    /// Deliveries being sent whose lease has ended, the earliest first.
    pub(super) fn overdue(&self, now: Timestamp) -> impl Iterator<Item = &Holding> {
        let overdue = self.leases.iter().take_while(move |(end, _)| *end <= now);
        overdue.filter_map(|(_, id)| self.held.get(id).map(|held| &held.holding))
    }

    /// When the next claim on that channel in one of these lanes ends.
    pub(super) fn next_claim_end(&self, channel: Channel, lanes: &[Lane]) -> Option<Timestamp> {
        let first = |lane: &Lane| self.claims.get(&(channel, *lane))?.first().map(|(end, _)| *end);
        lanes.iter().filter_map(first).min()
    }

    /// When the next lease of a delivery that is being sent ends.
    pub(super) fn next_lease_end(&self) -> Option<Timestamp> {
        self.leases.first().map(|(end, _)| *end)
    }

    fn unlist(&mut self, id: DeliveryId, lane: (Channel, Lane), stage: Stage) {
        match stage {
            Stage::Claimed { until } => self.claims.get_mut(&lane).is_some_and(|claims| claims.remove(&(until, id))),
            Stage::Sending { until } => self.leases.remove(&(until, id)),
            Stage::Lapsed => false,
        };
    }
}
