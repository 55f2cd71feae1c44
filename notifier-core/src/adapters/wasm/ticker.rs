//! Advances the engine's epoch, so that running code comes back to the host regularly.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// A thread that ticks while anything runs, and rests when nothing has run for a while: waking it for every call would
/// cost more than most calls.
pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    is_resting: bool,
    is_stopped: bool,
}

/// Ticks without anything running before the thread rests.
const IDLE_TICKS_MAX: u32 = 100;

impl Ticker {
    pub(super) fn start(engine: &Engine, tick: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, state) = (engine.clone(), Arc::clone(&shared));
        let thread = Builder::new().name("wasm-epoch".into()).spawn(move || state.tick(&engine, tick))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ticks until the guard is dropped.
    pub(super) fn run(&self) -> Running {
        let mut state = self.shared.lock();
        state.running += 1;
        if std::mem::take(&mut state.is_resting) {
            self.shared.changed.notify_one();
        }
        Running(Arc::clone(&self.shared))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().is_stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It only fails when the thread panicked, and a ticker that is gone has nothing to say any more.
            let _ = thread.join();
        }
    }
}

/// Something that needs ticks.
pub(super) struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self, engine: &Engine, tick: Duration) {
        let mut state = self.lock();
        let mut idle_ticks = 0;
        while !state.is_stopped {
            if state.is_resting {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                idle_ticks = 0;
                continue;
            }
            state = self.changed.wait_timeout(state, tick).unwrap_or_else(PoisonError::into_inner).0;
            engine.increment_epoch();
            idle_ticks = if state.running == 0 { idle_ticks + 1 } else { 0 };
            state.is_resting = idle_ticks > IDLE_TICKS_MAX;
        }
    }
}
