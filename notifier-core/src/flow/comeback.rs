//! How fast a provider is called that comes back from an outage.
//!
//! Its places open by steps, but one that answers quickly needs few of them: what waited for it would come faster than calls
//! ever came while it was well. So its calls by the second are bounded too, by the same percentage of the most that it took in
//! a second when it was well; spread evenly, and lane by lane, like every [`Pace`]. Once all its places are open the bound
//! goes on growing by a tenth a second, and it falls once nobody waits and a second had less than half of what it allows: what
//! piled up leaves without a burst at the end, however much it is.
//!
//! What it took is counted in the process. After a restart it is taken for as many calls a second as an operator allows it, or
//! as it has places; and no provider gets less than [`FLOOR_A_SECOND`], however quiet it has always been.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::pace::Pace;

/// So many calls a second are no burst for anybody.
const FLOOR_A_SECOND: u32 = 10;
/// So many of the last minutes in which it was well and had calls say what it takes.
const MINUTES_MAX: usize = 5;
/// How much of what it took is added each second once all its places are open, in percent; and how long that second is.
const GROWTH_PERCENT: u64 = 10;
const GROWTH_STEP: SignedDuration = SignedDuration::from_secs(1);

/// What a provider took while it was well: the most in a second, for each of the last minutes that it had calls.
#[derive(Debug, Default)]
pub(crate) struct Took {
    minutes: VecDeque<(i64, u32)>,
    second: i64,
    calls: u32,
}

impl Took {
    /// It answered a call well.
    pub(crate) fn note(&mut self, now: Timestamp) {
        let (second, minute) = (now.as_second(), now.as_second().div_euclid(60));
        self.calls = if self.second == second { self.calls.saturating_add(1) } else { 1 };
        self.second = second;
        if self.minutes.back().is_none_or(|(last, _)| *last != minute) {
            self.minutes.push_back((minute, 0));
            if self.minutes.len() > MINUTES_MAX {
                self.minutes.pop_front();
            }
        }
        if let Some((_, most)) = self.minutes.back_mut() {
            *most = self.calls.max(*most);
        }
    }

    /// The most calls in a second; `None` when nothing is known.
    pub(crate) fn most(&self) -> Option<u32> {
        self.minutes.iter().map(|(_, most)| *most).max()
    }
}

/// The pace of a provider, as an operator set it or as it comes back.
pub(crate) struct Speed {
    configured: Option<NonZeroU32>,
    /// What is assumed that it takes when nobody knows, in calls a second.
    assumed: u32,
    in_line_max: [usize; 3],
    /// Kept for as long as the provider; of one without a limit there is a pace only while it comes back.
    fixed: Option<Pace>,
    is_coming_back: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    passing: Option<Pace>,
    /// How much of what it took it gets. More than 100 while what piled up is still there.
    percent: u64,
    changed_at: Timestamp,
}

impl Speed {
    /// For a provider with so many places; `in_line_max` as [`Lane::ALL`](crate::domain::lane::Lane::ALL).
    pub(crate) fn new(configured: Option<NonZeroU32>, places: usize, in_line_max: [usize; 3], now: Timestamp) -> Self {
        let assumed = configured.map_or_else(|| u32::try_from(places).unwrap_or(u32::MAX), NonZeroU32::get);
        Self {
            configured,
            assumed,
            in_line_max,
            fixed: configured.map(|limit| Pace::new(limit, in_line_max, now)),
            is_coming_back: AtomicBool::new(false),
            inner: Mutex::new(Inner { passing: None, percent: 100, changed_at: now }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether something else counts than what was configured.
    pub(crate) fn is_coming_back(&self) -> bool {
        self.is_coming_back.load(Ordering::Acquire)
    }

    /// What its calls go by now, if by anything.
    pub(crate) fn pace(&self) -> Option<Pace> {
        let is_passing = self.fixed.is_none() && self.is_coming_back();
        if is_passing { self.inner().passing.clone() } else { self.fixed.clone() }
    }

    /// So much of its places is open, and that is the most that it took in a second.
    pub(crate) fn come_back(&self, percent: u8, took: Option<u32>, now: Timestamp) {
        if percent >= 100 && !self.is_coming_back() {
            return;
        }
        let mut inner = self.inner();
        let pace = self.fixed.clone().or_else(|| inner.passing.clone());
        if percent < 100 || inner.percent < 100 {
            if inner.percent != u64::from(percent) {
                (inner.percent, inner.changed_at) = (u64::from(percent), now);
                // From here on it is seen whether what comes uses it.
                if let Some(pace) = &pace {
                    pace.was_busy();
                }
            }
        } else if now.duration_since(inner.changed_at).abs() >= GROWTH_STEP {
            if pace.as_ref().is_none_or(|pace| !pace.was_busy()) {
                return self.is_back(&mut inner, now);
            }
            (inner.percent, inner.changed_at) = (inner.percent.saturating_add(GROWTH_PERCENT), now);
        }
        let limit = self.limit(inner.percent, took);
        if inner.percent >= 100 && self.configured == Some(limit) {
            return self.is_back(&mut inner, now);
        }
        match pace {
            Some(pace) => pace.change(limit, true, now),
            None => inner.passing = Some(Pace::coming_back(limit, self.in_line_max, now)),
        }
        self.is_coming_back.store(true, Ordering::Release);
    }

    /// Nothing but what was configured counts any more.
    fn is_back(&self, inner: &mut Inner, now: Timestamp) {
        (inner.passing, inner.percent) = (None, 100);
        if let (Some(pace), Some(limit)) = (&self.fixed, self.configured) {
            pace.change(limit, false, now);
        }
        self.is_coming_back.store(false, Ordering::Release);
    }

    fn limit(&self, percent: u64, took: Option<u32>) -> NonZeroU32 {
        let share = u64::from(took.unwrap_or(self.assumed)).saturating_mul(percent) / 100;
        let share = u32::try_from(share).unwrap_or(u32::MAX).max(FLOOR_A_SECOND);
        let share = NonZeroU32::new(share).unwrap_or(NonZeroU32::MIN);
        self.configured.map_or(share, |configured| configured.min(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lane::Lane;
    use crate::flow::pace::{Comer, Turn};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_760_000_040_000 + ms).unwrap()
    }

    fn limit(speed: &Speed) -> Option<u32> {
        speed.pace().map(|pace| pace.limit().get())
    }

    #[test]
    fn what_it_took_is_the_most_of_a_second_of_its_last_good_minutes() {
        let mut took = Took::default();
        assert_eq!(took.most(), None);
        for (second, calls) in [(0, 30), (1, 70), (60, 20), (120, 5), (7_200, 40), (7_260, 1)] {
            (0..calls).for_each(|n| took.note(at(second * 1_000 + n)));
        }
        assert_eq!(took.most(), Some(70), "however long ago, if it had no calls since");
        took.note(at(7_320_000));
        assert_eq!(took.most(), Some(40));
    }

    #[test]
    fn it_grows_with_the_places_and_on_until_it_is_not_used() {
        let speed = Speed::new(None, 64, [32; 3], at(0));
        speed.come_back(100, Some(200), at(0));
        assert_eq!(limit(&speed), None, "it was never ill");
        for (percent, expected) in [(10, 20), (20, 40), (90, 180), (100, 200)] {
            speed.come_back(percent, Some(200), at(0));
            assert_eq!(limit(&speed), Some(expected));
        }
        let comer = Comer { lane: Lane::Normal, has_waited: false };
        let pace = speed.pace().unwrap();
        assert!(matches!(pace.ask(comer, at(0)), Turn::Now));
        let waits = pace.ask(comer, at(0));
        assert!(matches!(waits, Turn::Soon(_)));
        speed.come_back(100, Some(200), at(999));
        assert_eq!(limit(&speed), Some(200), "not before a second has passed");
        let waits = [waits, pace.ask(comer, at(999)), pace.ask(comer, at(999))];
        speed.come_back(100, Some(200), at(1_000));
        assert_eq!(limit(&speed), Some(220), "somebody waits");
        drop(waits);
        speed.come_back(100, Some(200), at(2_000));
        assert_eq!(limit(&speed), None);
        speed.come_back(10, Some(200), at(2_500));
        assert_eq!(limit(&speed), Some(20), "it is ill again");
    }

    #[test]
    fn half_of_its_turns_taken_is_use_although_nobody_waits() {
        for (taken, expected) in [(50, Some(110)), (49, None)] {
            let speed = Speed::new(None, 64, [32; 3], at(0));
            speed.come_back(10, Some(100), at(0));
            speed.come_back(100, Some(100), at(0));
            let pace = speed.pace().unwrap();
            for n in 1..=taken {
                assert!(matches!(pace.ask(Comer { lane: Lane::Bulk, has_waited: false }, at(n * 10)), Turn::Now));
            }
            speed.come_back(100, Some(100), at(1_000));
            assert_eq!(limit(&speed), expected, "{taken} of 100");
        }
    }

    #[test]
    fn it_is_neither_less_than_a_floor_nor_more_than_configured() {
        let cases = [
            (None, Some(3), 10, 10),
            (None, None, 50, 32),
            (None, None, 10, 10),
            (Some(4), Some(1_000), 10, 4),
            (Some(500), None, 10, 50),
            (Some(500), Some(200), 10, 20),
        ];
        for (configured, took, percent, expected) in cases {
            let speed = Speed::new(configured.and_then(NonZeroU32::new), 64, [32; 3], at(0));
            speed.come_back(percent, took, at(0));
            assert_eq!(limit(&speed), Some(expected), "{configured:?} {took:?} {percent}");
            speed.come_back(100, took, at(0));
            speed.come_back(100, took, at(2_000));
            assert_eq!(limit(&speed), configured);
        }
    }
}
