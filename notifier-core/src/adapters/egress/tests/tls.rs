//! TLS: who is trusted, for which name, at what time; and that a refused server gets nothing of the request.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Version};
use jiff::Timestamp;
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::{EgressClient, EgressError, EgressLimits, EgressPolicy};
use super::Answers;
use crate::adapters::tls::certificates::{VALID, root, server_config};
use crate::adapters::tls::tls_versions;
use crate::ports::clock::Clock;

struct At(&'static str);

#[async_trait]
impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0.parse().unwrap()
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}

/// Answers every request with 200, and keeps what it could decrypt.
async fn server() -> (u16, Arc<Mutex<Vec<u8>>>) {
    serve(|_| "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok".into()).await
}

/// A server for `secure.localhost`, with what it answers to a request without a body. Says on which port, and keeps what it
/// could decrypt.
pub(in crate::adapters) async fn serve(answer: impl Fn(&str) -> String + Send + 'static) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let mut config = server_config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let read = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&read);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut buffer = Vec::new();
            while stream.read_buf(&mut buffer).await.unwrap_or(0) > 0 {
                if buffer.ends_with(b"\r\n\r\n") {
                    seen.lock().unwrap().extend_from_slice(&buffer);
                    let answer = answer(&String::from_utf8_lossy(&buffer));
                    // Whoever has read enough may be gone already.
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                    break;
                }
            }
        }
    });
    (port, read)
}

/// A client that trusts the root, finds every name on this machine, and judges certificates as of 2030.
pub(in crate::adapters) fn trusting_client(hosts: &[String]) -> EgressClient {
    client(hosts, true, VALID)
}

fn client(hosts: &[String], trusts_root: bool, time: &'static str) -> EgressClient {
    if !trusts_root {
        let (resolver, _) = Answers::new(&[&["127.0.0.1"]]);
        let (policy, limits) = (EgressPolicy::new(hosts).unwrap(), EgressLimits::default());
        return EgressClient::with_resolver(policy, limits, Arc::new(At(time)), resolver);
    }
    trusting(hosts, EgressLimits::default(), time)
}

/// A client that trusts the root, within those limits.
pub(super) fn trusting(hosts: &[String], limits: EgressLimits, time: &'static str) -> EgressClient {
    let (resolver, _) = Answers::new(&[&["127.0.0.1"]]);
    let policy = EgressPolicy::new(hosts).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root()).unwrap();
    let tls = tls_versions(Arc::new(At(time))).with_root_certificates(roots).with_no_client_auth();
    EgressClient::with_tls(policy, limits, resolver, tls)
}

/// One request to a name that leads to this machine, with trust in the root or without, at a time.
async fn get(port: u16, name: &str, trusts_root: bool, time: &'static str) -> Result<Response<Bytes>, EgressError> {
    let host = format!("{name}:{port}");
    let request = Request::builder().uri(format!("https://{host}/")).body(Bytes::new()).unwrap();
    client(&[host], trusts_root, time).send(request, Duration::from_secs(20)).await
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to() {
    let (port, read) = server().await;
    let response = get(port, "secure.localhost", true, VALID).await.unwrap();
    assert_eq!((response.version(), response.body().as_ref()), (Version::HTTP_11, b"ok".as_slice()));
    let head = String::from_utf8(read.lock().unwrap().clone()).unwrap();
    assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: secure.localhost:{port}\r\n")), "{head}");
}

#[tokio::test]
async fn other_servers_get_nothing() {
    let (port, read) = server().await;
    let table = [
        ("an unknown root", "secure.localhost", false, VALID),
        ("another name", "other.localhost", true, VALID),
        ("too early", "secure.localhost", true, "2020-01-01T00:00:00Z"),
        ("too late", "secure.localhost", true, "2110-01-01T00:00:00Z"),
    ];
    for (what, name, trusts_root, time) in table {
        let error = get(port, name, trusts_root, time).await;
        let refused = matches!(&error, Err(EgressError::Unreachable(problem)) if problem.contains("certificate"));
        assert!(refused, "{what}: {error:?}");
    }
    assert!(read.lock().unwrap().is_empty());
}
