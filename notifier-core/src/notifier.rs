//! The engine as an application sees it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use crate::domain::channel::Channel;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::health::{HealthState, Override, Standing};
use crate::domain::id::{DeliveryId, NotificationId, ProviderName, RecipientId, SubjectId, TenantId};
use crate::domain::lane::Lane;
use crate::domain::limits::Limits;
use crate::domain::message::MessageContent;
use crate::domain::recipient::Recipient;
use crate::domain::request::NotificationRequest;
use crate::domain::route::Route;
use crate::domain::subject::Subject;
use crate::domain::timeline::Fact;
use crate::error::{PreviewError, ReceiptError, SubmitError};
use crate::flow::connected::{Connected, ProviderPolicy};
use crate::flow::explain::Explanation;
use crate::flow::intake::Submitted;
use crate::flow::pace::Comer;
use crate::flow::planner::hash;
use crate::flow::receipts::ReceiveReport;
use crate::flow::{Flow, Stage, after};
use crate::ports::clock::within;
use crate::ports::directory::LookupError;
use crate::ports::provider::{ProviderDescription, Webhook};
use crate::ports::store::{ListQuery, Page, Status, StoreCounts, StoreError};

mod changes;
#[cfg(feature = "wasm")]
mod plugins;
mod settings;

pub use crate::builder::NotifierBuilder;
#[cfg(feature = "wasm")]
pub use plugins::ReplaceError;

/// The engine: accepts, schedules, sends, and tells what it did.
///
/// It works in the background from [`NotifierBuilder::start`] on, inside the Tokio runtime in which it was started,
/// until [`Notifier::shutdown`]. Dropped without that, it stops at once, as in a crash: nothing accepted is lost, and
/// what was in flight is settled at the next start.
pub struct Notifier {
    pub(crate) flow: Arc<Flow>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
    /// Where plugins run; `None` where there were none at the start.
    #[cfg(feature = "wasm")]
    pub(crate) plugin_engine: Option<Arc<crate::adapters::wasm::WasmEngine>>,
}

/// A configured provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderStatus {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// What it says about itself.
    pub description: ProviderDescription,
    /// Why it is still this one, where it was to be replaced and could not be: see [`Notifier::replace_plugin`].
    pub not_replaced: Option<String>,
    /// Channels that are routed to it.
    pub routed: Vec<Channel>,
    /// Its circuit breaker and its share of the traffic.
    pub health: HealthState,
    /// Whether it takes calls now, as seen by the normal lane.
    pub standing: Standing,
    /// Why the breaker last changed; empty if it never did.
    pub reason: String,
    /// Calls of the last seconds that went well.
    pub good_calls_lately: u32,
    /// Calls of the last seconds that did not.
    pub bad_calls_lately: u32,
    /// Until when the vendor asked to be left alone.
    pub rests_until: Option<Timestamp>,
    /// Calls that run now.
    pub calls_in_flight: usize,
    /// Calls that may run at the same time.
    pub concurrent_calls_max: usize,
    /// Calls of this day (UTC), where they are limited.
    pub calls_today: Option<u64>,
    /// What it is allowed, and how it is judged.
    pub policy: ProviderPolicy,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// What is in the store.
    pub now: StoreCounts,
    /// Notifications accepted since the start.
    pub accepted: u64,
    /// Calls that were turned away because there was too much to do, since the start.
    pub refused: u64,
    /// Calls of providers since the start.
    pub attempts: u64,
    /// Deliveries that a provider took since the start.
    pub sent: u64,
    /// Deliveries that failed since the start.
    pub failed: u64,
    /// Deliveries that were given up without knowing whether they were sent, since the start.
    pub unknown: u64,
    /// Reports of providers that a delivery was told, since the start.
    pub receipts: u64,
    /// Reports of providers about nothing known that were forgotten because too many waited, since the start. The oldest go
    /// first; many mean that a provider's account also serves somebody else.
    pub receipts_forgotten: u64,
    /// Deliveries that were stuck and were put right, since the start. Should be 0.
    pub repaired: u64,
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Whether everything in flight was settled in time.
    pub drained: bool,
}

impl Notifier {
    /// Starts to configure an engine.
    #[must_use]
    pub fn builder() -> NotifierBuilder {
        NotifierBuilder::default()
    }

    /// Accepts a request. When this returns `Ok`, the notification is on disk and will reach a final state.
    ///
    /// # Errors
    /// [`SubmitError::Invalid`] names each field that cannot be used; nothing is stored then.
    pub async fn submit(&self, request: NotificationRequest) -> Result<Submitted, SubmitError> {
        self.flow.accept(request, None).await
    }

    /// Accepts many requests at once; each has its own result, in order. One that is refused leaves the others as they are.
    ///
    /// # Errors
    /// When none of them can be stored.
    pub async fn submit_all(
        &self,
        requests: Vec<NotificationRequest>,
    ) -> Result<Vec<Result<Submitted, SubmitError>>, SubmitError> {
        self.flow.accept_all(requests).await
    }

    /// Accepts a request in place of an earlier notification that has not been sent: that one is cancelled in the same commit.
    ///
    /// # Errors
    /// [`SubmitError::TooLate`] when something of the earlier one was sent, is being sent, or has ended; nothing changes then.
    pub async fn replace(
        &self,
        earlier: NotificationId,
        request: NotificationRequest,
    ) -> Result<Submitted, SubmitError> {
        self.flow.accept(request, Some(earlier)).await
    }

    /// A notification and where its deliveries stand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        self.flow.store.status(tenant, id).await
    }

    /// What happened to a notification and why, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, StoreError> {
        self.flow.store.timeline(tenant, id).await
    }

    /// Notifications, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.flow.store.list(query).await
    }

    /// Takes a webhook of a provider's vendor: it is verified, read, and told to the deliveries that it is about.
    ///
    /// # Errors
    /// See [`ReceiptError`]: what is not verified changes nothing.
    pub async fn receive(&self, provider: &ProviderName, webhook: &Webhook) -> Result<ReceiveReport, ReceiptError> {
        self.flow.receive(provider, webhook).await
    }

    /// Why a notification is where it is, and what is next; `None` when there is no such notification.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn explain(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Explanation>, StoreError> {
        self.flow.explain(tenant, id).await
    }

    /// What would become of a request. Stores and sends nothing.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn explain_request(&self, request: NotificationRequest) -> Result<Explanation, SubmitError> {
        self.flow.explain_request(request).await
    }

    /// Sets a provider's circuit breaker by hand, or leaves it to itself again (`None`); `false` when there is no such
    /// provider. Durable when this returns. What was put off because the breaker was open looks again within a minute: urgent
    /// deliveries within about ten seconds, normal ones within half a minute.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn set_breaker(&self, provider: &ProviderName, decision: Option<Override>) -> Result<bool, StoreError> {
        self.flow.set_breaker(provider, decision).await
    }

    /// How much there is of everything.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stats(&self) -> Result<Stats, StoreError> {
        let flow = &self.flow;
        let tally = &flow.tally;
        Ok(Stats {
            now: flow.store.counts().await?,
            accepted: tally.accepted.get(),
            refused: tally.refused.get(),
            attempts: tally.attempts.get(),
            sent: tally.sent.get(),
            failed: tally.failed.get(),
            unknown: tally.unknown.get(),
            receipts: tally.receipts.get(),
            receipts_forgotten: tally.receipts_forgotten.get(),
            repaired: tally.repaired.get(),
        })
    }

    /// Looks through the whole store for deliveries that nobody would ever look at again, and puts them right. How many there
    /// were: there should be none. Happens by itself now and then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        self.flow.sweep().await
    }

    /// Returns the notification once all its deliveries are in a final state; `None` when there is no such notification.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wait(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        let mut changes = self.flow.signals.changed.subscribe();
        loop {
            match self.status(tenant, id).await? {
                Some(status) if !status.deliveries.iter().all(|delivery| delivery.state.is_final()) => {}
                settled => return Ok(settled),
            }
            // Whatever happens here (a change, too many to keep, none ever again) the answer is to look again.
            while let Ok(changed) = changes.recv().await {
                if changed.notification == id {
                    break;
                }
            }
        }
    }

    /// As [`Self::wait`], but for at most `limit`; then as it stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wait_at_most(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        limit: Duration,
    ) -> Result<Option<Status>, StoreError> {
        match within(&*self.flow.clock, limit, self.wait(tenant, id)).await {
            Ok(settled) => settled,
            Err(_) => self.status(tenant, id).await,
        }
    }

    /// What the user database says about a recipient; `None` when it knows none, or when there is no user database.
    ///
    /// # Errors
    /// When the user database does not answer usefully.
    pub async fn recipient(&self, tenant: &TenantId, id: &RecipientId) -> Result<Option<Recipient>, LookupError> {
        match &self.flow.directory {
            Some(directory) => directory.recipient(tenant, id).await,
            None => Ok(None),
        }
    }

    /// What the catalog says about a subject; `None` when it knows none, or when there is no catalog.
    ///
    /// # Errors
    /// When the catalog does not answer usefully.
    pub async fn subject(&self, tenant: &TenantId, id: &SubjectId) -> Result<Option<Subject>, LookupError> {
        match &self.flow.catalog {
            Some(catalog) => catalog.subject(tenant, id).await,
            None => Ok(None),
        }
    }

    /// The message of a delivery as it would go out now. Sends nothing.
    ///
    /// # Errors
    /// When there is no such delivery, or no message could be made of it.
    pub async fn preview(&self, tenant: &TenantId, id: DeliveryId) -> Result<MessageContent, PreviewError> {
        self.flow.preview(tenant, id).await
    }

    /// The message of the last attempt of a delivery. Its words are not kept, only their hash: `None` when they cannot be made
    /// again, or come out differently. Address and sender are those of now; those of then are in the [`Attempt`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn attempted(&self, delivery: &Delivery) -> Result<Option<MessageContent>, StoreError> {
        let Some(Attempt { content_sha256, .. }) = &delivery.last_attempt else { return Ok(None) };
        match self.preview(&delivery.tenant, delivery.id).await {
            Ok(content) => Ok(Some(content).filter(|content| hash(content) == *content_sha256)),
            Err(PreviewError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The channels that can be used: those with a route.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        self.flow.routes.channels()
    }

    /// The routes, the ones that count first first.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.flow.routes.0
    }

    /// The configured providers, by name.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderStatus> {
        let now = self.flow.clock.now();
        let status = |(name, connected): (&ProviderName, &Arc<Connected>)| {
            let comer = Comer { lane: Lane::Normal, has_waited: false };
            let standing = connected.standing_for(comer, now, now);
            let (health, reason) = connected.look();
            let (good, bad) = health.lately(&connected.policy.health, now);
            let routes = self.flow.routes.0.iter().filter(|route| route.chain.providers().any(|other| other == name));
            let routed: BTreeSet<Channel> = routes.map(|route| route.channel).collect();
            ProviderStatus {
                name: name.clone(),
                description: connected.provider().describe().clone(),
                not_replaced: connected.not_replaced(),
                routed: routed.into_iter().collect(),
                health: health.state(),
                standing,
                reason,
                good_calls_lately: good,
                bad_calls_lately: bad,
                rests_until: health.rests_until(now),
                calls_in_flight: connected.calls_in_flight(),
                concurrent_calls_max: connected.concurrent_calls_max(),
                calls_today: connected.calls_today(now),
                policy: connected.policy.clone(),
            }
        };
        self.flow.providers.iter().map(status).collect()
    }

    /// Whether the engine can still make promises: it is not stopping, and the store works.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn check(&self) -> Result<(), StoreError> {
        if self.flow.signals.is_stopping() {
            return Err(StoreError::Closed);
        }
        self.flow.store.check().await
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.flow.limits
    }

    /// From now on nothing more is accepted or started; calls that run go on, and everything can still be read. For an
    /// application that has more to end than this, before it calls [`Self::shutdown`].
    pub fn stop(&self) {
        self.flow.signals.enter(Stage::Stopping);
    }

    /// Accepts and starts nothing more, waits for the calls that run, at most `deadline` for all of them together, and closes
    /// the store. What was prepared and not called yet is given back at once.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub async fn shutdown(mut self, deadline: Duration) -> Result<ShutdownReport, StoreError> {
        self.stop();
        let flow = Arc::clone(&self.flow);
        let ends_at = after(flow.clock.now(), deadline);
        // One deadline for all of it, and not longer where somebody sets the clock back.
        let left = || Duration::try_from(flow.clock.now().duration_until(ends_at)).unwrap_or_default().min(deadline);
        for task in std::mem::take(&mut self.tasks) {
            // The loops end on the signal; a loop that died has nothing left to end.
            let _ = within(&*flow.clock, left(), task).await;
        }
        let drained = within(&*flow.clock, left(), flow.drained()).await.is_ok();
        flow.store.close().await?;
        Ok(ShutdownReport { drained })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.flow.signals.enter(Stage::Abandoned);
        for task in &self.tasks {
            task.abort();
        }
    }
}
