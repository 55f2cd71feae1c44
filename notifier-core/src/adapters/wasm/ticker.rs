//! Advances the engine's epoch, so that running code comes back to the host regularly.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// A thread that ticks until it is dropped.
pub(super) struct Ticker {
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(super) fn start(engine: &Engine, tick: Duration) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let engine = engine.clone();
        let thread = Builder::new().name("wasm-epoch".into()).spawn(move || {
            while stopped.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It only fails when the thread panicked, and a ticker that is gone has nothing to say any more.
            let _ = thread.join();
        }
    }
}
