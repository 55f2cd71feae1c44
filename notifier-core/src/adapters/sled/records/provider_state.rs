//! How a provider is.

use serde::{Deserialize, Serialize};

use super::field::{read, time};
use super::numbers;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::health::{Breaker, HealthState};
use crate::domain::id::ProviderName;
use crate::ports::store::ProviderState;

/// The newest version.
pub(in crate::adapters::sled) type ProviderStateRecord = ProviderStateV1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct ProviderStateV1 {
    provider: String,
    breaker: BreakerV1,
    set_by_hand: Option<u8>,
    openings: u32,
    percent: u8,
    changed_micros: i64,
    reason: String,
    day: i64,
    reserved_calls: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum BreakerV1 {
    Closed,
    Open { until_micros: i64 },
    HalfOpen { passed: u32 },
}

impl Record for ProviderStateV1 {
    const KIND: Kind = Kind::ProviderState;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<ProviderStateV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<&ProviderState> for ProviderStateV1 {
    fn from(state: &ProviderState) -> Self {
        let health = &state.health;
        Self {
            provider: state.provider.as_str().to_owned(),
            breaker: match health.breaker {
                Breaker::Closed => BreakerV1::Closed,
                Breaker::Open { until } => BreakerV1::Open { until_micros: until.as_microsecond() },
                Breaker::HalfOpen { passed } => BreakerV1::HalfOpen { passed },
            },
            set_by_hand: health.set_by_hand.map(numbers::override_),
            openings: health.openings,
            percent: health.percent,
            changed_micros: health.changed_at.as_microsecond(),
            reason: state.reason.clone(),
            day: state.day,
            reserved_calls: state.reserved_calls,
        }
    }
}

impl TryFrom<ProviderStateV1> for ProviderState {
    type Error = Unreadable;

    fn try_from(record: ProviderStateV1) -> Result<Self, Unreadable> {
        let health = HealthState {
            breaker: match record.breaker {
                BreakerV1::Closed => Breaker::Closed,
                BreakerV1::Open { until_micros } => {
                    Breaker::Open { until: time("breaker.until_micros", until_micros)? }
                }
                BreakerV1::HalfOpen { passed } => Breaker::HalfOpen { passed },
            },
            set_by_hand: record.set_by_hand.map(numbers::parse_override).transpose()?,
            openings: record.openings,
            percent: record.percent,
            changed_at: time("changed_micros", record.changed_micros)?,
        };
        Ok(Self {
            provider: read("provider", ProviderName::new(record.provider))?,
            health,
            reason: record.reason,
            day: record.day,
            reserved_calls: record.reserved_calls,
        })
    }
}
