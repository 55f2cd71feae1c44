//! How fast a provider is called, and whose turn it is.
//!
//! Turns come at even distances. Whoever has its turn shortly waits for it in a [`Line`], a lane in front before those
//! behind; the others are put off to the time at which they can expect it, one after the other, and come back then. While a
//! provider comes back from an outage its pace changes by the second, and nobody can tell that time: whoever has a place waits
//! in the line then, and its places bound how many these are.

use std::future::Future;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use governor::clock::Reference;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp, ToSpan};
use tokio::sync::oneshot;

use super::after;
use super::line::Line;
use crate::domain::lane::Lane;

/// A delivery that has to wait this long for its turn waits where it is.
const SOON: Duration = Duration::from_millis(200);
/// An urgent one waits longer, because it would be put behind others.
const SOON_IF_URGENT: Duration = Duration::from_secs(2);
/// A turn that is further away than this is worth another provider, where there is one.
const FAR: Duration = Duration::from_secs(5);
/// How long one in the line goes by a pace that may have changed since.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// The furthest turn that is given out.
const FURTHEST: Duration = Duration::from_secs(24 * 3_600);

/// Calls by the second. Clones are one.
#[derive(Clone)]
pub(crate) struct Pace(Arc<Mutex<Inner>>);

struct Inner {
    limit: NonZeroU32,
    /// The limit changes from second to second.
    is_coming_back: bool,
    /// Turns taken since this was last asked.
    taken: u32,
    gate: Gate,
    line: Line<oneshot::Sender<()>>,
    /// How many of a lane may wait in the line.
    in_line_max: [usize; 3],
    /// When the last turns are that were given out to those who were put off: by lane, for those who came for the first time,
    /// and for those who came back and found their turn taken.
    ends: [[Timestamp; 2]; 3],
}

/// Who asks for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comer {
    pub(crate) lane: Lane,
    /// It was put off before, and this is the time that it was told.
    pub(crate) has_waited: bool,
}

/// What came of asking.
pub(crate) enum Turn {
    Now,
    /// Shortly: worth waiting for where it is.
    Soon(InLine),
    /// Then.
    Later(Timestamp),
}

/// Waits for its turn. Dropped, it waits no longer.
pub(crate) struct InLine {
    pace: Arc<Mutex<Inner>>,
    lane: Lane,
    ticket: u64,
    told: oneshot::Receiver<()>,
}

fn lock(pace: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pace {
    /// `in_line_max` as [`Lane::ALL`].
    pub(crate) fn new(limit: NonZeroU32, in_line_max: [usize; 3], now: Timestamp) -> Self {
        Self::starting(limit, false, in_line_max, now)
    }

    /// Of a provider that comes back from an outage.
    pub(crate) fn coming_back(limit: NonZeroU32, in_line_max: [usize; 3], now: Timestamp) -> Self {
        Self::starting(limit, true, in_line_max, now)
    }

    fn starting(limit: NonZeroU32, is_coming_back: bool, in_line_max: [usize; 3], now: Timestamp) -> Self {
        let (gate, line) = (Gate::new(limit, now), Line::new());
        let ends = [[now; 2]; 3];
        let inner = Inner { limit, is_coming_back, taken: 0, gate, line, in_line_max, ends };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// How many calls a second it lets pass.
    #[cfg(test)]
    pub(crate) fn limit(&self) -> NonZeroU32 {
        lock(&self.0).limit
    }

    /// Another limit from now on. The next turn is as far from the last one as it says.
    pub(crate) fn change(&self, limit: NonZeroU32, is_coming_back: bool, now: Timestamp) {
        let mut inner = lock(&self.0);
        inner.is_coming_back = is_coming_back;
        if inner.limit != limit {
            let last = inner.gate.opens_at.checked_sub(inner.period()).unwrap_or(now);
            inner.limit = limit;
            inner.gate = Gate::new(limit, after(last, inner.period()));
        }
        inner.go_on(now);
    }

    /// Whether somebody waits, or half of a second's turns were taken since this was last asked.
    pub(crate) fn was_busy(&self) -> bool {
        let mut inner = lock(&self.0);
        let taken = std::mem::take(&mut inner.taken);
        !inner.line.is_empty() || taken >= inner.limit.get().div_ceil(2)
    }

    /// Asks for a turn; one that is now is taken.
    pub(crate) fn ask(&self, comer: Comer, now: Timestamp) -> Turn {
        let mut inner = lock(&self.0);
        inner.go_on(now);
        let is_behind = !comer.has_waited && inner.end(comer) > now;
        if inner.line.is_empty() && !is_behind && inner.opens(now) {
            return Turn::Now;
        }
        let wait = now.duration_until(inner.expected(comer, now));
        let in_line = inner.line.len(comer.lane);
        // Where others keep it waiting, one of each lane is always there to be passed over, and to have its turn for it.
        let is_its_lanes_only = in_line == 0 && !inner.line.is_empty() && !is_behind;
        let is_soon = wait <= SignedDuration::try_from(soon(comer.lane)).unwrap_or_default();
        if (is_soon || is_its_lanes_only || inner.is_coming_back) && in_line < inner.in_line_max(comer.lane) {
            let (tell, told) = oneshot::channel();
            let ticket = inner.line.join(comer.lane, tell);
            return Turn::Soon(InLine { pace: Arc::clone(&self.0), lane: comer.lane, ticket, told });
        }
        Turn::Later(inner.put_off(comer, now))
    }

    /// Gives out a turn to one that does not wait here.
    pub(crate) fn put_off(&self, comer: Comer, now: Timestamp) -> Timestamp {
        let mut inner = lock(&self.0);
        inner.go_on(now);
        inner.put_off(comer, now)
    }

    /// When its turn would be, if that is so far away that another provider is to be preferred. Takes nothing.
    pub(crate) fn far(&self, comer: Comer, now: Timestamp) -> Option<Timestamp> {
        let inner = lock(&self.0);
        let far = if comer.lane == Lane::Urgent { SOON_IF_URGENT } else { FAR };
        Some(inner.expected(comer, now)).filter(|expected| *expected > after(now, far))
    }
}

fn soon(lane: Lane) -> Duration {
    if lane == Lane::Urgent { SOON_IF_URGENT } else { SOON }
}

impl Inner {
    fn period(&self) -> Duration {
        Duration::from_secs(1) / self.limit.get()
    }

    fn in_line_max(&self, lane: Lane) -> usize {
        let [urgent, normal, bulk] = self.in_line_max;
        match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        }
    }

    /// Tells those whose turn has come, and brings up to date what is known of the others.
    fn go_on(&mut self, now: Timestamp) {
        let slack = 2 * self.period() + Duration::from_millis(100);
        if self.gate.opens_at > after(now, slack + Duration::from_secs(1)) {
            // The clock was set back: what was counted lies in the future.
            self.gate = Gate::new(self.limit, after(now, self.period()));
            self.ends = [[now; 2]; 3];
        } else if after(self.gate.opens_at, slack) < now {
            // Nobody came for the turns that were given out: who was put off is cancelled, or went to somebody else.
            self.ends = [[now; 2]; 3];
        }
        while !self.line.is_empty() && self.opens(now) {
            if let Some((_, tell)) = self.line.next(|_| true) {
                let _ = tell.send(());
            }
        }
    }

    /// Takes a turn, if there is one now.
    fn opens(&mut self, now: Timestamp) -> bool {
        let opens = self.gate.opens(now);
        self.taken = self.taken.saturating_add(u32::from(opens));
        opens
    }

    fn ends(&mut self, lane: Lane) -> &mut [Timestamp; 2] {
        let [urgent, normal, bulk] = &mut self.ends;
        match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        }
    }

    /// The last turn that was given out before which one who comes now has none.
    fn end(&self, comer: Comer) -> Timestamp {
        let mut in_front = Lane::ALL.iter().zip(&self.ends).filter(|(lane, _)| **lane <= comer.lane);
        if comer.has_waited {
            return in_front.next_back().map_or(Timestamp::MIN, |(_, [_, again])| *again);
        }
        in_front.map(|(_, [first, _])| *first).max().unwrap_or(Timestamp::MIN)
    }

    /// When it has its turn if it waits in the line.
    fn expected_in_line(&self, lane: Lane, now: Timestamp) -> Timestamp {
        let before = u32::try_from(self.line.before(lane)).unwrap_or(u32::MAX);
        after(self.gate.opens_at.max(now), self.period().saturating_mul(before))
    }

    /// When it has its turn: who comes for the first time does after those who were put off.
    fn expected(&self, comer: Comer, now: Timestamp) -> Timestamp {
        let in_line = self.expected_in_line(comer.lane, now);
        if comer.has_waited || self.end(comer) <= now {
            return in_line;
        }
        in_line.max(after(self.end(comer), self.period()))
    }

    /// The turn after all those that were put off already.
    fn put_off(&mut self, comer: Comer, now: Timestamp) -> Timestamp {
        let first = self.expected_in_line(comer.lane, now);
        let next = after(self.end(comer), self.period());
        let turn = if next < first || next > after(now, FURTHEST) { first } else { next };
        let [first, again] = self.ends(comer.lane);
        *(if comer.has_waited { again } else { first }) = turn;
        turn
    }
}

impl InLine {
    /// Tells those whose turn has come; how long until it is worth to look again. Whoever is first looks in time for all.
    pub(crate) fn look(&self, now: Timestamp) -> Duration {
        let mut inner = lock(&self.pace);
        inner.go_on(now);
        let before = u32::try_from(inner.line.before_ticket(self.lane, self.ticket)).unwrap_or(u32::MAX);
        let turn = after(inner.gate.opens_at, inner.period().saturating_mul(before));
        let wait = Duration::try_from(now.duration_until(turn)).unwrap_or_default().max(Duration::from_micros(100));
        if inner.is_coming_back { wait.min(LOOK_AGAIN) } else { wait }
    }
}

impl Future for InLine {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.told).poll(context).map(|_| ())
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        lock(&self.pace).line.leave(self.lane, self.ticket);
    }
}

/// Lets a call pass at even distances: the generic cell rate algorithm (ITU-T I.371), on the engine's clock. Without bursts,
/// so that no second has more than allowed, wherever it begins.
struct Gate {
    limiter: RateLimiter<NotKeyed, InMemoryState, Now, NoOpMiddleware<Instant>>,
    now: Arc<Mutex<Timestamp>>,
    period: Duration,
    /// The earliest time for the next call.
    opens_at: Timestamp,
}

impl Gate {
    fn new(limit: NonZeroU32, opens_at: Timestamp) -> Self {
        let now = Arc::new(Mutex::new(opens_at));
        let quota = Quota::per_second(limit).allow_burst(NonZeroU32::MIN);
        let limiter = RateLimiter::direct_with_clock(quota, Now(Arc::clone(&now)));
        Self { limiter, now, period: Duration::from_secs(1) / limit.get(), opens_at }
    }

    /// Whether a call may be made now, and then it counts.
    fn opens(&mut self, now: Timestamp) -> bool {
        if now < self.opens_at {
            return false;
        }
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
        match self.limiter.check() {
            Ok(()) => self.opens_at = after(now, self.period),
            Err(not_until) => {
                self.opens_at = after(now, not_until.wait_time_from(Instant(now)).max(Duration::from_micros(1)));
                return false;
            }
        }
        true
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
