//! Reading signed tokens (RFC 7515, compact serialization; RFC 7519): who signed, and whether it is right, is for the
//! fakes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// A token of three parts.
#[derive(Debug)]
pub(super) struct Jws<'a> {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// What the signature is over: the first two parts as they came.
    pub(super) signed: &'a [u8],
    pub(super) signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// `None` for what is no token: not three parts, not base64url without padding, not JSON objects.
    pub(super) fn parse(compact: &'a str) -> Option<Self> {
        let (signed, signature) = compact.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { header: object(header)?, claims: object(claims)?, signed: signed.as_bytes(), signature })
    }

    /// The algorithm that it says it is signed with.
    pub(super) fn algorithm(&self) -> Option<&str> {
        self.header.get("alg")?.as_str()
    }

    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A `NumericDate`, in whole seconds.
    pub(super) fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim)?.as_i64()
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
