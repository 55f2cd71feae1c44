//! The scheduler's alarm: until when it sleeps, and who may wake it earlier.
//!
//! Most of what is accepted is due later than what the scheduler waits for already: only what is due earlier wakes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::planted::planted;

/// Clones are one alarm.
#[derive(Clone)]
pub(crate) struct Alarm(Arc<Inner>);

struct Inner {
    /// Microseconds since 1970; `AWAKE` while the scheduler is not asleep.
    asleep_until: AtomicI64,
    ring: Notify,
}

/// Later than everything: whatever becomes due rings.
const AWAKE: i64 = i64::MAX;

impl Alarm {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Inner { asleep_until: AtomicI64::new(AWAKE), ring: Notify::new() }))
    }

    /// Something is now stored that is due at that time. Called after it is stored.
    pub(crate) fn stored(&self, due_at: Timestamp) {
        if due_at.as_microsecond() < self.0.asleep_until.load(Ordering::SeqCst) && !planted!(SleepsThroughTheAlarm) {
            self.0.ring.notify_one();
        }
    }

    /// The scheduler is about to ask the store what is due: from here on, nothing goes unnoticed.
    pub(crate) fn wake_up(&self) {
        self.0.asleep_until.store(AWAKE, Ordering::SeqCst);
    }

    /// The scheduler knows of nothing before `next` and goes to sleep; returns when something earlier is stored. What was
    /// stored since [`Self::wake_up`] has rung already.
    pub(crate) async fn rings_before(&self, next: Option<Timestamp>) {
        // `MAX` of a timestamp is far below: without a next, everything rings.
        self.0.asleep_until.store(next.map_or(AWAKE, Timestamp::as_microsecond), Ordering::SeqCst);
        self.0.ring.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn only_what_is_earlier_rings() {
        let alarm = Alarm::new();
        let mut sleeping = Box::pin(alarm.rings_before(Some(at(10))));
        assert!((&mut sleeping).now_or_never().is_none());
        alarm.stored(at(11));
        alarm.stored(at(10));
        assert!((&mut sleeping).now_or_never().is_none());
        alarm.stored(at(9));
        assert!(sleeping.now_or_never().is_some());
    }

    #[test]
    fn nothing_goes_unnoticed_between_looking_and_sleeping() {
        let alarm = Alarm::new();
        assert!(alarm.rings_before(Some(at(10))).now_or_never().is_none());
        alarm.wake_up();
        // Too late to be seen by the look, too early for the alarm to be set.
        alarm.stored(at(50));
        assert!(alarm.rings_before(Some(at(100))).now_or_never().is_some());
        assert!(alarm.rings_before(None).now_or_never().is_none());
        alarm.stored(at(1_000_000));
        assert!(alarm.rings_before(None).now_or_never().is_some());
    }
}
