//! What an idempotency key stands for. An index entry: it can be rebuilt from the notification.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::field::time;
use super::notification::IdempotencyV1 as OfNotification;
use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};
use crate::domain::id::NotificationId;

/// The newest version.
pub(in crate::adapters::sled) type IdempotencyRecord = IdempotencyV1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct IdempotencyV1 {
    notification: [u8; 16],
    request_hash: [u8; 32],
    expires_micros: i64,
}

impl Record for IdempotencyV1 {
    const KIND: Kind = Kind::Idempotency;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<IdempotencyV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl IdempotencyV1 {
    pub(in crate::adapters::sled) fn new(id: NotificationId, idempotency: &OfNotification) -> Self {
        Self {
            notification: *id.as_bytes(),
            request_hash: idempotency.request_hash,
            expires_micros: idempotency.expires_micros,
        }
    }

    pub(in crate::adapters::sled) fn notification(&self) -> NotificationId {
        NotificationId::from_bytes(self.notification)
    }

    pub(in crate::adapters::sled) fn is_of(&self, request_hash: &[u8; 32]) -> bool {
        self.request_hash == *request_hash
    }

    pub(in crate::adapters::sled) fn expires_at(&self) -> Result<Timestamp, Unreadable> {
        time("expires_micros", self.expires_micros)
    }
}
