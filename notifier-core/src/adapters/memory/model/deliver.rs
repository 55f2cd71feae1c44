//! Handing out deliveries and writing down what becomes of them.

use jiff::Timestamp;

use super::{Model, Party, Place, Tracked};
use crate::domain::channel::Channel;
use crate::domain::delivery::Change;
use crate::domain::id::DeliveryId;
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::planted::planted;
use crate::ports::store::{ClaimQuery, Claimed, Lease, StoreError};

impl Model {
    pub(in crate::adapters::memory) fn claim(&mut self, query: &ClaimQuery) -> Vec<Claimed> {
        self.lapse(query.now);
        let mut claimed = Vec::new();
        for lane in Lane::ALL {
            for _ in 0..query.room.of(lane) {
                let Some(id) = self.next_turn((query.channel, lane), query.due_by) else { break };
                claimed.extend(self.hand_out(id, Place::Claimed(query.lease_until)));
            }
        }
        claimed
    }

    fn lapse(&mut self, now: Timestamp) {
        while let Some((_, id)) = self.claimed.first().copied().filter(|(end, _)| *end <= now) {
            // The old token stays valid until somebody else gets the delivery.
            let token = self.deliveries.get(&id).and_then(|tracked| tracked.token);
            self.free(id, Timestamp::MIN);
            if let Some(tracked) = self.deliveries.get_mut(&id) {
                tracked.token = token;
            }
        }
    }

    /// The earliest of the party after the one that was served last, among those with something due.
    fn next_turn(&mut self, queue: (Channel, Lane), due_by: Timestamp) -> Option<DeliveryId> {
        let parties = self.queues.get(&queue)?;
        let ready: Vec<(&Party, DeliveryId)> = parties
            .iter()
            .filter_map(|(party, queue)| Some((party, *queue.first()?)))
            .filter(|(_, (due_at, _))| *due_at <= due_by)
            .map(|(party, (_, id))| (party, id))
            .collect();
        let after = self.served.get(&queue);
        let later = ready.iter().find(|(party, _)| after.is_none_or(|after| *party > after));
        let (party, id) = later.or(ready.first())?;
        let (party, id) = ((*party).clone(), *id);
        self.served.insert(queue, party);
        Some(id)
    }

    pub(in crate::adapters::memory) fn next_due(&self, channel: Channel, lanes: &[Lane]) -> Option<Timestamp> {
        let queues = lanes.iter().filter_map(|lane| self.queues.get(&(channel, *lane)));
        let due =
            queues.flat_map(|parties| parties.values()).filter_map(|queue| queue.first()).map(|(at, _)| *at).min();
        let is_asked = |id: &DeliveryId| {
            let lane = self.deliveries.get(id).map(|tracked| tracked.delivery.lane);
            id.channel == channel && lane.is_some_and(|lane| lanes.contains(&lane))
        };
        let claim_end = self.claimed.iter().find(|(_, id)| is_asked(id)).map(|(end, _)| *end);
        due.into_iter().chain(claim_end).min()
    }

    pub(in crate::adapters::memory) fn begin(
        &mut self,
        lease: Lease,
        change: Change,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let held = self.held(lease, &change)?;
        if held.delivery.state != DeliveryState::Pending {
            return Err(StoreError::LeaseLost(lease.delivery));
        }
        self.apply(change);
        self.free(lease.delivery, until);
        if let Some(tracked) = self.deliveries.get_mut(&lease.delivery) {
            tracked.token = Some(lease.token);
        }
        Ok(())
    }

    pub(in crate::adapters::memory) fn settle(&mut self, lease: Lease, change: Change) -> Result<(), StoreError> {
        let held = self.held(lease, &change)?;
        if let Some(reason) = change.overlooks(&held.delivery) {
            return Err(StoreError::CancelAsked { delivery: lease.delivery, reason: reason.clone() });
        }
        self.apply(change);
        self.free(lease.delivery, Timestamp::MIN);
        self.tell_kept_receipts(lease.delivery);
        Ok(())
    }

    pub(in crate::adapters::memory) fn release(&mut self, lease: Lease) {
        let held = self.deliveries.get(&lease.delivery).filter(|tracked| tracked.token == Some(lease.token));
        if held.is_some_and(|tracked| tracked.delivery.state == DeliveryState::Pending) {
            self.free(lease.delivery, Timestamp::MIN);
        }
    }

    pub(in crate::adapters::memory) fn reclaim(
        &mut self,
        now: Timestamp,
        limit: usize,
        until: Timestamp,
    ) -> Vec<Claimed> {
        let ids: Vec<_> =
            self.leased.iter().take_while(|(end, _)| *end <= now).take(limit).map(|(_, id)| *id).collect();
        ids.into_iter().filter_map(|id| self.hand_out(id, Place::Leased(until))).collect()
    }

    pub(in crate::adapters::memory) fn next_lease_end(&self) -> Option<Timestamp> {
        self.leased.first().map(|(end, _)| *end)
    }

    /// The delivery, if the lease is the newest and the change is about the same delivery.
    fn held(&self, lease: Lease, change: &Change) -> Result<&Tracked, StoreError> {
        let honours_all = planted!(HonoursLostLeases);
        let is_held = |tracked: &&Tracked| tracked.token == Some(lease.token) || honours_all;
        let held = self.deliveries.get(&lease.delivery).filter(is_held);
        held.filter(|_| change.delivery.id == lease.delivery).ok_or(StoreError::LeaseLost(lease.delivery))
    }

    fn hand_out(&mut self, id: DeliveryId, place: Place) -> Option<Claimed> {
        self.put(id, place);
        let tracked = self.deliveries.get_mut(&id)?;
        self.last_token += 1;
        tracked.token = Some(self.last_token);
        let delivery = tracked.delivery.clone();
        let notification = self.notifications.get(&(delivery.tenant.clone(), id.notification))?.notification.clone();
        let preferences = self.preferences(&notification.tenant, &notification.recipient.id);
        Some(Claimed { lease: Lease { delivery: id, token: self.last_token }, delivery, notification, preferences })
    }
}
