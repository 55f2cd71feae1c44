//! A clock that stands still until it is told to move.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::ports::clock::Clock;

/// A clock that stands still until it is told to move. Whoever sleeps wakes when it has moved far enough.
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    deadlines: Mutex<BTreeMap<Timestamp, usize>>,
}

impl ManualClock {
    /// A clock that shows that time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now), deadlines: Mutex::default() }
    }

    /// Moves it. It may go backwards, as clocks do when somebody sets them.
    pub fn set(&self, now: Timestamp) {
        self.now.send_replace(now);
    }

    /// Moves it forward.
    pub fn advance(&self, by: SignedDuration) {
        self.now.send_modify(|now| *now = now.checked_add(by).unwrap_or(Timestamp::MAX));
    }

    /// The earliest time for which somebody sleeps.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines().keys().next().copied()
    }

    /// Moves it to the earliest time for which somebody sleeps; `false` when nobody does.
    pub fn advance_to_next_deadline(&self) -> bool {
        let Some(deadline) = self.next_deadline() else { return false };
        self.now.send_modify(|now| *now = deadline.max(*now));
        true
    }

    fn deadlines(&self) -> MutexGuard<'_, BTreeMap<Timestamp, usize>> {
        self.deadlines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that somebody sleeps, for as long as they do.
struct Sleeper<'a> {
    clock: &'a ManualClock,
    deadline: Timestamp,
}

impl<'a> Sleeper<'a> {
    fn new(clock: &'a ManualClock, deadline: Timestamp) -> Self {
        *clock.deadlines().entry(deadline).or_default() += 1;
        Self { clock, deadline }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let mut deadlines = self.clock.deadlines();
        if let Some(count) = deadlines.get_mut(&self.deadline) {
            *count -= 1;
            if *count == 0 {
                deadlines.remove(&self.deadline);
            }
        }
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let mut now = self.now.subscribe();
        let _sleeper = Sleeper::new(self, deadline);
        // The sender lives in `self`: waiting cannot fail.
        let _ = now.wait_for(|now| *now >= deadline).await;
    }
}
