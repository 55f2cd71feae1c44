//! What a person changes about a notification after it was accepted: one pure function for all of it.

use jiff::Timestamp;

use super::channel::Channel;
use super::delivery::{Change, Delivery};
use super::id::DeliveryId;
use super::lifecycle::DeliveryState;
use super::notification::Notification;
use super::strategy::{self, Goal, Strategy};
use super::timeline::{Fact, FactKind, Reason};
use crate::planted::planted;

/// What somebody wants changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// Take back what has not been sent; what is being sent, should that be in vain.
    Cancel(Reason),
    /// Send it at another time what has not been sent.
    Reschedule {
        /// The new due time.
        due_at: Timestamp,
        /// The new end.
        expires_at: Timestamp,
    },
    /// Somebody took note: what escalates until then stops.
    Acknowledge {
        /// Who or what said so, for the timeline.
        by: Option<String>,
    },
    /// Try again what had ended without success.
    Replay {
        /// Only on this channel.
        channel: Option<Channel>,
        /// The end of the new tries; never before the present one.
        expires_at: Timestamp,
    },
}

/// What a revision comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Revised {
    /// The notification as it is from now on, if anything about it changed.
    pub notification: Option<Notification>,
    /// The deliveries that changed. Claims on them end.
    pub changes: Vec<Change>,
    /// Those of them of which it is only noted that they are not to be tried again: they are being sent, and claims on them
    /// go on.
    pub asked: Vec<DeliveryId>,
}

/// Decides what a revision changes; nothing where it is too late.
#[must_use]
pub fn revise(notification: &Notification, deliveries: &[Delivery], revision: &Revision, now: Timestamp) -> Revised {
    match revision {
        Revision::Cancel(reason) => {
            let of = |delivery: &Delivery| {
                delivery.cancel(reason.clone(), now).ok().or_else(|| delivery.ask_to_cancel(reason.clone(), now))
            };
            let changes: Vec<_> = deliveries.iter().filter_map(of).collect();
            let is_asked = |change: &&Change| change.delivery.state == DeliveryState::Sending;
            let asked = changes.iter().filter(is_asked).map(|change| change.delivery.id).collect();
            Revised { notification: None, changes, asked }
        }
        Revision::Reschedule { due_at, expires_at } => reschedule(notification, deliveries, *due_at, *expires_at, now),
        Revision::Acknowledge { by } => acknowledge(notification, deliveries, by.as_deref(), now),
        Revision::Replay { channel, expires_at } => replay(notification, deliveries, *channel, *expires_at, now),
    }
}

fn reschedule(
    notification: &Notification,
    deliveries: &[Delivery],
    due_at: Timestamp,
    expires_at: Timestamp,
    now: Timestamp,
) -> Revised {
    let has_begun = deliveries.first().is_some_and(|first| first.state != DeliveryState::Pending);
    let moved = |delivery: &Delivery| {
        if delivery.reason.code != strategy::WAITS {
            return delivery.reschedule(due_at, now).ok();
        }
        // One that waits for its turn goes on doing that; once the turns have begun, they are not held up.
        let mut change = delivery.reschedule(expires_at, now).ok().filter(|_| !has_begun)?;
        change.delivery.reason = delivery.reason.clone();
        Some(change)
    };
    let changes: Vec<_> = deliveries.iter().filter_map(moved).collect();
    let changed = Notification { due_at, expires_at, ..notification.clone() };
    Revised { notification: (!changes.is_empty()).then_some(changed), changes, asked: Vec::new() }
}

fn acknowledge(notification: &Notification, deliveries: &[Delivery], by: Option<&str>, now: Timestamp) -> Revised {
    if notification.acknowledged_at.is_some() {
        return Revised { notification: None, changes: Vec::new(), asked: Vec::new() };
    }
    let stops = matches!(notification.strategy, Strategy::Sequence { until: Goal::Acknowledged, .. })
        && !planted!(EscalatesAfterAcknowledgement);
    let text = match by {
        Some(by) => format!("acknowledged by {by}"),
        None => "acknowledged".to_owned(),
    };
    let reason = Reason::new("strategy.acknowledged", text);
    let mut changes: Vec<Change> = deliveries
        .iter()
        .filter(|delivery| stops && delivery.state == DeliveryState::Pending)
        .filter_map(|delivery| delivery.suppress(reason.clone(), now).ok())
        .collect();
    let told = |delivery: &Delivery| Fact {
        channel: None,
        reason: reason.clone(),
        ..delivery.fact(FactKind::Acknowledged, now)
    };
    match (changes.first_mut(), deliveries.first()) {
        (Some(first), _) => first.facts.insert(0, told(&first.delivery)),
        // Nothing changes but the timeline.
        (None, Some(first)) => changes.push(Change { facts: vec![told(first)], ..Change::to(first.clone()) }),
        (None, None) => {}
    }
    let noted = Notification { acknowledged_at: Some(now), ..notification.clone() };
    Revised { notification: Some(noted), changes, asked: Vec::new() }
}

fn replay(
    notification: &Notification,
    deliveries: &[Delivery],
    channel: Option<Channel>,
    expires_at: Timestamp,
    now: Timestamp,
) -> Revised {
    let wanted = |delivery: &&Delivery| channel.is_none_or(|channel| delivery.id.channel == channel);
    let changes: Vec<_> = deliveries.iter().filter(wanted).filter_map(|delivery| delivery.replay(now).ok()).collect();
    let changed = Notification { expires_at: expires_at.max(notification.expires_at), ..notification.clone() };
    Revised { notification: (!changes.is_empty()).then_some(changed), changes, asked: Vec::new() }
}
