//! Handing out deliveries, and taking them back.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{Effect, Engine};
use crate::adapters::sled::envelope::Unreadable;
use crate::adapters::sled::holders::{Holding, Stage};
use crate::adapters::sled::keys::{self, Party, QueueEntry};
use crate::adapters::sled::present::{Present, notification, present};
use crate::adapters::sled::queues::Place;
use crate::adapters::sled::records::PreferencesRecord;
use crate::adapters::sled::stored::{Size, Trouble, understood};
use crate::domain::channel::Channel;
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::timeline::Reason;
use crate::ports::store::{ClaimQuery, Claimed, Lease};

/// What is needed to hand a delivery out.
struct Ready {
    holding: Holding,
    present: Present,
    notification: Notification,
    preferences: Option<Preferences>,
}

/// A walk along the queue of one party, from its hint on.
struct Walk {
    party: Party,
    rest: sled::Iter,
    /// The entry that was found to be free and not taken yet.
    next: Option<QueueEntry>,
}

impl Engine {
    pub(in crate::adapters::sled) fn claim(&mut self, query: &ClaimQuery) -> Result<Vec<Claimed>, Trouble> {
        self.lapse(query.now);
        let mut found = Vec::new();
        for lane in Lane::ALL {
            self.claim_in(lane, query, &mut found)?;
        }
        let stage = Stage::Claimed { until: query.lease_until };
        Ok(found.into_iter().map(|ready| self.hand_out(ready, stage)).collect())
    }

    fn lapse(&mut self, now: Timestamp) {
        for entry in self.holders.lapse(now) {
            self.queues.freed(&entry);
        }
    }

    /// Finds as many as there is room for in that lane: parties take turns, one delivery each.
    fn claim_in(&mut self, lane: Lane, query: &ClaimQuery, found: &mut Vec<Ready>) -> Result<(), Trouble> {
        let mut room = query.room.of(lane);
        while room > 0 {
            let parties = self.queues.turns(query.channel, lane, query.due_by, room);
            if parties.is_empty() {
                break;
            }
            // Whoever comes after them is to have a turn before one of them has another, if it turns out that one has nothing.
            let may_be_more = parties.len() == room;
            let mut walks = VecDeque::new();
            for party in parties {
                walks.extend(self.walk(query.channel, lane, party)?);
            }
            while let Some(mut walk) = walks.pop_front() {
                let ready = if room > 0 { self.next_ready(&mut walk, query)? } else { None };
                match ready {
                    Some(ready) => {
                        self.queues.served(query.channel, lane, &walk.party);
                        found.push(ready);
                        room -= 1;
                        if may_be_more {
                            self.leave(query.channel, lane, walk)?;
                        } else {
                            walks.push_back(walk);
                        }
                    }
                    None => self.leave(query.channel, lane, walk)?,
                }
            }
        }
        Ok(())
    }

    /// Notes from where on to look for what is left of the party's.
    fn leave(&mut self, channel: Channel, lane: Lane, mut walk: Walk) -> Result<(), Trouble> {
        let first = self.next_free(&mut walk)?;
        let place = first.map(|entry| (entry.due_at, entry.notification));
        self.queues.found(channel, lane, &walk.party, place);
        Ok(())
    }

    fn walk(&mut self, channel: Channel, lane: Lane, party: Party) -> Result<Option<Walk>, Trouble> {
        let Some((due_at, notification)) = self.queues.hint(channel, lane, &party) else { return Ok(None) };
        let (tenant, timing) = party.clone();
        let end = keys::end_of(&keys::queue_of(channel, lane, timing, &tenant));
        let from = QueueEntry { channel, lane, timing, tenant, due_at, notification };
        Ok(Some(Walk { party, rest: self.staging.range(&from.key(), &end)?, next: None }))
    }

    /// The next delivery that is free and due. Whatever cannot be handed out is moved aside.
    fn next_ready(&mut self, walk: &mut Walk, query: &ClaimQuery) -> Result<Option<Ready>, Trouble> {
        let now = query.now;
        while let Some(entry) = self.next_free(walk)?.filter(|entry| entry.due_at <= query.due_by) {
            walk.next = None;
            match self.find_due(&entry, now) {
                Ok(Some(ready)) => return Ok(Some(ready)),
                Ok(None) => {}
                Err(Trouble::Medium(error)) => return Err(Trouble::Medium(error)),
                Err(Trouble::Damaged { key, problem }) => {
                    self.quarantine(&key, &problem)?;
                    self.set_aside(&entry.key(), "what it leads to is damaged")?;
                }
                Err(Trouble::Refused(error)) => self.set_aside(&entry.key(), &error.to_string())?,
            }
        }
        Ok(None)
    }

    /// The next entry that is free, whenever it is due. It stays the next until it is taken from the walk.
    fn next_free(&mut self, walk: &mut Walk) -> Result<Option<QueueEntry>, Trouble> {
        while walk.next.is_none() {
            let Some(entry) = walk.rest.next() else { break };
            let (key, value) = entry?;
            let Some(entry) = QueueEntry::parse(&key) else {
                self.set_aside(&key, "its key cannot be read")?;
                continue;
            };
            if !self.holders.is_free(entry.id()) || self.unusable.contains(&entry.id()) {
                continue;
            }
            if value.is_empty() {
                walk.next = Some(entry);
            } else {
                tracing::error!(delivery = %entry.id(), "a delivery is sent by nobody: it is taken over");
                self.holders.orphan(Holding { entry, has_record: true, collapses: true });
            }
        }
        Ok(walk.next.clone())
    }

    /// What an entry of a pending delivery leads to; `None` when the delivery had to be given up.
    fn find_due(&mut self, entry: &QueueEntry, now: Timestamp) -> Result<Option<Ready>, Trouble> {
        let (notification, present) = self.find(entry)?;
        let found = self.preferences(&notification);
        match self.readable(found)? {
            Some(preferences) => Ok(Some(ready(entry.clone(), notification, present, preferences))),
            None => self.give_up(&notification, present, now).map(|()| None),
        }
    }

    /// Ends a delivery of which nobody knows whether its recipient wants it. Sending it anyway could go against what they
    /// said; waiting would hide it. A person can store the preferences again, and replay it.
    fn give_up(&mut self, notification: &Notification, present: Present, now: Timestamp) -> Result<(), Trouble> {
        let text = "the stored preferences of the recipient cannot be read: store them again, then replay this";
        let failed = present.delivery.fail(Reason::new("preference.unreadable", text), now);
        let Ok(change) = failed else { return Ok(()) };
        let change = notification.followed_up(change, now);
        self.effects.push(Effect::Dropped(change.delivery.id));
        self.commit(present, &change)?;
        self.follow_up(notification, &change)
    }

    /// The delivery that an entry leads to, with its notification.
    fn find(&self, entry: &QueueEntry) -> Result<(Notification, Present), Trouble> {
        let notification = notification(&self.staging, &entry.tenant, entry.notification)?;
        let misled = |problem: String| Trouble::Damaged {
            key: entry.key(),
            problem: Unreadable::Field { field: "queue entry", problem },
        };
        let present = present(&self.staging, &entry.tenant, entry.id(), Some(&notification))?
            .ok_or_else(|| misled("the notification has no delivery on that channel".into()))?;
        if present.entry.as_ref() != Some(entry) {
            let (state, due_at) = (present.delivery.state, present.delivery.due_at);
            return Err(misled(format!("the delivery is {state} and due at {due_at}")));
        }
        Ok((notification, present))
    }

    fn preferences(&self, notification: &Notification) -> Result<Option<Preferences>, Trouble> {
        let key = keys::preferences(&notification.tenant, &notification.recipient.id);
        let found = self.fetch::<PreferencesRecord>(&key)?;
        found.map(|(record, _)| understood(&key, record.try_into())).transpose()
    }

    fn hand_out(&mut self, ready: Ready, stage: Stage) -> Claimed {
        let Ready { holding, present, notification, preferences } = ready;
        let lease = self.holders.hand_out(holding, stage);
        Claimed { lease, delivery: present.delivery, notification, preferences }
    }

    pub(in crate::adapters::sled) fn next_due(
        &mut self,
        channel: Channel,
        lanes: &[Lane],
    ) -> Result<Option<Timestamp>, Trouble> {
        let mut next = self.holders.next_claim_end(channel, lanes);
        for lane in lanes {
            let earliest = self.earliest(channel, *lane)?;
            next = next.into_iter().chain(earliest).min();
        }
        Ok(next)
    }

    /// When the first free entry of the lane is due; looks where that is not known.
    fn earliest(&mut self, channel: Channel, lane: Lane) -> Result<Option<Timestamp>, Trouble> {
        loop {
            let party = match self.queues.earliest(channel, lane) {
                None => return Ok(None),
                Some(Ok(due_at)) => return Ok(Some(due_at)),
                Some(Err(party)) => party,
            };
            let first = match self.walk(channel, lane, party.clone())? {
                Some(mut walk) => self.next_free(&mut walk)?,
                None => None,
            };
            let place: Option<Place> = first.map(|entry| (entry.due_at, entry.notification));
            self.queues.found(channel, lane, &party, place);
        }
    }

    pub(in crate::adapters::sled) fn release(&mut self, lease: Lease) {
        if let Ok((holding, Stage::Claimed { .. } | Stage::Lapsed)) = self.holders.check(lease) {
            let entry = holding.entry.clone();
            self.holders.drop(lease.delivery);
            self.queues.freed(&entry);
        }
    }

    pub(in crate::adapters::sled) fn reclaim(
        &mut self,
        now: Timestamp,
        limit: usize,
        until: Timestamp,
    ) -> Result<Vec<Claimed>, Trouble> {
        let overdue: Vec<_> = self.holders.overdue(now).take(limit).map(|holding| holding.entry.clone()).collect();
        let mut found = Vec::new();
        for entry in overdue {
            match self.find(&entry) {
                Ok((notification, present)) if present.delivery.state == DeliveryState::Sending => {
                    let preferences = match self.preferences(&notification) {
                        // What was begun has to be ended, whatever the recipient wants.
                        Err(Trouble::Damaged { .. }) => None,
                        found => found?,
                    };
                    found.push(ready(entry, notification, present, preferences));
                }
                Ok(_) => {
                    self.effects.push(Effect::Dropped(entry.id()));
                    self.effects.push(Effect::Freed(entry));
                }
                // Its entry says that it may have been sent, so that stays where it is.
                Err(Trouble::Damaged { key, problem }) => {
                    self.quarantine(&key, &problem)?;
                    self.holders.drop(entry.id());
                    self.unusable.insert(entry.id());
                }
                Err(trouble) => return Err(trouble),
            }
        }
        let stage = Stage::Sending { until };
        Ok(found.into_iter().map(|ready| self.hand_out(ready, stage)).collect())
    }

    pub(in crate::adapters::sled) fn next_lease_end(&self) -> Option<Timestamp> {
        self.holders.next_lease_end()
    }
}

fn ready(entry: QueueEntry, notification: Notification, present: Present, preferences: Option<Preferences>) -> Ready {
    let has_record = present.record_size != Size::default();
    let holding = Holding { entry, has_record, collapses: notification.collapse_key.is_some() };
    Ready { holding, present, notification, preferences }
}
