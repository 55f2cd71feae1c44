//! Requests to the vendor.

use serde::Serialize;

use crate::bindings::notifier::provider::http;
use crate::contract::{
    Auth, BasicAuth, FormFieldAuth, HeaderAuth, HttpError, JwtBearerAuth, Method, Response, Sigv4Auth, VapidAuth,
};
use crate::form::Form;
use crate::host;
use crate::multipart::Multipart;

/// One request. Nothing in it is secret: authentication names the secret and the host fills it in.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request(http::Request);

impl Request {
    /// Any method. `url` is absolute: `https`, or `http` for loopback.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self(http::Request {
            method,
            url: url.into(),
            headers: Vec::new(),
            auth: Auth::None,
            body: Vec::new(),
            timeout_ms: None,
        })
    }

    /// `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new(Method::Post, url)
    }

    /// Adds the query of the URL, which must not have one.
    pub fn query(mut self, query: Form) -> Self {
        self.0.url.push('?');
        self.0.url.push_str(&query.into_text());
        self
    }

    /// Adds a header; a name may be given more than once.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Basic authentication (RFC 7617) with the secret of this name as password.
    pub fn basic(self, username: impl Into<String>, password_secret: &str) -> Self {
        self.auth(Auth::Basic(BasicAuth { username: username.into(), password: password_secret.into() }))
    }

    /// A bearer token (RFC 6750): the secret of this name.
    pub fn bearer(self, secret: &str) -> Self {
        self.auth(Auth::Bearer(secret.into()))
    }

    /// A header whose value is the secret of this name, as with `X-Api-Key`.
    pub fn secret_header(self, header: &str, secret: &str) -> Self {
        self.auth(Auth::Header(HeaderAuth { header: header.into(), secret: secret.into() }))
    }

    /// AWS Signature Version 4 for this service and region, with the secrets `access_key_id` and `secret_access_key` and,
    /// where it is asked for, `session_token`.
    pub fn aws_sigv4(self, service: &str, region: &str, with_session_token: bool) -> Self {
        self.auth(Auth::AwsSigv4(Sigv4Auth {
            service: service.into(),
            region: region.into(),
            access_key_id: "access_key_id".into(),
            secret_access_key: "secret_access_key".into(),
            session_token: with_session_token.then(|| "session_token".into()),
        }))
    }

    /// An access token that the host fetches with a signed assertion (RFC 7523). `account_secret` names the service account's
    /// key file.
    pub fn jwt_bearer(self, account_secret: &str, token_url: impl Into<String>, scope: &str) -> Self {
        let (account, token_url, scope) = (account_secret.into(), token_url.into(), scope.into());
        self.auth(Auth::JwtBearer(JwtBearerAuth { account, token_url, scope }))
    }

    /// Identification of a web push sender (RFC 8292) with the secret of this name as private key.
    pub fn vapid(self, private_key_secret: &str, subject: impl Into<String>) -> Self {
        self.auth(Auth::Vapid(VapidAuth { private_key: private_key_secret.into(), subject: subject.into() }))
    }

    /// Signatures as Standard Webhooks wants them, one for each of these secrets. The header `webhook-id` must be set.
    pub fn standard_webhook(self, secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.auth(Auth::StandardWebhook(secrets.into_iter().map(Into::into).collect()))
    }

    /// The secret of this name stands for `{secret}` in the path of the URL.
    pub fn secret_path(self, secret: &str) -> Self {
        self.auth(Auth::Path(secret.into()))
    }

    /// The secret of this name as a further field of the form that is the body.
    pub fn secret_form_field(self, field: &str, secret: &str) -> Self {
        self.auth(Auth::FormField(FormFieldAuth { field: field.into(), secret: secret.into() }))
    }

    /// Any kind of authentication; the last one given counts.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.0.auth = auth;
        self
    }

    /// A JSON body, with its content type.
    ///
    /// What serde cannot write as JSON (a map with keys that are not text) becomes `null`; no type that derives
    /// `Serialize` over ordinary fields does that.
    pub fn json(self, body: &impl Serialize) -> Self {
        let bytes = serde_json::to_vec(body).unwrap_or_else(|_| b"null".to_vec());
        self.body("application/json", bytes)
    }

    /// A body as a browser's form sends it, with its content type.
    pub fn form(self, form: Form) -> Self {
        self.body("application/x-www-form-urlencoded", form.into_text())
    }

    /// A body of several parts, with its content type.
    pub fn multipart(self, multipart: Multipart) -> Self {
        let (content_type, body) = multipart.into_body();
        self.body(&content_type, body)
    }

    /// Any body, with its content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = body.into();
        self.header("content-type", content_type)
    }

    /// Gives up after this long; the host gives up earlier when the attempt has less time left.
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.0.timeout_ms = Some(timeout_ms);
        self
    }

    /// Sends it and waits for the whole answer. Redirects are not followed.
    ///
    /// # Errors
    /// What kept an answer from arriving. `?` turns it into the `SendError` that it means.
    pub fn send(self) -> Result<Response, HttpError> {
        host::send(&self.0)
    }
}

/// Checks a vendor's base URL that an operator may set: `https`, or `http` for loopback, and nothing after the path.
///
/// # Errors
/// What is wrong with it and what would be right.
pub fn check_base_url(url: &str) -> Result<(), String> {
    const WANTED: &str = "want an https URL, as https://api.example.com, or http for loopback";
    let (is_https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err(format!("`{url}` has no scheme that can be used: {WANTED}")),
    };
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split_once(']').map_or("", |(host, _)| host),
        None => authority.split_once(':').map_or(authority, |(host, _)| host),
    };
    if host.is_empty() || authority.contains('@') || url.contains(|c: char| c.is_whitespace() || c == '?' || c == '#') {
        return Err(format!("`{url}` is not a base URL: {WANTED}, without user, query or fragment"));
    }
    if url.ends_with('/') {
        return Err(format!("`{url}` ends in a slash, which would be doubled: leave it out"));
    }
    if !is_https && !is_loopback(host) {
        return Err(format!("`{url}` would send secrets in the clear: {WANTED}"));
    }
    Ok(())
}

pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
