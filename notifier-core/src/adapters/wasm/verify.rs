//! Checks signatures of webhooks with keys that the plugin does not see.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::keyring::Keyring;
use super::spki::{KeyKind, der_from_text, key_from_der};

/// How the vendor signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    HmacSha1,
    HmacSha256,
    EcdsaP256Sha256,
    RsaPkcs1Sha1,
    RsaPkcs1Sha256,
    Ed25519,
}

/// With which key.
pub(super) enum Key<'a> {
    /// The secret of that name.
    Secret(&'a str),
    /// The HMAC key that the secret of that name is the base64 of.
    SecretBase64(&'a str),
    /// A public key in DER.
    Public(&'a [u8]),
}

/// Why nothing can be said about the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum VerifyError {
    UnknownSecret(String),
    UnusableKey(String),
    Unreachable(String),
}

/// Whether the signature is right. Takes as long for a wrong one as for the right one.
pub(super) fn verify(
    keyring: &Keyring,
    algorithm: Algorithm,
    key: &Key<'_>,
    payload: &[u8],
    signature: &[u8],
) -> Result<bool, VerifyError> {
    let (kind, public): (KeyKind, &dyn VerificationAlgorithm) = match algorithm {
        Algorithm::HmacSha1 => {
            return verify_hmac(keyring, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, payload, signature);
        }
        Algorithm::HmacSha256 => return verify_hmac(keyring, hmac::HMAC_SHA256, key, payload, signature),
        Algorithm::EcdsaP256Sha256 => (KeyKind::EcdsaP256, &ECDSA_P256_SHA256_ASN1),
        Algorithm::RsaPkcs1Sha1 => (KeyKind::Rsa, &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY),
        Algorithm::RsaPkcs1Sha256 => (KeyKind::Rsa, &RSA_PKCS1_2048_8192_SHA256),
        Algorithm::Ed25519 => (KeyKind::Ed25519, &ED25519),
    };
    let der = match *key {
        Key::Public(der) => der.to_vec(),
        Key::SecretBase64(_) => {
            return Err(VerifyError::UnusableKey("a secret in base64 is an HMAC key, and no public key".into()));
        }
        Key::Secret(name) => der_from_text(secret(keyring, name)?)
            .map_err(|problem| VerifyError::UnusableKey(format!("the secret `{name}`: {problem}")))?,
    };
    let key = key_from_der(&der, kind).map_err(VerifyError::UnusableKey)?;
    Ok(UnparsedPublicKey::new(public, key).verify(payload, signature).is_ok())
}

fn verify_hmac(
    keyring: &Keyring,
    algorithm: hmac::Algorithm,
    key: &Key<'_>,
    payload: &[u8],
    signature: &[u8],
) -> Result<bool, VerifyError> {
    let key = match key {
        Key::Secret(name) => Cow::Borrowed(secret(keyring, name)?.as_bytes()),
        Key::SecretBase64(name) => {
            let decoded = from_base64(secret(keyring, name)?);
            let problem = || VerifyError::UnusableKey(format!("the secret `{name}` is not base64"));
            Cow::Owned(decoded.ok_or_else(problem)?)
        }
        Key::Public(_) => return Err(VerifyError::UnusableKey("an HMAC key is a secret: name one".into())),
    };
    Ok(hmac::verify(&hmac::Key::new(algorithm, &key), payload, signature).is_ok())
}

/// With the prefix of Standard Webhooks or without, and with padding or without.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let decoded = STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok();
    decoded.filter(|key| !key.is_empty())
}

/// Whether the value is the secret. Takes as long for a wrong one as for the right one.
pub(super) fn matches(keyring: &Keyring, name: &str, value: &[u8]) -> Result<bool, VerifyError> {
    let secret = secret(keyring, name)?.as_bytes();
    // Codes of the two are compared, which takes the same time whatever is in them; those of different texts differ.
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    Ok(!secret.is_empty() && hmac::verify(&key, value, hmac::sign(&key, secret).as_ref()).is_ok())
}

fn secret<'a>(keyring: &'a Keyring, name: &str) -> Result<&'a str, VerifyError> {
    keyring.get(name).ok_or_else(|| VerifyError::UnknownSecret(name.to_owned()))
}

/// Whether what was signed begins with the address, as with vendors that sign it at all. The port may stand in one and not in
/// the other: some vendors write the default one, and gateways leave it out.
pub(super) fn begins_with_url(payload: &[u8], url: &str) -> bool {
    let Some((scheme, called)) = url.split_once("://") else { return false };
    let signed = payload.strip_prefix(scheme.as_bytes()).and_then(|rest| rest.strip_prefix(b"://"));
    let Some((signed_host, signed_path)) = signed.map(split_authority) else { return false };
    let (host, path) = split_authority(called.as_bytes());
    without_port(signed_host) == without_port(host) && signed_path.starts_with(path)
}

/// What stands before the path or the query, and the rest.
fn split_authority(address: &[u8]) -> (&[u8], &[u8]) {
    let end = address.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(address.len());
    address.split_at(end)
}

fn without_port(authority: &[u8]) -> &[u8] {
    match authority.iter().rposition(|byte| *byte == b':') {
        Some(colon) if authority[colon + 1..].iter().all(u8::is_ascii_digit) => &authority[..colon],
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_begins_with_the_whole_address_covers_it() {
        for (called, signed, is_covered) in [
            ("https://n.example/r?delivery=a", "https://n.example/r?delivery=aMessageSidSM1", true),
            ("https://n.example/r?delivery=a", "https://n.example:443/r?delivery=a", true),
            ("https://n.example:443/r?delivery=a", "https://n.example/r?delivery=a", true),
            ("http://[::1]:8080/r?delivery=a", "http://[::1]/r?delivery=a", true),
            ("https://n.example/r?delivery=b", "https://n.example/r?delivery=aMessageSidSM1", false),
            ("https://n.example/r?delivery=a", "https://n.example/r", false),
            ("https://n.example/r?delivery=a", "https://other.example/r?delivery=a", false),
            ("https://n.example/r?delivery=a", "http://n.example/r?delivery=a", false),
            ("https://n.example/r?delivery=a", "1600112502[{\"url\":\"https://n.example/r?delivery=a\"}]", false),
            ("https://n.example/r?delivery=a", "", false),
            ("", "", false),
        ] {
            assert_eq!(begins_with_url(signed.as_bytes(), called), is_covered, "{called} {signed}");
        }
    }
}
