//! What this machine can do at all: answer HTTP requests without doing anything, and sync groups of records to disk.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use notifier_tests::client::Client;
use tokio::net::TcpListener;

use super::Failure;
use super::load::Load;
use super::stopwatch::Stopwatch;

/// Requests a second that a server answers which reads the body and says `202`.
pub(crate) async fn bare_hyper(connections: usize, requests: usize) -> Result<f64, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(accept)),
            );
        }
    });
    let done = Load::scheduled_far().run(&Client::new(origin), connections, requests).await?;
    server.abort();
    Ok(done.per_s())
}

async fn accept(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off is the client's loss.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = http::StatusCode::ACCEPTED;
    Ok(response)
}

/// Records a second, of 400 bytes, appended and synced in groups of 64: as many as the load generator has connections.
pub(crate) fn grouped_fdatasync() -> Result<f64, Failure> {
    const GROUP: usize = 64;
    let mut file = tempfile::tempfile()?;
    let group = vec![7; 400 * GROUP];
    let watch = Stopwatch::start();
    let mut groups = 0;
    while watch.elapsed() < Duration::from_secs(2) {
        file.write_all(&group)?;
        file.sync_data()?;
        groups += 1;
    }
    Ok((groups * GROUP) as f64 / watch.elapsed().as_secs_f64())
}
