//! A plain HTTP client for JSON on loopback.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A client of one server.
#[derive(Clone)]
pub struct Client {
    origin: String,
    pool: hyper_util::client::legacy::Client<HttpConnector, Full<Bytes>>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as it came.
    pub bytes: Bytes,
    /// Its body as JSON; null when it is not.
    pub json: Value,
}

/// The request was not answered.
#[derive(Debug)]
pub struct NoAnswer(pub String);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer: {}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

impl Client {
    /// A client of the server at that origin, as `http://127.0.0.1:8080`.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pool = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Self { origin: origin.into(), pool }
    }

    /// Where it goes.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Any request.
    ///
    /// # Errors
    /// When the connection fails before the whole answer is here.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| NoAnswer(error.to_string()))?;
        let response = self.pool.request(request).await.map_err(|error| NoAnswer(format!("{error:?}")))?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| NoAnswer(error.to_string()))?.to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status: parts.status, headers: parts.headers, bytes, json })
    }

    /// Fetches JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Puts JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Answer, NoAnswer> {
        self.send(Method::PUT, path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Deletes.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn delete(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.send(Method::DELETE, path, &[], Bytes::new()).await
    }
}
