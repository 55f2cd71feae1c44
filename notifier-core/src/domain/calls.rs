//! How often each provider was called for a delivery, and which of them cannot carry it, as its timeline remembers it: a
//! provider's own retry policy counts its calls, not those of others.

use super::channel::Channel;
use super::id::ProviderName;
use super::timeline::{Fact, FactKind};

/// The reason of an intent that was taken back: the provider was not called.
pub const NOT_CALLED: &str = "attempt.not_called";
/// The reason of an attempt that ended because the provider cannot carry the message: it is not asked again.
pub const UNFIT: &str = "attempt.rejected.unfit";
/// The detail of an intent that names the provider.
pub const PROVIDER: &str = "provider";

/// The providers that were called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calls {
    /// One entry for each call.
    made: Vec<ProviderName>,
    /// Those that cannot carry it.
    unfit: Vec<ProviderName>,
}

impl Calls {
    /// Those that the timeline tells of the delivery on that channel, the one under way included. A replay asks everybody
    /// anew.
    #[must_use]
    pub fn told(facts: &[Fact], channel: Channel) -> Self {
        let (mut calls, mut unfit) = (Vec::new(), Vec::new());
        for fact in facts.iter().filter(|fact| fact.channel == Some(channel)) {
            match fact.kind {
                FactKind::Replayed => {
                    calls.clear();
                    unfit.clear();
                }
                FactKind::Attempting => calls.push(fact.detail(PROVIDER).and_then(|name| ProviderName::new(name).ok())),
                _ if fact.reason.code == NOT_CALLED => drop(calls.pop()),
                _ if fact.reason.code == UNFIT => unfit.extend(calls.last().cloned().flatten()),
                _ => {}
            }
        }
        Self { made: calls.into_iter().flatten().collect(), unfit }
    }

    /// How often that provider was called.
    #[must_use]
    pub fn of(&self, provider: &ProviderName) -> u32 {
        let calls = self.made.iter().filter(|called| *called == provider).count();
        u32::try_from(calls).unwrap_or(u32::MAX)
    }

    /// Whether that provider said that it cannot carry the message.
    #[must_use]
    pub fn is_unfit(&self, provider: &ProviderName) -> bool {
        self.unfit.contains(provider)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::lifecycle::DeliveryState;
    use crate::domain::timeline::Reason;

    fn fact(channel: Channel, kind: FactKind, code: &'static str) -> Fact {
        Fact {
            at: Timestamp::UNIX_EPOCH,
            channel: Some(channel),
            kind,
            reason: Reason::new(code, ""),
            state: DeliveryState::Sending,
            details: Vec::new(),
        }
    }

    #[test]
    fn calls_count_for_their_provider_and_channel_since_the_replay_if_they_were_made() {
        let intent = |channel, provider: &str| {
            fact(channel, FactKind::Attempting, "attempt.begin").with(PROVIDER, provider.to_owned())
        };
        let (sms, email) = (Channel::Sms, Channel::Email);
        let facts = [
            intent(sms, "a"),
            fact(sms, FactKind::Replayed, "replay.requested"),
            intent(sms, "a"),
            intent(email, "a"),
            fact(sms, FactKind::Retrying, "attempt.unavailable"),
            intent(sms, "b"),
            fact(email, FactKind::Retrying, NOT_CALLED),
            fact(sms, FactKind::Retrying, NOT_CALLED),
            intent(sms, "a"),
        ];
        let name = |name: &str| ProviderName::new(name).unwrap();
        let calls = Calls::told(&facts, sms);
        assert_eq!([calls.of(&name("a")), calls.of(&name("b")), calls.of(&name("c"))], [2, 0, 0]);
        assert_eq!(Calls::told(&facts, email).of(&name("a")), 0);
    }

    #[test]
    fn who_cannot_carry_it_is_known_until_a_replay() {
        let sms = Channel::Sms;
        let intent =
            |provider: &str| fact(sms, FactKind::Attempting, "attempt.begin").with(PROVIDER, provider.to_owned());
        let facts = [
            intent("a"),
            fact(sms, FactKind::Retrying, UNFIT),
            intent("b"),
            fact(Channel::Email, FactKind::Retrying, UNFIT),
            fact(sms, FactKind::Retrying, "attempt.unavailable"),
            intent("c"),
            fact(sms, FactKind::Failed, UNFIT),
            fact(sms, FactKind::Replayed, "replay.requested"),
        ];
        let unfit = |facts: &[Fact]| {
            let calls = Calls::told(facts, sms);
            ["a", "b", "c"].map(|name| calls.is_unfit(&ProviderName::new(name).unwrap()))
        };
        assert_eq!(unfit(&facts[..2]), [true, false, false]);
        assert_eq!(unfit(&facts[..7]), [true, false, true]);
        assert_eq!(unfit(&facts), [false; 3], "everybody is asked anew");
    }
}
