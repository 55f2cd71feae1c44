//! A configured provider as the flow sees it: how it is, how many calls it takes at once, how fast, and how many a day.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::broadcast;

use super::Flow;
use super::comeback::{Speed, Took};
use super::pace::{Comer, Turn};
use super::places::{Places, WaitingForPlace};
use crate::domain::health::{Health, HealthPolicy, HealthState, Limit, Override, Sight, Standing};
use crate::domain::id::ProviderName;
use crate::domain::lane::Lane;
use crate::domain::retry::RetryPolicy;
use crate::domain::timeline::Reason;
use crate::ports::provider::Provider;
use crate::ports::store::{ProviderState, StoreError};

/// What an operator allows a provider, and how it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProviderPolicy {
    /// Calls at the same time; as the provider says itself when absent. Those of all plugins together are 1,000 at most; one
    /// without a policy has 64, or its part of what the others leave.
    pub concurrent_calls_max: Option<usize>,
    /// Calls in a second; without it, as many as there are.
    pub calls_per_second_max: Option<NonZeroU32>,
    /// Calls on a day (UTC). Counted across restarts; a crash may count a few that were not made.
    pub calls_per_day_max: Option<u64>,
    /// How often it is called for one delivery, and how far apart; as the category says when absent. Where another provider
    /// may still be called, that one is. Calls of all of them together never exceed what the category says.
    pub retry: Option<RetryPolicy>,
    /// When it is called less, or not at all.
    pub health: HealthPolicy,
}

/// A provider and everything that stands before a call.
pub(crate) struct Connected {
    pub(crate) name: ProviderName,
    serving: RwLock<Serving>,
    pub(crate) policy: ProviderPolicy,
    places: Places,
    speed: Speed,
    /// How many of each lane may wait for this provider in the process.
    waiting_max: [usize; 3],
    state: Mutex<State>,
    /// Tells those who wait for a place that the breaker changed, in the order in which they came; nobody may be waiting.
    changed: broadcast::Sender<()>,
    /// Held from the look at the state to its end on the disk: an older one never overtakes a newer.
    writing: tokio::sync::Mutex<()>,
}

/// What takes the calls, and why nothing newer does.
struct Serving {
    provider: Arc<dyn Provider>,
    not_replaced: Option<String>,
}

struct State {
    health: Health,
    took: Took,
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

/// One half of a lane's room may be taken by deliveries that wait for the same provider; the rest is for others.
const WAITING_PART: usize = 2;
/// How long one more than that waits for a place.
const WAITING_SHORTLY: Duration = Duration::from_millis(200);
/// Shares of a day's calls that are reserved at once, so that not every call has to be written down.
const RESERVATIONS_A_DAY: u64 = 200;

impl Connected {
    pub(crate) fn new(
        name: ProviderName,
        provider: Arc<dyn Provider>,
        policy: ProviderPolicy,
        known: Option<ProviderState>,
        in_flight_max: usize,
        now: Timestamp,
    ) -> Self {
        let waiting_max = Lane::ALL.map(|lane| (lane.share(in_flight_max) / WAITING_PART).max(1));
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
            took: Took::default(),
            reason: known.reason,
            day: known.day,
            reserved_calls: known.reserved_calls,
            // Nobody knows which of them were made.
            made_calls: known.reserved_calls,
        };
        Self {
            name,
            serving: RwLock::new(Serving { provider, not_replaced: None }),
            places: Places::new(count, now),
            speed: Speed::new(policy.calls_per_second_max, count, waiting_max, now),
            waiting_max,
            policy,
            state: Mutex::new(state),
            changed: broadcast::Sender::new(1),
            writing: tokio::sync::Mutex::new(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What takes a call that begins now; it may be replaced while the call runs.
    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.serving.read().unwrap_or_else(PoisonError::into_inner).provider)
    }

    /// Why it was not replaced, when that was last tried.
    pub(crate) fn not_replaced(&self) -> Option<String> {
        self.serving.read().unwrap_or_else(PoisonError::into_inner).not_replaced.clone()
    }

    /// Calls that begin from now on are another's; those that run end where they began. With a problem, all stays as it is.
    pub(crate) fn replace(&self, by: Result<Arc<dyn Provider>, String>) {
        let mut serving = self.serving.write().unwrap_or_else(PoisonError::into_inner);
        match by {
            Ok(provider) => *serving = Serving { provider, not_replaced: None },
            Err(problem) => serving.not_replaced = Some(problem),
        }
    }

    /// Whether it is well enough to take calls.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        let mut state = self.state();
        state.health.step(&self.policy.health, now);
        let (standing, percent) = (state.health.standing(now), state.health.state().percent_of_places());
        let took = state.took.most();
        drop(state);
        self.places.open_to(percent);
        self.speed.come_back(percent, took, now);
        standing
    }

    /// Whether it takes a call of that one, which is to be made at `at`: well enough, and not at a limit. Takes nothing.
    pub(crate) fn standing_for(&self, comer: Comer, at: Timestamp, now: Timestamp) -> Standing {
        let standing = self.standing(now);
        if let Standing::Refuses { .. } = standing {
            return standing;
        }
        let used_up = self.day_used_up(now).map(|until| Standing::Limited { until, limit: Limit::PerDay });
        let by = |limit, far: Option<Timestamp>| far.map(|until| Standing::Limited { until, limit });
        let no_turn = || by(Limit::PerSecond, self.speed.pace().and_then(|pace| pace.far(comer, now)));
        let no_place = || by(Limit::Concurrent, self.places.far(comer.lane, now));
        let limited = used_up.or_else(no_turn).or_else(no_place);
        limited.filter(|limited| limited.refuses_until().is_some_and(|until| until > at)).unwrap_or(standing)
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
        self.speed.pace().is_some() || self.policy.calls_per_day_max.is_some()
    }

    /// Asks for a place.
    pub(crate) fn place(&self, lane: Lane, now: Timestamp) -> WaitingForPlace {
        self.places.ask(lane, now)
    }

    /// Somebody who waited got a place.
    pub(crate) fn place_was_waited_for(&self, now: Timestamp) {
        self.places.moved(now);
    }

    /// How long one of that lane may wait for a place: `longest`, as long as they do not fill their lane with waiting. Where
    /// more wait, the others of the lane shall have their room for other providers.
    pub(crate) fn patience(&self, lane: Lane, longest: Duration, now: Timestamp) -> Duration {
        let [urgent, normal, bulk] = self.waiting_max;
        let waiting_max = match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        };
        match self.places.waiting(lane) > waiting_max {
            true if self.places.is_slow(now) => Duration::ZERO,
            true => WAITING_SHORTLY.min(longest),
            false => longest,
        }
    }

    /// When one who found no place comes back.
    pub(crate) fn place_later(&self, now: Timestamp, random: u64) -> Wait {
        let until = self.places.later(now, random);
        let text = format!("all {} places of `{}` are taken: it asks again at {until}", self.places.count(), self.name);
        Wait { until, reason: Reason::new(Limit::Concurrent.code(), text) }
    }

    /// Asks for a turn, going by its pace.
    pub(crate) fn turn(&self, comer: Comer, now: Timestamp) -> Turn {
        self.speed.pace().map_or(Turn::Now, |pace| pace.ask(comer, now))
    }

    /// Gives out a turn to one that comes back then.
    pub(crate) fn turn_later(&self, comer: Comer, now: Timestamp) -> Option<Wait> {
        self.speed.pace().map(|pace| self.wait_for_turn(pace.put_off(comer, now)))
    }

    /// It comes back then.
    pub(crate) fn wait_for_turn(&self, until: Timestamp) -> Wait {
        let text = match self.policy.calls_per_second_max {
            Some(limit) if !self.speed.is_coming_back() => {
                format!("`{}` takes {limit} calls a second: its turn is at {until}", self.name)
            }
            _ => format!("`{}` comes back from an outage by steps: its turn is at {until}", self.name),
        };
        Wait { until, reason: Reason::new(Limit::PerSecond.code(), text) }
    }

    /// The end of the day, if it has had its calls.
    fn day_used_up(&self, now: Timestamp) -> Option<Timestamp> {
        let limit = self.policy.calls_per_day_max?;
        let state = self.state();
        let is_used_up = state.day == day(now) && state.made_calls >= limit;
        is_used_up.then(|| end_of_day(state.day))
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
            let until = end_of_day(state.day);
            let text = format!("`{}` has had its {limit} calls of this day: it goes on at {until}", self.name);
            return Err(Wait { until, reason: Reason::new(Limit::PerDay.code(), text) });
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

fn end_of_day(day: i64) -> Timestamp {
    Timestamp::from_second((day + 1) * DAY_S).unwrap_or(Timestamp::MAX)
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
            let is_well = state.health.state().openings == 0 && state.health.state().percent == 100;
            // What piled up says nothing about how much usually comes.
            if sight == Sight::Good && is_well && !connected.speed.is_coming_back() {
                state.took.note(now);
            }
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

impl Probe {
    /// Whether the provider still waits for what it finds.
    pub(crate) fn is_wanted(&self) -> bool {
        self.connected.state().health.is_probing(self.number)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.connected.state().health.end_probe(self.number);
    }
}
