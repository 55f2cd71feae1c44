//! A server in this process: started, addressed, stopped.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use notifier_core::{Clock, Entropy, StoreError, SystemClock, SystemEntropy};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{App, SharedApp};
use crate::config::{Config, ServerSettings};
use crate::engine::{self, EngineError};
use crate::serve::Server;
use crate::{observe, openapi, routes};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartupError {
    /// It cannot listen there.
    #[error("server.listen: cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Whether every request and every send in flight was finished in time. What was not is settled at the next start.
    pub drained: bool,
}

/// A running server. Dropped without [`Running::shutdown`], it ends as in a crash: nothing accepted is lost.
pub struct Running {
    address: SocketAddr,
    app: SharedApp,
    stop: watch::Sender<bool>,
    deadline: Duration,
    serving: JoinHandle<bool>,
}

/// Starts the engine and serves it. It serves when this returns.
///
/// # Errors
/// When the address is taken, or the engine refuses the configuration.
pub async fn start(config: &Config) -> Result<Running, StartupError> {
    start_with(config, Router::new()).await
}

/// As [`start`], with more routes, such as those of the sandbox.
pub(crate) async fn start_with(config: &Config, more: Router) -> Result<Running, StartupError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    // First the address: a second server on it must not touch the data of the first.
    let (server, address) = bind(&config.server, &clock).await?;
    start_at(server, address, config, clock, more).await
}

/// As [`start_with`], for vendors on this machine: where no public URL is set, it is the address.
pub(crate) async fn start_reachable(mut config: Config, more: Router) -> Result<Running, StartupError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (server, address) = bind(&config.server, &clock).await?;
    let url = config.server.public_url.get_or_insert_with(|| format!("http://{address}"));
    config.flow.public_url = Some(url.clone());
    start_at(server, address, &config, clock, more).await
}

async fn bind(settings: &ServerSettings, clock: &Arc<dyn Clock>) -> Result<(Server, SocketAddr), StartupError> {
    let cannot_listen = |source| StartupError::Listen { address: settings.listen, source };
    let server = Server::bind(settings, Arc::clone(clock)).await.map_err(cannot_listen)?;
    let address = server.address().map_err(cannot_listen)?;
    Ok((server, address))
}

async fn start_at(
    server: Server,
    address: SocketAddr,
    config: &Config,
    clock: Arc<dyn Clock>,
    more: Router,
) -> Result<Running, StartupError> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::new());
    let notifier = engine::start(config, &clock, Arc::clone(&entropy)).await?;
    let app = App::new(notifier, clock, &*entropy, &config.server);
    Ok(serve(server, address, app, &config.server, more))
}

/// Serves that application on that socket.
pub(crate) fn serve(server: Server, address: SocketAddr, app: App, settings: &ServerSettings, more: Router) -> Running {
    let app = Arc::new(app);
    let (stop, stopping) = watch::channel(false);
    let deadline = settings.shutdown_deadline;
    let serving = tokio::spawn(server.run(router(&app, settings.compat, more), stopping, deadline));
    Running { address, app, stop, deadline, serving }
}

/// Every route, observed.
pub(crate) fn router(app: &SharedApp, compat: bool, more: Router) -> Router {
    openapi::document(routes::router(compat))
        .merge(more.with_state(()))
        .fallback(routes::no_route)
        .method_not_allowed_fallback(routes::no_method)
        .layer(from_fn_with_state(Arc::clone(app), observe::observe))
        .with_state(Arc::clone(app))
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long its end may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The engine behind it.
    #[must_use]
    pub fn notifier(&self) -> &notifier_core::Notifier {
        &self.app.notifier
    }

    /// Says that it is not ready, accepts nothing further, finishes what is in flight, for at most the configured deadline,
    /// and closes the store.
    ///
    /// Everybody is told before anybody is waited for: callers who wait for a notification are answered with how it stands,
    /// and the engine finishes its sends while the last requests are answered.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub async fn shutdown(self) -> Result<Stopped, StoreError> {
        let began = self.app.clock.now();
        self.app.stop();
        self.app.notifier.stop();
        self.stop.send_replace(true);
        // A server that panicked has nothing left to finish.
        let served = self.serving.await.unwrap_or(false);
        let spent = Duration::try_from(self.app.clock.now().duration_since(began)).unwrap_or_default();
        let Some(app) = Arc::into_inner(self.app) else {
            tracing::error!("a request outlived the server: the engine ends without a drain");
            return Ok(Stopped { drained: false });
        };
        let report = app.notifier.shutdown(self.deadline.saturating_sub(spent)).await?;
        Ok(Stopped { drained: served && report.drained })
    }
}
