//! How a provider is: what it did lately, how much of the traffic it gets, and whether it is called at all.
//!
//! ```text
//!            too many failures                the time is over
//!   closed ---------------------> open ---------------------------> half-open
//!     ^                            ^                                  |    |
//!     |                            +----- a probe failed: longer -----+    |
//!     +---------------- enough probes in a row passed --------------------+
//! ```
//!
//! The pattern is the circuit breaker of M. Nygard, "Release It!"; shifting traffic by steps and letting it creep back is
//! what GOV.UK Notify does between its text message providers. Slow calls count as failures while they still run, so that a
//! provider that hangs is noticed before the first call times out.

mod sight;

use std::collections::VecDeque;

use jiff::{Timestamp, ToSpan};

pub use self::sight::{Called, Sight};
use super::timeline::Reason;

/// When a provider is called less, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthPolicy {
    /// Seconds that count as lately.
    pub window_s: u32,
    /// Fewer calls than this say nothing about a share.
    pub calls_min: u32,
    /// Failures in a row that open the breaker.
    pub failures_in_row_max: u32,
    /// The share of failures that opens it, in percent.
    pub open_at_percent: u32,
    /// The share of failures that takes traffic away, in percent.
    pub shift_at_percent: u32,
    /// Calls that take longer count as failures, in milliseconds.
    pub slow_ms: u64,
    /// How long it stays open the first time; twice as long each time after that. In milliseconds.
    pub open_min_ms: u64,
    /// The longest that it stays open, in milliseconds.
    pub open_max_ms: u64,
    /// Probes in a row that close it.
    pub probes: u32,
    /// The longest rest of all its traffic that a provider may ask for, in milliseconds.
    pub rest_max_ms: u64,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            window_s: 10,
            calls_min: 10,
            failures_in_row_max: 15,
            open_at_percent: 50,
            shift_at_percent: 10,
            slow_ms: 4_000,
            open_min_ms: 5_000,
            open_max_ms: 300_000,
            probes: 3,
            rest_max_ms: 60_000,
        }
    }
}

/// Whether a provider takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It does, and gets this much of its share.
    Takes {
        /// 1 to 100.
        percent: u8,
    },
    /// One call, to find out whether it works again.
    Probe,
    /// It does not.
    Refuses {
        /// When to ask again.
        until: Timestamp,
    },
    /// It is well, and has been given as many calls as it is allowed.
    Limited {
        /// When it may be called again.
        until: Timestamp,
        /// By which limit.
        limit: Limit,
    },
}

/// What an operator limits, or the provider itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Calls at the same time: all of them take long, and many wait.
    Concurrent,
    /// Calls in a second.
    PerSecond,
    /// Calls on a day (UTC).
    PerDay,
}

impl Limit {
    /// The code of a reason that tells of it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Concurrent => "limit.concurrent",
            Self::PerSecond => "limit.per_second",
            Self::PerDay => "limit.per_day",
        }
    }
}

impl Standing {
    /// Until when it takes no calls, if that is known.
    #[must_use]
    pub fn refuses_until(self) -> Option<Timestamp> {
        match self {
            Self::Refuses { until } | Self::Limited { until, .. } => Some(until),
            Self::Takes { .. } | Self::Probe => None,
        }
    }
}

/// The circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Calls pass.
    Closed,
    /// No call passes before that time.
    Open {
        /// When it is probed.
        until: Timestamp,
    },
    /// One call at a time passes.
    HalfOpen {
        /// Probes in a row that passed.
        passed: u32,
    },
}

impl Breaker {
    /// The name used in the API and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// What an operator set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// No call passes.
    Open,
    /// Every call passes, whatever comes of it.
    Closed,
}

/// What outlives the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthState {
    /// The breaker.
    pub breaker: Breaker,
    /// What an operator set by hand.
    pub set_by_hand: Option<Override>,
    /// How often it opened since it last was well.
    pub openings: u32,
    /// How much of its share of the traffic it gets, 1 to 100.
    pub percent: u8,
    /// When the breaker last changed.
    pub changed_at: Timestamp,
}

impl HealthState {
    /// A provider that nothing bad is known of.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { breaker: Breaker::Closed, set_by_hand: None, openings: 0, percent: 100, changed_at: now }
    }

    /// How many of its places for calls are open: it comes back from an outage by steps even where it has no other beside it
    /// to take the rest.
    #[must_use]
    pub fn percent_of_places(&self) -> u8 {
        let is_coming_back = self.openings > 0 && self.set_by_hand.is_none();
        if is_coming_back { self.percent } else { 100 }
    }
}

/// How a provider is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    state: HealthState,
    /// What was seen lately, by second.
    seen: VecDeque<Second>,
    bad_in_row: u32,
    /// When its share was last looked at.
    stepped_at: Timestamp,
    /// The vendor asked to be left alone, then and until then.
    rests_from: Timestamp,
    rests_until: Timestamp,
    /// The probe under way.
    probe: Option<u64>,
    last_probe: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Second {
    number: i64,
    good: u32,
    bad: u32,
    worrying: u32,
}

const STEP_MS: i64 = 1_000;
const STEP_DOWN: u8 = 20;
const STEP_UP: u8 = 10;
const PERCENT_MIN: u8 = 10;
/// While an operator keeps a provider closed off, deliveries that have no other look again this often.
const HAND_PAUSE_MS: i64 = 10_000;
/// How long what finds a probe under way waits for its result.
const PROBE_PAUSE_MS: i64 = 500;

impl Health {
    /// Takes up what was known.
    #[must_use]
    pub fn new(state: HealthState, now: Timestamp) -> Self {
        // What an operator decided leaves nothing to the breaker.
        let breaker = if state.set_by_hand.is_some() { Breaker::Closed } else { state.breaker };
        let state = HealthState { breaker, ..state };
        Self {
            state,
            seen: VecDeque::new(),
            bad_in_row: 0,
            stepped_at: now,
            rests_from: Timestamp::MIN,
            rests_until: Timestamp::MIN,
            probe: None,
            last_probe: 0,
        }
    }

    /// What outlives the process.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// Good and bad calls lately.
    #[must_use]
    pub fn lately(&self, policy: &HealthPolicy, now: Timestamp) -> (u32, u32) {
        let first = now.as_second() - i64::from(policy.window_s);
        let recent = self.seen.iter().filter(|second| second.number > first);
        recent.fold((0, 0), |(good, bad), second| (second.good.saturating_add(good), second.bad.saturating_add(bad)))
    }

    /// Until when the vendor asked to be left alone; `None` when it did not, or the time is over.
    #[must_use]
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.rests_until).filter(|_| self.is_resting(now))
    }

    fn is_resting(&self, now: Timestamp) -> bool {
        (self.rests_from..self.rests_until).contains(&now)
    }

    /// Whether it takes calls.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Standing {
        let refuses_for = |ms: i64| Standing::Refuses { until: now.saturating_add(ms.milliseconds()).unwrap_or(now) };
        match (self.state.set_by_hand, self.state.breaker) {
            (Some(Override::Open), _) => refuses_for(HAND_PAUSE_MS),
            (Some(Override::Closed), _) => Standing::Takes { percent: 100 },
            // Before it opened, somebody set the clock back: nobody knows how long ago that was.
            (None, Breaker::Open { until }) if until > now && now >= self.state.changed_at => {
                Standing::Refuses { until }
            }
            (None, Breaker::Open { .. } | Breaker::HalfOpen { .. }) if self.probe.is_some() => {
                refuses_for(PROBE_PAUSE_MS)
            }
            (None, Breaker::Open { .. } | Breaker::HalfOpen { .. }) if self.is_resting(now) => {
                Standing::Refuses { until: self.rests_until }
            }
            (None, Breaker::Open { .. } | Breaker::HalfOpen { .. }) => Standing::Probe,
            (None, Breaker::Closed) if self.is_resting(now) => Standing::Refuses { until: self.rests_until },
            (None, Breaker::Closed) => Standing::Takes { percent: self.state.percent },
        }
    }

    /// Someone is about to make the one call that finds out whether it works again; `None` when somebody else does already.
    pub fn begin_probe(&mut self, now: Timestamp) -> Option<u64> {
        if self.standing(now) != Standing::Probe {
            return None;
        }
        if let Breaker::Open { .. } = self.state.breaker {
            self.change(Breaker::HalfOpen { passed: 0 }, now);
        }
        self.last_probe += 1;
        self.probe = Some(self.last_probe);
        self.probe
    }

    /// Whether that probe is still the one under way.
    #[must_use]
    pub fn is_probing(&self, probe: u64) -> bool {
        self.probe == Some(probe)
    }

    /// That probe is over; if nothing was noted of it, the next one may try.
    pub fn end_probe(&mut self, probe: u64) {
        self.probe = self.probe.filter(|current| *current != probe);
    }

    /// What the probe found. Says why, when the breaker changes.
    pub fn probed(&mut self, policy: &HealthPolicy, sight: Sight, now: Timestamp, random: u64) -> Option<Reason> {
        self.probe = None;
        let Breaker::HalfOpen { passed } = self.state.breaker else { return None };
        if sight != Sight::Good {
            return Some(self.open(policy, "a probe failed", now, random));
        }
        let passed = passed + 1;
        if passed < policy.probes {
            self.state.breaker = Breaker::HalfOpen { passed };
            return None;
        }
        self.seen.clear();
        self.bad_in_row = 0;
        self.stepped_at = now;
        // It comes back by steps: what waited for it must not throw it over again.
        self.state.percent = PERCENT_MIN;
        self.change(Breaker::Closed, now);
        Some(Reason::new("breaker.closed", format!("{passed} probes in a row passed")))
    }

    /// Notes what a call was like. Says why, when the breaker changes.
    pub fn observe(&mut self, policy: &HealthPolicy, sight: Sight, now: Timestamp, random: u64) -> Option<Reason> {
        // What began before it opened says nothing new.
        if self.state.breaker != Breaker::Closed {
            return None;
        }
        self.note(policy, sight, now);
        self.step(policy, now);
        match sight {
            Sight::Good => self.bad_in_row = 0,
            Sight::Bad => self.bad_in_row = self.bad_in_row.saturating_add(1),
            Sight::Worrying => return None,
        }
        if self.state.set_by_hand.is_some() {
            return None;
        }
        if sight == Sight::Good {
            if self.state.percent == 100 {
                self.state.openings = 0;
            }
            return None;
        }
        let (good, bad) = self.lately(policy, now);
        if self.bad_in_row >= policy.failures_in_row_max {
            let why = format!("{} calls in a row failed", self.bad_in_row);
            return Some(self.open(policy, &why, now, random));
        }
        let calls = good.saturating_add(bad);
        if calls >= policy.calls_min && is_share(bad, calls, policy.open_at_percent) {
            let why = format!("{bad} of {calls} calls in {} s failed", policy.window_s);
            return Some(self.open(policy, &why, now, random));
        }
        None
    }

    /// The vendor asked to be left alone for so long.
    pub fn rest(&mut self, policy: &HealthPolicy, wish_ms: u64, now: Timestamp) {
        let rest_ms = i64::try_from(wish_ms.min(policy.rest_max_ms)).unwrap_or(0);
        let until = now.saturating_add(rest_ms.milliseconds()).unwrap_or(now);
        self.rests_until = if self.is_resting(now) { self.rests_until.max(until) } else { until };
        self.rests_from = now;
    }

    /// An operator decides, or leaves it to the breaker again (`None`), which then starts out closed.
    pub fn set_by_hand(&mut self, decision: Option<Override>, now: Timestamp) -> Reason {
        // A probe under way ends without a say: the next one has another number.
        let last_probe = self.last_probe;
        *self = Self::new(HealthState { set_by_hand: decision, ..HealthState::new(now) }, now);
        self.last_probe = last_probe;
        let text = match decision {
            Some(Override::Open) => "an operator takes it out of service",
            Some(Override::Closed) => "an operator keeps it in service whatever happens",
            None => "an operator leaves it to the breaker again",
        };
        Reason::new("breaker.by_hand", text)
    }

    /// Moves its share of the traffic, one step for each second that passed.
    pub fn step(&mut self, policy: &HealthPolicy, now: Timestamp) {
        for _ in 0..100 / STEP_UP {
            let Ok(next) = self.stepped_at.checked_add(STEP_MS.milliseconds()) else { return };
            if next > now {
                break;
            }
            self.stepped_at = next;
            let (calls, ill) = self.ill(policy, next);
            let percent = self.state.percent;
            self.state.percent = if calls >= policy.calls_min && is_share(ill, calls, policy.shift_at_percent) {
                percent.saturating_sub(STEP_DOWN).max(PERCENT_MIN)
            } else {
                percent.saturating_add(STEP_UP).min(100)
            };
        }
        // After a long silence there is nothing to catch up with, and a clock that was set back starts anew.
        if now.duration_since(self.stepped_at).abs().as_millis() > i128::from(STEP_MS) {
            self.stepped_at = now;
        }
    }

    /// How many calls there were lately, and with how many something was wrong.
    fn ill(&self, policy: &HealthPolicy, now: Timestamp) -> (u32, u32) {
        let first = now.as_second() - i64::from(policy.window_s);
        let recent = self.seen.iter().filter(|second| second.number > first);
        recent.fold((0u32, 0u32), |(calls, ill), second| {
            let (more, worse) = (second.good.saturating_add(second.bad), second.bad.saturating_add(second.worrying));
            (calls.saturating_add(more), ill.saturating_add(worse))
        })
    }

    fn note(&mut self, policy: &HealthPolicy, sight: Sight, now: Timestamp) {
        let number = now.as_second();
        let first = number - i64::from(policy.window_s);
        // Also what a clock that was set back since has left in the future.
        self.seen.retain(|second| second.number > first && second.number <= number);
        if self.seen.back().is_none_or(|second| second.number != number) {
            self.seen.push_back(Second { number, good: 0, bad: 0, worrying: 0 });
        }
        if let Some(second) = self.seen.back_mut() {
            match sight {
                Sight::Good => second.good = second.good.saturating_add(1),
                Sight::Bad => second.bad = second.bad.saturating_add(1),
                Sight::Worrying => second.worrying = second.worrying.saturating_add(1),
            }
        }
    }

    fn open(&mut self, policy: &HealthPolicy, why: &str, now: Timestamp, random: u64) -> Reason {
        let doublings = self.state.openings.min(20);
        let longest = policy.open_min_ms.saturating_mul(1 << doublings).min(policy.open_max_ms);
        // Between three quarters and the whole, so that several nodes do not probe in step.
        let open_ms = longest - ((u128::from(longest / 4) * u128::from(random)) >> 64) as u64;
        let until =
            now.saturating_add(i64::try_from(open_ms).unwrap_or(i64::MAX / 2_000_000).milliseconds()).unwrap_or(now);
        self.state.openings = self.state.openings.saturating_add(1);
        self.state.percent = PERCENT_MIN;
        self.bad_in_row = 0;
        self.change(Breaker::Open { until }, now);
        Reason::new("breaker.opened", format!("{why}; it is asked again at {until}"))
    }

    fn change(&mut self, breaker: Breaker, now: Timestamp) {
        self.state.breaker = breaker;
        self.state.changed_at = now;
    }
}

/// Whether `part` of `all` is at least that much.
fn is_share(part: u32, all: u32, percent: u32) -> bool {
    u64::from(part) * 100 >= u64::from(all) * u64::from(percent)
}

#[cfg(test)]
mod tests;
