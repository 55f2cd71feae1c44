//! On which of its channels a notification goes out, and in which order.
//!
//! In a sequence, the delivery on the first channel is due when the notification is; each further one waits for its turn.
//! It is looked at when the one before it has ended or has had its time ([`follow_up`]), and then [`turn`] decides from
//! where all the earlier ones stand. That time counts from when the turn of the one before began, and whatever holds it up
//! meanwhile (an outage, retries, a slow provider) does not prolong it. Only where the first channel that works is to be the
//! only one, the next waits for as long as something may still come of the one before.

use jiff::{Timestamp, ToSpan};

use super::delivery::Delivery;
use super::id::DeliveryId;
use super::lifecycle::DeliveryState;
use super::schedule::ceil_to_millisecond;
use super::timeline::Reason;
use crate::planted::planted;

/// On which of its channels a notification goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// On all of them, at the same time.
    #[default]
    All,
    /// On one after the other, until the goal is reached.
    Sequence {
        /// What ends it.
        until: Goal,
        /// How long a message on one channel has to reach the goal before the next channel is tried, in milliseconds.
        /// Counts from when its turn began; without meaning for [`Goal::Sent`].
        wait_ms: u64,
    },
}

/// What a sequence wants to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Goal {
    /// A provider took the message.
    Sent,
    /// A receipt says that it arrived.
    Delivered,
    /// Somebody acknowledged the notification.
    Acknowledged,
}

impl Goal {
    /// The name used in records and reasons.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
        }
    }
}

/// What a delivery in a sequence is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is its turn, and why.
    Go(Reason),
    /// Not yet: to be looked at again at that time, or when something happens to an earlier one.
    Wait(Timestamp, Reason),
    /// It is not needed any more.
    Skip(Reason),
}

/// When the turn of the delivery after another one comes, if that does not reach the goal before.
enum Next {
    /// Then.
    At(Timestamp),
    /// Its own turn has not begun: then, if it begins when it is due.
    Expected(Timestamp),
    /// When it ends.
    AtItsEnd,
}

/// The reason of a delivery that waits for its turn.
pub const WAITS: &str = "strategy.waits";
/// The reason of a delivery that has its turn because the one before it did not reach the goal.
pub const NEXT: &str = "strategy.next";

/// Whether it is a delivery's turn, going by the deliveries of its notification, in the order of their channels.
///
/// `forever` is when to look again where nothing but an event can change anything: the expiry.
#[must_use]
pub fn turn(
    strategy: Strategy,
    acknowledged: bool,
    deliveries: &[Delivery],
    id: DeliveryId,
    now: Timestamp,
    forever: Timestamp,
) -> Option<Turn> {
    let Strategy::Sequence { until, wait_ms } = strategy else { return None };
    let place = deliveries.iter().position(|delivery| delivery.id == id)?;
    let (earlier, rest) = deliveries.split_at(place);
    if planted!(TakesNoTurns) && !earlier.is_empty() {
        return Some(Turn::Go(Reason::new(NEXT, "its turn")));
    }
    let acknowledged = acknowledged && !planted!(EscalatesAfterAcknowledgement);
    if until == Goal::Acknowledged && acknowledged {
        return Some(Turn::Skip(Reason::new("strategy.acknowledged", "somebody acknowledged the notification")));
    }
    let before = earlier.iter().find(|delivery| is_reached(strategy, delivery));
    if let Some(reached) = before.or_else(|| overtaken_by(strategy, rest)) {
        let text = format!("not needed: the {} was {}", reached.id.channel, reached.state);
        return Some(Turn::Skip(Reason::new("strategy.reached", text)));
    }
    let Some(last) = earlier.last() else {
        return Some(Turn::Go(Reason::new(
            "strategy.first",
            format!("the first of a sequence until {}", until.name()),
        )));
    };
    let channel = last.id.channel;
    let goal = until.name();
    Some(match next_turn(until, wait_ms, last) {
        Next::AtItsEnd => {
            let text = format!("waits for what becomes of the {channel}, which is {}", last.state);
            Turn::Wait(forever, Reason::new(WAITS, text))
        }
        Next::Expected(at) => {
            // One that should have begun by now does so at any moment, or waits in a queue: it has all its time before it.
            let at = if at > now { at } else { wait_after(now, wait_ms) }.min(forever);
            let text = format!("waits for its turn after the {channel}: until {at}, unless that ends before");
            Turn::Wait(at, Reason::new(WAITS, text))
        }
        Next::At(at) if at > now => {
            let text = format!("waits until {at} for the {channel} to be {goal}");
            Turn::Wait(at, Reason::new(WAITS, text))
        }
        Next::At(_) => {
            let text = format!("its turn: the {channel} is {} and not {goal}", last.state);
            Turn::Go(Reason::new(NEXT, text))
        }
    })
}

/// When the delivery after this one is to be looked at; `None` while that is not known, or where there is no order.
#[must_use]
pub fn follow_up(strategy: Strategy, delivery: &Delivery, now: Timestamp) -> Option<Timestamp> {
    let Strategy::Sequence { until, wait_ms } = strategy else { return None };
    match next_turn(until, wait_ms, delivery) {
        Next::At(at) => Some(at.max(now)),
        Next::Expected(_) | Next::AtItsEnd => None,
    }
}

/// Whether this delivery is what a sequence wanted, so that those after it are not needed.
#[must_use]
pub fn is_reached(strategy: Strategy, delivery: &Delivery) -> bool {
    let Strategy::Sequence { until, .. } = strategy else { return false };
    match until {
        Goal::Sent => matches!(delivery.state, DeliveryState::Sent | DeliveryState::Delivered),
        Goal::Delivered => delivery.state == DeliveryState::Delivered,
        Goal::Acknowledged => false,
    }
}

/// What reached the goal while the first of these was still being tried. Not before its turn began: one that is replayed
/// after that is wanted all the same.
fn overtaken_by(strategy: Strategy, deliveries: &[Delivery]) -> Option<&Delivery> {
    let (own, later) = deliveries.split_first()?;
    let is_since = |other: &&Delivery| own.turn_since.is_some_and(|since| other.updated_at > since);
    let is_wanted = matches!(strategy, Strategy::Sequence { until: Goal::Delivered, .. });
    later.iter().filter(is_since).find(|other| is_wanted && is_reached(strategy, other))
}

fn next_turn(until: Goal, wait_ms: u64, delivery: &Delivery) -> Next {
    use DeliveryState::{Delivered, Pending, Sending, Sent, Unknown};
    match (delivery.state, until) {
        (Pending | Sending, Goal::Sent) => Next::AtItsEnd,
        (Pending, _) if delivery.turn_since.is_none() => Next::Expected(wait_after(delivery.due_at, wait_ms)),
        (Pending | Sending | Sent | Unknown, Goal::Delivered | Goal::Acknowledged)
        | (Delivered, Goal::Acknowledged) => {
            // A report may say so before its new turn has begun, of a call before it was replayed.
            Next::At(wait_after(delivery.turn_since.unwrap_or(delivery.due_at), wait_ms))
        }
        _ => Next::At(delivery.updated_at),
    }
}

/// When a wait from that time on is over.
fn wait_after(since: Timestamp, wait_ms: u64) -> Timestamp {
    let wait_ms = if planted!(CutsTheWaitShort) { 1 } else { wait_ms };
    let wait_ms = i64::try_from(wait_ms).unwrap_or(i64::MAX).min(366 * 24 * 3_600_000);
    since.checked_add(wait_ms.milliseconds()).map_or(Timestamp::MAX, ceil_to_millisecond)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::Channel;
    use crate::domain::id::{NotificationId, TenantId};
    use crate::domain::lane::Lane;

    const WAIT_MS: i64 = 1_000;
    const GOALS: [Goal; 3] = [Goal::Sent, Goal::Delivered, Goal::Acknowledged];

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    fn until(until: Goal) -> Strategy {
        Strategy::Sequence { until, wait_ms: u64::try_from(WAIT_MS).unwrap() }
    }

    /// One that was due at 100, whose turn began at 110, and that changed at 500 for the last time.
    fn delivery(channel: Channel, state: DeliveryState) -> Delivery {
        let id = DeliveryId { notification: NotificationId::from_parts(1, [0; 10]), channel };
        let reason = Reason::new("schedule.now", "accepted");
        let new = Delivery::new(id, TenantId::unnamed(), Lane::Normal, reason, at(100), at(0));
        Delivery { state, turn_since: Some(at(110)), updated_at: at(500), ..new }
    }

    fn waiting() -> Delivery {
        let reason = Reason::new(WAITS, "waits for its turn");
        Delivery { reason, turn_since: None, ..delivery(Channel::Email, DeliveryState::Pending) }
    }

    fn turn_of_the_next(strategy: Strategy, first: &Delivery, now_ms: i64) -> Turn {
        let both = [first.clone(), waiting()];
        turn(strategy, false, &both, both[1].id, at(now_ms), at(1_000_000)).unwrap()
    }

    fn waits_until(turn: &Turn) -> Option<Timestamp> {
        match turn {
            Turn::Wait(until, reason) => Some(*until).filter(|_| reason.code == WAITS),
            _ => None,
        }
    }

    #[test]
    fn whatever_becomes_of_the_first_meanwhile_the_time_of_the_next_counts_from_its_turn() {
        use DeliveryState as S;
        for goal in [Goal::Delivered, Goal::Acknowledged] {
            for state in [S::Pending, S::Sending, S::Sent, S::Unknown, S::Delivered] {
                if state == S::Delivered && goal == Goal::Delivered {
                    continue;
                }
                let first = delivery(Channel::Sms, state);
                let context = format!("{state:?} until {goal:?}");
                assert_eq!(follow_up(until(goal), &first, at(500)), Some(at(1_110)), "{context}");
                assert_eq!(waits_until(&turn_of_the_next(until(goal), &first, 1_109)), Some(at(1_110)), "{context}");
                let next = turn_of_the_next(until(goal), &first, 1_110);
                assert!(matches!(&next, Turn::Go(reason) if reason.code == NEXT), "{context}: {next:?}");
                assert_eq!(follow_up(until(goal), &first, at(2_000)), Some(at(2_000)), "never in the past: {context}");
            }
        }
    }

    #[test]
    fn the_first_that_works_is_waited_for() {
        for state in [DeliveryState::Pending, DeliveryState::Sending] {
            let first = delivery(Channel::Sms, state);
            assert_eq!(follow_up(until(Goal::Sent), &first, at(5_000)), None, "{state:?}");
            let next = turn_of_the_next(until(Goal::Sent), &first, 5_000);
            assert_eq!(waits_until(&next), Some(at(1_000_000)), "{state:?}");
        }
    }

    #[test]
    fn one_that_ended_in_vain_is_not_waited_for() {
        use DeliveryState as S;
        for goal in GOALS {
            for state in [S::Failed, S::Bounced, S::Suppressed, S::Cancelled, S::Expired] {
                let first = delivery(Channel::Sms, state);
                assert_eq!(follow_up(until(goal), &first, at(400)), Some(at(500)));
                assert!(matches!(turn_of_the_next(until(goal), &first, 500), Turn::Go(_)), "{state:?} until {goal:?}");
            }
        }
        let unknown = delivery(Channel::Sms, S::Unknown);
        assert!(matches!(turn_of_the_next(until(Goal::Sent), &unknown, 500), Turn::Go(_)));
    }

    #[test]
    fn what_has_not_begun_has_all_its_time_before_it() {
        for goal in [Goal::Delivered, Goal::Acknowledged] {
            let first = Delivery { turn_since: None, ..delivery(Channel::Sms, DeliveryState::Pending) };
            assert_eq!(follow_up(until(goal), &first, at(90)), None, "nothing is known yet");
            assert_eq!(waits_until(&turn_of_the_next(until(goal), &first, 90)), Some(at(1_100)), "from its due time");
            let overdue = turn_of_the_next(until(goal), &first, 5_000);
            assert_eq!(waits_until(&overdue), Some(at(6_000)), "it is held up, and has done nothing yet");
            let near_the_end = turn_of_the_next(until(goal), &first, 999_900);
            assert_eq!(waits_until(&near_the_end), Some(at(1_000_000)));
        }
    }

    #[test]
    fn what_arrived_on_a_later_channel_makes_another_try_needless() {
        let email = |updated_ms, state| Delivery { updated_at: at(updated_ms), ..delivery(Channel::Email, state) };
        let retried = delivery(Channel::Sms, DeliveryState::Pending);
        let of_the_first = |goal, sms: &Delivery, email: &Delivery| {
            let both = [sms.clone(), email.clone()];
            turn(until(goal), false, &both, sms.id, at(2_000), at(1_000_000)).unwrap()
        };
        let arrived = email(1_500, DeliveryState::Delivered);
        let skipped = of_the_first(Goal::Delivered, &retried, &arrived);
        assert!(matches!(&skipped, Turn::Skip(reason) if reason.code == "strategy.reached"), "{skipped:?}");
        let replayed = Delivery { turn_since: None, ..retried.clone() };
        let replayed_later = Delivery { turn_since: Some(at(1_600)), ..retried.clone() };
        let goes_on = [
            (Goal::Delivered, &retried, email(1_500, DeliveryState::Sent)),
            (Goal::Acknowledged, &retried, arrived.clone()),
            (Goal::Sent, &retried, arrived.clone()),
            (Goal::Delivered, &replayed, arrived.clone()),
            (Goal::Delivered, &replayed_later, arrived),
        ];
        for (goal, sms, email) in goes_on {
            let turn = of_the_first(goal, sms, &email);
            assert!(matches!(turn, Turn::Go(_)), "{goal:?}, {:?}: {turn:?}", email.state);
        }
    }
}
