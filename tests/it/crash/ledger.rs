//! What the server promised, and how that compares with what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::load::{Request, Told};

/// Everything that was asked of the server, and what was found wrong. The first four are of this round.
#[derive(Default)]
pub(super) struct Ledger {
    /// How its marks begin.
    prefix: String,
    /// Ids by mark.
    pub(super) accepted: BTreeMap<String, String>,
    pub(super) refused: BTreeSet<String>,
    /// Nobody knows what became of them.
    pub(super) unanswered: Vec<Request>,
    acknowledged: usize,
    acknowledged_before: usize,
    /// Of those that were not answered: there, and not there.
    pub(super) unanswered_there: usize,
    pub(super) unanswered_absent: usize,
    pub(super) repeats: usize,
    pub(super) lost: Vec<String>,
    pub(super) half_applied: Vec<String>,
    /// Whatever else is wrong.
    pub(super) wrong: Vec<String>,
}

impl Ledger {
    /// A new round begins.
    pub(super) fn turn_page(&mut self, round: u64) {
        self.prefix = format!("mark-{round}-");
        self.accepted.clear();
        self.refused.clear();
        self.unanswered.clear();
        self.acknowledged_before = self.acknowledged;
    }

    pub(super) fn is_of_this_round(&self, mark: &str) -> bool {
        mark.starts_with(&self.prefix)
    }

    pub(super) fn acknowledged_this_round(&self) -> usize {
        self.acknowledged - self.acknowledged_before
    }

    /// What became of a request.
    pub(super) fn write(&mut self, request: Request, told: Option<Vec<Told>>) {
        let Some(told) = told else {
            self.unanswered.push(request);
            return;
        };
        for (mark, told) in request.marks.into_iter().zip(told) {
            match told {
                Told::Accepted { id, repeated } => {
                    if repeated {
                        self.wrong.push(format!("{mark} was called a repeat the first time"));
                    }
                    self.accepted.insert(mark, id);
                    self.acknowledged += 1;
                }
                Told::Refused { .. } => {
                    self.refused.insert(mark);
                }
            }
        }
    }

    pub(super) fn summary(&self) -> String {
        format!(
            "{} acknowledged, {} lost, {} half-applied, {} repeats, each of a call that was interrupted; of those without an \
             answer {} were there and {} were not; {} otherwise wrong",
            self.acknowledged,
            self.lost.len(),
            self.half_applied.len(),
            self.repeats,
            self.unanswered_there,
            self.unanswered_absent,
            self.wrong.len(),
        )
    }

    pub(super) fn assert_clean(&self) {
        for (what, found) in [("lost", &self.lost), ("half-applied", &self.half_applied), ("wrong", &self.wrong)] {
            assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
        }
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged, {} refused, {} calls unanswered; so far {} repeats, {} lost, {} half-applied, {} otherwise wrong",
            self.acknowledged_this_round(),
            self.refused.len(),
            self.unanswered.len(),
            self.repeats,
            self.lost.len(),
            self.half_applied.len(),
            self.wrong.len(),
        )
    }
}
