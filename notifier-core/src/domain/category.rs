//! Kinds of message: what applies to all rent reminders, or to all emergencies.

use super::channel::Channel;
use super::id::CategoryName;
use super::retry::RetryPolicy;

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
    /// Whether it goes out even on channels that the recipient switched off.
    pub mandatory: bool,
    /// What happens to ambiguous attempts.
    pub unknown_policy: UnknownPolicy,
    /// How long after its due time a delivery may still go out, in milliseconds.
    pub expire_after_ms: u64,
    /// How often it is tried.
    pub retry: RetryPolicy,
}

impl Category {
    /// A category of that name with the defaults: every channel, optional, resend, three days.
    #[must_use]
    pub fn named(name: CategoryName) -> Self {
        Self {
            name,
            channels: Channel::ALL.to_vec(),
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
