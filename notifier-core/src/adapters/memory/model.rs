//! The semantics of the port as a plain data structure.

mod accept;
mod deliver;
mod lists;
mod receive;
mod revise;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use crate::domain::channel::Channel;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::id::{
    CollapseKey, DeliveryId, IdempotencyKey, NotificationId, ProviderName, RecipientId, TemplateName, TenantId,
};
use crate::domain::lane::{Lane, Timing};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::receipt::Receipt;
use crate::domain::suppression::{KEYED_BYTES_MAX, Suppression};
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{DeadLetterPlace, ProviderState, Status};

/// Those who take turns in a lane: each tenant once with what is to go out at once, and once with what has a time.
type Party = (TenantId, Timing);
/// What is due when.
type Queues = BTreeMap<Party, BTreeSet<(Timestamp, DeliveryId)>>;

/// Where an address stands on a tenant's list: by channel and address, long ones last.
type ListPlace = (Channel, bool, String);

fn list_place(channel: Channel, address: &str) -> ListPlace {
    (channel, address.len() > KEYED_BYTES_MAX, address.to_owned())
}

#[derive(Debug, Default)]
pub(super) struct Model {
    notifications: BTreeMap<(TenantId, NotificationId), Recorded>,
    deliveries: BTreeMap<DeliveryId, Tracked>,
    /// Pending and free, by due time.
    queues: BTreeMap<(Channel, Lane), Queues>,
    /// Who was served last, of those who take turns.
    served: HashMap<(Channel, Lane), Party>,
    /// Pending and claimed, by the end of the claim.
    claimed: BTreeSet<(Timestamp, DeliveryId)>,
    /// Being sent, by the end of the lease.
    leased: BTreeSet<(Timestamp, DeliveryId)>,
    keys: HashMap<(TenantId, IdempotencyKey), Remembered>,
    collapsing: HashMap<(TenantId, RecipientId, CollapseKey), NotificationId>,
    messages: HashMap<(ProviderName, String), DeliveryId>,
    unmatched: BTreeMap<(ProviderName, String, String), Receipt>,
    /// More are not kept.
    unmatched_max: usize,
    dead: BTreeSet<(TenantId, DeadLetterPlace)>,
    suppressions: BTreeMap<(TenantId, ListPlace), Suppression>,
    providers: BTreeMap<ProviderName, ProviderState>,
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

/// In which of the orders a delivery stands, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Due(Timing, Timestamp),
    Claimed(Timestamp),
    Leased(Timestamp),
    Nowhere,
}

impl Model {
    pub(super) fn new(unmatched_max: usize) -> Self {
        Self { unmatched_max, ..Self::default() }
    }

    /// Claims are forgotten and leases are known to be over, as after a crash.
    pub(super) fn restart(&mut self) {
        let held: Vec<_> = self.claimed.iter().chain(&self.leased).map(|(_, id)| *id).collect();
        for id in held {
            self.free(id, Timestamp::MIN);
        }
        for tracked in self.deliveries.values_mut() {
            tracked.token = None;
        }
        self.served.clear();
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

    pub(super) fn put_suppression(&mut self, suppression: Suppression) {
        let place = (suppression.tenant.clone(), list_place(suppression.channel, &suppression.address));
        self.suppressions.insert(place, suppression);
    }

    pub(super) fn remove_suppression(&mut self, tenant: &TenantId, channel: Channel, address: &str) -> bool {
        self.suppressions.remove(&(tenant.clone(), list_place(channel, address))).is_some()
    }

    pub(super) fn put_provider_state(&mut self, state: ProviderState) {
        self.providers.insert(state.provider.clone(), state);
    }

    pub(super) fn provider_states(&self) -> Vec<ProviderState> {
        self.providers.values().cloned().collect()
    }

    /// Writes a change down, and what goes with it: indexes, and when the next in a sequence is due.
    fn apply(&mut self, change: Change) {
        let place = (change.delivery.tenant.clone(), change.delivery.id.notification);
        let id = change.delivery.id;
        self.rouse_next(&place, &change);
        let Change { delivery, facts, suppression, .. } = change;
        if let Some(suppression) = suppression {
            self.put_suppression(suppression);
        }
        if let Some(recorded) = self.notifications.get_mut(&place) {
            recorded.facts.extend(facts);
        }
        if let Some(attempt) = &delivery.last_attempt
            && let Some(message_id) = &attempt.provider_message_id
        {
            self.messages.insert((attempt.provider.clone(), message_id.clone()), id);
        }
        if let Some(tracked) = self.deliveries.get_mut(&id) {
            let before = std::mem::replace(&mut tracked.delivery, delivery);
            self.dead.remove(&(before.tenant.clone(), DeadLetterPlace { died_at: before.updated_at, delivery: id }));
            let now = &tracked.delivery;
            if now.state.is_dead() {
                let place = DeadLetterPlace { died_at: now.updated_at, delivery: id };
                self.dead.insert((now.tenant.clone(), place));
            }
        }
        self.forget_collapsed(&place);
    }

    /// What the change means for the next in a sequence.
    fn rouse_next(&mut self, place: &(TenantId, NotificationId), change: &Change) {
        let Some(Recorded { notification, .. }) = self.notifications.get(place) else { return };
        let Some(channel) = notification.channel_after(change.delivery.id.channel) else { return };
        let id = DeliveryId { notification: place.1, channel };
        let Some(tracked) = self.deliveries.get_mut(&id) else { return };
        if let Some(next) = notification.next_after(change, &tracked.delivery) {
            tracked.delivery = next;
            self.free(id, Timestamp::MIN);
        }
    }

    /// A notification of which nothing waits any more is replaced by nothing.
    fn forget_collapsed(&mut self, place: &(TenantId, NotificationId)) {
        let Some(recorded) = self.notifications.get(place) else { return };
        let notification = &recorded.notification;
        let Some(key) = &notification.collapse_key else { return };
        let key = (notification.tenant.clone(), notification.recipient.id.clone(), key.clone());
        let is_over = self.status_of(recorded).deliveries.iter().all(|delivery| delivery.state.is_final());
        if is_over && self.collapsing.get(&key) == Some(&place.1) {
            self.collapsing.remove(&key);
        }
    }

    /// Takes the delivery out of anybody's hands; one that is being sent can be taken over from `lease_end` on.
    fn free(&mut self, id: DeliveryId, lease_end: Timestamp) {
        let Some(tracked) = self.deliveries.get_mut(&id) else { return };
        tracked.token = None;
        let place = match tracked.delivery.state {
            DeliveryState::Pending => Place::Due(tracked.delivery.timing(), tracked.delivery.due_at),
            DeliveryState::Sending => Place::Leased(lease_end),
            _ => Place::Nowhere,
        };
        self.put(id, place);
    }

    fn put(&mut self, id: DeliveryId, place: Place) {
        let Some(tracked) = self.deliveries.get_mut(&id) else { return };
        let parties = self.queues.entry((id.channel, tracked.delivery.lane)).or_default();
        let party = |timing| (tracked.delivery.tenant.clone(), timing);
        match std::mem::replace(&mut tracked.place, place) {
            Place::Due(timing, at) => {
                let queue = parties.entry(party(timing)).or_default();
                let was_there = queue.remove(&(at, id));
                if queue.is_empty() {
                    parties.remove(&party(timing));
                }
                was_there
            }
            Place::Claimed(end) => self.claimed.remove(&(end, id)),
            Place::Leased(end) => self.leased.remove(&(end, id)),
            Place::Nowhere => false,
        };
        match place {
            Place::Due(timing, at) => parties.entry(party(timing)).or_default().insert((at, id)),
            Place::Claimed(end) => self.claimed.insert((end, id)),
            Place::Leased(end) => self.leased.insert((end, id)),
            Place::Nowhere => false,
        };
    }

    fn status_of(&self, recorded: &Recorded) -> Status {
        let notification = recorded.notification.clone();
        let ids =
            notification.channels.iter().map(|channel| DeliveryId { notification: notification.id, channel: *channel });
        let deliveries = ids.filter_map(|id| self.deliveries.get(&id)).map(|tracked| tracked.delivery.clone());
        Status { deliveries: deliveries.collect(), notification }
    }
}
