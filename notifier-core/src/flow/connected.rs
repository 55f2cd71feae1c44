//! A configured provider as the flow sees it: how it is, how many calls it takes at once, how fast, and how many a day.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Reference;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::sync::broadcast;

use super::places::{Place, Places};
use super::{Flow, after};
use crate::domain::health::{Health, HealthPolicy, HealthState, Override, Sight, Standing};
use crate::domain::id::ProviderName;
use crate::domain::lane::Lane;
use crate::domain::retry::RetryPolicy;
use crate::domain::timeline::Reason;
use crate::ports::clock::Clock;
use crate::ports::provider::Provider;
use crate::ports::store::{ProviderState, StoreError};

/// What an operator allows a provider, and how it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProviderPolicy {
    /// Calls at the same time; as the provider says itself when absent.
    pub concurrent_calls_max: Option<usize>,
    /// Calls in a second; without it, as many as there are.
    pub calls_per_second_max: Option<NonZeroU32>,
    /// Calls on a day (UTC). Counted across restarts; a crash may count a few that were not made.
    pub calls_per_day_max: Option<u64>,
    /// How often and how far apart what it refused is tried again; as the category says when absent.
    pub retry: Option<RetryPolicy>,
    /// When it is called less, or not at all.
    pub health: HealthPolicy,
}

/// A provider and everything that stands before a call.
pub(crate) struct Connected {
    pub(crate) name: ProviderName,
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) policy: ProviderPolicy,
    places: Places,
    pace: Option<Mutex<Pace>>,
    state: Mutex<State>,
    /// Tells those who wait for a place that the breaker changed, in the order in which they came; nobody may be waiting.
    changed: broadcast::Sender<()>,
    /// Held from the look at the state to its end on the disk: an older one never overtakes a newer.
    writing: tokio::sync::Mutex<()>,
}

struct State {
    health: Health,
    reason: String,
    day: i64,
    reserved_calls: u64,
    made_calls: u64,
}

/// Why a call has to wait. It costs no attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) until: Timestamp,
    pub(crate) reason: Reason,
}

/// What stands before a call.
pub(crate) enum Admission {
    Go,
    /// Shortly: worth waiting for where it is.
    Soon(Duration),
    Later(Wait),
}

/// A delivery that has to wait this long for its turn waits where it is.
const SOON: Duration = Duration::from_millis(200);
/// An urgent one waits longer, because it would be put behind others.
const SOON_IF_URGENT: Duration = Duration::from_secs(2);
/// Shares of a day's calls that are reserved at once, so that not every call has to be written down.
const RESERVATIONS_A_DAY: u64 = 200;

impl Connected {
    pub(crate) fn new(
        name: ProviderName,
        provider: Arc<dyn Provider>,
        policy: ProviderPolicy,
        known: Option<ProviderState>,
        now: Timestamp,
    ) -> Self {
        let count = policy.concurrent_calls_max.unwrap_or(provider.describe().concurrent_calls_max);
        let known = known.unwrap_or_else(|| ProviderState {
            provider: name.clone(),
            health: HealthState::new(now),
            reason: String::new(),
            day: day(now),
            reserved_calls: 0,
        });
        let state = State {
            health: Health::new(known.health, now),
            reason: known.reason,
            day: known.day,
            reserved_calls: known.reserved_calls,
            // Nobody knows which of them were made.
            made_calls: known.reserved_calls,
        };
        Self {
            name,
            provider,
            places: Places::new(count),
            pace: policy.calls_per_second_max.map(|limit| Mutex::new(Pace::new(limit, now))),
            policy,
            state: Mutex::new(state),
            changed: broadcast::Sender::new(1),
            writing: tokio::sync::Mutex::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it takes calls.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let mut state = self.state();
        state.health.step(&self.policy.health, now);
        self.places.open_to(state.health.state().percent_of_places());
        state.health.standing(now)
    }

    /// How it is, for those who look; and why.
    pub(crate) fn look(&self) -> (Health, String) {
        let state = self.state();
        (state.health.clone(), state.reason.clone())
    }

    /// Is told when the breaker changes.
    pub(crate) fn changes(&self) -> broadcast::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn calls_in_flight(&self) -> usize {
        self.places.in_use()
    }

    pub(crate) fn concurrent_calls_max(&self) -> usize {
        self.places.count()
    }

    /// Calls of this day, as far as they are counted.
    pub(crate) fn calls_today(&self, now: Timestamp) -> Option<u64> {
        let state = self.state();
        self.policy.calls_per_day_max.map(|_| if state.day == day(now) { state.made_calls } else { 0 })
    }

    /// Whether its calls are counted by the second or by the day.
    pub(crate) fn has_pace(&self) -> bool {
        self.pace.is_some() || self.policy.calls_per_day_max.is_some()
    }

    /// Waits for a place; `None` never happens while `self` lives.
    pub(crate) async fn place(&self, lane: Lane) -> Option<Place> {
        self.places.take(lane).await.ok()
    }

    /// Whether a call may be made now, going by its pace.
    pub(crate) fn pace(&self, lane: Lane, clock: &dyn Clock) -> Admission {
        let Some(pace) = &self.pace else { return Admission::Go };
        let now = clock.now();
        let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(wait) = pace.wait(now) else { return Admission::Go };
        let soon = if lane == Lane::Urgent { SOON_IF_URGENT } else { SOON };
        if wait <= soon {
            return Admission::Soon(wait);
        }
        let until = pace.put_at_the_end(now, wait);
        let text = format!("`{}` takes {} calls a second: its turn is at {until}", self.name, pace.limit);
        Admission::Later(Wait { until, reason: Reason::new("limit.per_second", text) })
    }

    fn snapshot(&self, state: &State) -> ProviderState {
        ProviderState {
            provider: self.name.clone(),
            health: state.health.state(),
            reason: state.reason.clone(),
            day: state.day,
            reserved_calls: state.reserved_calls,
        }
    }

    /// Takes one of the calls that are reserved; what to write down where more have to be.
    fn take_call(&self, limit: u64, now: Timestamp) -> Result<Option<ProviderState>, Wait> {
        let mut state = self.state();
        if state.day != day(now) {
            (state.day, state.reserved_calls, state.made_calls) = (day(now), 0, 0);
        }
        if state.made_calls < state.reserved_calls {
            state.made_calls += 1;
            return Ok(None);
        }
        if state.reserved_calls >= limit {
            let until = Timestamp::from_second((state.day + 1) * DAY_S).unwrap_or(Timestamp::MAX);
            let text = format!("`{}` has had its {limit} calls of this day: it goes on at {until}", self.name);
            return Err(Wait { until, reason: Reason::new("limit.per_day", text) });
        }
        let block = (limit / RESERVATIONS_A_DAY).max(1).min(limit - state.reserved_calls);
        state.reserved_calls += block;
        Ok(Some(self.snapshot(&state)))
    }
}

const DAY_S: i64 = 24 * 3_600;

fn day(now: Timestamp) -> i64 {
    now.as_second().div_euclid(DAY_S)
}

impl Flow {
    /// The calls of a day are reserved before they are made, so that no crash gives some of them twice.
    pub(crate) async fn reserve_call(&self, connected: &Connected) -> Result<Result<(), Wait>, StoreError> {
        let Some(limit) = connected.policy.calls_per_day_max else { return Ok(Ok(())) };
        let _in_order = connected.writing.lock().await;
        loop {
            match connected.take_call(limit, self.clock.now()) {
                Ok(None) => return Ok(Ok(())),
                Ok(Some(more)) => self.store.put_provider_state(more).await?,
                Err(wait) => return Ok(Err(wait)),
            }
        }
    }

    /// Notes what a call was like, and writes it down when the breaker changes.
    pub(crate) async fn observe(&self, connected: &Connected, sight: Sight, is_probe: bool) {
        let (now, random) = (self.clock.now(), self.entropy.number());
        let policy = &connected.policy.health;
        let changed = {
            let mut state = connected.state();
            let reason = if is_probe {
                state.health.probed(policy, sight, now, random)
            } else {
                state.health.observe(policy, sight, now, random)
            };
            if let Some(reason) = &reason {
                state.reason.clone_from(&reason.text);
            }
            reason.map(|reason| (state.health.state().breaker.name(), reason))
        };
        let Some((breaker, reason)) = changed else { return };
        tracing::warn!(provider = %connected.name, breaker, %reason, "the circuit breaker changed");
        connected.standing(now);
        let _ = connected.changed.send(());
        if let Err(error) = self.write_down(connected).await {
            tracing::error!(provider = %connected.name, %error, "the state of the breaker could not be stored");
        }
    }

    /// Stores how it is now, after whatever is being stored of it.
    async fn write_down(&self, connected: &Connected) -> Result<(), StoreError> {
        let _in_order = connected.writing.lock().await;
        let snapshot = connected.snapshot(&connected.state());
        self.store.put_provider_state(snapshot).await
    }

    /// The vendor asked to be left alone.
    pub(crate) fn rest(&self, connected: &Connected, wish_ms: u64) {
        connected.state().health.rest(&connected.policy.health, wish_ms, self.clock.now());
    }

    /// Takes the one call that finds out whether it works again; `None` when somebody else did.
    pub(crate) fn begin_probe(&self, connected: &Arc<Connected>) -> Option<Probe> {
        let number = connected.state().health.begin_probe(self.clock.now())?;
        Some(Probe { connected: Arc::clone(connected), number })
    }

    /// An operator decides about the breaker; durable when this returns.
    pub(crate) async fn set_breaker(
        &self,
        name: &ProviderName,
        decision: Option<Override>,
    ) -> Result<bool, StoreError> {
        let Some(connected) = self.providers.get(name) else { return Ok(false) };
        {
            let mut state = connected.state();
            state.reason = state.health.set_by_hand(decision, self.clock.now()).text;
        }
        connected.standing(self.clock.now());
        let _ = connected.changed.send(());
        self.write_down(connected).await?;
        Ok(true)
    }
}

/// A probe under way. Dropped without a result, as when the call was never made, the next one may try.
pub(crate) struct Probe {
    connected: Arc<Connected>,
    number: u64,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.connected.state().health.end_probe(self.number);
    }
}

/// Calls by the second: the generic cell rate algorithm (ITU-T I.371), on the engine's clock. Without bursts, so that no second
/// has more than allowed, wherever it begins.
struct Pace {
    limit: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, Now, NoOpMiddleware<Instant>>,
    now: Arc<Mutex<Timestamp>>,
    /// When the last of those has its turn that were sent away to wait.
    end: Timestamp,
}

impl Pace {
    fn new(limit: NonZeroU32, now: Timestamp) -> Self {
        let shared = Arc::new(Mutex::new(now));
        let limiter = RateLimiter::direct_with_clock(
            Quota::per_second(limit).allow_burst(NonZeroU32::MIN),
            Now(Arc::clone(&shared)),
        );
        Self { limit, limiter, now: shared, end: now }
    }

    /// How long until a call may be made; `None` when it may now, and then it counts.
    fn wait(&mut self, now: Timestamp) -> Option<Duration> {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        let not_until = self.limiter.check().err()?;
        let wait = not_until.wait_time_from(Instant(now));
        if wait > 2 * self.period() + Duration::from_secs(1) {
            // The clock was set back: what was counted lies in the future.
            *self = Self::new(self.limit, now);
            return self.limiter.check().err().map(|_| self.period());
        }
        Some(wait)
    }

    fn period(&self) -> Duration {
        Duration::from_secs(1) / self.limit.get()
    }

    /// The turn after all those that wait already.
    fn put_at_the_end(&mut self, now: Timestamp, wait: Duration) -> Timestamp {
        let latest = after(now, Duration::from_secs(24 * 3_600));
        let first = after(now, wait);
        self.end = after(if self.end < first || self.end > latest { first } else { self.end }, self.period());
        self.end
    }
}

/// The engine's clock as the limiter sees it.
#[derive(Clone)]
struct Now(Arc<Mutex<Timestamp>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Instant(Timestamp);

impl governor::clock::Clock for Now {
    type Instant = Instant;

    fn now(&self) -> Instant {
        Instant(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Reference for Instant {
    fn duration_since(&self, earlier: Self) -> governor::nanos::Nanos {
        let passed = Duration::try_from(earlier.0.duration_until(self.0)).unwrap_or_default();
        passed.into()
    }

    fn saturating_sub(&self, duration: governor::nanos::Nanos) -> Self {
        let back = SignedDuration::try_from(Duration::from(duration)).unwrap_or_default();
        Self(self.0.checked_sub(back).unwrap_or(Timestamp::MIN))
    }
}

impl std::ops::Add<governor::nanos::Nanos> for Instant {
    type Output = Self;

    fn add(self, duration: governor::nanos::Nanos) -> Self {
        let on = i64::try_from(duration.as_u64()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(on.nanoseconds()).unwrap_or(Timestamp::MAX))
    }
}
