//! One call of a plugin: a fresh store with its budgets, and what remains known when it is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use super::auth::Sessions;
use super::binding::Bindings;
use super::certificate::Certificates;
use super::config::CallLimits;
use super::engine::WasmEngine;
use super::fault::Fault;
use super::keyring::Keyring;
use super::limiter::Limiter;
use super::logbook::Logbook;
use super::memory::MemoryPool;
use super::outgoing::Outgoing;
#[cfg(any(test, feature = "testing"))]
use super::rehearsal::Stage;
use super::share::Computed;
use super::ticker::Running;
use super::wasi::Wasi;
use crate::adapters::egress::EgressClient;
use crate::domain::id::ProviderName;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;

/// What the operator gave to one provider.
#[derive(Clone)]
pub(super) struct Grants {
    pub(super) provider: ProviderName,
    /// A JSON object.
    pub(super) settings: String,
    pub(super) keyring: Arc<Keyring>,
    pub(super) egress: EgressClient,
    pub(super) limits: CallLimits,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// What its requests know of earlier ones.
    pub(super) sessions: Arc<Sessions>,
    pub(super) certificates: Arc<Certificates>,
    /// What its webhooks were signed with.
    pub(super) bindings: Arc<Bindings>,
    /// What the calls of this provider may use together.
    pub(super) memory: Arc<MemoryPool>,
    /// Where its calls are a rehearsal: who stands in for the world.
    #[cfg(any(test, feature = "testing"))]
    pub(super) stage: Option<Arc<Stage>>,
}

/// What the host keeps for a running instance.
pub(super) struct CallState {
    pub(super) grants: Arc<Grants>,
    pub(super) outgoing: Arc<Outgoing>,
    pub(super) limiter: Limiter,
    pub(super) logbook: Logbook,
    pub(super) wasi: Wasi,
    /// Why the host stopped the code, if it did.
    pub(super) interruption: Option<Fault>,
    pub(super) computed: Computed,
    /// While a webhook is read: what a signature that the plugin has checked is worth.
    pub(super) called_at: Option<CalledAt>,
    _ticks: Running,
}

/// The address that a vendor called, and with what.
pub(super) struct CalledAt {
    pub(super) url: String,
    pub(super) body: Vec<u8>,
    /// Whether a signature that was right covers it. The host says so, whatever the plugin makes of it.
    pub(super) is_signed: bool,
}

impl CallState {
    /// Does for the guest what takes the host time, on the guest's budget.
    pub(super) fn on_its_budget<T>(&mut self, work: impl FnOnce(&Self) -> T) -> T {
        let started = Instant::now();
        let result = work(self);
        self.computed.charge(started.elapsed());
        result
    }
}

/// What a call is for; it decides what the plugin may do meanwhile.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// To hand over a message: requests may be made, and must have come back a little before the deadline, so that the
    /// plugin can still read what it got.
    Send { deadline: Instant, timeout: Duration },
    /// To ask what came of a message: like sending.
    LookUp { deadline: Instant, timeout: Duration },
    /// To read a webhook: requests may be made once a signature of it was found right.
    Receive { deadline: Instant, timeout: Duration },
    /// To ask the plugin about itself: no requests, and no waiting.
    Load,
}

/// At most how much of an attempt's time is kept for the plugin to read the last response.
const READING_TIME_MAX: Duration = Duration::from_millis(250);

/// A store for one call of a component of that provider.
pub(super) fn new_store(engine: &WasmEngine, grants: &Arc<Grants>, purpose: Purpose) -> Store<CallState> {
    let limits = &grants.limits;
    let requests_until = match purpose {
        Purpose::Send { deadline, timeout }
        | Purpose::LookUp { deadline, timeout }
        | Purpose::Receive { deadline, timeout } => Some(deadline - READING_TIME_MAX.min(timeout / 10)),
        Purpose::Load => None,
    };
    let outgoing = Outgoing::new(Arc::clone(grants), requests_until);
    let outgoing = Arc::new(if matches!(purpose, Purpose::Receive { .. }) { outgoing.held() } else { outgoing });
    let state = CallState {
        grants: Arc::clone(grants),
        outgoing: Arc::clone(&outgoing),
        limiter: Limiter::new(limits.memory_bytes_max, limits.table_elements_max, Arc::clone(&grants.memory)),
        logbook: Logbook::new(grants.provider.clone(), limits.log_lines_max, limits.log_bytes_max),
        wasi: Wasi::new(outgoing),
        interruption: None,
        computed: Computed::default(),
        called_at: None,
        _ticks: engine.ticker.run(),
    };
    let mut store = Store::new(engine.raw(), state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(limits.handover_bytes_max);
    store.set_epoch_deadline(1);
    let tick = engine.options.tick;
    store.epoch_deadline_callback(move |context| Ok(on_tick(context, purpose, tick)));
    store
}

/// Running code meets every tick: it lets others run, and ends when its budget or its time is used up.
fn on_tick(mut context: StoreContextMut<'_, CallState>, purpose: Purpose, tick: Duration) -> UpdateDeadline {
    let state = context.data_mut();
    state.computed.count_turn();
    let budget_ms = state.grants.limits.cpu_budget_ms;
    if state.computed.time(tick) > Duration::from_millis(budget_ms) {
        state.interruption = Some(Fault::CpuBudget { budget_ms });
        return UpdateDeadline::Interrupt;
    }
    match purpose {
        Purpose::Send { deadline, timeout }
        | Purpose::LookUp { deadline, timeout }
        | Purpose::Receive { deadline, timeout } => {
            if Instant::now() >= deadline {
                state.interruption = Some(Fault::Deadline { timeout_ms: timeout.as_millis() });
                return UpdateDeadline::Interrupt;
            }
            UpdateDeadline::Yield(1)
        }
        // There is no executor to yield to.
        Purpose::Load => UpdateDeadline::Continue(1),
    }
}
