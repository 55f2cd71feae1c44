//! The semantics of the port as a plain data structure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{DeliveryId, IdempotencyKey, NotificationId, RecipientId, TemplateName, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{Acceptance, Accepted, Claimed, Lease, ListQuery, Page, Status, StoreError};

#[derive(Debug, Default)]
pub(super) struct Model {
    notifications: BTreeMap<(TenantId, NotificationId), Recorded>,
    deliveries: BTreeMap<DeliveryId, Tracked>,
    /// Pending and free, by due time.
    due: BTreeSet<(Timestamp, DeliveryId)>,
    /// Pending and claimed, by the end of the claim.
    claimed: BTreeSet<(Timestamp, DeliveryId)>,
    /// Being sent, by the end of the lease.
    leased: BTreeSet<(Timestamp, DeliveryId)>,
    keys: HashMap<(TenantId, IdempotencyKey), Remembered>,
    preferences: HashMap<(TenantId, RecipientId), Preferences>,
    /// All versions of each, oldest first.
    templates: BTreeMap<(TenantId, TemplateName), Vec<Template>>,
    last_token: u64,
}

#[derive(Debug)]
struct Recorded {
    notification: Notification,
    facts: Vec<Fact>,
}

#[derive(Debug)]
struct Tracked {
    delivery: Delivery,
    /// The newest lease, valid until somebody else gets one or it is given back.
    token: Option<u64>,
    place: Place,
}

#[derive(Debug)]
struct Remembered {
    notification: NotificationId,
    request_hash: [u8; 32],
    expires_at: Timestamp,
}

/// In which of the three orders a delivery stands, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Due(Timestamp),
    Claimed(Timestamp),
    Leased(Timestamp),
    Nowhere,
}

impl Model {
    pub(super) fn accept(&mut self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        let Acceptance { notification, deliveries, request_hash, key_expires_at } = acceptance;
        let id = notification.id;
        if let Some(key) = &notification.idempotency_key
            && let Some(before) = self.recall(&notification.tenant, key, &request_hash, notification.created_at)?
        {
            return Ok(Accepted::Before(before));
        }
        let place = (notification.tenant.clone(), id);
        if self.notifications.contains_key(&place) {
            return Ok(Accepted::Before(id));
        }
        if let Some(key) = &notification.idempotency_key {
            let remembered = Remembered { notification: id, request_hash, expires_at: key_expires_at };
            self.keys.insert((notification.tenant.clone(), key.clone()), remembered);
        }
        let facts = vec![notification.acceptance()];
        self.notifications.insert(place, Recorded { notification, facts });
        for delivery in deliveries {
            let id = delivery.id;
            self.deliveries.insert(id, Tracked { delivery, token: None, place: Place::Nowhere });
            self.free(id, Timestamp::MIN);
        }
        Ok(Accepted::New)
    }

    pub(super) fn recall(
        &self,
        tenant: &TenantId,
        key: &IdempotencyKey,
        request_hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<NotificationId>, StoreError> {
        let known = self.keys.get(&(tenant.clone(), key.clone())).filter(|known| known.expires_at > now);
        match known {
            Some(known) if known.request_hash == *request_hash => Ok(Some(known.notification)),
            Some(known) => Err(StoreError::KeyReused { key: key.clone(), existing: known.notification }),
            None => Ok(None),
        }
    }

    pub(super) fn claim(&mut self, now: Timestamp, limit: usize, until: Timestamp) -> Vec<Claimed> {
        while let Some((_, id)) = self.claimed.first().copied().filter(|(end, _)| *end <= now) {
            // The old token stays valid until somebody else gets the delivery.
            let token = self.deliveries.get(&id).and_then(|tracked| tracked.token);
            self.free(id, Timestamp::MIN);
            if let Some(tracked) = self.deliveries.get_mut(&id) {
                tracked.token = token;
            }
        }
        let ids: Vec<_> = self.due.iter().take_while(|(due, _)| *due <= now).take(limit).map(|(_, id)| *id).collect();
        ids.into_iter().filter_map(|id| self.hand_out(id, Place::Claimed(until))).collect()
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let times = [self.due.first(), self.claimed.first()];
        times.into_iter().flatten().map(|(at, _)| *at).min()
    }

    pub(super) fn begin(&mut self, lease: Lease, change: Change, until: Timestamp) -> Result<(), StoreError> {
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

    pub(super) fn settle(&mut self, lease: Lease, change: Change) -> Result<(), StoreError> {
        self.held(lease, &change)?;
        self.apply(change);
        self.free(lease.delivery, Timestamp::MIN);
        Ok(())
    }

    pub(super) fn release(&mut self, lease: Lease) {
        let held = self.deliveries.get(&lease.delivery).filter(|tracked| tracked.token == Some(lease.token));
        if held.is_some_and(|tracked| tracked.delivery.state == DeliveryState::Pending) {
            self.free(lease.delivery, Timestamp::MIN);
        }
    }

    pub(super) fn reclaim(&mut self, now: Timestamp, limit: usize, until: Timestamp) -> Vec<Claimed> {
        let ids: Vec<_> =
            self.leased.iter().take_while(|(end, _)| *end <= now).take(limit).map(|(_, id)| *id).collect();
        ids.into_iter().filter_map(|id| self.hand_out(id, Place::Leased(until))).collect()
    }

    pub(super) fn next_lease_end(&self) -> Option<Timestamp> {
        self.leased.first().map(|(end, _)| *end)
    }

    pub(super) fn cancel(&mut self, tenant: &TenantId, id: NotificationId, now: Timestamp) -> Option<Vec<Delivery>> {
        let status = self.status(tenant, id)?;
        for change in status.deliveries.iter().filter_map(|delivery| delivery.cancel(now).ok()) {
            let id = change.delivery.id;
            self.apply(change);
            self.free(id, Timestamp::MIN);
        }
        self.status(tenant, id).map(|status| status.deliveries)
    }

    pub(super) fn status(&self, tenant: &TenantId, id: NotificationId) -> Option<Status> {
        let recorded = self.notifications.get(&(tenant.clone(), id))?;
        Some(self.status_of(recorded))
    }

    pub(super) fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Option<Vec<Fact>> {
        self.notifications.get(&(tenant.clone(), id)).map(|recorded| recorded.facts.clone())
    }

    pub(super) fn list(&self, query: &ListQuery) -> Page {
        let limit = query.limit.max(1);
        let first = (query.tenant.clone(), NotificationId::from_bytes([0; 16]));
        let last = query.before.unwrap_or(NotificationId::from_bytes([0xff; 16]));
        let wanted = |recorded: &&Recorded| {
            query.recipient.as_ref().is_none_or(|recipient| recorded.notification.recipient.id == *recipient)
        };
        let mut rest =
            self.notifications.range(first..(query.tenant.clone(), last)).rev().map(|(_, recorded)| recorded);
        let items: Vec<Status> =
            rest.by_ref().filter(wanted).take(limit).map(|recorded| self.status_of(recorded)).collect();
        let next = items.last().map(|status| status.notification.id).filter(|_| rest.next().is_some());
        Page { items, next }
    }

    pub(super) fn put_preferences(&mut self, tenant: &TenantId, recipient: &RecipientId, preferences: Preferences) {
        self.preferences.insert((tenant.clone(), recipient.clone()), preferences);
    }

    pub(super) fn preferences(&self, tenant: &TenantId, recipient: &RecipientId) -> Option<Preferences> {
        self.preferences.get(&(tenant.clone(), recipient.clone())).cloned()
    }

    pub(super) fn put_template(&mut self, tenant: &TenantId, template: Template) -> u32 {
        let versions = self.templates.entry((tenant.clone(), template.name.clone())).or_default();
        let newest = versions.last().map_or(0, |newest| newest.version);
        if versions.last() == Some(&Template { version: newest, ..template.clone() }) {
            return newest;
        }
        let version = newest.saturating_add(1);
        versions.push(Template { version, ..template });
        version
    }

    pub(super) fn template(&self, tenant: &TenantId, name: &TemplateName, version: Option<u32>) -> Option<Template> {
        let versions = self.templates.get(&(tenant.clone(), name.clone()))?;
        match version {
            Some(version) => versions.iter().find(|template| template.version == version).cloned(),
            None => versions.last().cloned(),
        }
    }

    pub(super) fn templates(&self, tenant: &TenantId, after: Option<&TemplateName>, limit: usize) -> Vec<Template> {
        let is_next = |name: &TemplateName| after.is_none_or(|after| name > after);
        let wanted = self.templates.iter().filter(|((owner, name), _)| owner == tenant && is_next(name));
        wanted.filter_map(|(_, versions)| versions.last().cloned()).take(limit).collect()
    }

    pub(super) fn restart(&mut self) {
        let held: Vec<_> = self.claimed.iter().chain(&self.leased).map(|(_, id)| *id).collect();
        for id in held {
            self.free(id, Timestamp::MIN);
        }
        for tracked in self.deliveries.values_mut() {
            tracked.token = None;
        }
    }

    /// The delivery, if the lease is the newest and the change is about the same delivery.
    fn held(&self, lease: Lease, change: &Change) -> Result<&Tracked, StoreError> {
        let held = self.deliveries.get(&lease.delivery).filter(|tracked| tracked.token == Some(lease.token));
        held.filter(|_| change.delivery.id == lease.delivery).ok_or(StoreError::LeaseLost(lease.delivery))
    }

    fn apply(&mut self, change: Change) {
        let Change { delivery, facts } = change;
        if let Some(recorded) = self.notifications.get_mut(&(delivery.tenant.clone(), delivery.id.notification)) {
            recorded.facts.extend(facts);
        }
        if let Some(tracked) = self.deliveries.get_mut(&delivery.id) {
            tracked.delivery = delivery;
        }
    }

    /// Takes the delivery out of anybody's hands; one that is being sent can be taken over from `lease_end` on.
    fn free(&mut self, id: DeliveryId, lease_end: Timestamp) {
        let Some(tracked) = self.deliveries.get_mut(&id) else { return };
        tracked.token = None;
        let place = match tracked.delivery.state {
            DeliveryState::Pending => Place::Due(tracked.delivery.due_at),
            DeliveryState::Sending => Place::Leased(lease_end),
            _ => Place::Nowhere,
        };
        self.put(id, place);
    }

    fn hand_out(&mut self, id: DeliveryId, place: Place) -> Option<Claimed> {
        self.put(id, place);
        let tracked = self.deliveries.get_mut(&id)?;
        self.last_token += 1;
        tracked.token = Some(self.last_token);
        let delivery = tracked.delivery.clone();
        let notification = self.notifications.get(&(delivery.tenant.clone(), id.notification))?.notification.clone();
        Some(Claimed { lease: Lease { delivery: id, token: self.last_token }, delivery, notification })
    }

    fn put(&mut self, id: DeliveryId, place: Place) {
        let Some(tracked) = self.deliveries.get_mut(&id) else { return };
        match std::mem::replace(&mut tracked.place, place) {
            Place::Due(at) => self.due.remove(&(at, id)),
            Place::Claimed(end) => self.claimed.remove(&(end, id)),
            Place::Leased(end) => self.leased.remove(&(end, id)),
            Place::Nowhere => false,
        };
        match place {
            Place::Due(at) => self.due.insert((at, id)),
            Place::Claimed(end) => self.claimed.insert((end, id)),
            Place::Leased(end) => self.leased.insert((end, id)),
            Place::Nowhere => false,
        };
    }

    fn status_of(&self, recorded: &Recorded) -> Status {
        let notification = recorded.notification.clone();
        let ids = Channel::ALL.map(|channel| DeliveryId { notification: notification.id, channel });
        let deliveries = ids.iter().filter_map(|id| self.deliveries.get(id)).map(|tracked| tracked.delivery.clone());
        Status { deliveries: deliveries.collect(), notification }
    }
}
