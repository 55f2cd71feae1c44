//! One request that a test expects, and what it is answered with.

use crate::bindings::notifier::provider::http;
use crate::contract::{Auth, BasicAuth, HeaderAuth, HttpError, Method, Response};

/// A request, compared byte for byte, and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    expected: http::Request,
    /// In place of `expected`, where the exchange is from a file.
    documented: Option<Documented>,
    reply: Result<Response, HttpError>,
}

/// The request of a file, or any.
#[derive(Clone, Debug)]
pub(super) struct Documented(pub(super) Option<notifier_plugin_exchanges::Request>);

impl Exchange {
    /// Expects any method.
    pub fn new(method: Method, url: &str) -> Self {
        let expected = http::Request {
            method,
            url: url.into(),
            headers: vec![],
            auth: Auth::None,
            body: vec![],
            timeout_ms: None,
        };
        let reply = Ok(Response { status: 200, headers: vec![], body: vec![] });
        Self { expected, documented: None, reply }
    }

    pub(super) fn documented(wanted: Documented, reply: Result<Response, HttpError>) -> Self {
        Self { documented: Some(wanted), reply, ..Self::get("") }
    }

    /// Expects a `GET`.
    pub fn get(url: &str) -> Self {
        Self::new(Method::Get, url)
    }

    /// Expects a `POST`.
    pub fn post(url: &str) -> Self {
        Self::new(Method::Post, url)
    }

    /// Expects this header next.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.expected.headers.push((name.into(), value.into()));
        self
    }

    /// Expects basic authentication with the secret of this name as password.
    #[must_use]
    pub fn basic(self, username: &str, password_secret: &str) -> Self {
        self.auth(Auth::Basic(BasicAuth { username: username.into(), password: password_secret.into() }))
    }

    /// Expects the secret of this name as bearer token.
    #[must_use]
    pub fn bearer(self, secret: &str) -> Self {
        self.auth(Auth::Bearer(secret.into()))
    }

    /// Expects the secret of this name in a header.
    #[must_use]
    pub fn secret_header(self, header: &str, secret: &str) -> Self {
        self.auth(Auth::Header(HeaderAuth { header: header.into(), secret: secret.into() }))
    }

    /// Expects the secret of this name in the path.
    #[must_use]
    pub fn secret_path(self, secret: &str) -> Self {
        self.auth(Auth::Path(secret.into()))
    }

    /// Expects this authentication.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.expected.auth = auth;
        self
    }

    /// Expects exactly this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.expected.body = body.into();
        self
    }

    /// Expects this time limit.
    #[must_use]
    pub fn timeout_ms(mut self, timeout_ms: u32) -> Self {
        self.expected.timeout_ms = Some(timeout_ms);
        self
    }

    /// Answers with a status and a body.
    #[must_use]
    pub fn reply(self, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.reply_with(status, &[], body)
    }

    /// Answers with headers as well; names in lower case, as the host gives them.
    #[must_use]
    pub fn reply_with(mut self, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.reply = Ok(Response { status, headers, body: body.into() });
        self
    }

    /// Lets the request fail.
    #[must_use]
    pub fn fail(mut self, error: HttpError) -> Self {
        self.reply = Err(error);
        self
    }

    /// # Panics
    /// When the request is not the expected one.
    pub(crate) fn answer(self, request: &http::Request) -> Result<Response, HttpError> {
        if let Some(Documented(wanted)) = self.documented {
            let differences = wanted.map_or_else(Vec::new, |wanted| super::replay::differences_of(&wanted, request));
            assert!(differences.is_empty(), "the request is not the documented one:\n  {}", differences.join("\n  "));
            return self.reply;
        }
        assert_eq!(readable(request), readable(&self.expected), "the request (left) is not the expected one (right)");
        // Texts that read alike may hide bytes that are not UTF-8.
        assert_eq!(request.body, self.expected.body, "bodies differ in bytes that are not UTF-8");
        self.reply
    }
}

fn readable(request: &http::Request) -> (String, Vec<String>, String, String, Option<u32>) {
    (
        format!("{:?} {}", request.method, request.url),
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect(),
        format!("{:?}", request.auth),
        String::from_utf8_lossy(&request.body).into_owned(),
        request.timeout_ms,
    )
}
