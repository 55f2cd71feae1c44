//! What providers report about messages that they took.

use std::ops::Bound;

use super::{Effect, Engine};
use crate::adapters::sled::keys;
use crate::adapters::sled::present::{Present, notification, present};
use crate::adapters::sled::records::ReceiptRecord;
use crate::adapters::sled::stored::{Source, Trouble, fetch, measure, understood};
use crate::domain::id::{DeliveryId, ProviderName, TenantId};
use crate::domain::receipt::Receipt;
use crate::ports::store::Received;

impl Engine {
    pub(in crate::adapters::sled) fn receive(&mut self, receipt: &Receipt) -> Result<Received, Trouble> {
        self.latest_heard = self.latest_heard.max(receipt.received_at);
        let found = self.find_reported(receipt);
        let told = match self.readable(found)?.flatten() {
            Some((tenant, present)) => {
                let told = self.tell(&tenant, present, receipt);
                self.readable(told)?
            }
            None => None,
        };
        match told {
            Some(told) => Ok(told),
            // What it is about is unknown or cannot be read: the report waits for that.
            None => self.keep_receipt(receipt),
        }
    }

    /// The delivery that a report is about: the one that it names, else the one whose message it was.
    fn find_reported(&self, receipt: &Receipt) -> Result<Option<(TenantId, Present)>, Trouble> {
        let key = keys::message(&receipt.provider, &receipt.event.provider_message_id);
        let by_message = self.staging.value(&key)?.and_then(|value| keys::parse_message_value(&value));
        let named = receipt.delivery.filter(|id| by_message.as_ref().is_none_or(|(_, known)| known != id));
        if let Some(id) = named
            && let Some(found) = self.find_named(id)?
        {
            return Ok(Some(found));
        }
        let Some((tenant, id)) = by_message else { return Ok(None) };
        Ok(present(&self.staging, &tenant, id, None)?.map(|present| (tenant, present)))
    }

    /// A delivery of which nobody says whose it is. Mostly somebody holds it; else everybody is asked.
    fn find_named(&self, id: DeliveryId) -> Result<Option<(TenantId, Present)>, Trouble> {
        let holder = self.holders.tenant(id);
        for tenant in holder.into_iter().chain(&self.tenants) {
            if self.staging.value(&keys::notification(tenant, id.notification))?.is_some() {
                return Ok(present(&self.staging, tenant, id, None)?.map(|present| (tenant.clone(), present)));
            }
        }
        Ok(None)
    }

    /// Changes nothing when the delivery cannot be read.
    fn tell(&mut self, tenant: &TenantId, present: Present, receipt: &Receipt) -> Result<Received, Trouble> {
        let id = present.delivery.id;
        let facts = understood(&keys::delivery(tenant, id), present.record.clone().facts())?;
        let told: Vec<_> =
            facts.into_iter().map(|(_, fact)| fact).filter(|fact| fact.channel == Some(id.channel)).collect();
        let Some(change) = present.delivery.receive(receipt, &told) else { return Ok(Received::Repeated(id)) };
        let found = notification(&self.staging, tenant, id.notification);
        let notification = self.readable(found)?;
        let change = match &notification {
            Some(notification) => notification.followed_up(change, receipt.received_at),
            None => change,
        };
        let before = present.delivery.state;
        let has_left = !before.is_final() && change.delivery.state != before;
        if has_left {
            self.effects.push(Effect::Dropped(id));
        }
        self.commit(present, &change)?;
        if let Some(notification) = &notification {
            self.follow_up(notification, &change)?;
        }
        Ok(Received::Told(Box::new(change.delivery)))
    }

    fn keep_receipt(&mut self, receipt: &Receipt) -> Result<Received, Trouble> {
        let key = keys::unmatched(receipt);
        let is_new = !self.unmatched.contains(&key);
        let in_excess = if is_new { self.unmatched.in_excess() } else { Vec::new() };
        for oldest in &in_excess {
            self.forget_receipt(oldest)?;
        }
        let size = measure(&self.staging, &key)?;
        self.staging.write(&key, &ReceiptRecord::from(receipt), size)?;
        if is_new {
            self.staging.tally().unmatched += 1;
        }
        self.effects.push(Effect::Kept(key, receipt.received_at));
        Ok(if in_excess.is_empty() { Received::Kept } else { Received::Displaced })
    }

    /// Tells a delivery what was reported about its message before that was known.
    pub(super) fn tell_kept(
        &mut self,
        tenant: &TenantId,
        id: DeliveryId,
        provider: &ProviderName,
        message_id: &str,
    ) -> Result<(), Trouble> {
        let prefix = keys::unmatched_of(provider, message_id);
        let kept: Vec<_> = self
            .unmatched
            .range(Bound::Included(&prefix))
            .take_while(|key| key.starts_with(&prefix))
            .cloned()
            .collect();
        let mut receipts = Vec::new();
        for key in kept {
            // One that cannot be read stays for whoever can.
            let found = self.kept_receipt(&key);
            receipts.extend(self.readable(found)?.flatten().map(|receipt| (key, receipt)));
        }
        receipts.sort_by_key(|(_, receipt)| receipt.received_at);
        for (key, receipt) in receipts {
            let found = present(&self.staging, tenant, id, None);
            let Some(present) = self.readable(found)?.flatten() else { continue };
            let told = self.tell(tenant, present, &receipt);
            if self.readable(told)?.is_some() {
                self.forget_receipt(&key)?;
            }
        }
        Ok(())
    }

    /// A report that is kept.
    pub(super) fn kept_receipt(&self, key: &[u8]) -> Result<Option<Receipt>, Trouble> {
        let found = fetch::<ReceiptRecord>(&self.staging, key)?;
        found.map(|(record, _)| understood(key, record.try_into())).transpose()
    }

    /// Keeps a report no longer.
    pub(super) fn forget_receipt(&mut self, key: &[u8]) -> Result<(), Trouble> {
        let size = measure(&self.staging, key)?;
        self.staging.erase(key, size);
        self.staging.tally().unmatched -= 1;
        self.effects.push(Effect::Unkept(key.to_vec()));
        Ok(())
    }
}
