//! A secret as a part of the path: the address of a chat webhook is its own password.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Uri};

use super::super::keyring::Keyring;
use super::{secret, unusable};
use crate::adapters::egress::EgressError;

const PLACEHOLDER: &str = "{secret}";

/// Parts of the secret that are shorter are not looked for alone: they would be found everywhere.
const PART_CHARS_MIN: usize = 8;

/// Puts the secret in place of `{secret}`. Returns the parts of it by which it can be recognised when the vendor tells them
/// one by one.
pub(super) fn fill_in(request: &mut Request<Bytes>, name: &str, keyring: &Keyring) -> Result<Vec<String>, EgressError> {
    let value = secret(keyring, name)?;
    check(value).map_err(|problem| unusable(name, problem))?;
    let uri = request.uri();
    let query = uri.query().unwrap_or_default();
    if uri.path().matches(PLACEHOLDER).count() != 1 || query.contains(PLACEHOLDER) {
        return Err(EgressError::Invalid(format!("the path of the URL needs `{PLACEHOLDER}` exactly once")));
    }
    let mut path = uri.path().replacen(PLACEHOLDER, value, 1);
    if path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(EgressError::Invalid("the path of the URL has a segment `.` or `..`".into()));
    }
    if !query.is_empty() {
        path = format!("{path}?{query}");
    }
    let mut parts = uri.clone().into_parts();
    // The reasons of the library are not passed on: they may speak of the path.
    let broken = || unusable(name, "with it the path is none");
    parts.path_and_query = Some(PathAndQuery::try_from(path).map_err(|_| broken())?);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| broken())?;
    let long = |part: &&str| part.len() >= PART_CHARS_MIN;
    Ok(value.split(['/', ':']).filter(long).map(str::to_owned).collect())
}

/// What no reader of paths takes for anything else than a piece of one.
fn check(value: &str) -> Result<(), &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
    if !value.bytes().all(is_plain) {
        return Err("in a path it may hold letters, digits and `-._~:/` only");
    }
    if value.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err("in a path it must not hold an empty segment, `.` or `..`, nor begin or end with a slash");
    }
    Ok(())
}
