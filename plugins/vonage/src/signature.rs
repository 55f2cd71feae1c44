//! The parameter `sig` of webhooks (<https://developer.vonage.com/en/getting-started/concepts/signing-messages>): an HMAC with the
//! account's signature secret over all other parameters, in the order of their names.
//!
//! The method is chosen in the account's settings. SHA-256 and SHA-1 are verified here and told apart by their length; MD5, which
//! is Vonage's default, and SHA-512 are not.

use notifier_plugin_sdk::webhook::{check_age, is_signed_hex};
use notifier_plugin_sdk::{Algorithm, Form, Key, ReceiveError};

use crate::settings::{SIGNATURE_SECRET, Settings};

const SIGNATURE: &str = "sig";

/// The signed time in seconds, once the signature was found right and fresh.
pub(crate) fn verify(settings: &Settings, parameters: &Form) -> Result<u64, ReceiveError> {
    let unverified = |reason: String| ReceiveError::Unverified(reason);
    let Some(signature) = parameters.first(SIGNATURE).filter(|signature| !signature.is_empty()) else {
        return Err(unverified("`sig` is missing: ask Vonage to sign the account's webhooks".into()));
    };
    let algorithm = match signature.len() {
        64 => Algorithm::HmacSha256,
        40 => Algorithm::HmacSha1,
        length => {
            return Err(unverified(format!(
                "`sig` has {length} digits: choose SHA-256 HMAC, with 64, as the account's signature method"
            )));
        }
    };
    // Only values are cleaned of `&` and `=` before they are signed. A name with one could stand for several parameters.
    if parameters.pairs().any(|(name, _)| name.contains(['&', '='])) {
        return Err(unverified("a parameter's name has an `&` or `=`: Vonage has no such".into()));
    }
    let key = Key::Secret(SIGNATURE_SECRET.into());
    if !is_signed_hex(algorithm, &key, signed(parameters).as_bytes(), signature)? {
        return Err(unverified("`sig` does not fit the parameters or `signature_secret`".into()));
    }
    let timestamp = parameters.first("timestamp").and_then(|timestamp| timestamp.parse().ok());
    let timestamp_s = timestamp.ok_or_else(|| unverified("`timestamp` is not a number of seconds".into()))?;
    check_age(timestamp_s, settings.webhook_max_age_s)?;
    Ok(timestamp_s)
}

/// `&name=value` of every parameter but the signature.
pub(crate) fn signed(parameters: &Form) -> String {
    let mut pairs: Vec<_> = parameters.pairs().filter(|(name, _)| *name != SIGNATURE).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect()
}
