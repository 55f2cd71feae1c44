//! What happens in a round, drawn by chance.

use notifier_core::Entropy;
use notifier_core::testing::SeededEntropy;

/// How long a call of a vendor takes, in milliseconds, where it is not to hold anything up.
pub(super) const CALL_MS: u64 = 20;
/// As long as this where a backlog is to grow.
const LONG_CALL_MS: u64 = 1_000;

pub(super) struct Round {
    pub(super) number: u64,
    /// Whether the vendors are too slow for what is submitted.
    pub(super) has_backlog: bool,
    pub(super) call_ms: u64,
    /// Notifications acknowledged before the end; with a backlog, deliveries beyond those that are to be pending.
    pub(super) kill_after: usize,
    pub(super) end: End,
    /// Starts that are cut off as well, before the one that is not.
    pub(super) in_recovery: Vec<Moment>,
}

/// How the server's work ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    Kill,
    /// SIGTERM, and SIGKILL while it finishes what is in flight.
    KillWhileStopping {
        after_ms: u64,
    },
}

/// When a server that comes up again is killed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// So far into the time that a start takes: before it serves, or just then.
    InTime { percent: u32 },
    /// When so much of what was left has arrived.
    WhileItWorksOff { percent: usize },
}

impl Round {
    pub(super) fn draw(number: u64, chance: &Chance) -> Self {
        let has_backlog = chance.below(2) == 0;
        let call_ms = if has_backlog { LONG_CALL_MS } else { CALL_MS };
        let end = match chance.below(2) {
            0 => End::Kill,
            _ => End::KillWhileStopping { after_ms: chance.below(call_ms + 40) },
        };
        let moment = |_| match chance.below(2) {
            0 => Moment::InTime { percent: u32::try_from(chance.below(130)).unwrap() },
            _ => Moment::WhileItWorksOff { percent: usize::try_from(chance.below(100)).unwrap() },
        };
        let kill_after = usize::try_from(1 + chance.below(300)).unwrap();
        let in_recovery = (0..chance.below(3)).map(moment).collect();
        Self { number, has_backlog, call_ms, kill_after, end, in_recovery }
    }
}

/// Chance that can be repeated.
pub(super) struct Chance(SeededEntropy);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// 0 to one less than the limit.
    pub(super) fn below(&self, limit: u64) -> u64 {
        self.0.number() % limit
    }
}
