//! Bugs that can be switched on, to see that the simulation finds them. Only with the feature `planted`; without it,
//! `planted!` is `false` and nothing of this is compiled.

#[cfg(feature = "planted")]
use std::cell::Cell;

/// A bug that somebody could have written.
#[cfg(feature = "planted")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// The provider is called as soon as the intent is recorded, not when it is due.
    CallsAheadOfTime,
    /// The provider is called before the intent is recorded.
    CallsBeforeTheIntent,
    /// A request is acknowledged before it is stored.
    AcknowledgesBeforeStoring,
    /// Whatever was in flight at a crash stays there.
    ForgetsWhatWasInFlight,
    /// An interrupted attempt is taken for one that was never made.
    TakesInterruptedForNotCalled,
    /// `hold` is treated like `resend`.
    ResendsWhatIsToBeHeld,
    /// What a provider rejected is tried again.
    RetriesRejections,
    /// A doubtful attempt is not remembered.
    ForgetsDoubt,
    /// The scheduler is not woken by what is stored.
    SleepsThroughTheAlarm,
    /// A second request under a key is a second notification.
    IgnoresKeys,
    /// Channels do not wait for their turn.
    TakesNoTurns,
    /// What ends does not make the next channel's turn come.
    DropsTheNextTurn,
    /// The next channel does not wait as long as it should.
    CutsTheWaitShort,
    /// A cancellation says so and does nothing.
    CancelsInWordsOnly,
    /// What is taken back while it is being sent is tried again.
    ForgetsWhatIsUnwanted,
    /// The one that is replaced goes out as well.
    KeepsWhatIsReplaced,
    /// A lease that was lost still settles.
    HonoursLostLeases,
    /// What acknowledging stops goes on.
    EscalatesAfterAcknowledgement,
    /// Reports that come before the answer of the call are dropped.
    DropsEarlyReceipts,
}

#[cfg(feature = "planted")]
impl Bug {
    /// Every bug.
    pub const ALL: [Bug; 19] = [
        Self::CallsAheadOfTime,
        Self::CallsBeforeTheIntent,
        Self::AcknowledgesBeforeStoring,
        Self::ForgetsWhatWasInFlight,
        Self::TakesInterruptedForNotCalled,
        Self::ResendsWhatIsToBeHeld,
        Self::RetriesRejections,
        Self::ForgetsDoubt,
        Self::SleepsThroughTheAlarm,
        Self::IgnoresKeys,
        Self::TakesNoTurns,
        Self::DropsTheNextTurn,
        Self::CutsTheWaitShort,
        Self::CancelsInWordsOnly,
        Self::ForgetsWhatIsUnwanted,
        Self::KeepsWhatIsReplaced,
        Self::HonoursLostLeases,
        Self::EscalatesAfterAcknowledgement,
        Self::DropsEarlyReceipts,
    ];
}

#[cfg(feature = "planted")]
thread_local! {
    static ACTIVE: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Switches a bug on for whatever runs on this thread, and every other one off.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    ACTIVE.set(bug);
}

#[cfg(feature = "planted")]
pub(crate) fn is_planted(bug: Bug) -> bool {
    ACTIVE.get() == Some(bug)
}

/// Whether that bug is switched on; never without the feature `planted`.
macro_rules! planted {
    ($bug:ident) => {{
        #[cfg(feature = "planted")]
        let is_planted = crate::planted::is_planted(crate::planted::Bug::$bug);
        #[cfg(not(feature = "planted"))]
        let is_planted = false;
        is_planted
    }};
}

pub(crate) use planted;
