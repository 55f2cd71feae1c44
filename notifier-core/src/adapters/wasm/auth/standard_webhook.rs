//! Signatures of the webhooks that we send: Standard Webhooks 1.0.0,
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use ring::hmac;
use ring::signature::Ed25519KeyPair;

use super::super::keyring::Keyring;
use super::{secret, unusable};
use crate::adapters::egress::EgressError;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// One secret, and those that it replaces for as long as receivers know them.
const SECRETS_MAX: usize = 8;
const ID_CHARS_MAX: usize = 256;

/// Adds the time and a signature with each of the secrets.
pub(super) fn sign(
    request: &mut Request<Bytes>,
    names: &[String],
    keyring: &Keyring,
    now: Timestamp,
) -> Result<(), EgressError> {
    let invalid = |problem: &str| EgressError::Invalid(problem.into());
    if names.is_empty() || names.len() > SECRETS_MAX {
        return Err(EgressError::Invalid(format!("a webhook is signed with 1 to {SECRETS_MAX} secrets")));
    }
    if [&TIMESTAMP, &SIGNATURE].iter().any(|name| request.headers().contains_key(*name)) {
        return Err(invalid("the headers `webhook-timestamp` and `webhook-signature` are set by the signature"));
    }
    let ids: Vec<_> = request.headers().get_all(&ID).iter().collect();
    let [id] = ids[..] else { return Err(invalid("the header `webhook-id` is needed, once")) };
    let id = id.to_str().unwrap_or_default();
    // Dots separate what is signed: with one in the id, the same signature would fit another time and body.
    if id.is_empty() || id.len() > ID_CHARS_MAX || !id.bytes().all(|b| b.is_ascii_graphic() && b != b'.') {
        return Err(invalid("the header `webhook-id` holds 1 to 256 visible characters without a dot"));
    }
    let timestamp = now.as_second().to_string();
    let signed = [format!("{id}.{timestamp}.").as_bytes(), request.body()].concat();
    let signature = |name: &String| {
        let key = Key::read(secret(keyring, name)?).map_err(|problem| unusable(name, problem))?;
        Ok(key.sign(&signed))
    };
    let signatures = names.iter().map(signature).collect::<Result<Vec<_>, EgressError>>()?.join(" ");
    let header = |text: &str| HeaderValue::try_from(text).map_err(|_| invalid("a signature is not a header"));
    let (timestamp, signatures) = (header(&timestamp)?, header(&signatures)?);
    request.headers_mut().insert(TIMESTAMP, timestamp);
    request.headers_mut().insert(SIGNATURE, signatures);
    Ok(())
}

/// What webhooks are signed with.
enum Key {
    /// `v1`.
    Hmac(hmac::Key),
    /// `v1a`.
    Ed25519(Ed25519KeyPair),
}

impl Key {
    fn read(text: &str) -> Result<Self, &'static str> {
        if let Some(key) = text.strip_prefix("whsec_") {
            let bytes = STANDARD.decode(key).ok().filter(|bytes| !bytes.is_empty());
            let bytes = bytes.ok_or("after `whsec_` stands the base64 of a key")?;
            return Ok(Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes)));
        }
        let Some(key) = text.strip_prefix("whsk_") else { return Err("it begins with neither `whsec_` nor `whsk_`") };
        let wrong = "after `whsk_` stands the base64 of an Ed25519 key: a seed of 32 bytes, or that and the public key";
        let bytes = STANDARD.decode(key).map_err(|_| wrong)?;
        let pair = match bytes.split_at_checked(32).ok_or(wrong)? {
            (seed, []) => Ed25519KeyPair::from_seed_unchecked(seed),
            (seed, public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
        };
        pair.map(Self::Ed25519).map_err(|_| wrong)
    }

    fn sign(&self, signed: &[u8]) -> String {
        match self {
            Self::Hmac(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, signed))),
            Self::Ed25519(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(signed))),
        }
    }
}
