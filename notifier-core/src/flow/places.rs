//! Places for calls that run at the same time, with room kept free for the lanes in front.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::after;
use super::line::Line;
use crate::domain::lane::Lane;

/// A provider that gave nobody a place for so long, although somebody waits, is slow.
const SLOW: Duration = Duration::from_millis(200);
/// The shortest time for which a delivery is put off that found no place.
const LATER_MIN: Duration = Duration::from_millis(250);
/// The longest, however many wait.
const LATER_MAX: Duration = Duration::from_secs(120);
/// Where those who wait get no places, one that is to be expected later than this is worth another provider.
const FAR: Duration = Duration::from_secs(5);
const FAR_IF_URGENT: Duration = Duration::from_secs(2);

/// So many places in all, of which each lane may take its share.
pub(crate) struct Places(Arc<Mutex<Inner>>);

struct Inner {
    count: usize,
    /// Those of them that anybody gets for now.
    open: usize,
    taken: [usize; 3],
    line: Line<oneshot::Sender<Place>>,
    /// When somebody who waits last got one, or when the waiting began.
    moved_at: Timestamp,
    /// How long that took, lately.
    between: Duration,
    /// When the last of those comes back that were put off.
    end: Timestamp,
}

/// Held while a call runs.
pub(crate) struct Place {
    places: Arc<Mutex<Inner>>,
    lane: Lane,
}

/// Waits for a place.
pub(crate) struct WaitingForPlace {
    places: Arc<Mutex<Inner>>,
    lane: Lane,
    ticket: u64,
    told: oneshot::Receiver<Place>,
}

fn lock(places: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Places {
    pub(crate) fn new(count: usize, now: Timestamp) -> Self {
        let count = count.max(1);
        Self(Arc::new(Mutex::new(Inner {
            count,
            open: count,
            taken: [0; 3],
            line: Line::new(),
            moved_at: now,
            between: Duration::ZERO,
            end: now,
        })))
    }

    /// Asks for a place: there at once, or as soon as it is its turn. Dropped, it asks no longer.
    pub(crate) fn ask(&self, lane: Lane, now: Timestamp) -> WaitingForPlace {
        let (tell, told) = oneshot::channel();
        let ticket = {
            let mut inner = lock(&self.0);
            if inner.line.is_empty() {
                inner.moved_at = now;
            }
            inner.line.join(lane, tell)
        };
        give_out(&self.0);
        WaitingForPlace { places: Arc::clone(&self.0), lane, ticket, told }
    }

    /// Somebody who waited got one.
    pub(crate) fn moved(&self, now: Timestamp) {
        let mut inner = lock(&self.0);
        let took = Duration::try_from(inner.moved_at.duration_until(now)).unwrap_or_default();
        inner.between = (inner.between * 7 + took) / 8;
        inner.moved_at = now;
    }

    /// How many of that lane wait.
    pub(crate) fn waiting(&self, lane: Lane) -> usize {
        lock(&self.0).line.len(lane)
    }

    /// Whether those who wait do so for long.
    pub(crate) fn is_slow(&self, now: Timestamp) -> bool {
        lock(&self.0).stands(now) > SLOW
    }

    /// When one of that lane could have a place, if it is stuck: nobody gets one any more, and so many wait that another
    /// provider is to be preferred.
    pub(crate) fn far(&self, lane: Lane, now: Timestamp) -> Option<Timestamp> {
        let inner = lock(&self.0);
        let stands = inner.stands(now);
        if inner.line.is_empty() || stands <= SLOW {
            return None;
        }
        let before = u32::try_from(inner.line.before(lane)).unwrap_or(u32::MAX);
        let expected = after(now, inner.between.max(stands).saturating_mul(before));
        let far = if lane == Lane::Urgent { FAR_IF_URGENT } else { FAR };
        Some(expected.min(after(now, LATER_MAX))).filter(|expected| *expected > after(now, far))
    }

    /// When one who found no place is to come back: after those that were put off before, as far as one can tell from how
    /// quickly places become free; not on the dot, and within two minutes.
    pub(crate) fn later(&self, now: Timestamp, random: u64) -> Timestamp {
        let mut inner = lock(&self.0);
        let part = |places: usize| u32::try_from(places).unwrap_or(u32::MAX);
        // Calls that have taken so long already: more often than this, none of that many can end.
        let stands = inner.stands(now) / part(inner.count);
        let step = inner.between.max(stands).clamp(Duration::from_millis(2), Duration::from_millis(500));
        // Where only some are open, more will be soon.
        let step = step * part(inner.open) / part(inner.count);
        let (first, last) = (after(now, LATER_MIN), after(now, LATER_MAX));
        inner.end = after(inner.end.max(first), step);
        let is_full = inner.end > last;
        inner.end = inner.end.min(last);
        let wait = Duration::try_from(now.duration_until(inner.end)).unwrap_or_default();
        // Between three quarters and the whole; anywhere where as many wait as fit into the time.
        let jitter = if is_full { wait - LATER_MIN } else { wait / 4 };
        let share = ((jitter.as_millis() * u128::from(random)) >> 64) as u64;
        after(now, wait - Duration::from_millis(share))
    }

    /// Gives out no more than this share of the places; at least one.
    pub(crate) fn open_to(&self, percent: u8) {
        {
            let mut inner = lock(&self.0);
            let open = (inner.count * usize::from(percent.min(100))).div_ceil(100).max(1);
            if inner.open == open {
                return;
            }
            inner.open = open;
        }
        give_out(&self.0);
    }

    /// Places that are taken now.
    pub(crate) fn in_use(&self) -> usize {
        lock(&self.0).taken.iter().sum()
    }

    /// Places in all.
    pub(crate) fn count(&self) -> usize {
        lock(&self.0).count
    }
}

impl Inner {
    /// How long those who wait have seen nobody get a place.
    fn stands(&self, now: Timestamp) -> Duration {
        Duration::try_from(self.moved_at.duration_until(now)).unwrap_or_default()
    }

    /// How many that lane and those behind it may take together. Where only some are open, the lanes behind leave one to
    /// those in front as long as there is another for them.
    fn share(&self, lane: Lane) -> usize {
        let share = lane.share(self.open);
        if lane == Lane::Urgent || self.open == self.count { share } else { share.min((self.open - 1).max(1)) }
    }

    /// Whether there is one for that lane: in its own share, and in each share that it is a part of.
    fn has_room(&self, lane: Lane) -> bool {
        let taken_from = |front: &Lane| -> usize {
            Lane::ALL.iter().zip(self.taken).filter(|(other, _)| *other >= front).map(|(_, taken)| taken).sum()
        };
        Lane::ALL.iter().filter(|front| **front <= lane).all(|front| taken_from(front) < self.share(*front))
    }

    fn taken_mut(&mut self, lane: Lane) -> &mut usize {
        let [urgent, normal, bulk] = &mut self.taken;
        match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        }
    }

    fn next(&mut self) -> Option<(Lane, oneshot::Sender<Place>)> {
        let room = Lane::ALL.map(|lane| self.has_room(lane));
        let may = |lane: Lane| Lane::ALL.into_iter().zip(room).any(|(other, has_room)| other == lane && has_room);
        let (lane, tell) = self.line.next(may)?;
        *self.taken_mut(lane) += 1;
        Some((lane, tell))
    }
}

/// Gives free places to those whose turn it is.
fn give_out(places: &Arc<Mutex<Inner>>) {
    loop {
        let Some((lane, tell)) = lock(places).next() else { return };
        // Not under the lock: where nobody wants it any more, it is dropped here, and free again.
        let _ = tell.send(Place { places: Arc::clone(places), lane });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut inner = lock(&self.places);
            let taken = inner.taken_mut(self.lane);
            *taken = taken.saturating_sub(1);
        }
        give_out(&self.places);
    }
}

impl Future for WaitingForPlace {
    /// `None` never happens: who is in line is told.
    type Output = Option<Place>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Place>> {
        Pin::new(&mut self.told).poll(context).map(Result::ok)
    }
}

impl Drop for WaitingForPlace {
    fn drop(&mut self) {
        lock(&self.places).line.leave(self.lane, self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_760_000_000_000 + ms).unwrap()
    }

    fn places(count: usize) -> Places {
        Places::new(count, at(0))
    }

    fn take(places: &Places, lane: Lane) -> Option<Place> {
        places.ask(lane, at(0)).now_or_never().flatten()
    }

    fn take_all(places: &Places, lane: Lane) -> Vec<Place> {
        std::iter::from_fn(|| take(places, lane)).collect()
    }

    #[test]
    fn the_lanes_behind_leave_room_to_those_in_front() {
        let places = places(8);
        let bulk = take_all(&places, Lane::Bulk);
        assert_eq!(bulk.len(), 4);
        let normal = take_all(&places, Lane::Normal);
        assert_eq!(normal.len(), 2, "three quarters, bulk included");
        let urgent = take_all(&places, Lane::Urgent);
        assert_eq!((urgent.len(), places.in_use()), (2, 8));
        drop((bulk, normal, urgent));
        assert_eq!(take_all(&places, Lane::Normal).len(), 6);
        assert_eq!(take_all(&places, Lane::Urgent).len(), 8);
    }

    #[test]
    fn places_that_are_withheld_come_back_by_steps() {
        let places = places(20);
        places.open_to(10);
        let first = take_all(&places, Lane::Urgent);
        assert_eq!((first.len(), places.in_use()), (2, 2));
        places.open_to(50);
        assert_eq!(take_all(&places, Lane::Urgent).len(), 8);
        places.open_to(100);
        drop(first);
        assert_eq!(take_all(&places, Lane::Urgent).len(), 20);
        let one = self::places(1);
        one.open_to(1);
        assert_eq!(take_all(&one, Lane::Bulk).len(), 1);
    }

    #[test]
    fn while_some_are_withheld_the_lanes_share_the_rest_as_they_share_all() {
        // Of 40, with so many percent open: what bulk, normal and urgent get, in that order.
        let cases = [(100, [20, 10, 10]), (50, [10, 5, 5]), (10, [2, 1, 1]), (5, [1, 0, 1]), (1, [1, 0, 0])];
        for (percent, expected) in cases {
            let places = places(40);
            places.open_to(percent);
            let taken: Vec<_> =
                [Lane::Bulk, Lane::Normal, Lane::Urgent].map(|lane| take_all(&places, lane)).into_iter().collect();
            assert_eq!(taken.iter().map(Vec::len).collect::<Vec<_>>(), expected, "{percent}%");
        }
        // What is taken when the places are withheld stays so; nobody gets one before there is room again.
        let places = places(40);
        let before = take_all(&places, Lane::Bulk);
        places.open_to(50);
        assert!(take(&places, Lane::Urgent).is_none(), "20 are taken, and 20 are open");
        let mut before = before.into_iter();
        drop(before.next());
        assert!(take(&places, Lane::Bulk).is_none() && take(&places, Lane::Urgent).is_some());
    }

    #[test]
    fn who_waits_gets_the_next_one_and_who_is_gone_keeps_none() {
        let places = places(1);
        let held = take(&places, Lane::Normal).unwrap();
        let gone = places.ask(Lane::Urgent, at(0));
        let mut normal = places.ask(Lane::Normal, at(0));
        let mut urgent = places.ask(Lane::Urgent, at(0));
        assert_eq!((places.waiting(Lane::Urgent), places.waiting(Lane::Normal)), (2, 1));
        drop(gone);
        drop(held);
        assert!((&mut normal).now_or_never().is_none());
        // Told already, and dropped without having looked.
        assert_eq!(places.in_use(), 1);
        drop((&mut urgent).now_or_never().flatten().unwrap());
        drop(urgent);
        let told = places.ask(Lane::Urgent, at(0));
        drop(normal);
        drop(told);
        assert_eq!((places.in_use(), places.waiting(Lane::Normal)), (0, 0));
    }

    #[test]
    fn stuck_is_where_nobody_gets_a_place_and_many_wait() {
        let places = places(1);
        let far = |lane, ms| places.far(lane, at(ms)).map(|until| until.duration_since(at(ms)).as_millis());
        let _held = take(&places, Lane::Normal);
        assert_eq!(far(Lane::Bulk, 60_000), None, "nobody waits");
        let waiting: Vec<_> = (0..8).map(|_| places.ask(Lane::Normal, at(0))).collect();
        assert_eq!(far(Lane::Normal, 200), None, "not for long");
        assert_eq!(far(Lane::Normal, 600), None, "8 times 600 ms");
        assert_eq!(far(Lane::Normal, 700), Some(5_600));
        assert_eq!(far(Lane::Urgent, 60_000), None, "nobody is before it");
        places.moved(at(700));
        assert_eq!(far(Lane::Normal, 750), None, "somebody got one");
        drop(waiting);
        assert_eq!(far(Lane::Normal, 60_000), None);
    }

    #[test]
    fn the_more_are_put_off_the_later_they_come_back_and_never_later_than_two_minutes() {
        let places = places(1);
        let waits: Vec<_> = (0..2_000u64)
            .map(|n| places.later(at(0), n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).duration_since(at(0)).as_millis())
            .collect();
        assert!(waits.iter().all(|wait| (180..=120_000).contains(wait)), "{waits:?}");
        assert!(waits[0] < 300 && waits[1_999] > 2_500, "{} and {}", waits[0], waits[1_999]);
        // Slow: half a second each.
        let later: Vec<_> = (0..2_000u64)
            .map(|n| places.later(at(60_000), n.wrapping_mul(0x9E37_79B9_7F4A_7C15)).duration_since(at(60_000)))
            .map(|wait| wait.as_millis())
            .collect();
        assert!(later.iter().all(|wait| *wait <= 120_000));
        let late = later[1_000..].iter().filter(|wait| **wait > 60_000).count();
        assert!((300..=700).contains(&late), "spread over the whole time: {late} of 1000");
        let ten = self::places(10);
        ten.open_to(10);
        let last = (0..100).map(|_| ten.later(at(60_000), 0).duration_since(at(60_000)).as_millis()).max();
        assert!(last.is_some_and(|wait| (5_000..6_000).contains(&wait)), "as when all are open: {last:?}");
    }
}
