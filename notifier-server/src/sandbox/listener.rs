//! The accept loop of the fakes. Unlike axum's, it can close a connection instead of answering.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::ServiceExt;

/// Connections served at once by one fake; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 4_096;

/// The longest time for a request's head to arrive.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Attached to a response that must never be sent: how its connection ends in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    Closed,
    /// With a TCP reset, as when the process behind it is gone.
    Reset,
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
struct DroppedOnPurpose;

/// A response that closes the connection without a byte.
pub(super) fn no_answer() -> Response {
    unanswered(Unanswered::Closed)
}

/// A response that resets the connection.
pub(super) fn reset() -> Response {
    unanswered(Unanswered::Reset)
}

fn unanswered(how: Unanswered) -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(how);
    response
}

/// Takes a port of 127.0.0.1; 0 takes a free one.
pub(super) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Serves until dropped; then its connections end too.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    // Out of file descriptors, as a rule: the end of a connection gives one back.
                    connections.join_next().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    // Small answers on a warm connection must not wait for more. Without it they are late, not wrong.
    let _ = stream.set_nodelay(true);
    let resets = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        let (router, resets) = (router.clone(), Arc::clone(&resets));
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            match response.extensions().get::<Unanswered>() {
                Some(how) => {
                    resets.store(*how == Unanswered::Reset, Ordering::Relaxed);
                    Err(DroppedOnPurpose)
                }
                None => Ok(response),
            }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = (&mut connection).await {
        tracing::debug!(%error, "a connection of the sandbox ended early");
    }
    if resets.load(Ordering::Relaxed) {
        // Without it the connection is closed, which for a client is nearly the same.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}
