//! Real exchanges on loopback: what is sent, what comes back, and how honest the errors are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::{EgressClient, EgressError, EgressLimits, EgressPolicy};
use super::{Answers, Epoch};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Reads the head of each request, gives the next answer (`None`: hangs up), and repeats the last.
/// Counts connections.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(answers: Vec<Option<&'static str>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        tokio::spawn(async move {
            let mut turn = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, SeqCst);
                let mut seen = Vec::new();
                while stream.read_buf(&mut seen).await.unwrap_or(0) > 0 {
                    if !seen.ends_with(b"\r\n\r\n") {
                        continue;
                    }
                    seen.clear();
                    let answer = answers[turn.min(answers.len() - 1)];
                    turn += 1;
                    match answer {
                        Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                        None => break,
                    }
                }
            }
        });
        Self { address, connections }
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

fn client(hosts: &[String]) -> EgressClient {
    EgressClient::new(EgressPolicy::new(hosts).unwrap(), EgressLimits::default(), Arc::new(Epoch))
}

fn client_with(hosts: &[String], answers: &[&[&str]]) -> (EgressClient, Arc<AtomicUsize>) {
    let (resolver, asked) = Answers::new(answers);
    let policy = EgressPolicy::new(hosts).unwrap();
    (EgressClient::with_resolver(policy, EgressLimits::default(), Arc::new(Epoch), resolver), asked)
}

fn get(url: &str) -> Request<Bytes> {
    Request::builder().uri(url).body(Bytes::new()).unwrap()
}

async fn send(server: &Server, limits: EgressLimits, timeout: Duration) -> Result<Response<Bytes>, EgressError> {
    let policy = EgressPolicy::new([server.address.to_string()]).unwrap();
    EgressClient::new(policy, limits, Arc::new(Epoch)).send(get(&server.url()), timeout).await
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn an_exchange_reuses_its_connection() {
    let server = Server::start(vec![Some(OK)]).await;
    let client = client(&[server.address.to_string()]);
    for _ in 0..5 {
        let response = client.send(get(&server.url()), TIMEOUT).await.unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, b"ok".as_slice()));
    }
    assert_eq!(server.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn redirects_are_returned() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest/\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(vec![Some(redirect)]).await;
    let response = send(&server, EgressLimits::default(), TIMEOUT).await.unwrap();
    assert_eq!(response.status().as_u16(), 302);
    assert_eq!(response.headers()["location"], "http://169.254.169.254/latest/");
    assert_eq!(server.connections.load(SeqCst), 1);
}

/// Nobody listens on a port that was just given back.
async fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn without_a_connection_it_is_unreachable() {
    let address = closed_port().await.to_string();
    let error = client(std::slice::from_ref(&address)).send(get(&format!("http://{address}/")), TIMEOUT).await;
    assert!(
        matches!(&error, Err(EgressError::Unreachable(problem)) if problem.contains("cannot be reached")),
        "{error:?}"
    );
}

#[tokio::test]
async fn without_tls_on_the_other_side_it_is_unreachable() {
    let server = Server::start(vec![Some(OK)]).await;
    let host = server.address.to_string();
    let plain = "HTTP/1.1 400 Bad Request\r\n\r\n";
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = other.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = other.accept().await.unwrap();
        stream.write_all(plain.as_bytes()).await.unwrap();
    });
    let error = client(&[host, port.to_string()]).send(get(&format!("https://{port}/")), TIMEOUT).await;
    assert!(matches!(&error, Err(EgressError::Unreachable(problem)) if problem.contains("TLS")), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_an_interruption() {
    let server = Server::start(vec![None]).await;
    let error = send(&server, EgressLimits::default(), TIMEOUT).await;
    assert!(matches!(error, Err(EgressError::Interrupted(_))), "{error:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_an_interruption() {
    let server = Server::start(vec![Some("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"), None]).await;
    // The server waits for another request; the deadline ends it.
    let error = send(&server, EgressLimits::default(), Duration::from_millis(200)).await;
    assert!(matches!(error, Err(EgressError::Interrupted(_))), "{error:?}");
}

#[tokio::test]
async fn silence_after_the_request_is_an_interruption() {
    let server = Server::start(vec![Some("")]).await;
    let error = send(&server, EgressLimits::default(), Duration::from_millis(200)).await;
    assert!(matches!(&error, Err(EgressError::Interrupted(problem)) if problem.contains("within 200 ms")), "{error:?}");
}

/// A listener whose queue is full takes no more connections, and says nothing: TLS or TCP never finishes.
#[tokio::test]
async fn silence_before_the_request_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody speaks TLS there, so the request cannot have been written.
    let error =
        client(&[address.to_string()]).send(get(&format!("https://{address}/")), Duration::from_millis(200)).await;
    assert!(matches!(&error, Err(EgressError::Unreachable(problem)) if problem.contains("no connection")), "{error:?}");
}

#[tokio::test]
async fn connecting_has_its_own_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = EgressLimits { connect_timeout: Duration::from_millis(100), ..EgressLimits::default() };
    let policy = EgressPolicy::new([address.to_string()]).unwrap();
    let client = EgressClient::new(policy, limits, Arc::new(Epoch));
    let error = client.send(get(&format!("https://{address}/")), TIMEOUT).await;
    assert!(matches!(&error, Err(EgressError::Unreachable(problem)) if problem.contains("100 ms")), "{error:?}");
}

#[tokio::test]
async fn large_responses_are_cut_off_and_keep_their_status() {
    let announced = "HTTP/1.1 201 Created\r\ncontent-length: 50000000\r\n\r\n";
    let chunked = concat!(
        "HTTP/1.1 503 Busy\r\ntransfer-encoding: chunked\r\n\r\n",
        "8\r\n12345678\r\n8\r\n12345678\r\n8\r\n12345678\r\n"
    );
    for (answer, status) in [(announced, 201), (chunked, 503)] {
        let server = Server::start(vec![Some(answer)]).await;
        let limits = EgressLimits { response_bytes_max: 16, ..EgressLimits::default() };
        assert_eq!(send(&server, limits, TIMEOUT).await.map(drop), Err(EgressError::TooLarge { status }));
    }
    let server = Server::start(vec![Some("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n1234567812345678")]).await;
    let limits = EgressLimits { response_bytes_max: 16, ..EgressLimits::default() };
    assert_eq!(send(&server, limits, TIMEOUT).await.unwrap().body().len(), 16);
}

#[tokio::test]
async fn requests_are_checked_before_anything_is_sent() {
    let server = Server::start(vec![Some(OK)]).await;
    let client = client(&[server.address.to_string()]);
    let request = || Request::builder().uri(server.url());
    let large = Bytes::from(vec![0; 8 * 1024 * 1024 + 1]);
    let long = "x".repeat(40_000);
    let table = [
        request().method("CONNECT").body(Bytes::new()),
        request().method("TRACE").body(Bytes::new()),
        request().header("host", "evil.example").body(Bytes::new()),
        request().header("content-length", "5").body(Bytes::new()),
        request().header("transfer-encoding", "chunked").body(Bytes::new()),
        request().header("connection", "upgrade").body(Bytes::new()),
        request().header("upgrade", "h2c").body(Bytes::new()),
        request().header("te", "trailers").body(Bytes::new()),
        request().header("expect", "100-continue").body(Bytes::new()),
        request().header("proxy-authorization", "x").body(Bytes::new()),
        request().header("keep-alive", "x").body(Bytes::new()),
        request().header("x-long", &long).body(Bytes::new()),
        request().uri(format!("{}{long}", server.url())).body(Bytes::new()),
        request().uri(format!("{}?{long}", server.url())).body(Bytes::new()),
        request().method("POST").body(large),
    ];
    for request in table {
        let request = request.unwrap();
        let what = format!("{} {:?}", request.method(), request.headers().keys().collect::<Vec<_>>());
        let error = client.send(request, TIMEOUT).await;
        assert!(matches!(error, Err(EgressError::Invalid(_))), "{what}: {error:?}");
    }
    assert_eq!(server.connections.load(SeqCst), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_denied() {
    let server = Server::start(vec![Some(OK)]).await;
    let host = format!("rebind.example.com:{}", server.address.port());
    let url = format!("https://{host}/");
    for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1"] {
        let (client, _) = client_with(std::slice::from_ref(&host), &[&[inside]]);
        let error = client.send(get(&url), TIMEOUT).await;
        assert!(matches!(&error, Err(EgressError::Denied(problem)) if problem.contains(inside)), "{inside}: {error:?}");
    }
    assert_eq!(server.connections.load(SeqCst), 0);
}

/// The name is resolved once for each connection, and what was judged is dialled: a second answer comes too late.
#[tokio::test]
async fn a_name_that_changes_between_check_and_dial_gains_nothing() {
    let server = Server::start(vec![Some(OK)]).await;
    let host = format!("localhost:{}", server.address.port());
    let (client, asked) = client_with(std::slice::from_ref(&host), &[&["127.0.0.1"], &["169.254.169.254"]]);
    let url = format!("http://{host}/");
    assert_eq!(client.send(get(&url), TIMEOUT).await.unwrap().status().as_u16(), 200);
    assert_eq!(asked.load(SeqCst), 1);
    // The connection is kept, so nobody asks again.
    assert_eq!(client.send(get(&url), TIMEOUT).await.unwrap().status().as_u16(), 200);
    assert_eq!(asked.load(SeqCst), 1);

    let (flipped, asked) = client_with(std::slice::from_ref(&host), &[&["169.254.169.254"], &["127.0.0.1"]]);
    let error = flipped.send(get(&url), TIMEOUT).await;
    assert!(matches!(error, Err(EgressError::Denied(_))), "{error:?}");
    assert_eq!(asked.load(SeqCst), 1);
}

#[tokio::test]
async fn forbidden_addresses_among_permitted_ones_are_passed_over() {
    let server = Server::start(vec![Some(OK)]).await;
    let host = format!("localhost:{}", server.address.port());
    let (client, _) = client_with(std::slice::from_ref(&host), &[&["169.254.169.254", "10.0.0.1", "127.0.0.1"]]);
    assert_eq!(client.send(get(&format!("http://{host}/")), TIMEOUT).await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn a_name_without_addresses_is_unreachable() {
    let (client, _) = client_with(&["api.example.com".into()], &[&[]]);
    let error = client.send(get("https://api.example.com/"), TIMEOUT).await;
    assert!(matches!(&error, Err(EgressError::Unreachable(problem)) if problem.contains("no address")), "{error:?}");
}
