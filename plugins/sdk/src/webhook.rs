//! Reading what a vendor posts to us: nothing in it is true until its signature is.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::clock;
use crate::contract::{Algorithm, Key, ReceiveError, VerifyError, Webhook};
use crate::form::Form;
use crate::host;

impl Webhook {
    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A header that a signed webhook must have.
    ///
    /// # Errors
    /// [`ReceiveError::Unverified`] when it is missing.
    pub fn signed_header(&self, name: &str) -> Result<&str, ReceiveError> {
        self.header(name).ok_or_else(|| ReceiveError::Unverified(format!("the header `{name}` is missing")))
    }

    /// The parameters of the URL's query.
    pub fn query(&self) -> Form {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        Form::parse(query.split_once('#').map_or(query, |(query, _)| query).as_bytes())
    }

    /// User and password of basic authentication (RFC 7617), where the vendor sends them along.
    pub fn basic_auth(&self) -> Option<(String, String)> {
        let (scheme, credentials) = self.header("authorization")?.trim().split_once(' ')?;
        let credentials = String::from_utf8(from_base64(credentials)?).ok()?;
        let (user, password) = credentials.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
        Some((user.to_owned(), password.to_owned()))
    }
}

/// Whether a signature in base64 is right. Text that is not base64 is a wrong signature.
///
/// # Errors
/// [`ReceiveError::Unverified`] when the key cannot be used: whoever cannot verify must not believe.
/// [`ReceiveError::Unavailable`] when it could not be fetched.
pub fn is_signed(algorithm: Algorithm, key: &Key, payload: &[u8], signature: &str) -> Result<bool, ReceiveError> {
    from_base64(signature).map_or(Ok(false), |signature| is_signed_raw(algorithm, key, payload, &signature))
}

/// As [`is_signed`], for a signature in hexadecimal digits of either case. Text that is not hexadecimal is a wrong signature.
///
/// # Errors
/// As those of [`is_signed`].
pub fn is_signed_hex(algorithm: Algorithm, key: &Key, payload: &[u8], signature: &str) -> Result<bool, ReceiveError> {
    from_hex(signature).map_or(Ok(false), |signature| is_signed_raw(algorithm, key, payload, &signature))
}

fn is_signed_raw(algorithm: Algorithm, key: &Key, payload: &[u8], signature: &[u8]) -> Result<bool, ReceiveError> {
    host::verify(algorithm, key, payload, signature).map_err(not_verified)
}

/// Whether a password that came along is the secret of this name, for vendors that do not sign.
///
/// # Errors
/// [`ReceiveError::Unverified`] when there is no such secret: whoever cannot verify must not believe.
pub fn is_secret(secret: &str, value: &str) -> Result<bool, ReceiveError> {
    host::matches(secret, value.as_bytes()).map_err(not_verified)
}

fn not_verified(error: VerifyError) -> ReceiveError {
    match error {
        VerifyError::UnknownSecret(name) => {
            ReceiveError::Unverified(format!("the secret `{name}` is not granted to this provider"))
        }
        VerifyError::UnusableKey(reason) => ReceiveError::Unverified(format!("the key cannot be used: {reason}")),
        VerifyError::Unreachable(reason) => {
            ReceiveError::Unavailable(format!("the certificate could not be fetched: {reason}"))
        }
    }
}

/// Refuses a signed timestamp that is further than `tolerance_s` from now, in either direction: a recorded webhook cannot
/// be played back later.
///
/// # Errors
/// [`ReceiveError::Unverified`] with both times.
pub fn check_age(timestamp_s: u64, tolerance_s: u64) -> Result<(), ReceiveError> {
    let now_s = clock::now_ms() / 1000;
    if now_s.abs_diff(timestamp_s) > tolerance_s {
        return Err(ReceiveError::Unverified(format!(
            "signed at {timestamp_s} s, received at {now_s} s: more than {tolerance_s} s apart"
        )));
    }
    Ok(())
}

/// Base64 (RFC 4648, 4), with padding or without.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

/// Base64 (RFC 4648, 4), padded.
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Hexadecimal digits of either case, two for each byte (RFC 4648, 8).
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.trim().chars().map(|digit| digit.to_digit(16)).collect();
    let pairs = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    pairs.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_is_read_in_either_case_and_whole() {
        assert_eq!(from_hex("00fF7a"), Some(vec![0, 255, 122]));
        assert_eq!(from_hex(""), Some(vec![]));
        for other in ["0", "0g", "+1", "0x00", "\u{ff11}\u{ff11}"] {
            assert_eq!(from_hex(other), None, "{other}");
        }
    }
}
