//! Opens connections: resolves the name, judges every address, dials one that passed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::policy::EgressPolicy;
use super::target::{Host, Target};

/// Finds the addresses behind a name.
#[async_trait]
pub trait Resolver: Send + Sync + 'static {
    /// The addresses of the name, each with the given port, in the order in which to try them.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    async fn lookup(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// Asks the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn lookup(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}

/// Why there is no connection. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Failed(String),
}

/// What the pooled client calls for a new connection: TCP, and TLS around it for `https`, in bounded time.
#[derive(Clone)]
pub(super) struct Connector {
    tls: HttpsConnector<Dialer>,
    connect_timeout: Duration,
}

impl Connector {
    pub(super) fn new(
        policy: Arc<EgressPolicy>,
        resolver: Arc<dyn Resolver>,
        tls: ClientConfig,
        connect_timeout: Duration,
    ) -> Self {
        let tls = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(Dialer { policy, resolver });
        Self { tls, connect_timeout }
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.tls.call(uri);
        let limit = self.connect_timeout;
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(Ok(stream)) => Ok(stream),
                Ok(Err(error)) => Err(match error.downcast::<DialError>() {
                    Ok(error) => *error,
                    Err(error) => DialError::Failed(format!("TLS failed: {error}")),
                }),
                Err(_) => Err(DialError::Failed(format!("no connection within {} ms", limit.as_millis()))),
            }
        })
    }
}

/// TCP to judged addresses only.
#[derive(Clone)]
struct Dialer {
    policy: Arc<EgressPolicy>,
    resolver: Arc<dyn Resolver>,
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let target = Target::parse(&uri).map_err(DialError::Denied)?;
            this.policy.judge_target(&target).map_err(DialError::Denied)?;
            let addresses = this.permitted_addresses(&target).await?;
            dial_first(&target, &addresses).await
        })
    }
}

impl Dialer {
    /// The addresses of the target that the policy allows. Forbidden ones among them are skipped; when nothing is left,
    /// the answer is what was wrong with the first.
    async fn permitted_addresses(&self, target: &Target) -> Result<Vec<SocketAddr>, DialError> {
        let found = match &target.host {
            Host::Address(address) => vec![SocketAddr::new(*address, target.port)],
            Host::Name(name) => self
                .resolver
                .lookup(name, target.port)
                .await
                .map_err(|error| DialError::Failed(format!("`{target}` cannot be resolved: {error}")))?,
        };
        let mut permitted = Vec::with_capacity(found.len());
        let mut refusal = None;
        for address in found {
            match self.policy.judge_address(target, address.ip()) {
                // The resolver does not get to choose the port.
                Ok(()) => permitted.push(SocketAddr::new(address.ip(), target.port)),
                Err(problem) => refusal = refusal.or(Some(problem)),
            }
        }
        match refusal {
            _ if !permitted.is_empty() => Ok(permitted),
            Some(problem) => Err(DialError::Denied(problem)),
            None => Err(DialError::Failed(format!("`{target}` has no address"))),
        }
    }
}

/// How long one address may take before the next is tried.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);

async fn dial_first(target: &Target, addresses: &[SocketAddr]) -> Result<TokioIo<TcpStream>, DialError> {
    let mut problem = String::new();
    for address in addresses {
        match timeout(DIAL_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are written whole: waiting for more to send only delays them.
                let _ = stream.set_nodelay(true);
                return Ok(TokioIo::new(stream));
            }
            Ok(Err(error)) => problem = error.to_string(),
            Err(_) => problem = "no answer".into(),
        }
    }
    Err(DialError::Failed(format!("`{target}` cannot be reached: {problem}")))
}
