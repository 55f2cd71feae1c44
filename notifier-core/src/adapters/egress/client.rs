//! The client: pooled connections, whole deadlines, bounded bodies, honest errors.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;

use super::dial::{Connector, DialError, Resolver, SystemResolver};
use super::error::EgressError;
use super::policy::EgressPolicy;
use super::target::Target;
use crate::adapters::tls::tls_versions;
use crate::ports::clock::Clock;

/// Who calls, where the request does not say it itself: every request should (RFC 9110, section 10.1.5), and some APIs refuse
/// those that do not (<https://resend.com/docs/api-reference/>, "User-Agent").
const OWN_NAME: HeaderValue = HeaderValue::from_static(concat!("notifier/", env!("CARGO_PKG_VERSION")));

/// How much of anything one request may use.
#[derive(Debug, Clone)]
pub struct EgressLimits {
    /// Bytes of a request's body. 8 MiB unless told otherwise.
    pub request_bytes_max: usize,
    /// Bytes of a response's body. 1 MiB unless told otherwise.
    pub response_bytes_max: usize,
    /// Bytes of the headers of a request or response. 32 KiB unless told otherwise; at least 8 KiB.
    pub header_bytes_max: usize,
    /// How long resolving, connecting and TLS may take together. 5 s unless told otherwise.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept. 60 s unless told otherwise.
    pub idle_timeout: Duration,
    /// Unused connections kept for each host: 64 unless told otherwise, as many as calls of a plugin may run at once.
    pub idle_connections_max: usize,
    /// A connection of HTTP/2 whose other end is gone without a word would take every later request down with it, for as long
    /// as the kernel waits. So it is asked for a sign of life while requests are under way: after that time without one, 10 s
    /// unless told otherwise.
    pub http2_ping_after: Duration,
    /// It is given up without an answer to that, after 5 s unless told otherwise.
    pub http2_pong_within: Duration,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: 8 * 1024 * 1024,
            response_bytes_max: 1024 * 1024,
            header_bytes_max: 32 * 1024,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            idle_connections_max: 64,
            http2_ping_after: Duration::from_secs(10),
            http2_pong_within: Duration::from_secs(5),
        }
    }
}

/// Sends requests to granted hosts. Clones share one pool of connections.
#[derive(Clone)]
pub struct EgressClient {
    policy: Arc<EgressPolicy>,
    limits: EgressLimits,
    client: Client<Connector, Full<Bytes>>,
}

impl EgressClient {
    /// A client under this policy. Certificates are judged by the time that the clock tells.
    #[must_use]
    pub fn new(policy: EgressPolicy, limits: EgressLimits, clock: Arc<dyn Clock>) -> Self {
        Self::with_resolver(policy, limits, clock, Arc::new(SystemResolver))
    }

    /// Like [`Self::new`], with another way of finding addresses. Its answers are judged like any other.
    #[must_use]
    pub fn with_resolver(
        policy: EgressPolicy,
        limits: EgressLimits,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolver>,
    ) -> Self {
        Self::with_tls(policy, limits, resolver, tls_config(clock))
    }

    pub(super) fn with_tls(
        policy: EgressPolicy,
        limits: EgressLimits,
        resolver: Arc<dyn Resolver>,
        tls: ClientConfig,
    ) -> Self {
        let policy = Arc::new(policy);
        let connector = Connector::new(Arc::clone(&policy), resolver, tls, limits.connect_timeout);
        let header_bytes_max = limits.header_bytes_max.max(8 * 1024);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle_timeout)
            .pool_max_idle_per_host(limits.idle_connections_max)
            .http1_max_buf_size(header_bytes_max)
            .http2_max_header_list_size(u32::try_from(header_bytes_max).unwrap_or(u32::MAX))
            .http2_keep_alive_interval(limits.http2_ping_after)
            .http2_keep_alive_timeout(limits.http2_pong_within)
            .timer(TokioTimer::new())
            .build(connector);
        Self { policy, limits, client }
    }

    /// Sends the request and reads the whole response, both within `timeout`. Redirects are returned, not followed.
    ///
    /// The time is measured by a monotonic clock, not by the clock port: setting the clock must neither cut a request
    /// short nor hold one for ever.
    ///
    /// # Errors
    /// See [`EgressError`]; its kind says whether the request may have been processed.
    pub async fn send(&self, request: Request<Bytes>, timeout: Duration) -> Result<Response<Bytes>, EgressError> {
        let target = Target::parse(request.uri()).map_err(EgressError::Invalid)?;
        self.check(&request)?;
        self.policy.judge_target(&target).map_err(EgressError::Denied)?;
        let mut request = request.map(Full::new);
        request.headers_mut().entry(USER_AGENT).or_insert(OWN_NAME);
        // Filled in by the pool when it hands the request to a connection: until then, nothing can have been written.
        let connection = capture_connection(&mut request);
        match tokio::time::timeout(timeout, self.exchange(request)).await {
            Ok(Err(EgressError::Interrupted(problem))) if connection.connection_metadata().is_none() => {
                Err(EgressError::Unreachable(problem))
            }
            Ok(result) => result,
            Err(_) => {
                let waited_ms = timeout.as_millis();
                Err(match connection.connection_metadata().is_some() {
                    true => EgressError::Interrupted(format!("`{target}` did not answer within {waited_ms} ms")),
                    false => EgressError::Unreachable(format!("no connection to `{target}` within {waited_ms} ms")),
                })
            }
        }
    }

    /// What one request may use.
    #[must_use]
    pub fn limits(&self) -> &EgressLimits {
        &self.limits
    }

    /// The same client, for answers that may be that large at most.
    pub(in crate::adapters) fn with_response_bytes_max(&self, response_bytes_max: usize) -> Self {
        let limits = EgressLimits { response_bytes_max, ..self.limits.clone() };
        Self { limits, ..self.clone() }
    }

    /// Whether the host of the URL is granted by more than `*`.
    pub(in crate::adapters) fn is_granted_by_name(&self, uri: &Uri) -> bool {
        Target::parse(uri).is_ok_and(|target| self.policy.grants_by_name(&target))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, EgressError> {
        let response = self.client.request(request).await.map_err(classify)?;
        read(response, self.limits.response_bytes_max).await
    }

    fn check(&self, request: &Request<Bytes>) -> Result<(), EgressError> {
        let invalid = |problem: String| Err(EgressError::Invalid(problem));
        if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
            return invalid(format!("the method {} is not allowed", request.method()));
        }
        let url_bytes = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
        let header_bytes = header_bytes(request.headers()) + url_bytes;
        if header_bytes > self.limits.header_bytes_max {
            return invalid(format!(
                "URL and headers have {header_bytes} bytes, at most {} are allowed",
                self.limits.header_bytes_max
            ));
        }
        if let Some(name) = request.headers().keys().find(|name| RESERVED_HEADERS.contains(name)) {
            return invalid(format!("the header `{name}` is set by the client"));
        }
        let body_bytes = request.body().len();
        if body_bytes > self.limits.request_bytes_max {
            return invalid(format!(
                "the body has {body_bytes} bytes, at most {} are allowed",
                self.limits.request_bytes_max
            ));
        }
        Ok(())
    }
}

impl fmt::Debug for EgressClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EgressClient").field("policy", &self.policy).field("limits", &self.limits).finish()
    }
}

/// Headers that frame the message or steer the connection (RFC 9110 section 7.6.1, RFC 9112 section 6): two opinions
/// about them are how requests get smuggled.
const RESERVED_HEADERS: [HeaderName; 12] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::EXPECT,
    header::HOST,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

fn header_bytes(headers: &HeaderMap) -> usize {
    // Each line also has a colon, a space and a line end.
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// What a failure of the pooled client means. Says `Interrupted` for whatever may have been written.
fn classify(error: ClientError) -> EgressError {
    let mut cause = error.source();
    while let Some(current) = cause {
        match current.downcast_ref::<DialError>() {
            Some(DialError::Denied(problem)) => return EgressError::Denied(problem.clone()),
            Some(DialError::Failed(problem)) => return EgressError::Unreachable(problem.clone()),
            None => {}
        }
        // hyper says "canceled" exactly when it hands the unwritten request back.
        if current.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled) {
            return EgressError::Unreachable("the connection closed before the request was written".into());
        }
        cause = current.source();
    }
    let problem = describe(&error);
    if error.is_connect() { EgressError::Unreachable(problem) } else { EgressError::Interrupted(problem) }
}

/// The innermost cause is the one that a person can act on.
fn describe(error: &ClientError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Response<Bytes>, EgressError> {
    let (head, body) = response.into_parts();
    let too_large = EgressError::TooLarge { status: head.status.as_u16() };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large);
    }
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(Response::from_parts(head, collected.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large),
        Err(error) => Err(EgressError::Interrupted(format!("the response broke off: {error}"))),
    }
}

/// Mozilla's roots.
fn tls_config(clock: Arc<dyn Clock>) -> ClientConfig {
    tls_versions(clock).with_webpki_roots().with_no_client_auth()
}
