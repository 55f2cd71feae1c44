//! Sessions that wait for their next message, each for a limited time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::session::Session;
use crate::ports::clock::Clock;

/// Sessions that wait for their next message.
pub(super) struct Pool {
    idle: Arc<Mutex<Idle>>,
    clock: Arc<dyn Clock>,
    idle_timeout: Duration,
}

#[derive(Default)]
struct Idle {
    /// The latest last.
    sessions: Vec<Waiting>,
    last_number: u64,
}

struct Waiting {
    number: u64,
    session: Session,
    /// Ends it when its time is over.
    end: JoinHandle<()>,
}

impl Pool {
    pub(super) fn new(clock: Arc<dyn Clock>, idle_timeout: Duration) -> Self {
        Self { idle: Arc::default(), clock, idle_timeout }
    }

    /// The session that was used last: those that are not needed come to their end. One that its server has left is passed over.
    pub(super) fn take(&self) -> Option<Session> {
        loop {
            let mut waiting = lock(&self.idle).sessions.pop()?;
            waiting.end.abort();
            if waiting.session.is_quiet() {
                return Some(waiting.session);
            }
        }
    }

    /// Keeps a session for later.
    pub(super) fn put(&self, session: Session) {
        if self.idle_timeout.is_zero() {
            tokio::spawn(session.quit());
            return;
        }
        let mut idle = lock(&self.idle);
        idle.last_number += 1;
        let number = idle.last_number;
        // Whoever drops the pool does not have to wait for it.
        let (clock, timeout, pool) = (Arc::clone(&self.clock), self.idle_timeout, Arc::downgrade(&self.idle));
        let end = tokio::spawn(async move {
            clock.sleep(timeout).await;
            let Some(pool) = pool.upgrade() else { return };
            let ended = {
                let mut idle = lock(&pool);
                let place = idle.sessions.iter().position(|waiting| waiting.number == number);
                place.map(|place| idle.sessions.remove(place))
            };
            if let Some(ended) = ended {
                ended.session.quit().await;
            }
        });
        idle.sessions.push(Waiting { number, session, end });
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for waiting in lock(&self.idle).sessions.drain(..) {
            waiting.end.abort();
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
