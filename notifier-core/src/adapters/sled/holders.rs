//! Who holds what: claims and leases of this process.
//!
//! All of it is in memory. The store belongs to one process at a time, so whoever held something when the store was
//! opened is gone; what they had begun to send is known from the tree, and can be taken over at once.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::domain::id::{DeliveryId, TenantId};
use crate::ports::store::{Lease, StoreError};

#[derive(Debug, Default)]
pub(super) struct Holders {
    held: HashMap<DeliveryId, Held>,
    /// Claims by their end.
    claims: BTreeSet<(Timestamp, DeliveryId)>,
    /// Leases of deliveries that are being sent, by their end.
    leases: BTreeSet<(Timestamp, DeliveryId)>,
    last_token: u64,
}

#[derive(Debug)]
struct Held {
    token: u64,
    tenant: TenantId,
    stage: Stage,
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

    /// Ends the claims whose time is over.
    pub(super) fn lapse(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.claims.first().copied().filter(|(end, _)| *end <= now) {
            self.enter(id, Stage::Lapsed);
        }
    }

    /// Gives the delivery to whoever asks, and takes it from whoever had it.
    pub(super) fn hand_out(&mut self, id: DeliveryId, tenant: TenantId, stage: Stage) -> Lease {
        self.last_token += 1;
        self.drop(id);
        self.held.insert(id, Held { token: self.last_token, tenant, stage: Stage::Lapsed });
        self.enter(id, stage);
        Lease { delivery: id, token: self.last_token }
    }

    /// A delivery whose sender is gone: anybody may take it over, at any time.
    pub(super) fn orphan(&mut self, id: DeliveryId, tenant: TenantId) {
        self.hand_out(id, tenant, Stage::Sending { until: Timestamp::MIN });
    }

    /// The tenant and stage of the delivery, if the lease is the newest.
    pub(super) fn check(&self, lease: Lease) -> Result<(&TenantId, Stage), StoreError> {
        let held = self.held.get(&lease.delivery).filter(|held| held.token == lease.token);
        held.map(|held| (&held.tenant, held.stage)).ok_or(StoreError::LeaseLost(lease.delivery))
    }

    /// Moves a held delivery on.
    pub(super) fn enter(&mut self, id: DeliveryId, stage: Stage) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let left = std::mem::replace(&mut held.stage, stage);
        self.unlist(id, left);
        match stage {
            Stage::Claimed { until } => self.claims.insert((until, id)),
            Stage::Sending { until } => self.leases.insert((until, id)),
            Stage::Lapsed => false,
        };
    }

    /// Nobody holds it any longer.
    pub(super) fn drop(&mut self, id: DeliveryId) {
        if let Some(held) = self.held.remove(&id) {
            self.unlist(id, held.stage);
        }
    }

    /// Deliveries being sent whose lease has ended, the earliest first.
    pub(super) fn overdue(&self, now: Timestamp) -> impl Iterator<Item = (DeliveryId, &TenantId)> {
        let overdue = self.leases.iter().take_while(move |(end, _)| *end <= now);
        overdue.filter_map(|(_, id)| self.held.get(id).map(|held| (*id, &held.tenant)))
    }

    /// When the next claim ends.
    pub(super) fn next_claim_end(&self) -> Option<Timestamp> {
        self.claims.first().map(|(end, _)| *end)
    }

    /// When the next lease of a delivery that is being sent ends.
    pub(super) fn next_lease_end(&self) -> Option<Timestamp> {
        self.leases.first().map(|(end, _)| *end)
    }

    fn unlist(&mut self, id: DeliveryId, stage: Stage) {
        match stage {
            Stage::Claimed { until } => self.claims.remove(&(until, id)),
            Stage::Sending { until } => self.leases.remove(&(until, id)),
            Stage::Lapsed => false,
        };
    }
}
