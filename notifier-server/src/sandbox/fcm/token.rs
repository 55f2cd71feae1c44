//! The token endpoint: an assertion signed with the service account's key for an access token that ends.
//!
//! Claims and limits: developers.google.com/identity/protocols/oauth2/service-account#httprest ("exp […] has a maximum
//! of 1 hour after the issued time"); errors: RFC 6749, section 5.2, with Google's descriptions.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::request::Parts;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, header::HOST};
use jiff::{SignedDuration, Timestamp};
use ring::{
    rsa::KeyPair,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::{Value, json};

use super::super::{
    Credentials, SandboxError, form,
    jws::Jws,
    vendor::{header, media_type},
    vendor_id::VendorIds,
};

/// The `private_key_id` of the key file, and `kid` of what is signed with it.
pub(super) const PRIVATE_KEY_ID: &str = "5a6d1c0f9e8b7a6d5c4b3a291807f6e5d4c3b2a1";

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// "When making an access token request this value is always <https://oauth2.googleapis.com/token>."
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";

/// Either allows to send (firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send, "Authorization
/// scopes").
const MESSAGING_SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"];

const ASSERTION_MAX: SignedDuration = SignedDuration::from_hours(1);

/// How far ahead the clock of a client may be.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Google's answer says 3599.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_secs(3_599);

/// Issues and knows tokens.
pub(super) struct TokenEndpoint {
    client_email: String,
    public_key: Vec<u8>,
    /// The valid ones, and perhaps some that are over.
    issued: Mutex<HashMap<String, Access>>,
}

/// What a token is good for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) to_messaging: bool,
    ends_at: Timestamp,
}

impl TokenEndpoint {
    pub(super) fn new(credentials: &Credentials) -> Result<Self, SandboxError> {
        let unusable = || SandboxError::Credential("fcm_private_key");
        let lines = credentials.fcm_private_key.lines().filter(|line| !line.starts_with("-----"));
        let der = STANDARD.decode(lines.collect::<String>()).map_err(|_| unusable())?;
        let pair = KeyPair::from_pkcs8(&der).map_err(|_| unusable())?;
        Ok(Self {
            client_email: credentials.fcm_client_email.clone(),
            public_key: pair.public_key().as_ref().to_vec(),
            issued: Mutex::default(),
        })
    }

    /// What the token allows, if it is valid.
    pub(super) fn access(&self, token: &str, now: Timestamp) -> Option<Access> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.get(token).filter(|access| now < access.ends_at).copied()
    }

    /// The answer to a request for a token: its JSON, with 400 if it is an error.
    pub(super) fn issue(&self, parts: &Parts, body: &[u8], now: Timestamp, ids: &VendorIds) -> Result<Value, Value> {
        if parts.method != Method::POST || media_type(parts) != "application/x-www-form-urlencoded" {
            return Err(error("invalid_request", "Bad Request"));
        }
        let pairs: Result<Vec<_>, _> = form::pairs(body).collect();
        let pairs = pairs.map_err(|_| error("invalid_request", "Could not parse the form"))?;
        let field = |name: &str| {
            let mut values = pairs.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
            values.next().filter(|_| values.next().is_none())
        };
        match field("grant_type") {
            Some(GRANT_TYPE) => {}
            Some(other) => return Err(error("unsupported_grant_type", &format!("Invalid grant_type: {other}"))),
            None => return Err(error("invalid_request", "Required parameter is missing: grant_type")),
        }
        let Some(assertion) = field("assertion") else {
            return Err(error("invalid_request", "Required parameter is missing: assertion"));
        };
        let own_address = format!("http://{}/token", header(parts, &HOST));
        let to_messaging = self.check(assertion, &own_address, now)?;
        let token = format!("ya29.c.{}", ids.hex());
        let ends_at = now.saturating_add(TOKEN_LIFETIME).unwrap_or(now);
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        issued.retain(|_, access| now < access.ends_at);
        issued.insert(token.clone(), Access { to_messaging, ends_at });
        Ok(json!({ "access_token": token, "expires_in": TOKEN_LIFETIME.as_secs(), "token_type": "Bearer" }))
    }

    /// Whether what it asks for allows to send messages.
    fn check(&self, assertion: &str, own_address: &str, now: Timestamp) -> Result<bool, Value> {
        let Some(jws) = Jws::parse(assertion) else {
            return Err(error("invalid_grant", "Invalid JWT: could not be parsed."));
        };
        if jws.text("iss") != Some(&self.client_email) {
            return Err(error("invalid_grant", "Invalid grant: account not found"));
        }
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key);
        let kid = jws.header.get("kid").is_none_or(|kid| kid == PRIVATE_KEY_ID);
        if jws.algorithm() != Some("RS256") || !kid || key.verify(jws.signed, &jws.signature).is_err() {
            return Err(error("invalid_grant", "Invalid JWT Signature."));
        }
        if jws.text("aud").is_none_or(|audience| audience != AUDIENCE && audience != own_address) {
            let description = format!("Invalid JWT: Failed audience check. The right audience is {AUDIENCE}");
            return Err(error("invalid_grant", &description));
        }
        let reasonable = jws.seconds("iat").zip(jws.seconds("exp")).is_some_and(|(issued_at, ends_at)| {
            issued_at <= now.as_second() + SKEW_MAX.as_secs()
                && ends_at > now.as_second()
                && ends_at - issued_at <= ASSERTION_MAX.as_secs()
        });
        if !reasonable {
            return Err(error(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat \
                 and exp values in the JWT claim.",
            ));
        }
        let scopes: Vec<&str> =
            jws.text("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty()).collect();
        if scopes.is_empty() || scopes.iter().any(|scope| !scope.starts_with(SCOPE_PREFIX)) {
            return Err(error("invalid_scope", "Invalid OAuth scope or ID token audience provided."));
        }
        Ok(scopes.iter().any(|scope| MESSAGING_SCOPES.contains(scope)))
    }
}

fn error(code: &str, description: &str) -> Value {
    json!({ "error": code, "error_description": description })
}
