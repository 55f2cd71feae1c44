//! Index entries: whether what they lead to leads back to them.

use sled::IVec;

use super::Examination;
use crate::adapters::sled::engine::{death, message_of};
use crate::adapters::sled::envelope;
use crate::adapters::sled::keys::{self, QueueEntry};
use crate::adapters::sled::present::{Present, Whole, present, whole};
use crate::adapters::sled::records::IdempotencyRecord;
use crate::adapters::sled::stored::{Trouble, understood};
use crate::domain::id::{DeliveryId, ProviderName, TenantId};
use crate::domain::lifecycle::DeliveryState;

/// What stands behind an entry.
enum Behind {
    Nothing,
    /// Something that cannot be read: the entry may be as sound as it is. Told where it is looked at.
    Damage,
    Delivery(Box<Present>),
}

impl Examination {
    pub(super) fn queue_entry(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.count("queue entry");
        let Some(entry) = QueueEntry::parse(key) else { return self.stale(key, value) };
        let state = match self.behind(tree, &entry.tenant, entry.id())? {
            Behind::Damage if value.is_empty() => DeliveryState::Pending,
            Behind::Damage => DeliveryState::Sending,
            Behind::Delivery(present) if present.entry.as_ref() == Some(&entry) => present.delivery.state,
            Behind::Delivery(_) | Behind::Nothing => return self.stale(key, value),
        };
        self.tally.delivery(entry.lane, state, 1);
        Ok(())
    }

    pub(super) fn idempotency(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.count("idempotency key");
        let leads_to = |tenant: TenantId, record: IdempotencyRecord| {
            tree.contains_key(keys::notification(&tenant, record.notification()))
        };
        let sound = match (keys::parse_idempotency_tenant(key), envelope::open::<IdempotencyRecord>(value)) {
            (Some(tenant), Ok(record)) => leads_to(tenant, record)?,
            _ => false,
        };
        if sound { Ok(()) } else { self.stale(key, value) }
    }

    /// An identifier of a message is one that its delivery had at any time.
    pub(super) fn message(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.count("message");
        let Some((tenant, id)) = keys::parse_message_value(value) else { return self.stale(key, value) };
        let present = match self.behind(tree, &tenant, id)? {
            Behind::Damage => return Ok(()),
            Behind::Nothing => return self.stale(key, value),
            Behind::Delivery(present) => present,
        };
        let is_latest =
            message_of(&present.delivery).is_some_and(|(provider, id)| keys::message(provider, id) == **key);
        if is_latest || is_told(&tenant, *present, key)? { Ok(()) } else { self.stale(key, value) }
    }

    pub(super) fn dead_letter(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.count("dead letter");
        let Some((tenant, place)) = keys::parse_dead_letter(key) else { return self.stale(key, value) };
        match self.behind(tree, &tenant, place.delivery)? {
            Behind::Damage => {}
            Behind::Delivery(present) if death(&present.delivery).as_deref() == Some(key) => {}
            Behind::Delivery(_) | Behind::Nothing => return self.stale(key, value),
        }
        self.tally.dead += 1;
        Ok(())
    }

    pub(super) fn collapse(&mut self, tree: &sled::Tree, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.count("collapse key");
        let (Some(tenant), Some(id)) = (keys::parse_collapse_tenant(key), keys::notification_id(value)) else {
            return self.stale(key, value);
        };
        let notification = match whole(tree, &tenant, id) {
            Ok(Some(Whole { notification, .. })) => notification,
            Ok(None) => return self.stale(key, value),
            Err(Trouble::Damaged { .. }) => return Ok(()),
            Err(trouble) => return Err(trouble),
        };
        let text = notification.collapse_key.as_ref();
        let own = text.map(|text| keys::collapse(&tenant, &notification.recipient.id, text));
        let mut waits = false;
        for channel in &notification.channels {
            waits |= match self.behind(tree, &tenant, DeliveryId { notification: id, channel: *channel })? {
                Behind::Damage => true,
                Behind::Nothing => false,
                Behind::Delivery(present) => !present.delivery.state.is_final(),
            };
        }
        if waits && own.as_deref() == Some(key) { Ok(()) } else { self.stale(key, value) }
    }

    /// The delivery that an entry leads to.
    fn behind(&self, tree: &sled::Tree, tenant: &TenantId, id: DeliveryId) -> Result<Behind, Trouble> {
        match present(tree, tenant, id, None) {
            Ok(Some(present)) => Ok(Behind::Delivery(Box::new(present))),
            Ok(None) => Ok(Behind::Nothing),
            Err(Trouble::Damaged { .. }) => Ok(Behind::Damage),
            Err(trouble) => Err(trouble),
        }
    }

    fn stale(&mut self, key: &IVec, value: &IVec) -> Result<(), Trouble> {
        self.stale.push((key.clone(), value.clone()));
        Ok(())
    }
}

/// Whether the timeline of a delivery tells of the message with that key.
fn is_told(tenant: &TenantId, present: Present, key: &[u8]) -> Result<bool, Trouble> {
    let own = keys::delivery(tenant, present.delivery.id);
    let facts = understood(&own, present.record.facts())?;
    let provider = |name: &str| ProviderName::new(name).ok();
    let providers: Vec<_> = facts.iter().filter_map(|(_, fact)| fact.detail("provider").and_then(provider)).collect();
    let mut messages = facts.iter().filter_map(|(_, fact)| fact.detail("provider_message_id"));
    Ok(messages.any(|message_id| providers.iter().any(|provider| keys::message(provider, message_id) == key)))
}
