//! Asks providers what came of attempts of which nobody knows, before the category's policy decides.

use super::Flow;
use crate::domain::delivery::{Attempt, Change, Delivery};
use crate::domain::id::DeliveryId;
use crate::domain::outcome::{LookUp, Outcome, Problem};
use crate::ports::clock::within;
use crate::ports::provider::Sought;

impl Flow {
    /// What the provider of the latest attempt says about it, if its outcome is not known.
    pub(super) async fn look_up(&self, begun: &Delivery, outcome: &Outcome) -> LookUp {
        match (&begun.last_attempt, outcome) {
            (Some(attempt), Outcome::Unknown { .. }) => self.ask_about(begun.id, attempt).await,
            _ => LookUp::Impossible,
        }
    }

    /// What its provider knows by now about the attempt that is to be repeated, where that is news.
    pub(super) async fn look_up_again(&self, delivery: &Delivery) -> Option<Change> {
        let said = self.ask_about(delivery.id, delivery.repeats()?).await;
        delivery.asked_again(&said, self.clock.now())
    }

    /// Bounded, so that the lease outlasts it: the call before it may have used up all but two thirds of the margin, and the
    /// last third is for storing the outcome.
    async fn ask_about(&self, delivery: DeliveryId, attempt: &Attempt) -> LookUp {
        let Some(connected) = self.providers.get(&attempt.provider) else { return LookUp::Impossible };
        let patience = self.options.attempt_timeout.min(self.options.lease_margin / 3);
        let sought = Sought::about(delivery, attempt);
        let provider = connected.provider();
        let answer = within(&*self.clock, patience, provider.look_up(&sought, patience)).await;
        answer.unwrap_or_else(|_| {
            let text = format!("the provider did not say within {} ms", patience.as_millis());
            LookUp::Unclear(Problem::coded("look_up.timeout", text))
        })
    }
}
