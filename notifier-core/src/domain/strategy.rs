//! On which of its channels a notification goes out, and in which order.
//!
//! In a sequence, the delivery on the first channel is due when the notification is; each further one waits for its turn.
//! It is looked at when the one before it has ended or has waited long enough ([`follow_up`]), and then [`turn`] decides
//! from where all the earlier ones stand.

use jiff::{Timestamp, ToSpan};

use super::delivery::Delivery;
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
        /// Counts from the call of the provider; without meaning for [`Goal::Sent`].
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

/// The reason of a delivery that waits for its turn.
pub const WAITS: &str = "strategy.waits";
/// The reason of a delivery that has its turn because the one before it did not reach the goal.
pub const NEXT: &str = "strategy.next";

/// Whether it is a delivery's turn, going by the deliveries on the channels before its own.
///
/// `forever` is when to look again where nothing but an event can change anything: the expiry.
#[must_use]
pub fn turn(
    strategy: Strategy,
    acknowledged: bool,
    earlier: &[Delivery],
    now: Timestamp,
    forever: Timestamp,
) -> Option<Turn> {
    let Strategy::Sequence { until, wait_ms } = strategy else { return None };
    if planted!(TakesNoTurns) && !earlier.is_empty() {
        return Some(Turn::Go(Reason::new(NEXT, "its turn")));
    }
    let acknowledged = acknowledged && !planted!(EscalatesAfterAcknowledgement);
    if until == Goal::Acknowledged && acknowledged {
        return Some(Turn::Skip(Reason::new("strategy.acknowledged", "somebody acknowledged the notification")));
    }
    let Some(last) = earlier.last() else {
        return Some(Turn::Go(Reason::new(
            "strategy.first",
            format!("the first of a sequence until {}", until.name()),
        )));
    };
    let is_reached = |delivery: &&Delivery| match until {
        Goal::Sent => matches!(delivery.state, DeliveryState::Sent | DeliveryState::Delivered),
        Goal::Delivered => delivery.state == DeliveryState::Delivered,
        Goal::Acknowledged => false,
    };
    if let Some(reached) = earlier.iter().find(is_reached) {
        let text = format!("not needed: the {} was {}", reached.id.channel, reached.state);
        return Some(Turn::Skip(Reason::new("strategy.reached", text)));
    }
    let channel = last.id.channel;
    Some(match looked_at(until, wait_ms, last) {
        None => {
            let text = format!("waits for what becomes of the {channel}, which is {}", last.state);
            Turn::Wait(forever, Reason::new(WAITS, text))
        }
        Some(at) if at > now => {
            let text = format!("waits until {at} for the {channel} to be {}", until.name());
            Turn::Wait(at, Reason::new(WAITS, text))
        }
        Some(_) => {
            let text = format!("its turn: the {channel} is {} and not {}", last.state, until.name());
            Turn::Go(Reason::new(NEXT, text))
        }
    })
}

/// When the delivery after this one is to be looked at; `None` while that is not known, or where there is no order.
#[must_use]
pub fn follow_up(strategy: Strategy, delivery: &Delivery, now: Timestamp) -> Option<Timestamp> {
    let Strategy::Sequence { until, wait_ms } = strategy else { return None };
    looked_at(until, wait_ms, delivery).map(|at| at.max(now))
}

/// When the delivery after this one has its turn, if this one does not reach the goal before.
fn looked_at(until: Goal, wait_ms: u64, delivery: &Delivery) -> Option<Timestamp> {
    let called_at = delivery.last_attempt.as_ref().map_or(delivery.updated_at, |attempt| attempt.send_at);
    let wait_ms = i64::try_from(wait_ms).unwrap_or(i64::MAX).min(366 * 24 * 3_600_000);
    let waited = called_at.checked_add(wait_ms.milliseconds()).map_or(Timestamp::MAX, ceil_to_millisecond);
    match (delivery.state, until) {
        (DeliveryState::Pending | DeliveryState::Sending, _) => None,
        (DeliveryState::Sent | DeliveryState::Unknown, Goal::Delivered | Goal::Acknowledged)
        | (DeliveryState::Delivered, Goal::Acknowledged) => Some(waited),
        _ => Some(delivery.updated_at),
    }
}
