//! A delivery as it stands, and the facts of how it came there.
//!
//! The facts are inside, so that a decision is one write. Each carries the number of the operation that added it: by
//! these numbers the timeline of a notification is put together from its deliveries, whatever the clock did meanwhile.

use serde::{Deserialize, Serialize};

use super::field::{read, time};
use super::numbers;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::id::{DeliveryId, NotificationId, ProviderName, TenantId};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::outcome::Problem;
use crate::domain::timeline::{Fact, Reason};

/// The newest version.
pub(in crate::adapters::sled) type DeliveryRecord = DeliveryV3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct DeliveryV3 {
    rest: DeliveryV2,
    turn_since_micros: Option<i64>,
    cancel_asked: Option<ReasonV1>,
}

/// As it was before the next channel's time counted from the beginning of a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct DeliveryV2 {
    notification: [u8; 16],
    channel: u8,
    tenant: String,
    lane: u8,
    state: u8,
    reason: ReasonV1,
    due_micros: i64,
    attempts: u32,
    attempts_forgiven: u32,
    doubtful_attempts: u32,
    rounds: u32,
    tried: Vec<String>,
    deferrals: u32,
    last_attempt: Option<AttemptV2>,
    updated_micros: i64,
    facts: Vec<FactV1>,
}

/// As it was before there were lanes and providers to fall back on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct DeliveryV1 {
    notification: [u8; 16],
    channel: u8,
    tenant: String,
    state: u8,
    reason: ReasonV1,
    due_micros: i64,
    attempts: u32,
    doubtful_attempts: u32,
    deferrals: u32,
    last_attempt: Option<AttemptV1>,
    updated_micros: i64,
    facts: Vec<FactV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReasonV1 {
    code: String,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AttemptV2 {
    number: u32,
    provider: String,
    started_micros: i64,
    send_micros: i64,
    address: String,
    sender: Option<String>,
    content: String,
    content_sha256: String,
    provider_message_id: Option<String>,
    problem: Option<ProblemV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AttemptV1 {
    number: u32,
    provider: String,
    started_micros: i64,
    address: String,
    sender: Option<String>,
    content: String,
    content_sha256: String,
    provider_message_id: Option<String>,
    problem: Option<ProblemV1>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ProblemV1 {
    code: Option<String>,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FactV1 {
    operation: u64,
    at_micros: i64,
    channel: Option<u8>,
    kind: u8,
    reason: ReasonV1,
    state: u8,
    details: Vec<(String, String)>,
}

impl Record for DeliveryV3 {
    const KIND: Kind = Kind::Delivery;
    const VERSION: u8 = 3;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<DeliveryV1>(bytes).map(DeliveryV2::from).map(Self::from),
            2 => body::<DeliveryV2>(bytes).map(Self::from),
            3 => body::<DeliveryV3>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<DeliveryV2> for DeliveryV3 {
    fn from(record: DeliveryV2) -> Self {
        // The time counted from the latest call.
        let turn_since_micros = record.last_attempt.as_ref().map(|attempt| attempt.send_micros);
        Self { rest: record, turn_since_micros, cancel_asked: None }
    }
}

impl From<DeliveryV1> for DeliveryV2 {
    fn from(record: DeliveryV1) -> Self {
        Self {
            notification: record.notification,
            channel: record.channel,
            tenant: record.tenant,
            lane: numbers::lane(Lane::Normal),
            state: record.state,
            reason: record.reason,
            due_micros: record.due_micros,
            attempts: record.attempts,
            attempts_forgiven: 0,
            doubtful_attempts: record.doubtful_attempts,
            // There was one provider, so each attempt was a round.
            rounds: record.attempts,
            tried: Vec::new(),
            deferrals: record.deferrals,
            last_attempt: record.last_attempt.map(AttemptV2::from),
            updated_micros: record.updated_micros,
            facts: record.facts,
        }
    }
}

impl From<AttemptV1> for AttemptV2 {
    fn from(record: AttemptV1) -> Self {
        Self {
            number: record.number,
            provider: record.provider,
            started_micros: record.started_micros,
            send_micros: record.started_micros,
            address: record.address,
            sender: record.sender,
            content: record.content,
            content_sha256: record.content_sha256,
            provider_message_id: record.provider_message_id,
            problem: record.problem,
        }
    }
}

impl From<&Delivery> for DeliveryV3 {
    fn from(delivery: &Delivery) -> Self {
        Self {
            rest: delivery.into(),
            turn_since_micros: delivery.turn_since.map(|since| since.as_microsecond()),
            cancel_asked: delivery.cancel_asked.as_ref().map(ReasonV1::from),
        }
    }
}

impl From<&Delivery> for DeliveryV2 {
    fn from(delivery: &Delivery) -> Self {
        Self {
            notification: *delivery.id.notification.as_bytes(),
            channel: numbers::channel(delivery.id.channel),
            tenant: delivery.tenant.as_str().to_owned(),
            lane: numbers::lane(delivery.lane),
            state: numbers::state(delivery.state),
            reason: (&delivery.reason).into(),
            due_micros: delivery.due_at.as_microsecond(),
            attempts: delivery.attempts,
            attempts_forgiven: delivery.attempts_forgiven,
            doubtful_attempts: delivery.doubtful_attempts,
            rounds: delivery.rounds,
            tried: delivery.tried.iter().map(|provider| provider.as_str().to_owned()).collect(),
            deferrals: delivery.deferrals,
            last_attempt: delivery.last_attempt.as_ref().map(AttemptV2::from),
            updated_micros: delivery.updated_at.as_microsecond(),
            facts: Vec::new(),
        }
    }
}

impl DeliveryV3 {
    /// The delivery as it is after operation number `operation`, with what that adds to its timeline.
    pub(in crate::adapters::sled) fn changed(self, delivery: &Delivery, facts: &[Fact], operation: u64) -> Self {
        let mut changed = Self::from(delivery);
        changed.rest.facts = self.rest.facts;
        changed.rest.facts.extend(facts.iter().map(|fact| FactV1::new(fact, operation)));
        changed
    }

    /// The same, waiting to be sent.
    pub(in crate::adapters::sled) fn pending(self) -> Self {
        Self { rest: DeliveryV2 { state: numbers::state(DeliveryState::Pending), ..self.rest }, ..self }
    }

    /// Its facts, each with the number of the operation that added it, oldest first.
    pub(in crate::adapters::sled) fn facts(self) -> Result<Vec<(u64, Fact)>, Unreadable> {
        self.rest.facts.into_iter().map(|fact| Ok((fact.operation, fact.try_into()?))).collect()
    }
}

#[cfg(test)]
impl DeliveryV3 {
    /// The record as programs of the first version wrote it.
    pub(in crate::adapters::sled) fn as_v1(&self) -> DeliveryV1 {
        let record = self.rest.clone();
        let attempt = |attempt: AttemptV2| AttemptV1 {
            number: attempt.number,
            provider: attempt.provider,
            started_micros: attempt.started_micros,
            address: attempt.address,
            sender: attempt.sender,
            content: attempt.content,
            content_sha256: attempt.content_sha256,
            provider_message_id: attempt.provider_message_id,
            problem: attempt.problem,
        };
        DeliveryV1 {
            notification: record.notification,
            channel: record.channel,
            tenant: record.tenant,
            state: record.state,
            reason: record.reason,
            due_micros: record.due_micros,
            attempts: record.attempts,
            doubtful_attempts: record.doubtful_attempts,
            deferrals: record.deferrals,
            last_attempt: record.last_attempt.map(attempt),
            updated_micros: record.updated_micros,
            facts: record.facts,
        }
    }
}

impl TryFrom<DeliveryV3> for Delivery {
    type Error = Unreadable;

    fn try_from(record: DeliveryV3) -> Result<Self, Unreadable> {
        let turn_since = record.turn_since_micros.map(|micros| time("turn_since_micros", micros)).transpose()?;
        let cancel_asked = record.cancel_asked.map(Reason::from);
        Ok(Self { turn_since, cancel_asked, ..record.rest.try_into()? })
    }
}

impl TryFrom<DeliveryV2> for Delivery {
    type Error = Unreadable;

    fn try_from(record: DeliveryV2) -> Result<Self, Unreadable> {
        let id = DeliveryId {
            notification: NotificationId::from_bytes(record.notification),
            channel: numbers::parse_channel(record.channel)?,
        };
        let tried = record.tried.into_iter().map(|provider| read("tried", ProviderName::new(provider)));
        Ok(Self {
            id,
            tenant: read("tenant", TenantId::new(record.tenant))?,
            lane: numbers::parse_lane(record.lane)?,
            state: numbers::parse_state(record.state)?,
            reason: record.reason.into(),
            due_at: time("due_micros", record.due_micros)?,
            attempts: record.attempts,
            attempts_forgiven: record.attempts_forgiven,
            doubtful_attempts: record.doubtful_attempts,
            rounds: record.rounds,
            tried: tried.collect::<Result<_, _>>()?,
            deferrals: record.deferrals,
            turn_since: None,
            cancel_asked: None,
            last_attempt: record.last_attempt.map(Attempt::try_from).transpose()?,
            updated_at: time("updated_micros", record.updated_micros)?,
        })
    }
}

impl From<&Reason> for ReasonV1 {
    fn from(reason: &Reason) -> Self {
        Self { code: reason.code.clone().into_owned(), text: reason.text.clone() }
    }
}

impl From<ReasonV1> for Reason {
    fn from(record: ReasonV1) -> Self {
        Self { code: record.code.into(), text: record.text }
    }
}

impl From<&Problem> for ProblemV1 {
    fn from(problem: &Problem) -> Self {
        Self { code: problem.code.clone(), message: problem.message.clone() }
    }
}

impl From<ProblemV1> for Problem {
    fn from(record: ProblemV1) -> Self {
        Self { code: record.code, message: record.message }
    }
}

impl From<&Attempt> for AttemptV2 {
    fn from(attempt: &Attempt) -> Self {
        Self {
            number: attempt.number,
            provider: attempt.provider.as_str().to_owned(),
            started_micros: attempt.started_at.as_microsecond(),
            send_micros: attempt.send_at.as_microsecond(),
            address: attempt.address.clone(),
            sender: attempt.sender.clone(),
            content: attempt.content.clone(),
            content_sha256: attempt.content_sha256.clone(),
            provider_message_id: attempt.provider_message_id.clone(),
            problem: attempt.problem.as_ref().map(ProblemV1::from),
        }
    }
}

impl TryFrom<AttemptV2> for Attempt {
    type Error = Unreadable;

    fn try_from(record: AttemptV2) -> Result<Self, Unreadable> {
        Ok(Self {
            number: record.number,
            provider: read("last_attempt.provider", ProviderName::new(record.provider))?,
            started_at: time("last_attempt.started_micros", record.started_micros)?,
            send_at: time("last_attempt.send_micros", record.send_micros)?,
            address: record.address,
            sender: record.sender,
            content: record.content,
            content_sha256: record.content_sha256,
            provider_message_id: record.provider_message_id,
            problem: record.problem.map(Problem::from),
        })
    }
}

impl FactV1 {
    fn new(fact: &Fact, operation: u64) -> Self {
        let details = fact.details.iter().map(|(name, value)| (name.clone().into_owned(), value.clone()));
        Self {
            operation,
            at_micros: fact.at.as_microsecond(),
            channel: fact.channel.map(numbers::channel),
            kind: numbers::fact_kind(fact.kind),
            reason: (&fact.reason).into(),
            state: numbers::state(fact.state),
            details: details.collect(),
        }
    }
}

impl TryFrom<FactV1> for Fact {
    type Error = Unreadable;

    fn try_from(record: FactV1) -> Result<Self, Unreadable> {
        Ok(Self {
            at: time("facts.at_micros", record.at_micros)?,
            channel: record.channel.map(numbers::parse_channel).transpose()?,
            kind: numbers::parse_fact_kind(record.kind)?,
            reason: record.reason.into(),
            state: numbers::parse_state(record.state)?,
            details: record.details.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        })
    }
}
