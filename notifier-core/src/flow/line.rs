//! Who waits for what a provider gives out one by one, and who is next.
//!
//! A lane in front goes first, and within a lane who came first. So that nobody waits for ever behind lanes that never run
//! dry, a lane that was passed over seven times in a row has the eighth.

use std::collections::VecDeque;

use crate::domain::lane::Lane;

/// So often in a row a lane lets those in front go first.
const PASSED_OVER_MAX: u32 = 7;

/// Those who wait, each with what it is told by.
pub(crate) struct Line<T> {
    lanes: [Waiting<T>; 3],
    last_ticket: u64,
}

struct Waiting<T> {
    tickets: VecDeque<(u64, T)>,
    passed_over: u32,
}

impl<T> Line<T> {
    pub(crate) fn new() -> Self {
        let lanes = Lane::ALL.map(|_| Waiting { tickets: VecDeque::new(), passed_over: 0 });
        Self { lanes, last_ticket: 0 }
    }

    fn lane(&self, lane: Lane) -> &Waiting<T> {
        let [urgent, normal, bulk] = &self.lanes;
        match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut Waiting<T> {
        let [urgent, normal, bulk] = &mut self.lanes;
        match lane {
            Lane::Urgent => urgent,
            Lane::Normal => normal,
            Lane::Bulk => bulk,
        }
    }

    /// Goes to the end of its lane. The ticket is for [`Self::leave`].
    pub(crate) fn join(&mut self, lane: Lane, told_by: T) -> u64 {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.lane_mut(lane).tickets.push_back((ticket, told_by));
        ticket
    }

    /// Waits no longer; nothing happens where its turn has come already.
    pub(crate) fn leave(&mut self, lane: Lane, ticket: u64) {
        self.lane_mut(lane).tickets.retain(|(other, _)| *other != ticket);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.iter().all(|lane| lane.tickets.is_empty())
    }

    /// How many wait in that lane.
    pub(crate) fn len(&self, lane: Lane) -> usize {
        self.lane(lane).tickets.len()
    }

    /// How many have their turn before one who comes to that lane now, as things stand.
    pub(crate) fn before(&self, lane: Lane) -> usize {
        self.in_front(lane) + self.len(lane)
    }

    /// How many have their turn before that one, as things stand.
    pub(crate) fn before_ticket(&self, lane: Lane, ticket: u64) -> usize {
        self.in_front(lane) + self.lane(lane).tickets.partition_point(|(other, _)| *other < ticket)
    }

    fn in_front(&self, lane: Lane) -> usize {
        if self.lane(lane).passed_over >= PASSED_OVER_MAX {
            return 0;
        }
        Lane::ALL.into_iter().filter(|other| *other < lane).map(|other| self.len(other)).sum()
    }

    /// Takes out whose turn it is, among the lanes that may have one.
    pub(crate) fn next(&mut self, may: impl Fn(Lane) -> bool) -> Option<(Lane, T)> {
        let waits = |lane: &Lane| may(*lane) && self.len(*lane) > 0;
        let waiting: Vec<Lane> = Lane::ALL.into_iter().filter(waits).collect();
        let is_owed = |lane: &&Lane| self.lane(**lane).passed_over >= PASSED_OVER_MAX;
        let next = *waiting.iter().find(is_owed).or(waiting.first())?;
        for behind in waiting.into_iter().filter(|lane| *lane > next) {
            let behind = self.lane_mut(behind);
            behind.passed_over = behind.passed_over.saturating_add(1);
        }
        let lane = self.lane_mut(next);
        lane.passed_over = 0;
        lane.tickets.pop_front().map(|(_, told_by)| (next, told_by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(_: Lane) -> bool {
        true
    }

    #[test]
    fn a_lane_in_front_goes_first_and_within_a_lane_who_came_first() {
        let mut line = Line::new();
        let came = [(Lane::Bulk, 1), (Lane::Normal, 2), (Lane::Urgent, 3), (Lane::Bulk, 4), (Lane::Urgent, 5)];
        for (lane, number) in came {
            line.join(lane, number);
        }
        assert_eq!((line.before(Lane::Urgent), line.before(Lane::Normal), line.before(Lane::Bulk)), (2, 3, 5));
        assert_eq!((line.before_ticket(Lane::Bulk, 1), line.before_ticket(Lane::Bulk, 4)), (3, 4));
        let order: Vec<_> = std::iter::from_fn(|| line.next(all)).map(|(_, number)| number).collect();
        assert_eq!(order, [3, 5, 2, 1, 4]);
    }

    #[test]
    fn no_lane_is_passed_over_for_ever() {
        let mut line = Line::new();
        for lane in Lane::ALL {
            for _ in 0..100 {
                line.join(lane, ());
            }
        }
        let turns: Vec<_> = (0..80).filter_map(|_| line.next(all)).map(|(lane, ())| lane).collect();
        let of = |wanted: Lane| turns.iter().filter(|lane| **lane == wanted).count();
        assert_eq!((of(Lane::Normal), of(Lane::Bulk)), (9, 8), "of 80: {turns:?}");
        let between = turns.split(|lane| *lane == Lane::Bulk).map(<[Lane]>::len).max();
        assert!(between.is_some_and(|most| most <= 8), "{turns:?}");
    }

    #[test]
    fn who_leaves_or_may_not_is_not_next() {
        let mut line = Line::new();
        let first = line.join(Lane::Urgent, 1);
        line.join(Lane::Normal, 2);
        line.leave(Lane::Urgent, first);
        assert_eq!(line.next(|lane| lane == Lane::Urgent), None);
        assert_eq!(line.next(all), Some((Lane::Normal, 2)));
        assert!(line.is_empty());
    }
}
