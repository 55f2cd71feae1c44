//! The accept loop: connections in, under limits, and out again in order.
//!
//! It stands on hyper itself because what keeps a server alive under bad clients (a timer for the head of a request, a
//! bound on connections, a drain with a deadline) is out of reach behind `axum::serve`.

mod busy;
mod idle;
mod patience;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use notifier_core::Clock;
use notifier_core::ports::clock::within;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::config::ServerSettings;
use idle::Requests;
use patience::Patient;

/// Header lines of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of the head of one HTTP/1 request.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the headers of one HTTP/2 request.
const HEADER_LIST_BYTES_MAX: u32 = 32 * 1024;
/// Requests at the same time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// How often an HTTP/2 client is asked whether it is still there, while it waits for an answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// How long to wait before accepting again when the system refuses, as when it has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, with the limits of what it will serve.
pub(crate) struct Server {
    listener: TcpListener,
    builder: auto::Builder<TokioExecutor>,
    places: Arc<Semaphore>,
    busy_places: Arc<Semaphore>,
    header_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl Server {
    pub(crate) async fn bind(settings: &ServerSettings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        Ok(Self {
            listener,
            builder: connection_builder(settings.header_timeout),
            places: Arc::new(Semaphore::new(settings.connections_max)),
            busy_places: Arc::new(Semaphore::new(busy::CONNECTIONS_MAX)),
            header_timeout: settings.header_timeout,
            clock,
        })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` becomes true, then finishes what is in flight, for at most `deadline`. Returns whether all of
    /// it was finished.
    pub(crate) async fn run(self, router: Router, mut stop: watch::Receiver<bool>, deadline: Duration) -> bool {
        let mut connections = JoinSet::new();
        let mut turned_away = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                Some(_) = turned_away.join_next(), if !turned_away.is_empty() => continue,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.admit(stream, &router, &stop, &mut connections, &mut turned_away),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.pause().await;
                }
            }
        }
        drop(self.listener);
        // Each of them has seen `stop` as well, and ends with what it is answering.
        let ended = async { while connections.join_next().await.is_some() {} };
        let drained = within(&*self.clock, deadline, ended).await.is_ok();
        connections.shutdown().await;
        drained
    }

    /// Serves the connection; if there is no place left, tells it so; if there is no place for that either, closes it.
    fn admit(
        &self,
        stream: TcpStream,
        router: &Router,
        stop: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
        turned_away: &mut JoinSet<()>,
    ) {
        // Answers are small and written at once: waiting to fill a packet only delays them. A socket that cannot do
        // that is broken, and shows it at the first read.
        let _ = stream.set_nodelay(true);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            connections.spawn(hold(place, self.converse(stream, router.clone(), stop.clone())));
        } else if let Ok(place) = Arc::clone(&self.busy_places).try_acquire_owned() {
            tracing::warn!("all connections are taken: turning one away");
            turned_away.spawn(hold(place, busy::turn_away(stream)));
        }
    }

    /// Serves the connection until the client ends it, it idles, or the server stops; then it ends with what is being
    /// answered.
    fn converse(
        &self,
        stream: TcpStream,
        router: Router,
        mut stop: watch::Receiver<bool>,
    ) -> impl Future<Output = Result<(), BoxedError>> + Send + 'static {
        let requests = Requests::none(Arc::clone(&self.clock));
        let idle = requests.clone().idle_for(self.header_timeout);
        let service = service_fn(move |request: Request<Incoming>| {
            let open = requests.open();
            let answer = router.clone().oneshot(request);
            async move { answer.await.map(|response| open.until_written(response)) }
        });
        let io = TokioIo::new(Patient::new(stream, self.clock_for(self.header_timeout)));
        let connection = self.builder.serve_connection(io, service).into_owned();
        async move {
            let mut connection = pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                _ = stop.wait_for(|stop| *stop) => {}
                () = idle => {}
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }

    /// Ends after that time.
    fn clock_for(&self, wait: Duration) -> impl Future<Output = ()> + Send + 'static {
        let clock = Arc::clone(&self.clock);
        let deadline = clock.now().saturating_add(wait).unwrap_or(jiff::Timestamp::MAX);
        async move { clock.sleep_until(deadline).await }
    }

    async fn pause(&self) {
        self.clock_for(ACCEPT_PAUSE).await;
    }
}

/// What hyper-util says of a connection that ended badly.
type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Runs the connection; its place is free again when it ends. Errors are the client's: it went away or spoke nonsense.
async fn hold<E: std::fmt::Display>(place: OwnedSemaphorePermit, connection: impl Future<Output = Result<(), E>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended with an error");
    }
    drop(place);
}

fn connection_builder(header_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        // Without a timer, hyper does not apply its timeouts.
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(header_timeout);
    builder
}
