//! An address that nothing may be sent to.

use serde::{Deserialize, Serialize};

use super::field::{read, read_some, time};
use super::numbers;
use super::receipt::DeliveryIdV1;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::id::{ProviderName, TenantId};
use crate::domain::suppression::Suppression;

/// The newest version.
pub(in crate::adapters::sled) type SuppressionRecord = SuppressionV1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct SuppressionV1 {
    tenant: String,
    channel: u8,
    address: String,
    cause: u8,
    note: String,
    provider: Option<String>,
    delivery: Option<DeliveryIdV1>,
    created_micros: i64,
}

impl Record for SuppressionV1 {
    const KIND: Kind = Kind::Suppression;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<SuppressionV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl From<&Suppression> for SuppressionV1 {
    fn from(suppression: &Suppression) -> Self {
        Self {
            tenant: suppression.tenant.as_str().to_owned(),
            channel: numbers::channel(suppression.channel),
            address: suppression.address.clone(),
            cause: numbers::suppression_cause(suppression.cause),
            note: suppression.note.clone(),
            provider: suppression.provider.as_ref().map(|provider| provider.as_str().to_owned()),
            delivery: suppression.delivery.map(DeliveryIdV1::from),
            created_micros: suppression.created_at.as_microsecond(),
        }
    }
}

impl TryFrom<SuppressionV1> for Suppression {
    type Error = Unreadable;

    fn try_from(record: SuppressionV1) -> Result<Self, Unreadable> {
        Ok(Self {
            tenant: read("tenant", TenantId::new(record.tenant))?,
            channel: numbers::parse_channel(record.channel)?,
            address: record.address,
            cause: numbers::parse_suppression_cause(record.cause)?,
            note: record.note,
            provider: read_some("provider", record.provider, ProviderName::new)?,
            delivery: record.delivery.map(TryInto::try_into).transpose()?,
            created_at: time("created_micros", record.created_micros)?,
        })
    }
}
