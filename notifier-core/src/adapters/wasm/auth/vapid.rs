//! Who sends a web push: voluntary application server identification, RFC 8292,
//! <https://www.rfc-editor.org/rfc/rfc8292>.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use http::Uri;
use jiff::{SignedDuration, Timestamp};
use p256::SecretKey;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::super::call::Grants;
use super::super::web_push::public_key;
use super::{jwt, secret, unusable};
use crate::adapters::egress::EgressError;

/// How long a token is good for: at most a day (section 2).
const VALID: SignedDuration = SignedDuration::from_hours(12);
/// How long it is used: what is left is for push services whose clock is ahead.
const USED: SignedDuration = SignedDuration::from_hours(6);
/// Push services are few.
const KEPT_MAX: usize = 16;

/// The header values of one provider, by whom they are for.
#[derive(Default)]
pub(super) struct Identifications {
    kept: Mutex<BTreeMap<String, Kept>>,
}

struct Kept {
    value: SecretString,
    until: Timestamp,
}

impl Identifications {
    /// The value of `authorization` for the origin of that URL (section 3).
    pub(super) fn get(&self, uri: &Uri, name: &str, subject: &str, grants: &Grants) -> Result<String, EgressError> {
        let invalid = |problem: &str| EgressError::Invalid(problem.into());
        if !(subject.starts_with("mailto:") || subject.starts_with("https://")) {
            return Err(invalid(
                "the subject of a web push sender is a `mailto:` or `https:` URL (RFC 8292, section 2.1)",
            ));
        }
        let origin = origin(uri).ok_or_else(|| invalid("the URL has no scheme or no host"))?;
        let key = format!("{name}\n{subject}\n{origin}");
        let now = grants.clock.now();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, kept| now < kept.until);
        if let Some(kept) = kept.get(&key) {
            return Ok(kept.value.expose_secret().to_owned());
        }
        let private_key = secret(&grants.keyring, name)?;
        let (token, public_key) =
            sign(private_key, &origin, subject, now).map_err(|problem| unusable(name, problem))?;
        grants.keyring.learn(&token);
        let value = format!("vapid t={token}, k={public_key}");
        if kept.len() >= KEPT_MAX {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.until).map(|(key, _)| key.clone());
            oldest.and_then(|key| kept.remove(&key));
        }
        let until = now.saturating_add(USED).unwrap_or(now);
        kept.insert(key, Kept { value: SecretString::from(value.clone()), until });
        Ok(value)
    }
}

/// As RFC 6454 section 6.1 writes it: without the port that the scheme has anyway.
fn origin(uri: &Uri) -> Option<String> {
    let (scheme, host) = (uri.scheme_str()?, uri.host()?.to_ascii_lowercase());
    let default_port = if scheme == "http" { 80 } else { 443 };
    Some(match uri.port_u16() {
        Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

/// The token, and the public key by which it is checked.
fn sign(text: &str, origin: &str, subject: &str, now: Timestamp) -> Result<(String, String), &'static str> {
    let wrong = "it is not a private key on P-256: 32 bytes in base64url";
    let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).map_err(|_| wrong)?;
    let private_key = SecretKey::from_slice(&bytes).ok().filter(|_| bytes.len() == 32).ok_or(wrong)?;
    let public_key = public_key(&private_key);
    // Signatures need randomness, and take it from nobody else.
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &bytes, &public_key, &random);
    let pair = pair.map_err(|_| wrong)?;
    let expires_at = now.saturating_add(VALID).unwrap_or(now).as_second();
    let header = json!({ "typ": "JWT", "alg": "ES256" });
    let input = jwt::signing_input(&header, &json!({ "aud": origin, "exp": expires_at, "sub": subject }));
    let signature = pair.sign(&random, input.as_bytes()).map_err(|_| "this system has no randomness to sign with")?;
    Ok((jwt::with_signature(&input, signature.as_ref()), URL_SAFE_NO_PAD.encode(public_key)))
}
