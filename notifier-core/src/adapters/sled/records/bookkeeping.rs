//! What the store knows about itself.

use serde::{Deserialize, Serialize};

use crate::adapters::sled::envelope::{Kind, Record, Unreadable, body, unknown_version};

/// The newest version.
pub(in crate::adapters::sled) type FormatRecord = FormatV1;
/// How many of what, in the newest version.
pub(in crate::adapters::sled) type Counts = CountsV2;
/// The newest version.
pub(in crate::adapters::sled) type ProgressRecord = ProgressV2;

/// Which layout of keys and values the store has. A store with a newer one is not opened: its prefixes may mean
/// something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct FormatV1 {
    pub(in crate::adapters::sled) number: u32,
}

/// Written with every batch of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct ProgressV2 {
    /// How many operations have changed something so far: the commit number.
    pub(in crate::adapters::sled) operations: u64,
    /// Bytes of all keys and values, about; tells when compacting is worth its time.
    pub(in crate::adapters::sled) live_bytes: u64,
    /// How often the store was opened: what a process gives out is different from what processes before it gave out.
    pub(in crate::adapters::sled) opens: u64,
    /// How many of what there is to count.
    pub(in crate::adapters::sled) counts: CountsV2,
}

/// How many index entries there are, so that nobody has to walk them to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct CountsV2 {
    /// Deliveries that are pending in the urgent, the normal and the bulk lane.
    pub(in crate::adapters::sled) pending: [u64; 3],
    /// Deliveries that are being sent.
    pub(in crate::adapters::sled) sending: u64,
    /// Dead letters.
    pub(in crate::adapters::sled) dead: u64,
    /// Reports that wait for the message that they are about.
    pub(in crate::adapters::sled) unmatched: u64,
}

/// As it was before anything was counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::adapters::sled) struct ProgressV1 {
    pub(in crate::adapters::sled) operations: u64,
    pub(in crate::adapters::sled) live_bytes: u64,
    pub(in crate::adapters::sled) opens: u64,
}

impl From<ProgressV1> for ProgressV2 {
    fn from(record: ProgressV1) -> Self {
        let ProgressV1 { operations, live_bytes, opens } = record;
        Self { operations, live_bytes, opens, counts: CountsV2::default() }
    }
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

impl Record for ProgressV2 {
    const KIND: Kind = Kind::Progress;
    const VERSION: u8 = 2;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => body::<ProgressV1>(bytes).map(Self::from),
            2 => body::<ProgressV2>(bytes),
            other => Err(unknown_version::<Self>(other)),
        }
    }
}
