//! What providers report.

use jiff::Timestamp;

use super::Model;
use crate::domain::id::DeliveryId;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::receipt::Receipt;
use crate::domain::timeline::Fact;
use crate::planted::planted;
use crate::ports::store::Received;

impl Model {
    pub(in crate::adapters::memory) fn receive(&mut self, receipt: Receipt) -> Received {
        let named = receipt.delivery.filter(|id| self.deliveries.contains_key(id));
        let by_message = || {
            let key = (receipt.provider.clone(), receipt.event.provider_message_id.clone());
            self.messages.get(&key).copied()
        };
        match named.or_else(by_message) {
            Some(id) => self.tell(id, &receipt),
            None if planted!(DropsEarlyReceipts) => Received::Kept,
            None => {
                let identity = receipt.identity();
                let key = (receipt.provider.clone(), receipt.event.provider_message_id.clone(), identity);
                let is_full = self.unmatched.len() >= self.unmatched_max && !self.unmatched.contains_key(&key);
                if is_full {
                    self.forget_oldest_receipt();
                }
                self.unmatched.insert(key, receipt);
                if is_full { Received::Displaced } else { Received::Kept }
            }
        }
    }

    fn forget_oldest_receipt(&mut self) {
        let oldest = self.unmatched.iter().min_by_key(|(_, receipt)| receipt.received_at);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.unmatched.remove(&key);
        }
    }

    /// Reports that came before the message that they are about was known.
    pub(super) fn tell_kept_receipts(&mut self, id: DeliveryId) {
        let attempt = self.deliveries.get(&id).and_then(|tracked| tracked.delivery.last_attempt.as_ref());
        let Some((provider, Some(message_id))) =
            attempt.map(|attempt| (attempt.provider.clone(), attempt.provider_message_id.clone()))
        else {
            return;
        };
        let kept = self.unmatched.extract_if(.., |key, _| key.0 == provider && key.1 == message_id);
        let mut kept: Vec<_> = kept.map(|(_, receipt)| receipt).collect();
        kept.sort_by_key(|receipt| receipt.received_at);
        for receipt in kept {
            self.tell(id, &receipt);
        }
    }

    fn tell(&mut self, id: DeliveryId, receipt: &Receipt) -> Received {
        let Some(delivery) = self.deliveries.get(&id).map(|tracked| tracked.delivery.clone()) else {
            return Received::Repeated(id);
        };
        let place = (delivery.tenant.clone(), id.notification);
        let Some(recorded) = self.notifications.get(&place) else { return Received::Repeated(id) };
        let told: Vec<Fact> = recorded.facts.iter().filter(|fact| fact.channel == Some(id.channel)).cloned().collect();
        let Some(change) = delivery.receive(receipt, &told) else { return Received::Repeated(id) };
        let change = recorded.notification.followed_up(change, receipt.received_at);
        let after = change.delivery.clone();
        let has_left =
            after.state != delivery.state && matches!(delivery.state, DeliveryState::Pending | DeliveryState::Sending);
        self.apply(change);
        if has_left {
            self.free(id, Timestamp::MIN);
        }
        Received::Told(Box::new(after))
    }
}
