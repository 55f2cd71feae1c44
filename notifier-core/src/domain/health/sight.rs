//! What one call says about its provider.

use crate::domain::outcome::{Outcome, RejectionKind};

/// Whose server a provider calls: it decides what a failed call says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Called {
    /// The vendor's, which serves every message: one that fails may fail for all.
    #[default]
    Vendor,
    /// Each recipient's own, as with webhooks. That one is down, slow or wants to be left alone is no reason to keep messages
    /// from the others, so it counts for the message alone.
    Recipient,
}

/// What was seen of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// A call that says that it works, whatever it said about the message.
    Good,
    /// A call that failed, was refused for everybody, or takes too long.
    Bad,
    /// A receipt that did not come, or says that the message was lost on the way: takes traffic away, and opens nothing.
    Worrying,
}

impl Sight {
    /// What a call's outcome says about the provider; `None` where it says something about the message, the recipient's own
    /// server or the host alone.
    #[must_use]
    pub fn of(outcome: &Outcome, called: Called) -> Option<Self> {
        match outcome {
            Outcome::Accepted { .. } => Some(Self::Good),
            Outcome::Rejected { kind: RejectionKind::Plugin | RejectionKind::Unfit, .. } => None,
            Outcome::Rejected { kind: RejectionKind::Provider, .. } => Some(Self::Bad),
            Outcome::Rejected { .. } => Some(Self::Good),
            Outcome::RateLimited { .. } | Outcome::Unavailable { .. } | Outcome::Unknown { .. } => match called {
                Called::Vendor => Some(Self::Bad),
                Called::Recipient => None,
            },
        }
    }

    /// What it says about the provider that a call is slow.
    #[must_use]
    pub fn of_slow(called: Called) -> Option<Self> {
        match called {
            Called::Vendor => Some(Self::Bad),
            Called::Recipient => None,
        }
    }
}
