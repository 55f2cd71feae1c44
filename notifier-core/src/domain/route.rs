//! Which provider a delivery goes to.
//!
//! Routes are a list; the first that fits a delivery is its route, as in a firewall. A route names providers in order, or with
//! weights; which of them is called depends on how they are ([`Standing`]) and on which were tried already.

use jiff::Timestamp;

use super::channel::Channel;
use super::health::{Limit, Standing};
use super::id::{CategoryName, ProviderName, TenantId};
use super::timeline::Reason;

/// For some deliveries of a channel, their providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The channel.
    pub channel: Channel,
    /// Only for this tenant.
    pub tenant: Option<TenantId>,
    /// Only for this category.
    pub category: Option<CategoryName>,
    /// Only for phone numbers that begin like this, as `+44`.
    pub prefix: Option<String>,
    /// The providers.
    pub chain: Chain,
}

/// The providers of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// The first that can take it; the others in its place.
    Ordered(Vec<ProviderName>),
    /// Each its share of the deliveries.
    Weighted(Vec<(ProviderName, u32)>),
}

/// All routes, the ones that count first first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(pub Vec<Route>);

/// The chosen provider, and why it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The provider.
    pub provider: ProviderName,
    /// Whether the call finds out if it works again.
    pub is_probe: bool,
    /// Why it.
    pub reason: Reason,
}

/// No provider of the route takes calls now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoneTakesCalls {
    /// When the first may do so again.
    pub until: Timestamp,
    /// Which, and why not.
    pub reason: Reason,
    /// The one that may do so first, and by which limit it does not now, if it is a limit.
    pub limited: Option<(ProviderName, Limit)>,
}

impl Chain {
    /// Its providers.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        let (ordered, weighted) = match self {
            Self::Ordered(providers) => (providers.as_slice(), [].as_slice()),
            Self::Weighted(weighted) => ([].as_slice(), weighted.as_slice()),
        };
        ordered.iter().chain(weighted.iter().map(|(provider, _)| provider))
    }
}

impl Routes {
    /// Whether anything of that kind can be sent, whatever the address.
    #[must_use]
    pub fn serve(&self, channel: Channel, tenant: &TenantId, category: &CategoryName) -> bool {
        self.0.iter().any(|route| route.fits(channel, tenant, category))
    }

    /// The channels that have a route.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| self.0.iter().any(|route| route.channel == *channel)).collect()
    }

    /// The route of a delivery: the first that fits.
    #[must_use]
    pub fn find(&self, channel: Channel, tenant: &TenantId, category: &CategoryName, address: &str) -> Option<&Route> {
        let fits_address = |route: &&Route| route.prefix.as_ref().is_none_or(|prefix| address.starts_with(prefix));
        self.0.iter().filter(|route| route.fits(channel, tenant, category)).find(fits_address)
    }
}

impl Route {
    /// A route for everything on that channel.
    #[must_use]
    pub fn of(channel: Channel, chain: Chain) -> Self {
        Self { channel, tenant: None, category: None, prefix: None, chain }
    }

    fn fits(&self, channel: Channel, tenant: &TenantId, category: &CategoryName) -> bool {
        self.channel == channel
            && self.tenant.as_ref().is_none_or(|only| only == tenant)
            && self.category.as_ref().is_none_or(|only| only == category)
    }

    /// What is special about it, for a reason.
    fn describe(&self) -> String {
        let conditions = [
            self.tenant.as_ref().map(|tenant| format!("tenant `{tenant}`")),
            self.category.as_ref().map(|category| format!("category `{category}`")),
            self.prefix.as_ref().map(|prefix| format!("numbers from {prefix}")),
        ];
        let conditions: Vec<_> = conditions.into_iter().flatten().collect();
        if conditions.is_empty() {
            format!("{}", self.channel)
        } else {
            format!("{} of {}", self.channel, conditions.join(", "))
        }
    }

    /// The same without these providers; `None` when nobody is left.
    #[must_use]
    pub fn without(&self, spent: &[ProviderName]) -> Option<Self> {
        let mut chain = self.chain.clone();
        match &mut chain {
            Chain::Ordered(providers) => providers.retain(|provider| !spent.contains(provider)),
            Chain::Weighted(weighted) => weighted.retain(|(provider, _)| !spent.contains(provider)),
        }
        chain.providers().next()?;
        Some(Self { chain, ..self.clone() })
    }

    /// Whether there is a provider besides `called` that was not tried in this round and takes calls.
    #[must_use]
    pub fn has_alternative(
        &self,
        called: &ProviderName,
        tried: &[ProviderName],
        standing: impl Fn(&ProviderName) -> Standing,
    ) -> bool {
        let is_other = |provider: &&ProviderName| *provider != called && !tried.contains(provider);
        self.chain.providers().filter(is_other).any(|provider| matches!(standing(provider), Standing::Takes { .. }))
    }

    /// The provider that was asked before, if it is still one of the route and takes calls; where another does that was not
    /// tried in this round, only if it is well.
    #[must_use]
    pub fn choose_again(
        &self,
        asked: &ProviderName,
        tried: &[ProviderName],
        standing: impl Fn(&ProviderName) -> Standing,
    ) -> Option<Choice> {
        let is_there = self.chain.providers().any(|provider| provider == asked);
        let takes_calls = match standing(asked) {
            Standing::Takes { percent: 100 } => true,
            Standing::Takes { .. } => !self.has_alternative(asked, tried, &standing),
            Standing::Probe | Standing::Refuses { .. } | Standing::Limited { .. } => false,
        };
        (is_there && takes_calls).then(|| {
            let text = format!("{} goes to `{asked}` again: it may know whether it took it", self.describe());
            Choice { provider: asked.clone(), is_probe: false, reason: Reason::new("route.same", text) }
        })
    }

    /// Chooses among the providers: those that were not tried in this round before those that were.
    ///
    /// `random` is a uniformly random number; the same number gives the same choice.
    ///
    /// # Errors
    /// When none takes calls.
    pub fn choose(
        &self,
        tried: &[ProviderName],
        standing: impl Fn(&ProviderName) -> Standing,
        random: u64,
    ) -> Result<Choice, NoneTakesCalls> {
        let all: Vec<_> = self.candidates(standing);
        let (again, fresh): (Vec<_>, Vec<_>) = all.iter().partition(|candidate| tried.contains(candidate.provider));
        let is_failover = !tried.is_empty();
        if let Some(probe) = all.iter().find(|candidate| candidate.standing == Standing::Probe && !is_failover) {
            let text = format!("`{}` is asked whether it works again", probe.provider);
            return Ok(self.choice(probe, true, "route.probe", &text));
        }
        for group in [fresh, again] {
            if let Some(chosen) = self.pick(&group, random) {
                let healthy = format!("`{}`{}", chosen.provider, chosen.health());
                return Ok(match self.limited_before(chosen, &all) {
                    _ if is_failover => {
                        self.choice(chosen, false, "route.failover", &format!("{healthy} in place of one that failed"))
                    }
                    Some(limited) => {
                        let instead = format!("{healthy} in place of `{}`{}", limited.provider, limited.health());
                        self.choice(chosen, false, "route.limited", &instead)
                    }
                    None if all.len() == 1 => self.choice(chosen, false, "route.only", &healthy),
                    None => self.choice(chosen, false, "route.chosen", &healthy),
                });
            }
        }
        // A probe of one that was tried already is better than none.
        if let Some(probe) = all.iter().find(|candidate| candidate.standing == Standing::Probe) {
            let text = format!("`{}` is asked whether it works again", probe.provider);
            return Ok(self.choice(probe, true, "route.probe", &text));
        }
        // It waits for a place there, among the others.
        match all.iter().find(|candidate| candidate.is_full()) {
            Some(full) => Ok(self.choice(full, false, "route.full", &format!("`{}`{}", full.provider, full.health()))),
            None => Err(none_of(&all)),
        }
    }

    /// One that would have come before the chosen one, had it not reached a limit.
    fn limited_before<'c>(&self, chosen: &Candidate<'_>, all: &'c [Candidate<'c>]) -> Option<&'c Candidate<'c>> {
        let comes_before = |candidate: &&Candidate<'_>| match self.chain {
            Chain::Ordered(_) => candidate.provider != chosen.provider,
            Chain::Weighted(_) => true,
        };
        let mut before = all.iter().take_while(comes_before);
        before.find(|candidate| matches!(candidate.standing, Standing::Limited { .. }))
    }

    fn candidates(&self, standing: impl Fn(&ProviderName) -> Standing) -> Vec<Candidate<'_>> {
        let one = |provider, weight| Candidate { provider, weight, standing: standing(provider) };
        match &self.chain {
            Chain::Ordered(providers) => providers.iter().map(|provider| one(provider, 1)).collect(),
            Chain::Weighted(weighted) => weighted.iter().map(|(provider, weight)| one(provider, *weight)).collect(),
        }
    }

    /// In order: the first, as often as it is healthy. By weight: by chance, weighed by weight and health.
    fn pick<'c>(&self, group: &[&'c Candidate<'c>], random: u64) -> Option<&'c Candidate<'c>> {
        let open: Vec<_> = group.iter().filter(|candidate| candidate.share() > 0).collect();
        match self.chain {
            Chain::Ordered(_) => {
                let (last, before) = open.split_last()?;
                let mut roll = random;
                for candidate in before {
                    // 100 steps of chance, each candidate its own.
                    if roll % 100 < u64::from(candidate.percent()) {
                        return Some(candidate);
                    }
                    roll /= 100;
                }
                Some(last)
            }
            Chain::Weighted(_) => {
                let total: u64 = open.iter().map(|candidate| candidate.share()).sum();
                let mut point = random.checked_rem(total)?;
                open.into_iter().find_map(|candidate| {
                    let share = candidate.share();
                    if point < share {
                        return Some(*candidate);
                    }
                    point -= share;
                    None
                })
            }
        }
    }

    fn choice(&self, candidate: &Candidate<'_>, is_probe: bool, code: &'static str, text: &str) -> Choice {
        let reason = Reason::new(code, format!("{} goes to {text}", self.describe()));
        Choice { provider: candidate.provider.clone(), is_probe, reason }
    }
}

#[derive(Debug)]
struct Candidate<'a> {
    provider: &'a ProviderName,
    weight: u32,
    standing: Standing,
}

impl Candidate<'_> {
    fn percent(&self) -> u8 {
        match self.standing {
            Standing::Takes { percent } => percent,
            Standing::Probe | Standing::Refuses { .. } | Standing::Limited { .. } => 0,
        }
    }

    fn share(&self) -> u64 {
        u64::from(self.weight) * u64::from(self.percent())
    }

    fn is_full(&self) -> bool {
        matches!(self.standing, Standing::Limited { limit: Limit::Concurrent, .. })
    }

    /// As text after its name.
    fn health(&self) -> String {
        match self.standing {
            Standing::Takes { percent: 100 } | Standing::Probe => String::new(),
            Standing::Takes { percent } => format!(" (at {percent}% because of its recent health)"),
            Standing::Refuses { until } => format!(" (not before {until})"),
            Standing::Limited { until, limit: Limit::Concurrent } => {
                format!(" (its calls take long, and those who wait have no place before {until})")
            }
            Standing::Limited { until, limit: Limit::PerSecond } => format!(" (its pace is full until {until})"),
            Standing::Limited { until, limit: Limit::PerDay } => {
                format!(" (has had its calls of this day, until {until})")
            }
        }
    }
}

fn none_of(all: &[Candidate<'_>]) -> NoneTakesCalls {
    let dated = all.iter().filter_map(|candidate| Some((candidate.standing.refuses_until()?, candidate)));
    let first = dated.min_by_key(|(until, _)| *until);
    let limited = first.and_then(|(_, candidate)| match candidate.standing {
        Standing::Limited { limit, .. } => Some((candidate.provider.clone(), limit)),
        _ => None,
    });
    let names: Vec<_> = all.iter().map(|candidate| format!("`{}`{}", candidate.provider, candidate.health())).collect();
    let code = limited.as_ref().map_or("route.none_takes_calls", |(_, limit)| limit.code());
    NoneTakesCalls {
        until: first.map_or(Timestamp::MIN, |(until, _)| until),
        reason: Reason::new(code, format!("no provider takes calls: {}", names.join(", "))),
        limited,
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn one_whose_calls_take_long_comes_after_all_that_take_calls_and_before_those_that_do_not() {
        let name = |name: &str| ProviderName::new(name).unwrap();
        let route = Route::of(Channel::Sms, Chain::Ordered(vec![name("first"), name("second")]));
        let soon = Timestamp::UNIX_EPOCH;
        let full = Standing::Limited { until: soon + 1.minute(), limit: Limit::Concurrent };
        let cases = [
            (full, Standing::Takes { percent: 10 }, Ok(("second", "route.limited"))),
            (full, Standing::Probe, Ok(("second", "route.probe"))),
            (full, full, Ok(("first", "route.full"))),
            (full, Standing::Refuses { until: soon }, Ok(("first", "route.full"))),
            (Standing::Limited { until: soon, limit: Limit::PerDay }, full, Ok(("second", "route.full"))),
            (Standing::Limited { until: soon, limit: Limit::PerDay }, Standing::Refuses { until: soon }, Err(())),
        ];
        for (of_first, of_second, expected) in cases {
            let standing = |asked: &ProviderName| if *asked == name("first") { of_first } else { of_second };
            let chosen = route.choose(&[], standing, 0).map_err(|_| ());
            let expected = expected.map(|(provider, code)| (name(provider), code.to_owned()));
            let chosen = chosen.map(|choice| (choice.provider, choice.reason.code.to_string()));
            assert_eq!(chosen, expected, "{of_first:?}, {of_second:?}");
        }
    }

    #[test]
    fn one_in_doubt_is_asked_again_while_it_is_well_or_nobody_else_is_there() {
        let name = |name: &str| ProviderName::new(name).unwrap();
        let (first, second) = (name("first"), name("second"));
        let route = Route::of(Channel::Sms, Chain::Ordered(vec![first.clone(), second.clone()]));
        let refuses = Standing::Refuses { until: Timestamp::UNIX_EPOCH };
        let full = Standing::Limited { until: Timestamp::UNIX_EPOCH, limit: Limit::PerSecond };
        let takes = |percent| Standing::Takes { percent };
        let tried = [second.clone()];
        let cases = [
            (takes(100), takes(100), [].as_slice(), true),
            (takes(100), refuses, &[], true),
            (takes(90), takes(10), &[], false),
            (takes(90), takes(100), &tried, true),
            (takes(10), refuses, &[], true),
            (takes(10), Standing::Probe, &[], true),
            (Standing::Probe, refuses, &[], false),
            (refuses, refuses, &[], false),
            (full, takes(100), &[], false),
        ];
        for (of_first, of_second, tried, expected) in cases {
            let standing = |name: &ProviderName| if *name == first { of_first } else { of_second };
            let again = route.choose_again(&first, tried, standing);
            let context = format!("{of_first:?}, {of_second:?}, tried {tried:?}");
            assert_eq!(again.map(|again| again.provider), expected.then(|| first.clone()), "{context}");
        }
        assert_eq!(route.choose_again(&name("gone"), &[], |_| takes(100)), None);
    }
}
