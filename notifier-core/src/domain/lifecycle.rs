//! The states of a delivery and the one function that moves it between them.
//!
//! ```text
//!                     suppress, cancel, expire, fail
//!            +-------------------------------------------> suppressed cancelled expired failed
//!            |
//!  pending --+-- begin --> sending --+-- accept --> sent --+-- confirm --> delivered
//!     ^  ^   |                |      |                     +-- bounce ---> bounced
//!     |  +defer               |      +-- hold ---> unknown
//!     +--------- retry -------+      +-- fail ---> failed
//!                                    +-- withdraw -> cancelled
//! ```
//!
//! A person can `replay` what failed, expired or is unknown. Receipts move what waits for a retry after an attempt without a
//! clear answer, too.

use std::fmt;

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeliveryState {
    /// Waits for its due time.
    Pending,
    /// The intent to call a provider is recorded; the answer is not.
    Sending,
    /// A provider took responsibility.
    Sent,
    /// A receipt says that it arrived.
    Delivered,
    /// A receipt says that it came back.
    Bounced,
    /// A rule or preference said no.
    Suppressed,
    /// The caller took it back in time.
    Cancelled,
    /// Its time ran out before it could be sent.
    Expired,
    /// It could not be sent. Kept, and replayable.
    Failed,
    /// It may or may not have been sent, and the category prefers a miss to a duplicate.
    Unknown,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [DeliveryState; 10] = [
        Self::Pending,
        Self::Sending,
        Self::Sent,
        Self::Delivered,
        Self::Bounced,
        Self::Suppressed,
        Self::Cancelled,
        Self::Expired,
        Self::Failed,
        Self::Unknown,
    ];

    /// The name used in the API, records and timelines.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it ended without success, and a person can have it tried again: the dead letters.
    #[must_use]
    pub fn is_dead(self) -> bool {
        matches!(self, Self::Failed | Self::Expired | Self::Unknown)
    }

    /// Whether the engine is done with it. A receipt or a person may still move it on.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Sending)
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryEvent {
    /// The intent to call a provider is recorded.
    Begin,
    /// It has to wait for something other than a provider.
    Defer,
    /// A rule or preference says no.
    Suppress,
    /// The caller takes it back.
    Cancel,
    /// The caller took it back while it was being sent, and that attempt was in vain.
    Withdraw,
    /// Its time ran out.
    Expire,
    /// It cannot be sent.
    Fail,
    /// The provider took it.
    Accept,
    /// It will be tried again.
    Retry,
    /// Nobody knows whether the provider took it, and it is not tried again.
    Hold,
    /// A receipt says that it arrived.
    Confirm,
    /// A receipt says that it came back.
    Bounce,
    /// A person asks for another try.
    Replay,
}

impl DeliveryEvent {
    /// Every event.
    pub const ALL: [DeliveryEvent; 13] = [
        Self::Begin,
        Self::Defer,
        Self::Suppress,
        Self::Cancel,
        Self::Withdraw,
        Self::Expire,
        Self::Fail,
        Self::Accept,
        Self::Retry,
        Self::Hold,
        Self::Confirm,
        Self::Bounce,
        Self::Replay,
    ];
}

/// The event makes no sense in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a delivery that is {from} cannot take the event {event:?}")]
pub struct InvalidTransition {
    /// The state it was in.
    pub from: DeliveryState,
    /// What was to happen.
    pub event: DeliveryEvent,
}

/// The state after `event`.
///
/// # Errors
/// When the event makes no sense in that state.
pub fn transition(from: DeliveryState, event: DeliveryEvent) -> Result<DeliveryState, InvalidTransition> {
    use DeliveryEvent as E;
    use DeliveryState as S;
    Ok(match (from, event) {
        (S::Pending, E::Begin) => S::Sending,
        (S::Pending, E::Defer) => S::Pending,
        (S::Pending, E::Suppress) => S::Suppressed,
        (S::Pending, E::Cancel) => S::Cancelled,
        (S::Pending, E::Expire) => S::Expired,
        (S::Pending | S::Sending, E::Fail) => S::Failed,

        (S::Sending, E::Accept) => S::Sent,
        (S::Sending, E::Retry) => S::Pending,
        (S::Sending, E::Hold) => S::Unknown,
        (S::Sending, E::Withdraw) => S::Cancelled,

        // A receipt outranks what we believed, in whatever order the two arrive. One about an attempt without a clear answer
        // finds the delivery waiting for the next, or given up.
        (S::Pending | S::Unknown, E::Accept) => S::Sent,
        (S::Pending | S::Sending | S::Sent | S::Delivered | S::Unknown | S::Failed, E::Confirm) => S::Delivered,
        (S::Pending | S::Sending | S::Sent | S::Delivered | S::Unknown | S::Bounced, E::Bounce) => S::Bounced,
        (S::Sent | S::Unknown, E::Fail) => S::Failed,
        // What ended in doubt may turn out to have arrived.
        (S::Expired | S::Cancelled | S::Suppressed, E::Confirm) => S::Delivered,

        (S::Failed | S::Expired | S::Unknown, E::Replay) => S::Pending,
        _ => return Err(InvalidTransition { from, event }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use DeliveryEvent as E;
    use DeliveryState as S;

    /// Every allowed move. What is not listed must be refused.
    const ALLOWED: &[(S, E, S)] = &[
        (S::Pending, E::Begin, S::Sending),
        (S::Pending, E::Defer, S::Pending),
        (S::Pending, E::Suppress, S::Suppressed),
        (S::Pending, E::Cancel, S::Cancelled),
        (S::Pending, E::Expire, S::Expired),
        (S::Pending, E::Fail, S::Failed),
        (S::Pending, E::Accept, S::Sent),
        (S::Pending, E::Confirm, S::Delivered),
        (S::Pending, E::Bounce, S::Bounced),
        (S::Sending, E::Accept, S::Sent),
        (S::Sending, E::Retry, S::Pending),
        (S::Sending, E::Hold, S::Unknown),
        (S::Sending, E::Fail, S::Failed),
        (S::Sending, E::Withdraw, S::Cancelled),
        (S::Sending, E::Confirm, S::Delivered),
        (S::Sending, E::Bounce, S::Bounced),
        (S::Sent, E::Confirm, S::Delivered),
        (S::Sent, E::Bounce, S::Bounced),
        (S::Sent, E::Fail, S::Failed),
        (S::Delivered, E::Confirm, S::Delivered),
        (S::Delivered, E::Bounce, S::Bounced),
        (S::Bounced, E::Bounce, S::Bounced),
        (S::Unknown, E::Accept, S::Sent),
        (S::Unknown, E::Fail, S::Failed),
        (S::Unknown, E::Confirm, S::Delivered),
        (S::Unknown, E::Bounce, S::Bounced),
        (S::Unknown, E::Replay, S::Pending),
        (S::Failed, E::Confirm, S::Delivered),
        (S::Failed, E::Replay, S::Pending),
        (S::Expired, E::Replay, S::Pending),
        (S::Expired, E::Confirm, S::Delivered),
        (S::Cancelled, E::Confirm, S::Delivered),
        (S::Suppressed, E::Confirm, S::Delivered),
    ];

    #[test]
    fn every_pair_of_state_and_event_is_decided() {
        for from in S::ALL {
            for event in E::ALL {
                let expected = ALLOWED.iter().find(|row| row.0 == from && row.1 == event).map(|row| row.2);
                let actual = transition(from, event);
                assert_eq!(actual.ok(), expected, "{from} + {event:?}");
            }
        }
    }

    proptest::proptest! {
        /// Nothing is sent twice by the engine on its own: between two `Begin`s there is always a `Retry` or a `Replay`.
        #[test]
        fn a_second_begin_needs_a_retry(events in proptest::collection::vec(proptest::sample::select(&E::ALL[..]), 0..40)) {
            let mut state = S::Pending;
            let mut may_begin = true;
            for event in events {
                if let Ok(next) = transition(state, event) {
                    if event == E::Begin {
                        proptest::prop_assert!(may_begin);
                        may_begin = false;
                    }
                    may_begin |= matches!(event, E::Retry | E::Replay);
                    state = next;
                }
            }
        }

        /// Only a replay by a person leaves a final state for a live one.
        #[test]
        fn final_states_stay_final(from in proptest::sample::select(&S::ALL[..]), event in proptest::sample::select(&E::ALL[..])) {
            if let Ok(next) = transition(from, event) && from.is_final() && event != E::Replay {
                proptest::prop_assert!(next.is_final());
            }
        }
    }
}
