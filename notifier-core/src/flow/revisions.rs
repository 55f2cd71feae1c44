//! What people change: cancel, reschedule, acknowledge and replay, one notification or all that fit a filter.

use jiff::{SignedDuration, Timestamp, ToSpan};

use super::Flow;
use crate::domain::channel::Channel;
use crate::domain::id::{IdempotencyKey, NotificationId, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::request::FieldError;
use crate::domain::revision::Revision;
use crate::domain::schedule::{self, ScheduleRequest};
use crate::domain::timeline::Reason;
use crate::error::ReviseError;
use crate::ports::store::{Filter, ListQuery, RevisedStatus, StoreError};

/// Which notifications a revision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The one with this id.
    Id(NotificationId),
    /// The one that was accepted under this key, as long as the key is remembered.
    Key(IdempotencyKey),
}

/// What a revision of many came to.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct RevisedMany {
    /// Notifications that fit the filter.
    pub matched: usize,
    /// Deliveries that changed.
    pub changed: usize,
    /// Deliveries that were being sent at that moment and could not be stopped. They are not tried again.
    pub sending: usize,
    /// Where to go on, when there are more than one call looks at.
    pub next: Option<NotificationId>,
}

/// Notifications that one call looks at.
const EXAMINED_MAX: usize = 10_000;
/// After so long one call says how far it came: its caller must still hear of it.
const REVISING_MAX: SignedDuration = SignedDuration::from_secs(10);
const PAGE: usize = 500;

impl Flow {
    /// The notification that is meant; `None` when there is none.
    pub(crate) async fn find(
        &self,
        tenant: &TenantId,
        selection: &Selection,
    ) -> Result<Option<NotificationId>, StoreError> {
        match selection {
            Selection::Id(id) => Ok(Some(*id)),
            Selection::Key(key) => self.store.recall(tenant, key, None, self.clock.now()).await,
        }
    }

    /// Applies it, and wakes whoever has to know.
    pub(crate) async fn revise(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        revision: &Revision,
    ) -> Result<Option<RevisedStatus>, StoreError> {
        let revised = self.store.revise(tenant, id, revision, self.clock.now()).await?;
        if let Some(revised) = &revised {
            for delivery in &revised.status.deliveries {
                if revised.changed.contains(&delivery.id) {
                    self.signals.announce(delivery.id);
                    if delivery.state == DeliveryState::Pending {
                        self.signals.alarm(delivery.id.channel).stored(delivery.due_at);
                    }
                }
            }
        }
        Ok(revised)
    }

    /// Cancels everything that fits.
    pub(crate) async fn cancel_all(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<NotificationId>,
    ) -> Result<RevisedMany, StoreError> {
        let revision = Revision::Cancel(Reason::new("cancel.requested", "cancelled before it was sent, with others"));
        self.revise_all(tenant, filter, before, |_| Ok(revision.clone())).await
    }

    /// Moves everything that fits to another time.
    pub(crate) async fn reschedule_all(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<NotificationId>,
        request: &ScheduleRequest,
    ) -> Result<RevisedMany, ReviseError> {
        self.revise_all(tenant, filter, before, |notification| self.rescheduling(notification, request)).await
    }

    /// Revises everything that fits, newest first, as far as one call looks and comes.
    async fn revise_all<E: From<StoreError>>(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<NotificationId>,
        revision_of: impl Fn(&Notification) -> Result<Revision, E>,
    ) -> Result<RevisedMany, E> {
        let mut query = ListQuery { filter: filter.clone(), before, ..ListQuery::of(tenant.clone(), PAGE) };
        let mut report = RevisedMany::default();
        let began = self.clock.now();
        for _ in 0..EXAMINED_MAX / PAGE {
            let page = self.store.list(&query).await?;
            for status in &page.items {
                if report.matched > 0 && self.clock.now().duration_since(began).abs() >= REVISING_MAX {
                    return Ok(report);
                }
                report.next = Some(status.notification.id);
                report.matched += 1;
                if status.deliveries.iter().all(|delivery| delivery.state.is_final()) {
                    continue;
                }
                let revision = revision_of(&status.notification)?;
                let Some(revised) = self.revise(tenant, status.notification.id, &revision).await? else { continue };
                report.changed += revised.changed.len();
                let is_sending = |state| state == DeliveryState::Sending;
                report.sending +=
                    revised.status.deliveries.iter().filter(|delivery| is_sending(delivery.state)).count();
            }
            report.next = page.next;
            query.before = page.next;
            if page.next.is_none() {
                break;
            }
        }
        Ok(report)
    }

    /// Moves what has not been sent to another time. It lives on as long after that as it would have after the old one.
    pub(crate) async fn reschedule(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        request: &ScheduleRequest,
    ) -> Result<Option<RevisedStatus>, ReviseError> {
        let Some(status) = self.store.status(tenant, id).await? else { return Ok(None) };
        let revised = self.revise(tenant, id, &self.rescheduling(&status.notification, request)?).await?;
        match revised {
            Some(revised) if revised.changed.is_empty() => Err(ReviseError::TooLate(Box::new(revised.status))),
            revised => Ok(revised),
        }
    }

    fn rescheduling(&self, notification: &Notification, request: &ScheduleRequest) -> Result<Revision, ReviseError> {
        let zone = notification.recipient.time_zone.as_ref();
        let now = self.clock.now();
        let due_at = schedule::resolve(request, zone, now, self.limits.schedule_ahead_days_max).map_err(|error| {
            ReviseError::Invalid(vec![FieldError::new(format!("schedule.{}", error.field), error.problem)])
        })?;
        let lifetime = notification.due_at.duration_until(notification.expires_at).max(SignedDuration::ZERO);
        Ok(Revision::Reschedule { due_at, expires_at: due_at.checked_add(lifetime).unwrap_or(Timestamp::MAX) })
    }

    /// Tries again what had ended without success.
    pub(crate) async fn replay(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        channel: Option<Channel>,
    ) -> Result<Option<RevisedStatus>, ReviseError> {
        let Some(status) = self.store.status(tenant, id).await? else { return Ok(None) };
        let category = self.category(&status.notification.category);
        let lifetime_ms = i64::try_from(category.expire_after_ms).unwrap_or(i64::MAX).min(i64::MAX / 1_000_000);
        let now = self.clock.now();
        let expires_at = now.checked_add(lifetime_ms.milliseconds()).unwrap_or(Timestamp::MAX);
        let revised = self.revise(tenant, id, &Revision::Replay { channel, expires_at }).await?;
        match revised {
            Some(revised) if revised.changed.is_empty() => Err(ReviseError::TooLate(Box::new(revised.status))),
            revised => Ok(revised),
        }
    }
}
