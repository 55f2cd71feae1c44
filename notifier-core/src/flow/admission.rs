//! From a claimed delivery to a call that may be made: planned, with a place at the provider, a turn in its pace and one of
//! its calls of the day.
//!
//! Nothing of this is recorded, and nothing of it counts as an attempt: whatever waits here when the process ends has
//! certainly not been sent. Waiting here is short. It holds a claim, and room in the lane; what has to wait for longer than
//! a quarter of its claim is put off, and comes back.

use std::time::Duration;

use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::error::RecvError;

use super::connected::{Probe, Wait};
use super::pace::{Comer, Turn};
use super::places::Place;
use super::planner::{Plan, Sending};
use super::{Flow, after};
use crate::domain::calls::Calls;
use crate::domain::delivery::{Change, Delivery};
use crate::domain::health::{Limit, Standing};
use crate::domain::id::ProviderName;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::route::Route;
use crate::domain::timeline::Reason;
use crate::domain::wish::Wishes;
use crate::ports::store::StoreError;

/// How often a provider is chosen anew because the chosen one takes no calls by the time that it is its turn.
const CHOICES_MAX: usize = 4;
/// After waiting so long for a place, everything is looked at once more: it may have expired, or be wanted no longer.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a delivery that found no provider that stays as it was chosen waits.
const UNSTEADY_PAUSE: Duration = Duration::from_millis(500);

/// What a claimed delivery is ready for.
pub(super) enum Prepared {
    /// The call.
    Call(Box<Sending>, Admitted),
    /// Nothing more: record the change.
    Stop(Box<Change>),
    /// Being put off.
    Wait(Wait),
}

/// What a call needs besides the message. Dropped when it is over.
pub(super) struct Admitted {
    pub(super) _place: Place,
    pub(super) probe: Option<Probe>,
}

/// What the timeline of a delivery tells of the providers that it was with.
#[derive(Default)]
pub(super) struct Past {
    /// Who is to be left alone.
    pub(super) wishes: Wishes,
    /// Who was called how often, and cannot carry it.
    pub(super) calls: Calls,
}

/// What came of waiting for a provider.
enum Admission {
    /// The call can be made.
    In(Admitted),
    /// It can, but it took so long that everything is to be looked at once more.
    LookAgain(Place),
    /// It takes no calls any more: another choice is to be made.
    ChooseAgain,
    /// It will, at a time that is known.
    Later(Wait),
}

/// What came of waiting for a place or a turn.
enum Got<T> {
    It(T),
    ChooseAgain,
    /// Neither, and the time is over.
    TimeIsOver,
}

/// A claimed delivery, and for how long it may be worked on.
#[derive(Clone, Copy)]
pub(super) struct InHands<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) notification: &'a Notification,
    pub(super) preferences: Option<&'a Preferences>,
    /// No wait in the process goes on after this.
    waits_until: Timestamp,
    /// When it was claimed, or a little later.
    claimed_at: Timestamp,
}

impl Comer {
    /// That delivery, as one that asks for a turn.
    pub(super) fn of(delivery: &Delivery) -> Self {
        Self { lane: delivery.lane, has_waited: delivery.reason.code == Limit::PerSecond.code() }
    }
}

impl Flow {
    /// What a wait in the process may take of a claim.
    fn patience(&self) -> Duration {
        self.options.claim_ahead + (self.options.attempt_timeout + self.options.lease_margin) / 4
    }

    /// A delivery that was claimed just now.
    pub(super) fn in_hands<'a>(
        &self,
        delivery: &'a Delivery,
        notification: &'a Notification,
        preferences: Option<&'a Preferences>,
    ) -> InHands<'a> {
        let now = self.clock.now();
        InHands { delivery, notification, preferences, waits_until: after(now, self.patience()), claimed_at: now }
    }

    /// Plans it, and waits until its call can be made. Records nothing about it: dropped at any time, it is as before.
    pub(super) async fn make_ready(&self, in_hands: InHands<'_>) -> Result<Prepared, StoreError> {
        let InHands { delivery, notification, preferences, .. } = in_hands;
        // What was put off depends on what is true when it is due; only what nothing has happened to yet is prepared ahead.
        if !delivery.is_untouched() {
            self.wait_for_the_moment(delivery.due_at).await;
        }
        let mut held = None;
        let mut changed = None;
        for round in 0..CHOICES_MAX {
            if round > 0 {
                // It waited: what the recipient wished meanwhile counts.
                changed = self.store.preferences(&notification.tenant, &notification.recipient.id).await?;
            }
            let preferences = if round > 0 { changed.as_ref() } else { preferences };
            let sending = match self.plan(delivery, notification, preferences).await? {
                Plan::Stop(change) => return Ok(Prepared::Stop(change)),
                Plan::Send(sending) => sending,
            };
            match self.admit(&sending, in_hands, held.take()).await? {
                Admission::In(admitted) => return Ok(Prepared::Call(sending, admitted)),
                Admission::LookAgain(place) => held = Some((sending.provider.name.clone(), place)),
                Admission::ChooseAgain => {}
                Admission::Later(wait) => return Ok(Prepared::Wait(wait)),
            }
        }
        Ok(Prepared::Wait(self.a_moment_later("its providers change too fast: a moment later")))
    }

    fn a_moment_later(&self, why: &str) -> Wait {
        Wait { until: after(self.clock.now(), UNSTEADY_PAUSE), reason: Reason::new("route.unsteady", why.to_owned()) }
    }

    fn too_late(&self) -> Wait {
        self.a_moment_later("it took too long to prepare: a moment later")
    }

    async fn admit(
        &self,
        sending: &Sending,
        in_hands: InHands<'_>,
        held: Option<(ProviderName, Place)>,
    ) -> Result<Admission, StoreError> {
        let connected = &sending.provider;
        let place = match held.filter(|(name, _)| *name == connected.name) {
            Some((_, place)) => place,
            None => {
                let asked_at = self.clock.now();
                let place = match self.place(sending, in_hands).await {
                    Got::It(place) => place,
                    Got::ChooseAgain => return Ok(Admission::ChooseAgain),
                    Got::TimeIsOver => {
                        let wait = connected.place_later(self.clock.now(), self.entropy.number());
                        return Ok(Admission::Later(wait));
                    }
                };
                // Much may have changed meanwhile; a clock that was set back says that nobody knows.
                let now = self.clock.now();
                if now < asked_at || now > after(asked_at, LOOK_AGAIN_AFTER) {
                    return Ok(Admission::LookAgain(place));
                }
                place
            }
        };
        if connected.has_pace() {
            // Turns are counted when the calls are made, and not when they are prepared.
            let attempt = sending.change.delivery.last_attempt.as_ref();
            self.wait_for_the_moment(attempt.map_or(Timestamp::MIN, |attempt| attempt.send_at)).await;
        }
        // Before anything is spent on it: of two that were chosen for the same probe, one makes it.
        let probe = if sending.is_probe { self.begin_probe(connected) } else { None };
        if sending.is_probe && probe.is_none() {
            return Ok(Admission::ChooseAgain);
        }
        self.spend(sending, in_hands, Admitted { _place: place, probe }).await
    }

    /// Takes a turn and one of the calls of the day, if the claim still has time for the call.
    async fn spend(
        &self,
        sending: &Sending,
        in_hands: InHands<'_>,
        admitted: Admitted,
    ) -> Result<Admission, StoreError> {
        let connected = &sending.provider;
        if !self.has_time(in_hands) {
            return Ok(Admission::Later(self.too_late()));
        }
        let comer = Comer::of(in_hands.delivery);
        let asked = connected.turn(comer, self.clock.now());
        match asked {
            Turn::Now => {}
            Turn::Later(until) => return Ok(Admission::Later(connected.wait_for_turn(until))),
            Turn::Soon(mut line) => {
                let got = loop {
                    let look_again = self.clock.sleep(line.look(self.clock.now()));
                    tokio::select! {
                        biased;
                        () = &mut line => break Got::It(()),
                        got = self.until_it_is_pointless(sending, admitted.probe.as_ref(), in_hands) => break got,
                        () = look_again => {}
                    }
                };
                drop(line);
                match got {
                    Got::It(()) => {}
                    Got::ChooseAgain => return Ok(Admission::ChooseAgain),
                    // What has expired needs no other turn.
                    Got::TimeIsOver if !self.has_time(in_hands) => return Ok(Admission::Later(self.too_late())),
                    Got::TimeIsOver => {
                        let wait = connected.turn_later(comer, self.clock.now());
                        return Ok(wait.map_or(Admission::ChooseAgain, Admission::Later));
                    }
                }
            }
        }
        if !self.is_as_chosen(sending, admitted.probe.as_ref()) {
            return Ok(Admission::ChooseAgain);
        }
        match self.reserve_call(connected).await? {
            Ok(()) => Ok(Admission::In(admitted)),
            // Another of its route may take it now.
            Err(_) => Ok(Admission::ChooseAgain),
        }
    }

    /// A place at the provider.
    async fn place(&self, sending: &Sending, in_hands: InHands<'_>) -> Got<Place> {
        let connected = &sending.provider;
        let now = self.clock.now();
        let mut place = connected.place(in_hands.delivery.lane, now);
        if let Some(Some(place)) = (&mut place).now_or_never() {
            return Got::It(place);
        }
        let patience = connected.patience(in_hands.delivery.lane, self.patience(), now);
        tokio::select! {
            biased;
            place = &mut place => match place {
                Some(place) => {
                    connected.place_was_waited_for(self.clock.now());
                    Got::It(place)
                }
                None => Got::ChooseAgain,
            },
            got = self.until_it_is_pointless(sending, None, in_hands) => got,
            () = self.clock.sleep(patience) => Got::TimeIsOver,
        }
    }

    /// Returns when there is no use in waiting for that provider any more.
    async fn until_it_is_pointless<T>(
        &self,
        sending: &Sending,
        probe: Option<&Probe>,
        in_hands: InHands<'_>,
    ) -> Got<T> {
        let ends_at = in_hands.waits_until.min(in_hands.notification.expires_at);
        let left = Duration::try_from(self.clock.now().duration_until(ends_at)).unwrap_or_default();
        let mut changes = sending.provider.changes();
        let changed = async {
            // Changes that were missed are one look all the same; the sender lives as long as its provider.
            while self.is_as_chosen(sending, probe) && changes.recv().await != Err(RecvError::Closed) {}
        };
        tokio::select! {
            biased;
            () = changed => Got::ChooseAgain,
            // A clock that was set back makes nobody wait for longer.
            () = self.clock.sleep(left.min(self.patience())) => Got::TimeIsOver,
        }
    }

    /// Whether the provider still takes the call for which it was chosen.
    fn is_as_chosen(&self, sending: &Sending, probe: Option<&Probe>) -> bool {
        if let Some(probe) = probe {
            return probe.is_wanted();
        }
        match sending.provider.standing(self.clock.now()) {
            Standing::Takes { .. } => !sending.is_probe,
            Standing::Probe => sending.is_probe,
            Standing::Refuses { .. } | Standing::Limited { .. } => false,
        }
    }

    /// Whether a call could begin well before the claim ends, and before the delivery expires.
    fn has_time(&self, in_hands: InHands<'_>) -> bool {
        let now = self.clock.now();
        let half = self.options.claim_ahead + (self.options.attempt_timeout + self.options.lease_margin) / 2;
        now < in_hands.notification.expires_at
            && now.duration_since(in_hands.claimed_at).abs() <= SignedDuration::try_from(half).unwrap_or_default()
    }

    /// What is known of the vendors that this delivery was with, as far as that makes a difference on this route.
    pub(super) async fn past(
        &self,
        delivery: &Delivery,
        notification: &Notification,
        route: &Route,
    ) -> Result<Past, StoreError> {
        // Where it has only one, it waited for as long as that one asked for.
        let has_other = route.chain.providers().nth(1).is_some();
        let counts = route.chain.providers().any(|name| self.calls_max(name).is_some());
        if delivery.attempts == 0 || !(has_other || counts) {
            return Ok(Past::default());
        }
        let facts = self.store.timeline(&notification.tenant, notification.id).await?.unwrap_or_default();
        let channel = delivery.id.channel;
        let wishes = if has_other { Wishes::told(&facts, channel, self.clock.now()) } else { Wishes::default() };
        Ok(Past { wishes, calls: Calls::told(&facts, channel) })
    }

    /// Those of the route that are not called for a delivery any more: as often as their own policy allows they were, or they
    /// said that they cannot carry it.
    pub(super) fn spent(&self, route: &Route, past: &Past) -> Vec<ProviderName> {
        let is_used_up = |name: &ProviderName| self.calls_max(name).is_some_and(|max| past.calls.of(name) >= max);
        let is_spent = |name: &&ProviderName| past.calls.is_unfit(name) || is_used_up(name);
        route.chain.providers().filter(is_spent).cloned().collect()
    }

    /// How often a provider may be called for one delivery, if it has a policy of its own.
    fn calls_max(&self, name: &ProviderName) -> Option<u32> {
        Some(self.providers.get(name)?.policy.retry.as_ref()?.attempts_max)
    }

    /// Whether a provider takes a call of that one now, or at `at` if that is later.
    pub(super) fn standing_for(&self, name: &ProviderName, comer: Comer, wishes: &Wishes, at: Timestamp) -> Standing {
        let now = self.clock.now();
        let connected = self.providers.get(name);
        let standing = connected.map_or(Standing::Refuses { until: now }, |known| known.standing_for(comer, at, now));
        match wishes.until(name).filter(|until| *until > at) {
            Some(until) if standing.refuses_until().is_none_or(|other| other < until) => Standing::Refuses { until },
            _ => standing,
        }
    }
}
