//! What it means for a delivery in doubt that its provider was asked what came of the attempt.

use jiff::Timestamp;

use super::settle::RESEND;
use super::{Attempt, Change, Delivery, Settling};
use crate::domain::lifecycle::{DeliveryEvent, InvalidTransition};
use crate::domain::outcome::{LookUp, Outcome};
use crate::domain::timeline::{FactKind, Reason};

/// The reason of what was sent, as its provider said when it was asked.
const FOUND: &str = "attempt.found";
/// The reason of what was not sent, as its provider said when it was asked.
const NOT_FOUND: &str = "attempt.not_found";

impl Delivery {
    /// What an attempt's outcome means, as [`Self::settle`]; where nobody knows it, with what the provider said when it was
    /// asked. Only the attempt that was asked about is settled by it: doubt about earlier ones stays.
    ///
    /// # Errors
    /// When the delivery is not being sent.
    pub fn settle_asked(
        &self,
        outcome: &Outcome,
        said: &LookUp,
        settling: Settling<'_>,
    ) -> Result<Change, InvalidTransition> {
        let Outcome::Unknown { problem } = outcome else { return self.settle(outcome, settling) };
        let after = format!("after: {problem}");
        let now = settling.now;
        let mut change = match said {
            LookUp::Impossible => return self.settle(outcome, settling),
            LookUp::Unclear(unclear) => {
                let mut change = self.settle(outcome, settling)?;
                if let Some(seen) = change.facts.first_mut() {
                    seen.details.push(("look_up".into(), format!("unclear: {unclear}")));
                }
                return Ok(change);
            }
            LookUp::Found { message_id } => self.taken(self.found(&after), message_id.clone(), now)?,
            LookUp::NotFound => self.again(self.not_found(&after), problem, None, settling)?,
        };
        let seen = self.seen(problem, change.delivery.state, now);
        change.facts.insert(0, seen);
        Ok(change)
    }

    /// The attempt to ask about once more before it is repeated: it is in doubt, and waited for nothing else since.
    #[must_use]
    pub fn repeats(&self) -> Option<&Attempt> {
        let is_to_be_repeated = self.reason.code == RESEND && self.asked_in_doubt().is_some();
        self.last_attempt.as_ref().filter(|_| is_to_be_repeated)
    }

    /// What it means for a delivery that is about to [repeat](Self::repeats) an attempt; `None` when it is as doubtful as before.
    #[must_use]
    pub fn asked_again(&self, said: &LookUp, now: Timestamp) -> Option<Change> {
        let after = "before it was tried again";
        match said {
            LookUp::Impossible | LookUp::Unclear(_) => None,
            LookUp::Found { message_id } => self.taken(self.found(after), message_id.clone(), now).ok(),
            LookUp::NotFound => {
                let mut delivery = self.moved(DeliveryEvent::Defer, self.not_found(after), now).ok()?;
                delivery.doubtful_attempts = self.doubtful_attempts.saturating_sub(1);
                let fact = delivery.fact(FactKind::Retrying, now).with("due_at", delivery.due_at.to_string());
                Some(Change { facts: vec![fact], ..Change::to(delivery) })
            }
        }
    }

    fn found(&self, after: &str) -> Reason {
        Reason::new(FOUND, format!("`{}` has it, as it said when it was asked {after}", self.called()))
    }

    fn not_found(&self, after: &str) -> Reason {
        Reason::new(NOT_FOUND, format!("`{}` never took it, as it said when it was asked {after}", self.called()))
    }
}
