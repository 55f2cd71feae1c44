//! What the store knows about itself.

use serde::{Deserialize, Serialize};

use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};

/// The newest version.
pub(in crate::adapters::sled) type FormatRecord = FormatV1;
/// The newest version.
pub(in crate::adapters::sled) type ProgressRecord = ProgressV1;

/// Which layout of keys and values the store has. A store with a newer one is not opened: its prefixes may mean
/// something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct FormatV1 {
    pub(in crate::adapters::sled) number: u32,
}

/// Written with every batch of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct ProgressV1 {
    /// How many operations have changed something so far: the commit number.
    pub(in crate::adapters::sled) operations: u64,
    /// Bytes of all keys and values, about; tells when compacting is worth its time.
    pub(in crate::adapters::sled) live_bytes: u64,
    /// How often the store was opened: what a process gives out is different from what processes before it gave out.
    pub(in crate::adapters::sled) opens: u64,
}

impl Record for FormatV1 {
    const KIND: Kind = Kind::Format;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<FormatV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}

impl Record for ProgressV1 {
    const KIND: Kind = Kind::Progress;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<ProgressV1>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}
