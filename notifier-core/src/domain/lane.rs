//! Lanes: what may not be held up by what.

use std::fmt;

/// Who goes first. A lane has room of its own that the lanes behind it cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Lane {
    /// Emergencies and codes that somebody waits for.
    Urgent,
    /// Everything else.
    #[default]
    Normal,
    /// Campaigns: as much as the others leave, and never more than half of what there is.
    Bulk,
}

impl Lane {
    /// Every lane, the first first.
    pub const ALL: [Lane; 3] = [Self::Urgent, Self::Normal, Self::Bulk];

    /// The name used in the configuration, the API and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Urgent => "urgent",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// How much of `places` this lane may take: all, three quarters, half; at least one.
    #[must_use]
    pub fn share(self, places: usize) -> usize {
        let share = match self {
            Self::Urgent => places,
            Self::Normal => places - places / 4,
            Self::Bulk => places / 2,
        };
        share.max(1)
    }
}

/// Which of the two queues of a lane a delivery waits in. They take turns, so that a burst of what is to go out at once delays
/// nothing that was given a time, nor the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timing {
    /// As soon as it can be: the first attempt of what has no time, and every retry.
    Prompt,
    /// At the time that somebody gave.
    Scheduled,
}

impl Timing {
    /// Both.
    pub const ALL: [Timing; 2] = [Self::Prompt, Self::Scheduled];
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lane_leaves_room_to_those_before_it() {
        let shares = |places| Lane::ALL.map(|lane| lane.share(places));
        assert_eq!(shares(256), [256, 192, 128]);
        assert_eq!(shares(3), [3, 3, 1]);
        assert_eq!(shares(1), [1, 1, 1]);
    }
}
