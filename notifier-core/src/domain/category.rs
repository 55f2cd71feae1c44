//! Kinds of message: what applies to all rent reminders, or to all emergencies.

use super::channel::Channel;
use super::id::CategoryName;
use super::lane::Lane;
use super::retry::RetryPolicy;
use super::strategy::Strategy;

/// What to do with an attempt of which nobody knows whether it was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnknownPolicy {
    /// Try again: prefer a duplicate to a miss.
    Resend,
    /// Leave it, and show it: prefer a miss to a duplicate.
    Hold,
}

/// A kind of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its name.
    pub name: CategoryName,
    /// Channels of a request that names none, in order.
    pub channels: Vec<Channel>,
    /// On all of these channels, or on one after the other.
    pub strategy: Strategy,
    /// What it may not be held up by.
    pub lane: Lane,
    /// Whether it goes out even on channels that the recipient switched off.
    pub mandatory: bool,
    /// What happens to ambiguous attempts.
    pub unknown_policy: UnknownPolicy,
    /// How long after its due time a delivery may still go out, in milliseconds: however many attempts are left, none starts
    /// after that.
    pub expire_after_ms: u64,
    /// How often it is tried.
    pub retry: RetryPolicy,
}

impl Category {
    /// A category of that name with the defaults: every channel at once, the normal lane, optional, resend, three days.
    #[must_use]
    pub fn named(name: CategoryName) -> Self {
        Self {
            name,
            channels: Channel::ALL.to_vec(),
            strategy: Strategy::All,
            lane: Lane::Normal,
            mandatory: false,
            unknown_policy: UnknownPolicy::Resend,
            expire_after_ms: 3 * 24 * 3_600_000,
            retry: RetryPolicy::default(),
        }
    }
}

impl Default for Category {
    fn default() -> Self {
        Self::named(CategoryName::unnamed())
    }
}
