//! Fills secrets into requests on their way out. Each kind that is more than a header has a module of its own.

mod access_token;
mod clock_skew;
mod form_field;
mod jwt;
mod secret_path;
pub(super) mod sigv4;
mod standard_webhook;
mod vapid;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use jiff::Timestamp;

use super::call::Grants;
use super::keyring::Keyring;
use crate::adapters::egress::EgressError;

use access_token::{AccessTokens, Wanted};
use clock_skew::ClockSkew;
use sigv4::Credentials;
use vapid::Identifications;

/// How a request is to be authenticated. Secrets are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Auth {
    None,
    Basic {
        username: String,
        password: String,
    },
    Bearer(String),
    Header {
        header: String,
        secret: String,
    },
    AwsSigV4 {
        service: String,
        region: String,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    },
    JwtBearer {
        account: String,
        token_url: String,
        scope: String,
    },
    Vapid {
        private_key: String,
        subject: String,
    },
    StandardWebhook(Vec<String>),
    Path(String),
    FormField {
        field: String,
        secret: String,
    },
}

/// What is kept between the calls of one provider, so that not every request has to begin anew.
pub(super) struct Sessions {
    tokens: AccessTokens,
    identifications: Identifications,
    skew: ClockSkew,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { tokens: AccessTokens::new(), identifications: Identifications::default(), skew: ClockSkew::default() }
    }
}

/// What was added to a request.
#[derive(Default)]
pub(super) struct Added {
    /// Texts that hold a secret and are not simply one, so that they can be recognised when they come back.
    pub(super) sent: Vec<String>,
    proof: Proof,
}

/// What a vendor may find wrong without having looked at the request, and the host can mend.
#[derive(Default)]
enum Proof {
    #[default]
    Lasting,
    Token(Wanted, String),
    SignedAt(Timestamp),
}

impl Auth {
    /// The names of the secrets that it takes.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn secrets(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { password: name, .. }
            | Self::Bearer(name)
            | Self::Header { secret: name, .. }
            | Self::JwtBearer { account: name, .. }
            | Self::Vapid { private_key: name, .. }
            | Self::Path(name)
            | Self::FormField { secret: name, .. } => vec![name],
            Self::AwsSigV4 { access_key_id, secret_access_key, session_token, .. } => {
                [access_key_id, secret_access_key].into_iter().chain(session_token).map(String::as_str).collect()
            }
            Self::StandardWebhook(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// Whether it may be worth trying again after a refusal.
    pub(super) fn is_renewable(&self) -> bool {
        matches!(self, Self::JwtBearer { .. } | Self::AwsSigV4 { .. })
    }
}

/// Adds what authenticates the request, within that time.
pub(super) async fn authenticate(
    request: &mut Request<Bytes>,
    auth: &Auth,
    grants: &Grants,
    left: Duration,
) -> Result<Added, EgressError> {
    let keyring = &*grants.keyring;
    match auth {
        Auth::None => {}
        Auth::Basic { username, password } => {
            if username.contains(':') {
                return Err(EgressError::Invalid("a user name must not contain a colon (RFC 7617)".into()));
            }
            let token = STANDARD.encode(format!("{username}:{}", secret(keyring, password)?));
            add(request, header::AUTHORIZATION, &format!("Basic {token}"), password)?;
            return Ok(Added { sent: vec![token], proof: Proof::Lasting });
        }
        Auth::Bearer(name) => {
            add(request, header::AUTHORIZATION, &format!("Bearer {}", secret(keyring, name)?), name)?;
        }
        Auth::Header { header, secret: name } => {
            let value = secret(keyring, name)?;
            let header = HeaderName::try_from(header.as_str())
                .map_err(|_| EgressError::Invalid(format!("`{}` is not a header name", header.escape_debug())))?;
            add(request, header, value, name)?;
        }
        Auth::AwsSigV4 { service, region, access_key_id, secret_access_key, session_token } => {
            let credentials = Credentials {
                access_key_id: secret(keyring, access_key_id)?,
                secret_access_key: secret(keyring, secret_access_key)?,
                session_token: session_token.as_deref().map(|name| secret(keyring, name)).transpose()?,
            };
            let time = grants.sessions.skew.corrected(grants.clock.now());
            sigv4::sign(request, &credentials, service, region, time)?;
            return Ok(Added { sent: Vec::new(), proof: Proof::SignedAt(time) });
        }
        Auth::JwtBearer { account, token_url, scope } => {
            let wanted = Wanted { account: account.clone(), token_url: token_url.clone(), scope: scope.clone() };
            let token = grants.sessions.tokens.get(&wanted, grants, left).await?;
            add(request, header::AUTHORIZATION, &format!("Bearer {token}"), account)?;
            return Ok(Added { sent: Vec::new(), proof: Proof::Token(wanted, token) });
        }
        Auth::Vapid { private_key, subject } => {
            let value = grants.sessions.identifications.get(request.uri(), private_key, subject, grants)?;
            add(request, header::AUTHORIZATION, &value, private_key)?;
        }
        Auth::StandardWebhook(names) => standard_webhook::sign(request, names, keyring, grants.clock.now())?,
        Auth::Path(name) => {
            return secret_path::fill_in(request, name, keyring).map(|sent| Added { sent, ..Added::default() });
        }
        Auth::FormField { field, secret: name } => form_field::append(request, field, name, keyring)?,
    }
    Ok(Added::default())
}

/// Whether the vendor refused the request for what the host can mend: then it was certainly not processed, and is sent once
/// more.
pub(super) async fn can_be_mended(added: &Added, response: &Response<Bytes>, grants: &Grants) -> bool {
    match &added.proof {
        Proof::Lasting => false,
        Proof::Token(wanted, token) => {
            response.status() == StatusCode::UNAUTHORIZED
                && grants.sessions.tokens.is_replaced(wanted, token, grants.clock.now()).await
        }
        Proof::SignedAt(time) => grants.sessions.skew.is_news(*time, grants.clock.now(), response),
    }
}

fn secret<'a>(keyring: &'a Keyring, name: &str) -> Result<&'a str, EgressError> {
    keyring.get(name).ok_or_else(|| EgressError::Denied(format!("the secret `{}` is not granted", name.escape_debug())))
}

/// A secret is there and cannot be used for this.
fn unusable(name: &str, problem: &str) -> EgressError {
    EgressError::Invalid(format!("the secret `{}` cannot be used: {problem}", name.escape_debug()))
}

fn add(request: &mut Request<Bytes>, name: HeaderName, value: &str, secret: &str) -> Result<(), EgressError> {
    if request.headers().contains_key(&name) {
        return Err(EgressError::Invalid(format!(
            "the header `{name}` is set twice: by the plugin and by its auth kind"
        )));
    }
    let mut value = HeaderValue::try_from(value)
        .map_err(|_| EgressError::Invalid(format!("the secret `{secret}` has characters that no header can hold")))?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}
