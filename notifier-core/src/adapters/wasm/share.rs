//! Keeps calls that compute much from taking the processors away from those that compute little.
//!
//! Letting others run at every tick is not enough: with twenty endless loops, everybody else waits for twenty turns. So
//! calls that have computed for a while take turns on one half of the threads that there are for all, one at least. Providers
//! take turns first, and the calls of one among themselves: whoever makes many has no more of it. What no tick interrupts, as
//! filling much memory, is part of a turn and so keeps only the others of their kind waiting.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Poll, ready};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// A call that has run for more turns than this is one that computes much.
const LIGHT_TICKS_MAX: u32 = 4;

/// The processors that calls may use which compute much.
pub(super) struct FairShare {
    lanes: Semaphore,
    lanes_count: usize,
    light_max: Duration,
}

impl FairShare {
    /// Half of the runtime's threads, or of the processors where they are fewer, for calls that run for longer than a few ticks.
    pub(super) fn new(tick: Duration) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        let threads = Handle::try_current().map_or(processors, |runtime| runtime.metrics().num_workers());
        Self::with_lanes((threads.min(processors) / 2).max(1), tick)
    }

    fn with_lanes(lanes: usize, tick: Duration) -> Self {
        Self { lanes: Semaphore::new(lanes), lanes_count: lanes, light_max: tick * LIGHT_TICKS_MAX }
    }

    /// What calls of one provider computed, and their places among those who wait for a lane: as many as there are lanes.
    pub(super) fn appetite(&self) -> Appetite {
        Appetite(Arc::new(OfProvider { lately_us: AtomicU64::new(0), turns: Semaphore::new(self.lanes_count) }))
    }

    /// Does the work of a call, and takes the time for which it keeps a thread busy. Each of its turns waits for a lane once
    /// it has computed for long, and from the beginning where its provider's last calls have.
    pub(super) async fn metered<T>(&self, appetite: &Appetite, spent: &Spent, work: impl Future<Output = T>) -> T {
        let was_heavy = appetite.get() > self.light_max;
        let _meter = Meter { appetite, spent };
        let (mut work, mut queue) = (pin!(work), Queue::new(&self.lanes, appetite, spent));
        poll_fn(move |context| {
            let is_heavy = was_heavy || spent.get() > self.light_max;
            let _lane = if is_heavy { ready!(queue.poll_lane(context)) } else { None };
            let started = Instant::now();
            let progress = work.as_mut().poll(context);
            spent.add(started.elapsed());
            progress
        })
        .await
    }
}

/// The turn of a call: its provider's, and the lane.
type Turn<'a> = (SemaphorePermit<'a>, SemaphorePermit<'a>);
type Waiting<'a> = dyn Future<Output = Result<Turn<'a>, AcquireError>> + Send + 'a;

/// The place of one call among those that wait for a lane.
struct Queue<'a> {
    lanes: &'a Semaphore,
    turns: &'a Semaphore,
    spent: &'a Spent,
    waiting: Option<(Instant, Pin<Box<Waiting<'a>>>)>,
}

impl<'a> Queue<'a> {
    fn new(lanes: &'a Semaphore, appetite: &'a Appetite, spent: &'a Spent) -> Self {
        Self { lanes, turns: &appetite.0.turns, spent, waiting: None }
    }

    /// `None` would be a semaphore that was closed, which these never are.
    fn poll_lane(&mut self, context: &mut Context<'_>) -> Poll<Option<Turn<'a>>> {
        let (lanes, turns) = (self.lanes, self.turns);
        let (since, waiting) = self.waiting.get_or_insert_with(|| {
            (Instant::now(), Box::pin(async { Ok((turns.acquire().await?, lanes.acquire().await?)) }))
        });
        let lane = ready!(waiting.as_mut().poll(context)).ok();
        self.spent.waited(since.elapsed());
        self.waiting = None;
        Poll::Ready(lane)
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        if let Some((since, _)) = &self.waiting {
            self.spent.waited(since.elapsed());
        }
    }
}

/// What the calls of one provider have in common.
#[derive(Clone)]
pub(super) struct Appetite(Arc<OfProvider>);

struct OfProvider {
    /// How long they computed lately.
    lately_us: AtomicU64,
    turns: Semaphore,
}

impl Appetite {
    fn get(&self) -> Duration {
        Duration::from_micros(self.0.lately_us.load(SeqCst))
    }

    /// What was is forgotten in a few calls.
    fn add(&self, spent: Duration) {
        let lately_us = &self.0.lately_us;
        lately_us.store((lately_us.load(SeqCst) / 2).max(as_micros(spent)), SeqCst);
    }
}

/// For how long one call kept a thread busy, and for how long it waited for that.
#[derive(Default)]
pub(super) struct Spent {
    busy_us: AtomicU64,
    waited_us: AtomicU64,
}

impl Spent {
    /// Whether it computed for so long, and was not kept from it for longer.
    pub(super) fn is_to_blame(&self, at_least: Duration) -> bool {
        self.get() >= at_least && self.busy_us.load(SeqCst) >= self.waited_us.load(SeqCst)
    }

    fn get(&self) -> Duration {
        Duration::from_micros(self.busy_us.load(SeqCst))
    }

    fn add(&self, time: Duration) {
        self.busy_us.fetch_add(as_micros(time), SeqCst);
    }

    fn waited(&self, time: Duration) {
        self.waited_us.fetch_add(as_micros(time), SeqCst);
    }
}

fn as_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
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

/// For how long one call computed.
#[derive(Default)]
pub(super) struct Computed {
    ticks_run: u32,
    /// How long the host computed on its behalf, which no tick interrupts.
    host_time: Duration,
}

impl Computed {
    pub(super) fn count_turn(&mut self) {
        self.ticks_run += 1;
    }

    /// What a function of the host took is the call's own time.
    pub(super) fn charge(&mut self, host_time: Duration) {
        self.host_time += host_time;
    }

    /// Its turns, and what the host did for it.
    pub(super) fn time(&self, tick: Duration) -> Duration {
        tick.saturating_mul(self.ticks_run) + self.host_time
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Mutex;
    use std::task::Waker;

    use futures_util::StreamExt as _;
    use futures_util::stream::FuturesUnordered;
    use tokio::task::yield_now;

    use super::*;

    const TICK: Duration = Duration::from_millis(2);

    fn heavy(share: &FairShare) -> Appetite {
        let appetite = share.appetite();
        appetite.add(TICK * (LIGHT_TICKS_MAX + 1));
        appetite
    }

    fn is_ready(future: Pin<&mut impl Future>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_computes_little_passes_those_who_wait_for_a_lane() {
        let share = FairShare::with_lanes(1, TICK);
        let (heavy, light) = (heavy(&share), share.appetite());
        let (heavy_spent, light_spent) = (Spent::default(), Spent::default());
        let lane = share.lanes.try_acquire().unwrap();
        let mut waits = pin!(share.metered(&heavy, &heavy_spent, async {}));
        assert!(!is_ready(waits.as_mut()));
        assert!(is_ready(pin!(share.metered(&light, &light_spent, async {}))));
        drop(lane);
        assert!(is_ready(waits.as_mut()));
        assert_eq!(share.lanes.available_permits(), 1);
    }

    #[test]
    fn whoever_is_given_up_takes_nobodys_turn() {
        let share = FairShare::with_lanes(1, TICK);
        let appetite = heavy(&share);
        let (first, second) = (Spent::default(), Spent::default());
        let lane = share.lanes.try_acquire().unwrap();
        {
            let mut given_up = pin!(share.metered(&appetite, &first, async {}));
            assert!(!is_ready(given_up.as_mut()));
        }
        drop(lane);
        assert_eq!((share.lanes.available_permits(), appetite.0.turns.available_permits()), (1, 1));
        assert!(is_ready(pin!(share.metered(&appetite, &second, async {}))));
    }

    /// As an interrupted component does: its turn is over, and it wants the next at once.
    async fn next_turn() {
        let mut is_over = false;
        poll_fn(|context| {
            if std::mem::replace(&mut is_over, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// However many calls one provider makes, a call of the other waits for a few of its turns only.
    #[tokio::test]
    async fn providers_take_turns() {
        const MANY: usize = 20;
        let share = FairShare::with_lanes(1, TICK);
        let (many, few) = (heavy(&share), heavy(&share));
        let turns = Mutex::new(Vec::new());
        let call = async |name: &'static str, appetite: &Appetite| {
            let work = async {
                for _ in 0..3 {
                    turns.lock().unwrap().push(name);
                    next_turn().await;
                }
            };
            share.metered(appetite, &Spent::default(), work).await;
        };
        let lane = share.lanes.acquire().await.unwrap();
        let calls: FuturesUnordered<_> = (0..MANY).map(|_| call("many", &many)).collect();
        calls.push(call("few", &few));
        let release = async {
            yield_now().await;
            drop(lane);
        };
        tokio::join!(calls.collect::<()>(), release);
        let turns = turns.lock().unwrap();
        let last_of_few = turns.iter().rposition(|name| *name == "few").unwrap();
        assert!(turns.len() == 3 * (MANY + 1) && last_of_few < MANY, "{turns:?}");
    }

    #[test]
    fn who_was_kept_from_computing_is_not_to_blame() {
        let spent = Spent::default();
        spent.add(TICK * 10);
        assert!(spent.is_to_blame(TICK * 10) && !spent.is_to_blame(TICK * 11));
        spent.waited(TICK * 11);
        assert!(!spent.is_to_blame(TICK * 10));
    }
}
