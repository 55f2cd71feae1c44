//! Who sends: RFC 8292, Voluntary Application Server Identification, which the subscriptions here are restricted to.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use p256::elliptic_curve::sec1::ToSec1Point;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

use super::super::{
    SandboxError,
    jws::Jws,
    vendor::{credentials, header},
};
use super::{answers::PushError, base64url};

/// "exp […] MUST NOT be more than 24 hours from the time of the request" (section 2).
const TOKEN_MAX: SignedDuration = SignedDuration::from_hours(24);

/// The key that the subscriptions were made for.
pub(super) struct Vapid {
    public_key: Vec<u8>,
}

impl Vapid {
    /// Of the private key in base64url.
    pub(super) fn new(private_key: &str) -> Result<Self, SandboxError> {
        let key = base64url(private_key).and_then(|bytes| p256::SecretKey::from_slice(&bytes).ok());
        let key = key.ok_or(SandboxError::Credential("webpush_vapid_key"))?;
        Ok(Self { public_key: key.public_key().to_sec1_point(false).as_bytes().to_vec() })
    }

    /// `Authorization: vapid t=…, k=…`: a token for this origin, signed with the known key.
    pub(super) fn check(&self, parts: &Parts, origin: &str, now: Timestamp) -> Result<(), PushError> {
        if header(parts, &http::header::AUTHORIZATION).is_empty() {
            return Err(PushError::vapid("Missing VAPID token"));
        }
        let parameters = credentials(parts, "vapid").ok_or(PushError::vapid("Unknown auth scheme"))?;
        let parameters: BTreeMap<&str, &str> =
            parameters.split(',').filter_map(|parameter| parameter.trim().split_once('=')).collect();
        let token = parameters.get("t").ok_or(PushError::vapid("Missing VAPID token"))?;
        let key = parameters.get("k").ok_or(PushError::vapid("Missing VAPID public key"))?;
        let key = base64url(key).filter(|key| key.len() == 65).ok_or(PushError::vapid("Invalid VAPID public key"))?;
        if key != self.public_key {
            return Err(PushError::vapid("VAPID public key mismatch"));
        }
        let jws = Jws::parse(token).ok_or(PushError::vapid("InvalidToken"))?;
        let public_key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key);
        let is_typed = jws.header.get("typ").is_some_and(|kind| kind == "JWT");
        if jws.algorithm() != Some("ES256") || !is_typed || public_key.verify(jws.signed, &jws.signature).is_err() {
            return Err(PushError::vapid("InvalidSignature"));
        }
        if jws.text("aud") != Some(origin) {
            return Err(PushError::vapid("Invalid VAPID audience"));
        }
        match jws.seconds("exp") {
            None => return Err(PushError::vapid("Invalid VAPID expiry")),
            Some(ends_at) if ends_at <= now.as_second() => return Err(PushError::vapid("ExpiredSignature")),
            Some(ends_at) if ends_at > now.as_second() + TOKEN_MAX.as_secs() => {
                return Err(PushError::vapid("The VAPID token expiration is too long"));
            }
            Some(_) => {}
        }
        // A contact URI (section 2.1); Apple's service refuses tokens without one.
        let is_contact = |subject: &str| subject.starts_with("mailto:") || subject.starts_with("https:");
        if !jws.text("sub").is_some_and(is_contact) {
            return Err(PushError::vapid("Invalid VAPID subject"));
        }
        Ok(())
    }
}
