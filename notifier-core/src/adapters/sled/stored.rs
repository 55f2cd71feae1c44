//! Values that may be larger than one key should hold, and reading records wherever they come from.
//!
//! sled keeps up to 16 neighbouring values in one page, and writes a page of more than a quarter of a segment (2 MiB) to
//! a file of its own, which a sync of the data file does not cover. So no key holds more than [`PART_BYTES_MAX`]: a page
//! then stays below the limit even when all its values are that large. What is larger lies in parts.

use serde::{Deserialize, Serialize};
use sled::IVec;

use super::envelope::{self, Kind, Record, Unreadable};
use super::keys;
use crate::ports::store::StoreError;

/// Bytes of a value under one key.
pub(super) const PART_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a record. A larger one is refused: a group of operations has to fit into memory.
pub(super) const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why something did not work: what becomes of it is decided in one place, not where it happens.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The operation is refused, the store is fine.
    Refused(StoreError),
    /// The value under this key cannot be read.
    Damaged {
        /// The key.
        key: Vec<u8>,
        /// What is wrong with it.
        problem: Unreadable,
    },
    /// The medium fails.
    Medium(sled::Error),
}

impl From<sled::Error> for Trouble {
    fn from(error: sled::Error) -> Self {
        Self::Medium(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// Something that values are read from.
pub(super) trait Source {
    /// The value under exactly this key.
    fn value(&self, key: &[u8]) -> Result<Option<IVec>, sled::Error>;
}

impl Source for sled::Tree {
    fn value(&self, key: &[u8]) -> Result<Option<IVec>, sled::Error> {
        self.get(key)
    }
}

/// How much room a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Size {
    /// Of its keys, and of everything under them.
    pub(super) bytes: usize,
    /// Other keys that hold a part of it.
    pub(super) parts: u32,
}

/// Stands in the place of an envelope that lies in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SplitRecord {
    parts: u32,
}

impl Record for SplitRecord {
    const KIND: Kind = Kind::Split;
    const VERSION: u8 = 1;

    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable> {
        match version {
            1 => envelope::body(bytes),
            other => Err(envelope::unknown_version::<Self>(other)),
        }
    }
}

/// An envelope as it goes under its key, and in parts beside it.
pub(super) fn split(sealed: Vec<u8>) -> (Vec<u8>, Vec<Vec<u8>>) {
    if sealed.len() <= PART_BYTES_MAX {
        return (sealed, Vec::new());
    }
    let parts: Vec<_> = sealed.chunks(PART_BYTES_MAX).map(<[u8]>::to_vec).collect();
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    (envelope::seal(&SplitRecord { parts: count }), parts)
}

/// The record under that key, and how much room it takes.
pub(super) fn fetch<R: Record>(source: &impl Source, key: &[u8]) -> Result<Option<(R, Size)>, Trouble> {
    // Readers beside the committer may see one part before and one part after a change: then what they put together
    // is nobody's, and the next try sees what is there now.
    const TRIES: usize = 3;
    let mut last = None;
    for _ in 0..TRIES {
        let Some(head) = source.value(key)? else { return Ok(None) };
        let is_split = envelope::is(Kind::Split, &head);
        match assemble(source, key, head)? {
            Ok((sealed, size)) => match envelope::open(&sealed) {
                Ok(record) => return Ok(Some((record, size))),
                Err(problem) => last = Some(problem),
            },
            Err(problem) => last = Some(problem),
        }
        if !is_split {
            break;
        }
    }
    let problem = last.unwrap_or(Unreadable::Checksum);
    Err(Trouble::Damaged { key: key.to_vec(), problem })
}

/// How much room the value under that key takes, readable or not.
pub(super) fn measure(source: &impl Source, key: &[u8]) -> Result<Size, sled::Error> {
    let Some(head) = source.value(key)? else { return Ok(Size::default()) };
    let parts = match envelope::open::<SplitRecord>(&head) {
        Ok(split) => split.parts,
        Err(_) => 0,
    };
    let in_parts = usize::try_from(parts).unwrap_or(0) * PART_BYTES_MAX;
    Ok(Size { bytes: keys_bytes(key, parts) + head.len() + in_parts, parts })
}

/// Adds to the error of a conversion which key it is about.
pub(super) fn understood<T>(key: &[u8], result: Result<T, Unreadable>) -> Result<T, Trouble> {
    result.map_err(|problem| Trouble::Damaged { key: key.to_vec(), problem })
}

type Assembled = Result<(IVec, Size), Unreadable>;

fn assemble(source: &impl Source, key: &[u8], head: IVec) -> Result<Assembled, sled::Error> {
    if !envelope::is(Kind::Split, &head) {
        let size = Size { bytes: keys_bytes(key, 0) + head.len(), parts: 0 };
        return Ok(Ok((head, size)));
    }
    let parts = match envelope::open::<SplitRecord>(&head) {
        Ok(split) => split.parts,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut sealed = Vec::new();
    for number in 0..parts {
        match source.value(&keys::part(key, number))? {
            Some(part) => sealed.extend_from_slice(&part),
            None => return Ok(Err(Unreadable::Part(number))),
        }
    }
    let size = Size { bytes: keys_bytes(key, parts) + head.len() + sealed.len(), parts };
    Ok(Ok((sealed.into(), size)))
}

fn keys_bytes(key: &[u8], parts: u32) -> usize {
    key.len() + usize::try_from(parts).unwrap_or(0) * keys::part(key, 0).len()
}
