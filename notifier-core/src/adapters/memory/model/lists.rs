//! Reading.

use std::collections::BTreeSet;
use std::ops::Bound;

use jiff::Timestamp;

use super::{Model, Recorded, list_place};
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, NotificationId, TemplateName, TenantId};
use crate::domain::lane::Lane;
use crate::domain::suppression::Suppression;
use crate::domain::template::Template;
use crate::domain::timeline::Fact;
use crate::ports::store::{
    DeadLetter, DeadLetterPage, DeadLetterPlace, DeadLetterQuery, ListQuery, Page, Status, StoreCounts, Swept,
};

impl Model {
    pub(in crate::adapters::memory) fn status(&self, tenant: &TenantId, id: NotificationId) -> Option<Status> {
        let recorded = self.notifications.get(&(tenant.clone(), id))?;
        Some(self.status_of(recorded))
    }

    pub(in crate::adapters::memory) fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Option<Vec<Fact>> {
        self.notifications.get(&(tenant.clone(), id)).map(|recorded| recorded.facts.clone())
    }

    pub(in crate::adapters::memory) fn list(&self, query: &ListQuery) -> Page {
        let limit = query.limit.max(1);
        let first = (query.tenant.clone(), NotificationId::from_bytes([0; 16]));
        let last = query.before.unwrap_or(NotificationId::from_bytes([0xff; 16]));
        let wanted = |recorded: &&Recorded| query.filter.fits(&self.status_of(recorded));
        let mut rest =
            self.notifications.range(first..(query.tenant.clone(), last)).rev().map(|(_, recorded)| recorded);
        let items: Vec<Status> =
            rest.by_ref().filter(wanted).take(limit).map(|recorded| self.status_of(recorded)).collect();
        let next = items.last().map(|status| status.notification.id).filter(|_| rest.next().is_some());
        Page { items, next }
    }

    pub(in crate::adapters::memory) fn dead_letters(&self, query: &DeadLetterQuery) -> DeadLetterPage {
        let limit = query.limit.max(1);
        let of_tenant = self.dead.iter().rev().filter(|(tenant, _)| *tenant == query.tenant).map(|(_, place)| *place);
        let mut rest =
            of_tenant.filter(|place| query.before.is_none_or(|before| *place < before)).filter_map(|place| {
                let letter = self.dead_letter(&query.tenant, place)?;
                let fits = query.filter.fits_notification(&letter.notification)
                    && query.filter.fits_delivery(&letter.delivery);
                fits.then_some((place, letter))
            });
        let found: Vec<_> = rest.by_ref().take(limit).collect();
        let next = found.last().map(|(place, _)| *place).filter(|_| rest.next().is_some());
        DeadLetterPage { items: found.into_iter().map(|(_, letter)| letter).collect(), next }
    }

    fn dead_letter(&self, tenant: &TenantId, place: DeadLetterPlace) -> Option<DeadLetter> {
        let delivery = self.deliveries.get(&place.delivery)?.delivery.clone();
        let recorded = self.notifications.get(&(tenant.clone(), place.delivery.notification))?;
        Some(DeadLetter { delivery, notification: recorded.notification.clone() })
    }

    pub(in crate::adapters::memory) fn suppression(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Option<Suppression> {
        self.suppressions.get(&(tenant.clone(), list_place(channel, address))).cloned()
    }

    pub(in crate::adapters::memory) fn suppressions(
        &self,
        tenant: &TenantId,
        after: Option<(Channel, &str)>,
        limit: usize,
    ) -> Vec<Suppression> {
        let after = after.map(|(channel, address)| list_place(channel, address));
        let wanted = self
            .suppressions
            .iter()
            .filter(|((owner, place), _)| owner == tenant && after.as_ref().is_none_or(|after| place > after));
        wanted.map(|(_, suppression)| suppression.clone()).take(limit).collect()
    }

    pub(in crate::adapters::memory) fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Option<Template> {
        let versions = self.templates.get(&(tenant.clone(), name.clone()))?;
        match version {
            Some(version) => versions.iter().find(|template| template.version == version).cloned(),
            None => versions.last().cloned(),
        }
    }

    pub(in crate::adapters::memory) fn templates(
        &self,
        tenant: &TenantId,
        after: Option<&TemplateName>,
        limit: usize,
    ) -> Vec<Template> {
        let is_next = |name: &TemplateName| after.is_none_or(|after| name > after);
        let wanted = self.templates.iter().filter(|((owner, name), _)| owner == tenant && is_next(name));
        wanted.filter_map(|(_, versions)| versions.last().cloned()).take(limit).collect()
    }

    /// From the orders, and not from the deliveries: most of those are over, and this is asked often.
    pub(in crate::adapters::memory) fn counts(&self) -> StoreCounts {
        let mut counts = StoreCounts {
            sending: self.leased.len(),
            dead: self.dead.len(),
            unmatched_receipts: self.unmatched.len(),
            ..StoreCounts::default()
        };
        let due = self.queues.iter().map(|((_, lane), tenants)| (*lane, tenants.values().map(BTreeSet::len).sum()));
        let claimed = self.claimed.iter().filter_map(|(_, id)| Some((self.deliveries.get(id)?.delivery.lane, 1)));
        for (lane, count) in due.chain(claimed) {
            let pending: usize = count;
            match lane {
                Lane::Urgent => counts.pending.urgent += pending,
                Lane::Normal => counts.pending.normal += pending,
                Lane::Bulk => counts.pending.bulk += pending,
            }
        }
        counts
    }

    /// Its orders follow the deliveries by construction; only one that has left them could be stuck.
    pub(in crate::adapters::memory) fn sweep(&mut self, after: Option<NotificationId>, limit: usize) -> Swept {
        let last_of = |notification| DeliveryId { notification, channel: Channel::ALL[Channel::ALL.len() - 1] };
        let start = after.map_or(Bound::Unbounded, |after| Bound::Excluded(last_of(after)));
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        let mut next = None;
        for id in self.deliveries.range((start, Bound::Unbounded)).map(|(id, _)| *id) {
            if seen.len() >= limit.max(1) && !seen.contains(&id.notification) {
                next = seen.last().copied();
                break;
            }
            seen.insert(id.notification);
            found.push(id);
        }
        let lost: Vec<_> = found.iter().filter(|id| self.is_lost(**id)).copied().collect();
        for id in &lost {
            self.free(*id, Timestamp::MIN);
        }
        Swept { examined: found.len(), repaired: lost.len(), next }
    }

    fn is_lost(&self, id: DeliveryId) -> bool {
        let tracked = self.deliveries.get(&id);
        tracked.is_some_and(|tracked| !tracked.delivery.state.is_final() && tracked.place == super::Place::Nowhere)
    }
}
