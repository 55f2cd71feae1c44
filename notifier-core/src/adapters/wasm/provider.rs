//! A component as a provider: loaded once, instantiated for each call, judged afterwards.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::cache::Compiled;
use super::call::{Grants, Purpose, new_store};
use super::config::WasmProviderConfig;
use super::engine::WasmEngine;
use super::error::PluginError;
use super::fault::Fault;
use super::load::load;
use super::outgoing::Outgoing;
use super::share::{Appetite, Spent};
use super::v0_1;
use super::words::tidy;
use crate::domain::message::Message;
use crate::domain::outcome::{LookUp, Outcome, Problem, RejectionKind};
use crate::ports::provider::{Provider, ProviderDescription, ReceiveError, Reported, SendContext, Sought, Webhook};

/// A provider whose knowledge of its vendor is in a sandboxed component.
pub struct WasmProvider {
    pub(super) engine: Arc<WasmEngine>,
    /// Remembered as long as it is here.
    pub(super) _compiled: Compiled,
    pub(super) plugin: v0_1::Plugin,
    pub(super) grants: Arc<Grants>,
    pub(super) appetite: Appetite,
    /// As many as messages may be handed over at the same time.
    pub(super) places: Semaphore,
    /// Reports wait neither for messages nor for look-ups, and have none of them wait.
    pub(super) receipt_places: Semaphore,
    pub(super) look_up_places: Semaphore,
    pub(super) description: ProviderDescription,
    pub(super) hosts_not_granted: Vec<String>,
}

impl WasmProvider {
    /// Compiles the component, or takes it from the cache; asks it what it needs; has it check its settings.
    ///
    /// Compiling a small component takes about 0.2 s of computing: call it while starting.
    ///
    /// # Errors
    /// Whatever would make every message fail is found here: see [`PluginError`].
    pub fn load(engine: &Arc<WasmEngine>, config: WasmProviderConfig) -> Result<Self, PluginError> {
        load(engine, config)
    }

    /// Hosts that the plugin asks for and was not granted. Requests to them are denied.
    #[must_use]
    pub fn hosts_not_granted(&self) -> &[String] {
        &self.hosts_not_granted
    }

    /// A place to run one call, among those of its kind and those of the engine.
    async fn place<'a>(
        &'a self,
        places: &'a Semaphore,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Place<'a>, Fault> {
        let busy = || Fault::Busy(format!("too many calls at the same time for {} ms", timeout.as_millis()));
        let both = async { Ok([places.acquire().await?, self.engine.instances.acquire().await?]) };
        let waited: Result<Place<'a>, AcquireError> = timeout_at(deadline, both).await.map_err(|_| busy())?;
        waited.map_err(|_| busy())
    }
}

/// Held while a call runs.
type Place<'a> = [SemaphorePermit<'a>; 2];

#[async_trait]
impl Provider for WasmProvider {
    fn describe(&self) -> &ProviderDescription {
        &self.description
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        let timeout = context.timeout;
        let deadline = deadline_in(timeout);
        let _place = match self.place(&self.places, deadline, timeout).await {
            Ok(place) => place,
            Err(fault) => return unavailable(&fault),
        };
        let mut store = new_store(&self.engine, &self.grants, Purpose::Send { deadline, timeout });
        let outgoing = Arc::clone(&store.data().outgoing);
        let sending = async move {
            let result = self.plugin.send(&mut store, message, context).await;
            let outcome = result.map_err(|error| Fault::from_error(&error, store.data()))?;
            // What it says after it was refused memory is about that, not about the message.
            let is_starved = store.data().limiter.pool_refused && !matches!(outcome, Outcome::Accepted { .. });
            if is_starved { Err(Fault::PoolEmpty { bytes_max: self.grants.memory.bytes_max() }) } else { Ok(outcome) }
        };
        let spent = Spent::default();
        let result = timeout_at(deadline, self.engine.share.metered(&self.appetite, &spent, sending)).await;
        let result = result.unwrap_or(Err(Fault::Deadline { timeout_ms: timeout.as_millis() }));
        let fair = timeout.min(Duration::from_millis(self.grants.limits.cpu_budget_ms)) / 2;
        judge(result, &outgoing, spent.is_to_blame(fair))
    }

    async fn look_up(&self, sought: &Sought, timeout: Duration) -> LookUp {
        let deadline = deadline_in(timeout);
        let work = async {
            let _place = self.place(&self.look_up_places, deadline, timeout).await?;
            let mut store = new_store(&self.engine, &self.grants, Purpose::LookUp { deadline, timeout });
            let outgoing = Arc::clone(&store.data().outgoing);
            let looking = async move {
                let result = self.plugin.look_up(&mut store, sought).await;
                result.map_err(|error| Fault::from_error(&error, store.data()))
            };
            let found = self.engine.share.metered(&self.appetite, &Spent::default(), looking).await?;
            Ok(judge_finding(found, &outgoing))
        };
        match timeout_at(deadline, work).await.unwrap_or(Err(Fault::Deadline { timeout_ms: timeout.as_millis() })) {
            Ok(found) => found,
            Err(fault) => LookUp::Unclear(fault.problem()),
        }
    }

    /// The plugin cannot make requests before it has found a signature of the webhook right.
    async fn receive(&self, webhook: &Webhook, timeout: Duration) -> Result<Reported, ReceiveError> {
        let deadline = deadline_in(timeout);
        let work = async {
            let _place = self.place(&self.receipt_places, deadline, timeout).await?;
            let mut store = new_store(&self.engine, &self.grants, Purpose::Receive { deadline, timeout });
            let receiving = async move {
                let result = self.plugin.receive(&mut store, webhook).await;
                result.map_err(|error| Fault::from_error(&error, store.data()))
            };
            self.engine.share.metered(&self.appetite, &Spent::default(), receiving).await
        };
        match timeout_at(deadline, work).await.unwrap_or(Err(Fault::Deadline { timeout_ms: timeout.as_millis() })) {
            Ok(result) => result,
            Err(fault) => Err(ReceiveError::Fault(fault.problem())),
        }
    }
}

/// The outcome of a call: what the plugin says, corrected by what the host saw. A deadline is the plugin's fault only when
/// it used the time to compute: it may have waited for its place until there was no time left.
pub(super) fn judge(result: Result<Outcome, Fault>, outgoing: &Outgoing, has_computed_long: bool) -> Outcome {
    match result {
        Ok(outcome @ (Outcome::Accepted { .. } | Outcome::Unknown { .. })) => outcome,
        Ok(
            Outcome::RateLimited { problem, .. }
            | Outcome::Unavailable { problem, .. }
            | Outcome::Rejected { problem, .. },
        ) if outgoing.was_interrupted() => Outcome::Unknown { problem: doubted(&problem) },
        // Its vendor was not asked: what the plugin knows are the limits of this one.
        Ok(Outcome::Rejected { kind: RejectionKind::Message, problem }) if !outgoing.has_asked() => {
            Outcome::Rejected { kind: RejectionKind::Unfit, problem }
        }
        Ok(outcome) => outcome,
        Err(fault) if outgoing.may_have_been_processed() => Outcome::Unknown { problem: fault.problem() },
        Err(fault @ (Fault::Busy(_) | Fault::PoolEmpty { .. })) => unavailable(&fault),
        Err(fault @ Fault::Deadline { .. }) if !has_computed_long => unavailable(&fault),
        Err(fault) => Outcome::Rejected { kind: RejectionKind::Plugin, problem: fault.problem() },
    }
}

/// What was not heard to the end is no reason to send a message again.
fn judge_finding(found: LookUp, outgoing: &Outgoing) -> LookUp {
    match found {
        LookUp::NotFound if outgoing.was_interrupted() => {
            let message = "a question broke off, so it is not certain that the vendor does not have the message";
            LookUp::Unclear(Problem::coded("plugin.interrupted", message))
        }
        found => found,
    }
}

/// Nothing was sent, and the next attempt may do better.
fn unavailable(fault: &Fault) -> Outcome {
    Outcome::Unavailable { retry_after_ms: None, problem: fault.problem() }
}

fn doubted(said: &Problem) -> Problem {
    let message = format!("a request broke off, so the message may have been taken; the plugin says: {said}");
    Problem::coded("plugin.interrupted", tidy(&message, 600))
}

/// No attempt takes longer than a day; that also keeps the sum in range.
fn deadline_in(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(Duration::from_secs(24 * 60 * 60))
}

impl fmt::Debug for WasmProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmProvider")
            .field("name", &self.grants.provider)
            .field("kind", &self.description.kind)
            .field("version", &self.description.version)
            .finish_non_exhaustive()
    }
}
