//! Where to look for what is due: for each lane, a hint for every party that has something queued there. A party is a tenant
//! with what is to go out at once, or with what has a time of its own.
//!
//! A hint is the first entry of the party that may be free. It may be too early, as when that entry was cancelled: then it is
//! moved on when somebody looks. It is never too late: whatever adds or frees an entry before it takes it back. So nobody
//! passes over the entries that are held again and again, and no lane is scanned to know when its next delivery is due.
//! Memory grows with tenants, not with deliveries.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use jiff::Timestamp;

use super::keys::{Party, QueueEntry};
use crate::domain::channel::Channel;
use crate::domain::id::NotificationId;
use crate::domain::lane::Lane;

/// Of one party, in the order of its queue.
pub(super) type Place = (Timestamp, NotificationId);

#[derive(Debug, Default)]
pub(super) struct Queues {
    lanes: BTreeMap<(Channel, Lane), Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    hints: BTreeMap<Party, Hint>,
    /// The same by due time.
    by_time: BTreeMap<Timestamp, BTreeSet<Party>>,
    /// Those of them that are due at the horizon, in the order of turns: so that a claim costs as much as it takes, however
    /// many wait.
    ready: BTreeSet<Party>,
    /// Until when somebody asked last.
    horizon: Timestamp,
    /// Whose turn it was last.
    served: Option<Party>,
}

#[derive(Debug, Clone, Copy)]
struct Hint {
    place: Place,
    /// Whether there may be nothing free at that place.
    is_vague: bool,
}

impl Queues {
    /// An entry is free there.
    pub(super) fn freed(&mut self, entry: &QueueEntry) {
        let place = (entry.due_at, entry.notification);
        let queue = self.lanes.entry((entry.channel, entry.lane)).or_default();
        if queue.hints.get(&entry.party()).is_none_or(|hint| place <= hint.place) {
            queue.set(&entry.party(), Some(place), false);
        }
    }

    /// There is no free entry there any longer.
    pub(super) fn taken(&mut self, entry: &QueueEntry) {
        let queue = self.lanes.get_mut(&(entry.channel, entry.lane));
        if let Some(hint) = queue.and_then(|queue| queue.hints.get_mut(&entry.party()))
            && hint.place == (entry.due_at, entry.notification)
        {
            hint.is_vague = true;
        }
    }

    /// Whether whoever looks for something to claim finds that entry.
    pub(super) fn covers(&self, entry: &QueueEntry) -> bool {
        let hint = self.lanes.get(&(entry.channel, entry.lane)).and_then(|queue| queue.hints.get(&entry.party()));
        hint.is_some_and(|hint| hint.place <= (entry.due_at, entry.notification))
    }

    /// Somebody has looked: the first free entry of the party is there.
    pub(super) fn found(&mut self, channel: Channel, lane: Lane, party: &Party, first: Option<Place>) {
        self.lanes.entry((channel, lane)).or_default().set(party, first, false);
    }

    /// Somebody may have to look from there.
    pub(super) fn suspected(&mut self, channel: Channel, lane: Lane, party: &Party, place: Place) {
        self.lanes.entry((channel, lane)).or_default().set(party, Some(place), true);
    }

    /// From where to look for entries of the party.
    pub(super) fn hint(&self, channel: Channel, lane: Lane, party: &Party) -> Option<Place> {
        self.lanes.get(&(channel, lane))?.hints.get(party).map(|hint| hint.place)
    }

    /// Parties that may have something due, in the order of their turns: at most `limit`.
    pub(super) fn turns(&mut self, channel: Channel, lane: Lane, due_by: Timestamp, limit: usize) -> Vec<Party> {
        let Some(queue) = self.lanes.get_mut(&(channel, lane)) else { return Vec::new() };
        queue.look_until(due_by);
        let Some(served) = &queue.served else { return queue.ready.iter().take(limit).cloned().collect() };
        let later = queue.ready.range::<Party, _>((Bound::Excluded(served), Bound::Unbounded));
        let earlier = queue.ready.range::<Party, _>((Bound::Unbounded, Bound::Included(served)));
        later.chain(earlier).take(limit).cloned().collect()
    }

    /// It was that party's turn.
    pub(super) fn served(&mut self, channel: Channel, lane: Lane, party: &Party) {
        self.lanes.entry((channel, lane)).or_default().served = Some(party.clone());
    }

    /// The earliest due time in the lane, or the party at whose hint somebody has to look first.
    pub(super) fn earliest(&self, channel: Channel, lane: Lane) -> Option<Result<Timestamp, Party>> {
        let queue = self.lanes.get(&(channel, lane))?;
        let (due_at, parties) = queue.by_time.first_key_value()?;
        let party = parties.first()?;
        let is_vague = queue.hints.get(party).is_some_and(|hint| hint.is_vague);
        Some(if is_vague { Err(party.clone()) } else { Ok(*due_at) })
    }
}

impl Queue {
    fn set(&mut self, party: &Party, place: Option<Place>, is_vague: bool) {
        let before = match place {
            Some(place) => self.hints.insert(party.clone(), Hint { place, is_vague }),
            None => self.hints.remove(party),
        };
        let (old, new) = (before.map(|hint| hint.place.0), place.map(|place| place.0));
        if old != new {
            if let Some(old) = old {
                self.leave(old, party);
            }
            if let Some(new) = new {
                self.by_time.entry(new).or_default().insert(party.clone());
            }
            let is_ready = |due_at: Option<Timestamp>| due_at.is_some_and(|due_at| due_at <= self.horizon);
            match (is_ready(old), is_ready(new)) {
                (true, false) => drop(self.ready.remove(party)),
                (false, true) => drop(self.ready.insert(party.clone())),
                _ => {}
            }
        }
    }

    /// Moves the horizon. Each party is passed once on the way there; time mostly goes one way.
    fn look_until(&mut self, horizon: Timestamp) {
        let before = std::mem::replace(&mut self.horizon, horizon);
        if before < horizon {
            let due = self.by_time.range((Bound::Excluded(before), Bound::Included(horizon)));
            self.ready.extend(due.flat_map(|(_, parties)| parties.iter().cloned()));
        } else if horizon < before {
            let due_later = self.by_time.range((Bound::Excluded(horizon), Bound::Included(before)));
            for party in due_later.flat_map(|(_, parties)| parties) {
                self.ready.remove(party);
            }
        }
    }

    fn leave(&mut self, due_at: Timestamp, party: &Party) {
        if let Some(parties) = self.by_time.get_mut(&due_at) {
            parties.remove(party);
            if parties.is_empty() {
                self.by_time.remove(&due_at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TenantId;
    use crate::domain::lane::Timing;

    fn party(name: &str) -> Party {
        (TenantId::new(name).unwrap(), Timing::Prompt)
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn entry(name: &str, ms: i64) -> QueueEntry {
        QueueEntry {
            channel: Channel::Sms,
            lane: Lane::Normal,
            timing: Timing::Prompt,
            tenant: party(name).0,
            due_at: at(ms),
            notification: NotificationId::from_bytes([u8::try_from(ms).unwrap(); 16]),
        }
    }

    fn earliest(queues: &Queues) -> Option<Result<Timestamp, Party>> {
        queues.earliest(Channel::Sms, Lane::Normal)
    }

    #[test]
    fn a_hint_is_never_too_late() {
        let mut queues = Queues::default();
        assert_eq!(earliest(&queues), None);
        queues.freed(&entry("a", 20));
        queues.freed(&entry("a", 30));
        assert_eq!(earliest(&queues), Some(Ok(at(20))));
        queues.freed(&entry("a", 10));
        assert_eq!(earliest(&queues), Some(Ok(at(10))));
        queues.taken(&entry("a", 20));
        assert_eq!(earliest(&queues), Some(Ok(at(10))), "something later was taken");
        queues.taken(&entry("a", 10));
        assert_eq!(earliest(&queues), Some(Err(party("a"))), "somebody has to look");
        assert!(queues.covers(&entry("a", 30)) && !queues.covers(&entry("a", 5)) && !queues.covers(&entry("b", 30)));
        queues.found(Channel::Sms, Lane::Normal, &party("a"), None);
        assert_eq!(earliest(&queues), None);
        assert!(queues.turns(Channel::Sms, Lane::Normal, at(99), 9).is_empty());
    }

    #[test]
    fn the_tenant_after_the_one_served_last_is_next() {
        let mut queues = Queues::default();
        for name in ["a", "b", "c", "d"] {
            queues.freed(&entry(name, 10));
        }
        queues.freed(&entry("later", 50));
        let turns = |queues: &mut Queues, limit| {
            let turns = queues.turns(Channel::Sms, Lane::Normal, at(10), limit);
            turns.iter().map(|(tenant, _)| tenant.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(turns(&mut queues, 9), "a b c d");
        queues.served(Channel::Sms, Lane::Normal, &party("b"));
        assert_eq!(turns(&mut queues, 3), "c d a");
        queues.served(Channel::Sms, Lane::Normal, &party("d"));
        assert_eq!(turns(&mut queues, 2), "a b");
        queues.served(Channel::Sms, Lane::Normal, &party("bb"));
        assert_eq!(turns(&mut queues, 9), "c d a b", "who is gone has a place in the order all the same");
    }

    #[test]
    fn what_has_a_time_has_turns_of_its_own() {
        let mut queues = Queues::default();
        let with_time = |ms| QueueEntry { timing: Timing::Scheduled, ..entry("a", ms) };
        for ms in 1..=3 {
            queues.freed(&entry("a", ms));
        }
        queues.freed(&with_time(9));
        assert!(queues.covers(&with_time(9)) && !queues.covers(&with_time(8)));
        let (prompt, scheduled) = (party("a"), with_time(9).party());
        assert_eq!(queues.turns(Channel::Sms, Lane::Normal, at(8), 9), std::slice::from_ref(&prompt), "not due yet");
        queues.served(Channel::Sms, Lane::Normal, &prompt);
        assert_eq!(queues.turns(Channel::Sms, Lane::Normal, at(9), 9), [scheduled.clone(), prompt.clone()]);
        queues.served(Channel::Sms, Lane::Normal, &scheduled);
        assert_eq!(queues.turns(Channel::Sms, Lane::Normal, at(9), 1), [prompt]);
        assert_eq!(queues.hint(Channel::Sms, Lane::Normal, &scheduled), Some((at(9), with_time(9).notification)));
    }

    #[test]
    fn who_is_ready_follows_the_time_that_is_asked_about_and_what_is_found() {
        let mut queues = Queues::default();
        for (name, ms) in [("a", 10), ("b", 20), ("c", 30)] {
            queues.freed(&entry(name, ms));
        }
        let turns = |queues: &mut Queues, ms| {
            let turns = queues.turns(Channel::Sms, Lane::Normal, at(ms), 9);
            turns.iter().map(|(tenant, _)| tenant.as_str().to_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(turns(&mut queues, 9), "");
        assert_eq!(turns(&mut queues, 20), "a b");
        assert_eq!(turns(&mut queues, 99), "a b c");
        assert_eq!(turns(&mut queues, 10), "a", "an earlier time");
        queues.freed(&entry("c", 5));
        assert_eq!(turns(&mut queues, 10), "a c");
        queues.found(Channel::Sms, Lane::Normal, &party("a"), Some((at(40), entry("a", 40).notification)));
        assert_eq!(turns(&mut queues, 10), "c");
        queues.found(Channel::Sms, Lane::Normal, &party("c"), None);
        assert_eq!(turns(&mut queues, 10), "");
        assert_eq!(turns(&mut queues, 40), "a b");
        assert_eq!(earliest(&queues), Some(Ok(at(20))));
    }
}
