//! Fills secrets into requests on their way out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, header};
use jiff::Timestamp;

use super::keyring::Keyring;
use super::sigv4::{self, Credentials};
use crate::adapters::egress::EgressError;

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
}

/// Adds what authenticates the request. Returns the text with the secret that was added, when it is not simply the
/// secret, so that it can be recognised when it comes back.
pub(super) fn authenticate(
    request: &mut Request<Bytes>,
    auth: &Auth,
    keyring: &Keyring,
    now: Timestamp,
) -> Result<Option<String>, EgressError> {
    match auth {
        Auth::None => Ok(None),
        Auth::Basic { username, password } => {
            if username.contains(':') {
                return Err(EgressError::Invalid("a user name must not contain a colon (RFC 7617)".into()));
            }
            let token = STANDARD.encode(format!("{username}:{}", secret(keyring, password)?));
            add(request, header::AUTHORIZATION, &format!("Basic {token}"), password)?;
            Ok(Some(token))
        }
        Auth::Bearer(name) => {
            let value = format!("Bearer {}", secret(keyring, name)?);
            add(request, header::AUTHORIZATION, &value, name).map(|()| None)
        }
        Auth::Header { header, secret: name } => {
            let value = secret(keyring, name)?;
            let header = HeaderName::try_from(header.as_str())
                .map_err(|_| EgressError::Invalid(format!("`{}` is not a header name", header.escape_debug())))?;
            add(request, header, value, name).map(|()| None)
        }
        Auth::AwsSigV4 { service, region, access_key_id, secret_access_key, session_token } => {
            let credentials = Credentials {
                access_key_id: secret(keyring, access_key_id)?,
                secret_access_key: secret(keyring, secret_access_key)?,
                session_token: session_token.as_deref().map(|name| secret(keyring, name)).transpose()?,
            };
            sigv4::sign(request, &credentials, service, region, now).map(|()| None)
        }
    }
}

fn secret<'a>(keyring: &'a Keyring, name: &str) -> Result<&'a str, EgressError> {
    keyring.get(name).ok_or_else(|| EgressError::Denied(format!("the secret `{}` is not granted", name.escape_debug())))
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
