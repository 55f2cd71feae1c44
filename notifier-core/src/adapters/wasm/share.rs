//! Keeps calls that compute much from taking the processors away from those that compute little.
//!
//! Letting others run at every tick is not enough: with twenty endless loops, everybody else waits for twenty turns. So
//! calls that have computed for a while share one half of the processors among themselves, by pausing after each turn
//! for as long as the others' turns take.

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// A call that has run for more turns than this is one that computes much.
const LIGHT_TICKS_MAX: u32 = 4;

/// How many calls compute much at present.
pub(super) struct FairShare {
    heavy: AtomicUsize,
    /// How many of them may run at the same time.
    lanes: usize,
}

impl Default for FairShare {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self { heavy: AtomicUsize::new(0), lanes: (processors / 2).max(1) }
    }
}

impl FairShare {
    /// How long the other calls that compute much take for turns of that length.
    fn turns_of_others(&self, turn: Duration) -> Duration {
        let waiting = self.heavy.load(SeqCst).saturating_sub(self.lanes);
        turn.saturating_mul(u32::try_from(waiting / self.lanes).unwrap_or(u32::MAX))
    }
}

/// How long the calls of one provider computed lately.
#[derive(Clone, Default)]
pub(super) struct Appetite(Arc<AtomicU64>);

impl Appetite {
    fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(SeqCst))
    }

    /// What was is forgotten in a few calls.
    fn add(&self, spent: Duration) {
        let spent_us = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.0.store((self.0.load(SeqCst) / 2).max(spent_us), SeqCst);
    }
}

/// For how long one call kept a thread busy.
#[derive(Default)]
pub(super) struct Spent(AtomicU64);

impl Spent {
    pub(super) fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(SeqCst))
    }

    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), SeqCst);
    }
}

/// Does the work of a call, and takes the time for which it keeps a thread busy.
pub(super) async fn metered<T>(appetite: &Appetite, spent: &Spent, work: impl Future<Output = T>) -> T {
    let _meter = Meter { appetite, spent };
    let mut work = pin!(work);
    poll_fn(move |context| {
        let started = Instant::now();
        let progress = work.as_mut().poll(context);
        spent.add(started.elapsed());
        progress
    })
    .await
}

struct Meter<'a> {
    appetite: &'a Appetite,
    spent: &'a Spent,
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.appetite.add(self.spent.get());
    }
}

/// The share of one call.
pub(super) struct Share {
    all: Arc<FairShare>,
    /// How long its provider's calls computed before.
    appetite: Duration,
    ticks_run: u32,
    /// How long the host computed on its behalf, which no tick interrupts.
    host_time: Duration,
    is_heavy: bool,
}

impl Share {
    /// A provider whose last calls computed much will do so again.
    pub(super) fn new(all: &Arc<FairShare>, appetite: &Appetite, tick: Duration) -> Self {
        let mut share = Self {
            all: Arc::clone(all),
            appetite: appetite.get(),
            ticks_run: 0,
            host_time: Duration::ZERO,
            is_heavy: false,
        };
        if share.appetite > tick * LIGHT_TICKS_MAX {
            share.become_heavy();
        }
        share
    }

    /// How long to wait before the first turn: what cannot be interrupted, as filling or freeing much memory, has to be
    /// made up for by the next call.
    pub(super) fn pause_before(&self) -> Duration {
        if self.is_heavy { self.all.turns_of_others(self.appetite) } else { Duration::ZERO }
    }

    /// Counts a turn. Returns how long to wait for the next.
    pub(super) fn pause_after_turn(&mut self, tick: Duration) -> Duration {
        self.ticks_run += 1;
        if self.ticks_run > LIGHT_TICKS_MAX {
            self.become_heavy();
        }
        if self.is_heavy { self.all.turns_of_others(tick) } else { Duration::ZERO }
    }

    /// What a function of the host took is the call's own time.
    pub(super) fn charge(&mut self, host_time: Duration) {
        self.host_time += host_time;
    }

    /// For how long the call computed: its turns, and what the host did for it.
    pub(super) fn computed(&self, tick: Duration) -> Duration {
        tick.saturating_mul(self.ticks_run) + self.host_time
    }

    fn become_heavy(&mut self) {
        if !self.is_heavy {
            self.is_heavy = true;
            self.all.heavy.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.is_heavy {
            self.all.heavy.fetch_sub(1, SeqCst);
        }
    }
}

/// Lets others run, for at least that long.
pub(super) async fn step_aside(pause: Duration) {
    if pause.is_zero() {
        tokio::task::yield_now().await;
    } else {
        // It cannot do anything but end.
        let _ = timeout(pause, pending::<()>()).await;
    }
}
