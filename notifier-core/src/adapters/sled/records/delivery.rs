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
use crate::domain::outcome::Problem;
use crate::domain::timeline::{Fact, Reason};

/// The newest version.
pub(in crate::adapters::sled) type DeliveryRecord = DeliveryV1;

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
struct ProblemV1 {
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

impl Record for DeliveryV1 {
    const KIND: Kind = Kind::Delivery;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<DeliveryV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<&Delivery> for DeliveryV1 {
    fn from(delivery: &Delivery) -> Self {
        Self {
            notification: *delivery.id.notification.as_bytes(),
            channel: numbers::channel(delivery.id.channel),
            tenant: delivery.tenant.as_str().to_owned(),
            state: numbers::state(delivery.state),
            reason: (&delivery.reason).into(),
            due_micros: delivery.due_at.as_microsecond(),
            attempts: delivery.attempts,
            doubtful_attempts: delivery.doubtful_attempts,
            deferrals: delivery.deferrals,
            last_attempt: delivery.last_attempt.as_ref().map(AttemptV1::from),
            updated_micros: delivery.updated_at.as_microsecond(),
            facts: Vec::new(),
        }
    }
}

impl DeliveryV1 {
    /// The delivery as it is after operation number `operation`, with what that adds to its timeline.
    pub(in crate::adapters::sled) fn changed(self, delivery: &Delivery, facts: &[Fact], operation: u64) -> Self {
        let mut all = self.facts;
        all.extend(facts.iter().map(|fact| FactV1::new(fact, operation)));
        Self { facts: all, ..Self::from(delivery) }
    }

    /// Its facts, each with the number of the operation that added it, oldest first.
    pub(in crate::adapters::sled) fn facts(self) -> Result<Vec<(u64, Fact)>, Unreadable> {
        self.facts.into_iter().map(|fact| Ok((fact.operation, fact.try_into()?))).collect()
    }
}

impl TryFrom<DeliveryV1> for Delivery {
    type Error = Unreadable;

    fn try_from(record: DeliveryV1) -> Result<Self, Unreadable> {
        let id = DeliveryId {
            notification: NotificationId::from_bytes(record.notification),
            channel: numbers::parse_channel(record.channel)?,
        };
        Ok(Self {
            id,
            tenant: read("tenant", TenantId::new(record.tenant))?,
            state: numbers::parse_state(record.state)?,
            reason: record.reason.into(),
            due_at: time("due_micros", record.due_micros)?,
            attempts: record.attempts,
            doubtful_attempts: record.doubtful_attempts,
            deferrals: record.deferrals,
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

impl From<&Attempt> for AttemptV1 {
    fn from(attempt: &Attempt) -> Self {
        let problem = |problem: &Problem| ProblemV1 { code: problem.code.clone(), message: problem.message.clone() };
        Self {
            number: attempt.number,
            provider: attempt.provider.as_str().to_owned(),
            started_micros: attempt.started_at.as_microsecond(),
            address: attempt.address.clone(),
            sender: attempt.sender.clone(),
            content: attempt.content.clone(),
            content_sha256: attempt.content_sha256.clone(),
            provider_message_id: attempt.provider_message_id.clone(),
            problem: attempt.problem.as_ref().map(problem),
        }
    }
}

impl TryFrom<AttemptV1> for Attempt {
    type Error = Unreadable;

    fn try_from(record: AttemptV1) -> Result<Self, Unreadable> {
        Ok(Self {
            number: record.number,
            provider: read("last_attempt.provider", ProviderName::new(record.provider))?,
            started_at: time("last_attempt.started_micros", record.started_micros)?,
            address: record.address,
            sender: record.sender,
            content: record.content,
            content_sha256: record.content_sha256,
            provider_message_id: record.provider_message_id,
            problem: record.problem.map(|problem| Problem { code: problem.code, message: problem.message }),
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
