//! Reading one field: what the domain checks on the way in is checked again on the way out of the medium.

use std::fmt::Display;

use jiff::Timestamp;

use crate::adapters::sled::envelope::Unreadable;

/// Adds to the error of a conversion which field it is about.
pub(super) fn read<T, E: Display>(field: &'static str, result: Result<T, E>) -> Result<T, Unreadable> {
    result.map_err(|error| Unreadable::Field { field, problem: error.to_string() })
}

/// As [`read`], for a field that may be absent.
pub(super) fn read_some<F, T, E: Display>(
    field: &'static str,
    value: Option<F>,
    convert: impl FnOnce(F) -> Result<T, E>,
) -> Result<Option<T>, Unreadable> {
    value.map(|value| read(field, convert(value))).transpose()
}

/// A time from its microseconds since 1970.
pub(super) fn time(field: &'static str, micros: i64) -> Result<Timestamp, Unreadable> {
    read(field, Timestamp::from_microsecond(micros))
}
