//! Takes what vendors report in the server's place, so that a test can alter it before it hands it on.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use notifier_tests::client::Client;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// A report as it was posted.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Posted {
    /// Hands it on.
    pub(super) async fn post(&self, client: &Client) -> StatusCode {
        let own = |name: &&http::HeaderName| **name != HOST && **name != CONTENT_LENGTH;
        let headers = self.headers.keys().filter(own);
        let headers: Vec<_> = headers.map(|name| (name.as_str(), self.headers[name].to_str().unwrap())).collect();
        client.send(Method::POST, &self.path, &headers, self.body.clone()).await.unwrap().status
    }
}

/// Answers every report with 200.
pub(super) struct Recorder {
    pub(super) origin: String,
    posted: UnboundedReceiver<Posted>,
    _serving: JoinSet<()>,
}

impl Recorder {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sender, posted) = unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let sender = sender.clone();
                let service = service_fn(move |request| take(request, sender.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { origin, posted, _serving: serving }
    }

    /// The next report.
    pub(super) async fn next(&mut self) -> Posted {
        tokio::time::timeout(super::world::PATIENCE, self.posted.recv()).await.expect("a report comes").unwrap()
    }
}

async fn take(
    request: Request<Incoming>,
    sender: UnboundedSender<Posted>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().unwrap().to_string();
    let body = body.collect().await.unwrap().to_bytes();
    // Nobody waits for it when its test is over.
    let _ = sender.send(Posted { path, headers: parts.headers, body });
    Ok(Response::new(Full::default()))
}
