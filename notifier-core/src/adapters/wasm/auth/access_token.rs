//! Access tokens for a signed assertion: the JWT bearer grant of RFC 7523 section 2.1,
//! <https://www.rfc-editor.org/rfc/rfc7523#section-2.1>, as Google's service accounts use it
//! (<https://developers.google.com/identity/protocols/oauth2/service-account#httprest>).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::super::call::Grants;
use super::super::kept::{Entry, Kept};
use super::super::keyring::form_encode;
use super::super::words::tidy;
use super::{jwt, secret, unusable};
use crate::adapters::egress::EgressError;

/// Which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Name of the secret.
    pub(super) account: String,
    pub(super) token_url: String,
    pub(super) scope: String,
}

impl Wanted {
    /// None of the parts holds a line break where the others could be taken for it: a name of a secret that exists does not,
    /// and neither does a URL.
    fn key(&self) -> String {
        format!("{}\n{}\n{}", self.account, self.token_url, self.scope)
    }
}

/// The tokens of one provider.
pub(super) struct AccessTokens {
    kept: Kept<SecretString, EgressError>,
    /// When one was last thrown away because it was refused, by what it is kept under; at most as many as there are tokens.
    thrown_away: Mutex<BTreeMap<String, Timestamp>>,
}

const TOKENS_MAX: usize = 16;
/// How long an assertion is good for: Google takes an hour at most.
const ASSERTION_VALID: SignedDuration = SignedDuration::from_hours(1);
/// How long one exchange may take, whoever asked for it.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// So much before its end a token is not used any more: a request with it may take that long, and clocks differ.
const MARGIN_S: u64 = 60;
/// How long a token is kept whose end is not told, as RFC 6749 section 5.1 allows; and at most.
const UNTOLD_S: u64 = 300;
/// A vendor that refuses the token that was bought in place of a refused one is not speaking of tokens, whatever the status, as
/// Firebase with `THIRD_PARTY_AUTH_ERROR` about Apple's credentials
/// (<https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>): not every such answer shall cost another.
const REPLACED_EVERY: SignedDuration = SignedDuration::from_mins(5);
const KEPT_S_MAX: u64 = 24 * 60 * 60;
/// Characters of what the vendor says about a refusal.
const REASON_CHARS_MAX: usize = 200;

impl AccessTokens {
    pub(super) fn new() -> Self {
        Self { kept: Kept::new(TOKENS_MAX), thrown_away: Mutex::default() }
    }

    /// A token that can be used, within the time that is left for it. Nothing was sent to the vendor when there is none.
    pub(super) async fn get(&self, wanted: &Wanted, grants: &Grants, left: Duration) -> Result<String, EgressError> {
        let exchange = async {
            match exchange(wanted, grants).await {
                Ok((token, until)) => Entry { result: Ok(token), until },
                // Whoever comes later tries for themselves.
                Err(error) => Entry { result: Err(error), until: Timestamp::MIN },
            }
        };
        let key = wanted.key();
        let token = self.kept.get(&key, &*grants.clock, exchange);
        match tokio::time::timeout(left, token).await {
            Ok(token) => Ok(token?.expose_secret().to_owned()),
            Err(_) => Err(EgressError::Unreachable(format!("no access token within {} ms", left.as_millis()))),
        }
    }

    /// The vendor refused that token: whether another can be had. It is thrown away for that, unless one was a short time ago.
    pub(super) async fn is_replaced(&self, wanted: &Wanted, token: &str, now: Timestamp) -> bool {
        let key = wanted.key();
        let mut is_kept = false;
        let is_to_be_forgotten = |kept: &SecretString| {
            let is_meant = kept.expose_secret() == token;
            is_kept = is_meant && !self.may_throw_away(&key, now);
            is_meant && !is_kept
        };
        self.kept.forget(&key, is_to_be_forgotten).await;
        !is_kept
    }

    /// Whether enough time has passed since the last one was thrown away; then it has not any more.
    fn may_throw_away(&self, key: &str, now: Timestamp) -> bool {
        let mut thrown_away = self.thrown_away.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at: &Timestamp| (SignedDuration::ZERO..REPLACED_EVERY).contains(&now.duration_since(*at));
        if thrown_away.get(key).is_some_and(is_recent) {
            return false;
        }
        if !thrown_away.contains_key(key) && thrown_away.len() >= TOKENS_MAX {
            let oldest = thrown_away.iter().min_by_key(|(_, at)| **at).map(|(key, _)| key.clone());
            oldest.and_then(|key| thrown_away.remove(&key));
        }
        thrown_away.insert(key.to_owned(), now);
        true
    }
}

/// A service account's key file, as far as it is used.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
}

async fn exchange(wanted: &Wanted, grants: &Grants) -> Result<(SecretString, Timestamp), EgressError> {
    let now = grants.clock.now();
    let account = secret(&grants.keyring, &wanted.account)?;
    let assertion = assert(account, wanted, now).map_err(|problem| unusable(&wanted.account, problem))?;
    grants.keyring.learn(&assertion);
    let answer = grants.egress.send(request(&wanted.token_url, &assertion)?, EXCHANGE_TIMEOUT).await;
    let (token, valid_s) = read(&answer.map_err(nothing_was_sent)?, grants)?;
    grants.keyring.learn(&token);
    // One that is short-lived is used for half of its time.
    let kept_s = valid_s.min(KEPT_S_MAX).saturating_sub(MARGIN_S).max(valid_s.min(MARGIN_S) / 2);
    let until = now.saturating_add(Duration::from_secs(kept_s)).unwrap_or(now);
    Ok((SecretString::from(token), until))
}

/// The assertion: section 3, signed with RS256.
fn assert(account: &str, wanted: &Wanted, now: Timestamp) -> Result<String, &'static str> {
    let account: Account = serde_json::from_str(account)
        .map_err(|_| "it is not a service account's key file: a JSON object with `client_email` and `private_key`")?;
    let wrong = "its `private_key` is not an RSA key of PKCS#8 in PEM";
    let pem: String = account.private_key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let der = STANDARD.decode(pem).map_err(|_| wrong)?;
    let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| wrong)?;
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(id) = account.private_key_id {
        header["kid"] = id.into();
    }
    let claims = json!({
        "iss": account.client_email,
        "scope": wanted.scope,
        "aud": wanted.token_url,
        "iat": now.as_second(),
        "exp": now.saturating_add(ASSERTION_VALID).unwrap_or(now).as_second(),
    });
    let input = jwt::signing_input(&header, &claims);
    let mut signature = vec![0; key.public().modulus_len()];
    // The signature does not depend on it, but how long it takes to make does not depend on the key either, by it.
    let random = SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature).map_err(|_| wrong)?;
    Ok(jwt::with_signature(&input, &signature))
}

fn request(token_url: &str, assertion: &str) -> Result<Request<Bytes>, EgressError> {
    let grant = form_encode(b"urn:ietf:params:oauth:grant-type:jwt-bearer");
    let body = [b"grant_type=", grant.as_slice(), b"&assertion=", assertion.as_bytes()].concat();
    let request = Request::post(token_url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let not_a_url = |_| EgressError::Invalid(format!("`{}` is not a URL for tokens", token_url.escape_debug()));
    request.body(Bytes::from(body)).map_err(not_a_url)
}

/// Of the request that matters nothing was sent, whatever became of this one.
fn nothing_was_sent(error: EgressError) -> EgressError {
    match error {
        EgressError::Denied(problem) => EgressError::Denied(format!("no access token: {problem}")),
        EgressError::Invalid(problem) => EgressError::Invalid(format!("no access token: {problem}")),
        EgressError::Unreachable(problem) | EgressError::Interrupted(problem) => {
            EgressError::Unreachable(format!("no access token: {problem}"))
        }
        EgressError::TooLarge { status } => {
            EgressError::Denied(format!("no access token: the answer with status {status} is too large"))
        }
    }
}

/// RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
}

/// RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The token, and for how many seconds it is good.
fn read(answer: &Response<Bytes>, grants: &Grants) -> Result<(String, u64), EgressError> {
    let status = answer.status();
    if status != StatusCode::OK {
        let reason = match serde_json::from_slice::<Refused>(answer.body()) {
            Ok(refused) => format!(": {} {}", refused.error, refused.error_description),
            Err(_) => String::new(),
        };
        let reason = tidy(&grants.keyring.scrub_text(reason), REASON_CHARS_MAX);
        let problem = format!("no access token: status {}{}", status.as_u16(), reason.trim_end());
        let passes =
            status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        return Err(if passes { EgressError::Unreachable(problem) } else { EgressError::Denied(problem) });
    }
    let odd = || EgressError::Denied("no access token: the answer holds none of type `Bearer`".into());
    let granted: Granted = serde_json::from_slice(answer.body()).map_err(|_| odd())?;
    let is_token = granted.access_token.len() >= TOKEN_CHARS_MIN
        && granted.access_token.bytes().all(|byte| byte.is_ascii_graphic())
        && granted.token_type.eq_ignore_ascii_case("bearer");
    if !is_token {
        return Err(odd());
    }
    Ok((granted.access_token, granted.expires_in.unwrap_or(UNTOLD_S + MARGIN_S)))
}

/// Shorter ones could not be removed from what comes back without mangling it.
const TOKEN_CHARS_MIN: usize = 8;
