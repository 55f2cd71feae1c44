//! A vendor's wish to be left alone, as the timeline of the delivery remembers it.
//!
//! The provider itself rests for a while ([`Health::rest`](super::health::Health::rest)), because what one message was told
//! may be meant for all. The delivery that was told keeps to the whole of it, also when others were asked meanwhile.

use jiff::Timestamp;

use super::channel::Channel;
use super::id::ProviderName;
use super::timeline::{Fact, FactKind};

const PROVIDER: &str = "left_alone";
const UNTIL: &str = "left_alone_until";

/// Who is to be left alone, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes(Vec<(ProviderName, Timestamp)>);

/// The fact, telling of the wish.
#[must_use]
pub fn telling(fact: Fact, provider: &ProviderName, until: Timestamp) -> Fact {
    fact.with(PROVIDER, provider.as_str()).with(UNTIL, until.to_string())
}

impl Wishes {
    /// Those that the timeline tells of the delivery on that channel and that hold at `now`. A replay asks everybody anew,
    /// and what was told by a clock that was set back since says nothing.
    #[must_use]
    pub fn told(facts: &[Fact], channel: Channel, now: Timestamp) -> Self {
        let of_channel = facts.iter().filter(|fact| fact.channel == Some(channel));
        let since_replay = of_channel.rev().take_while(|fact| fact.kind != FactKind::Replayed);
        let wish = |fact: &Fact| {
            let provider = ProviderName::new(fact.detail(PROVIDER)?).ok()?;
            Some((provider, fact.detail(UNTIL)?.parse::<Timestamp>().ok()?))
        };
        let told = since_replay.filter(|fact| fact.at <= now).filter_map(wish);
        Self(told.filter(|(_, until)| *until > now).collect())
    }

    /// Until when that provider is to be left alone.
    #[must_use]
    pub fn until(&self, provider: &ProviderName) -> Option<Timestamp> {
        self.0.iter().filter(|(other, _)| other == provider).map(|(_, until)| *until).max()
    }
}
