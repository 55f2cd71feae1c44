//! The configured providers: what they are, how they are, and what they are allowed.

use std::num::NonZeroU32;

use notifier_core::{Breaker, Channel, Override, ProviderStatus, Standing};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The configured providers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProviderList {
    /// The providers, by name.
    pub(crate) items: Vec<ProviderBody>,
}

/// A configured provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Provider)]
pub(crate) struct ProviderBody {
    /// Its name in the configuration.
    #[schema(example = "twilio")]
    pub(crate) name: String,
    /// What it is.
    #[schema(example = "twilio")]
    pub(crate) kind: String,
    /// Which version of it.
    #[schema(example = "0.1.0")]
    pub(crate) version: String,
    /// One sentence.
    pub(crate) summary: String,
    /// Why it is still this version, where an installed plugin was to replace it and could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_replaced: Option<String>,
    /// Channels that it serves.
    #[schema(value_type = Vec<super::ChannelName>)]
    pub(crate) channels: Vec<String>,
    /// Channels that are routed to it.
    #[schema(value_type = Vec<super::ChannelName>)]
    pub(crate) routed: Vec<String>,
    /// Hosts that it asks for.
    pub(crate) hosts: Vec<String>,
    /// JSON Schema of its settings; absent when it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) settings_schema: Option<Value>,
    /// Whether it takes calls now: `takes`, `probe` (one, to find out whether it works again), `refuses`, or `limited` (it has
    /// had as many as it is allowed for the time being).
    #[schema(example = "takes")]
    pub(crate) standing: String,
    /// Its circuit breaker.
    pub(crate) breaker: BreakerBody,
    /// Its calls.
    pub(crate) calls: CallsBody,
    /// Until when the vendor asked to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) rests_until: Option<String>,
    /// What it is allowed.
    pub(crate) limits: ProviderLimitsBody,
}

/// A provider's circuit breaker, and how much of its share of the traffic it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Breaker)]
pub(crate) struct BreakerBody {
    /// `closed` (calls pass), `open` (none does) or `half_open` (one at a time does).
    #[schema(example = "closed")]
    pub(crate) state: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub(crate) since: String,
    /// Until when it stays open, before one call finds out whether the provider works again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) until: Option<String>,
    /// What an operator set by hand, `open` or `closed`: it counts in place of `state`. Absent when nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) set_by_hand: Option<String>,
    /// Why it last changed; absent if it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// How much of its share of the traffic the provider gets, 1 to 100.
    #[schema(example = 100, minimum = 1, maximum = 100)]
    pub(crate) percent: u8,
}

/// A provider's calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Calls)]
pub(crate) struct CallsBody {
    /// That run now.
    pub(crate) in_flight: usize,
    /// Of the last seconds that went well.
    pub(crate) good_lately: u32,
    /// Of the last seconds that did not.
    pub(crate) bad_lately: u32,
    /// Of this day (UTC), where they are limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) today: Option<u64>,
}

/// What a provider is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ProviderLimits)]
pub(crate) struct ProviderLimitsBody {
    /// Calls at the same time.
    pub(crate) concurrent_calls_max: usize,
    /// Calls in a second; absent where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calls_per_second_max: Option<u32>,
    /// Calls on a day (UTC); absent where there is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) calls_per_day_max: Option<u64>,
}

/// What an operator decides about a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BreakerRequest)]
pub(crate) struct BreakerRequestBody {
    /// What it is to be.
    pub(crate) state: BreakerChoice,
}

/// What a circuit breaker is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerChoice {
    /// No call passes, until this is changed by hand again.
    Open,
    /// Every call passes, whatever comes of it, until this is changed by hand again.
    Closed,
    /// It decides for itself.
    Automatic,
}

impl From<BreakerChoice> for Option<Override> {
    fn from(choice: BreakerChoice) -> Self {
        match choice {
            BreakerChoice::Open => Some(Override::Open),
            BreakerChoice::Closed => Some(Override::Closed),
            BreakerChoice::Automatic => None,
        }
    }
}

impl From<ProviderStatus> for ProviderBody {
    fn from(status: ProviderStatus) -> Self {
        let names = |channels: &[Channel]| channels.iter().map(|channel| channel.name().to_owned()).collect();
        let standing = match status.standing {
            Standing::Takes { .. } => "takes",
            Standing::Probe => "probe",
            Standing::Refuses { .. } => "refuses",
            Standing::Limited { .. } => "limited",
        };
        let breaker = BreakerBody::from(&status);
        let description = status.description;
        Self {
            name: status.name.to_string(),
            not_replaced: status.not_replaced,
            channels: names(&description.channels),
            routed: names(&status.routed),
            settings_schema: serde_json::from_str(&description.settings_schema).ok(),
            kind: description.kind,
            version: description.version,
            summary: description.summary,
            hosts: description.hosts,
            standing: standing.to_owned(),
            breaker,
            calls: CallsBody {
                in_flight: status.calls_in_flight,
                good_lately: status.good_calls_lately,
                bad_lately: status.bad_calls_lately,
                today: status.calls_today,
            },
            rests_until: status.rests_until.map(|at| at.to_string()),
            limits: ProviderLimitsBody {
                concurrent_calls_max: status.concurrent_calls_max,
                calls_per_second_max: status.policy.calls_per_second_max.map(NonZeroU32::get),
                calls_per_day_max: status.policy.calls_per_day_max,
            },
        }
    }
}

impl From<&ProviderStatus> for BreakerBody {
    fn from(status: &ProviderStatus) -> Self {
        let health = &status.health;
        let until = match health.breaker {
            Breaker::Open { until } => Some(until.to_string()),
            Breaker::Closed | Breaker::HalfOpen { .. } => None,
        };
        let by_hand = |decision| match decision {
            Override::Open => "open".to_owned(),
            Override::Closed => "closed".to_owned(),
        };
        Self {
            state: health.breaker.name().to_owned(),
            since: health.changed_at.to_string(),
            until,
            set_by_hand: health.set_by_hand.map(by_hand),
            reason: Some(status.reason.clone()).filter(|reason| !reason.is_empty()),
            percent: health.percent,
        }
    }
}
