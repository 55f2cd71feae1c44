//! What clients beyond the limit of connections are told.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;

use crate::problem::{Problem, ProblemKind};

/// Connections that are told at the same time; more are closed without a word.
pub(super) const CONNECTIONS_MAX: usize = 64;

/// How long such a client may take to send its request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(2);

/// Answers one request with 503 and closes.
pub(super) async fn turn_away(stream: TcpStream) -> Result<(), hyper::Error> {
    let service = service_fn(|request: Request<Incoming>| async move { Ok::<_, Infallible>(answer(&request)) });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(request: &Request<Incoming>) -> Response {
    let problem = Problem::new(ProblemKind::Overloaded, "the server has as many connections as it serves").closing();
    // It was not let in, so it has no id.
    problem.render(request.uri().path(), "-", HeaderMap::new())
}
