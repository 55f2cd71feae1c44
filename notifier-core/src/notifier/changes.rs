//! What people change about notifications: take back, move, take note of, try again.

use super::Notifier;
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{NotificationId, TenantId};
use crate::domain::revision::Revision;
use crate::domain::schedule::ScheduleRequest;
use crate::domain::timeline::Reason;
use crate::error::{ReplayError, ReviseError};
use crate::flow::replays::{ReplayProgress, ReplayRequest};
use crate::flow::revisions::{RevisedMany, Selection};
use crate::ports::store::{DeadLetterPage, DeadLetterQuery, Filter, RevisedStatus, StoreError};

impl Notifier {
    /// The notification that is meant; `None` when a key is not remembered. One named by its id may not exist.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, tenant: &TenantId, selection: &Selection) -> Result<Option<NotificationId>, StoreError> {
        self.flow.find(tenant, selection).await
    }

    /// Takes back what has not been sent. The answer is final: a delivery that it shows as cancelled will not be sent;
    /// one that it shows as sending or beyond could not be stopped. What is sending is not tried again if the call under way is
    /// in vain: it ends cancelled then, or unknown where nobody knows.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cancel(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Delivery>>, StoreError> {
        let reason = Reason::new("cancel.requested", "cancelled before it was sent");
        let revised = self.flow.revise(tenant, id, &Revision::Cancel(reason)).await?;
        Ok(revised.map(|revised| revised.status.deliveries))
    }

    /// As [`Self::cancel`] for everything that fits the filter and was accepted before `before`, newest first, as far as one
    /// call looks: go on with `next`. All of a notification is cancelled, and not only the delivery by which it fits.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cancel_all(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<NotificationId>,
    ) -> Result<RevisedMany, StoreError> {
        self.flow.cancel_all(tenant, filter, before).await
    }

    /// Moves what has not been sent to another time; `None` when there is no such notification.
    ///
    /// # Errors
    /// [`ReviseError::Invalid`] when the time cannot be used, [`ReviseError::TooLate`] when there is nothing left to move.
    pub async fn reschedule(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        schedule: &ScheduleRequest,
    ) -> Result<Option<RevisedStatus>, ReviseError> {
        self.flow.reschedule(tenant, id, schedule).await
    }

    /// As [`Self::reschedule`] for everything that fits the filter and was accepted before `before`, newest first, as far as one
    /// call looks: go on with `next`. A wall-clock time without a zone is that of each recipient.
    ///
    /// # Errors
    /// [`ReviseError::Invalid`] when the time cannot be used for one of them: nothing that comes after that one was moved then.
    pub async fn reschedule_all(
        &self,
        tenant: &TenantId,
        filter: &Filter,
        before: Option<NotificationId>,
        schedule: &ScheduleRequest,
    ) -> Result<RevisedMany, ReviseError> {
        self.flow.reschedule_all(tenant, filter, before, schedule).await
    }

    /// Somebody took note: what escalates until then stops. Doing it again changes nothing. `None` when there is no such
    /// notification.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn acknowledge(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        by: Option<String>,
    ) -> Result<Option<RevisedStatus>, StoreError> {
        self.flow.revise(tenant, id, &Revision::Acknowledge { by }).await
    }

    /// Dead letters, the latest first: deliveries that failed, expired or are unknown.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn dead_letters(&self, query: &DeadLetterQuery) -> Result<DeadLetterPage, StoreError> {
        self.flow.store.dead_letters(query).await
    }

    /// Tries dead letters of a notification again, at once and with all attempts anew; `None` when there is no such
    /// notification. What was unknown may arrive twice.
    ///
    /// # Errors
    /// [`ReviseError::TooLate`] when nothing of it is dead.
    pub async fn replay(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        channel: Option<Channel>,
    ) -> Result<Option<RevisedStatus>, ReviseError> {
        self.flow.replay(tenant, id, channel).await
    }

    /// Begins to try all dead letters again that fit, at a rate. It runs beside everything else, see [`Self::replays`].
    ///
    /// # Errors
    /// When too many run already.
    pub fn start_replay(&self, request: ReplayRequest) -> Result<ReplayProgress, ReplayError> {
        self.flow.start_replay(request)
    }

    /// The replays since the start, the latest first.
    #[must_use]
    pub fn replays(&self) -> Vec<ReplayProgress> {
        self.flow.replays.all()
    }

    /// How far a replay is; `None` when it is not remembered.
    #[must_use]
    pub fn replay_progress(&self, number: u64) -> Option<ReplayProgress> {
        self.flow.replays.find(number)
    }
}
