//! Around every record: what it is, which version, and a checksum.
//!
//! ```text
//! kind: u8 | version: u8 | CRC-32C of kind, version and body: u32, big-endian | body: postcard
//! ```

use serde::Serialize;
use serde::de::DeserializeOwned;

const HEADER_BYTES: usize = 6;

/// What a record is about. Numbers are only ever added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    Notification = 1,
    Delivery = 2,
    Idempotency = 3,
    Preferences = 4,
    Template = 5,
    Format = 6,
    Progress = 7,
    /// Not a record: says in how many parts the envelope lies elsewhere.
    Split = 8,
    Receipt = 9,
    Suppression = 10,
    ProviderState = 11,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Notification => "notification",
            Self::Delivery => "delivery",
            Self::Idempotency => "idempotency key",
            Self::Preferences => "preferences",
            Self::Template => "template",
            Self::Format => "format",
            Self::Progress => "progress",
            Self::Split => "split record",
            Self::Receipt => "receipt",
            Self::Suppression => "suppression",
            Self::ProviderState => "provider state",
        }
    }
}

/// The newest version of a kind of record.
pub(super) trait Record: Serialize + Sized {
    const KIND: Kind;
    /// The version that is written.
    const VERSION: u8;

    /// Reads the body of any version up to [`Self::VERSION`], and brings it up to that.
    fn read(version: u8, bytes: &[u8]) -> Result<Self, Unreadable>;
}

/// Why a value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0} bytes are too few for a record")]
    Short(usize),
    #[error("the checksum does not match the content")]
    Checksum,
    #[error("is of kind {found}, where {} belongs", expected.name())]
    Kind { found: u8, expected: Kind },
    #[error("is a {} of version {version}; this program reads versions up to {newest}: use a newer one", kind.name())]
    Version { kind: Kind, version: u8, newest: u8 },
    #[error("the body has another structure: {0}")]
    Body(String),
    #[error("{field}: {problem}")]
    Field { field: &'static str, problem: String },
    #[error("is not there, although something leads to it")]
    Missing,
    #[error("part {0} of it is missing")]
    Part(u32),
}

/// The record in its envelope.
pub(super) fn seal<R: Record>(record: &R) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[0] = R::KIND as u8;
    bytes[1] = R::VERSION;
    #[expect(clippy::expect_used, reason = "writing plain structures into memory cannot fail")]
    let mut bytes = postcard::to_extend(record, bytes).expect("records have no structure that postcard cannot write");
    let checksum = checksum(&bytes);
    bytes[2..HEADER_BYTES].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// The record from its envelope.
pub(super) fn open<R: Record>(bytes: &[u8]) -> Result<R, Unreadable> {
    let [kind, version, c0, c1, c2, c3, content @ ..] = bytes else { return Err(Unreadable::Short(bytes.len())) };
    if checksum(bytes) != u32::from_be_bytes([*c0, *c1, *c2, *c3]) {
        return Err(Unreadable::Checksum);
    }
    if *kind != R::KIND as u8 {
        return Err(Unreadable::Kind { found: *kind, expected: R::KIND });
    }
    R::read(*version, content)
}

/// Whether that is the envelope of that kind, going by the first byte.
pub(super) fn is(kind: Kind, bytes: &[u8]) -> bool {
    bytes.first() == Some(&(kind as u8))
}

/// The structure in a body, which it has to fill.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(Unreadable::Body(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(Unreadable::Body(error.to_string())),
    }
}

/// The error of a version that [`Record::read`] does not know.
pub(super) fn unknown_version<R: Record>(version: u8) -> Unreadable {
    Unreadable::Version { kind: R::KIND, version, newest: R::VERSION }
}

fn checksum(bytes: &[u8]) -> u32 {
    let head = crc32c::crc32c(&bytes[..2]);
    crc32c::crc32c_append(head, &bytes[HEADER_BYTES..])
}

/// The same envelope with another version and the checksum that goes with it, as another program may have written it.
#[cfg(test)]
pub(super) fn with_version(sealed: &[u8], version: u8) -> Vec<u8> {
    let mut bytes = sealed.to_vec();
    bytes[1] = version;
    let checksum = checksum(&bytes);
    bytes[2..HEADER_BYTES].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::sled::records::{FormatRecord, ProgressRecord};

    fn record() -> ProgressRecord {
        ProgressRecord { operations: 300, live_bytes: 70_000, opens: 2, ..ProgressRecord::default() }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = seal(&record());
        assert_eq!(open::<ProgressRecord>(&sealed), Ok(record()));
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open::<ProgressRecord>(&damaged), Err(Unreadable::Checksum), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(open::<ProgressRecord>(&sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn another_kind_and_an_unknown_version_are_told_apart_from_damage() {
        let expected = Unreadable::Kind { found: 7, expected: Kind::Format };
        assert_eq!(open::<FormatRecord>(&seal(&record())), Err(expected));
        let newer = with_version(&seal(&record()), 3);
        let expected = Unreadable::Version { kind: Kind::Progress, version: 3, newest: 2 };
        assert_eq!(open::<ProgressRecord>(&newer), Err(expected));
    }

    #[test]
    fn a_body_is_read_to_its_end() {
        assert_eq!(body::<u8>(&[7]), Ok(7));
        assert!(matches!(body::<u8>(&[7, 7]), Err(Unreadable::Body(_))));
        assert!(matches!(body::<u32>(&[]), Err(Unreadable::Body(_))));
    }
}
