//! Real sockets: what happens to connections, good and bad.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::settings;
use crate::config::{Config, ServerSettings};
use crate::running::{Running, start};

/// Long enough for any machine, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

async fn running(change: impl FnOnce(&mut ServerSettings)) -> Running {
    let mut config = Config::load_over(None, None, Some([].into())).unwrap().config;
    config.store.path = None;
    config.server = ServerSettings { listen: "127.0.0.1:0".parse().unwrap(), ..settings() };
    change(&mut config.server);
    start(&config).await.unwrap()
}

async fn connect(server: &Running) -> TcpStream {
    TcpStream::connect(server.address()).await.unwrap()
}

/// Reads up to and with the head and the body of one answer.
async fn answer(stream: &mut TcpStream) -> String {
    let read = async {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if length.is_some_and(|length| body.len() >= length.parse().unwrap()) {
                    return text;
                }
            }
            let mut part = [0; 4_096];
            match stream.read(&mut part).await.unwrap() {
                0 => return text,
                read => bytes.extend_from_slice(&part[..read]),
            }
        }
    };
    tokio::time::timeout(PATIENCE, read).await.unwrap()
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap();
    !matches!(read, Ok(1..))
}

const HEALTH: &[u8] = b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = running(|_| {}).await;
    let mut stream = connect(&server).await;
    for _ in 0..3 {
        stream.write_all(HEALTH).await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    drop(stream);
    assert!(server.shutdown().await.unwrap().drained);
}

#[tokio::test]
async fn http_2_is_spoken_to_those_who_begin_with_it() {
    let server = running(|_| {}).await;
    let io = TokioIo::new(connect(&server).await);
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        let request = Request::get("http://x/v1/health").body(Empty::<Bytes>::new()).unwrap();
        let response = requests.send_request(request).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    }
    drop(requests);
    connection.await.unwrap().unwrap();
    assert!(server.shutdown().await.unwrap().drained);
}

#[tokio::test]
async fn a_large_body_is_refused_although_the_client_goes_on_sending() {
    let server = running(|_| {}).await;
    let mut stream = connect(&server).await;
    let length = 10 * 1024 * 1024;
    let head = format!(
        "POST /v1/notifications HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // As a client does that reads the answer only after it has sent everything.
    stream.write_all(&vec![b' '; length]).await.unwrap();
    let refused = answer(&mut stream).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_client_that_dawdles_is_let_go() {
    let server = running(|settings| settings.header_timeout = Duration::from_millis(100)).await;
    for sent in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n", b"GET /v1/health HTTP/1.1\r\nho"] {
        let mut stream = connect(&server).await;
        stream.write_all(sent).await.unwrap();
        let answered = answer(&mut stream).await;
        assert!(!answered.contains("200 OK"), "{answered}");
        assert!(is_closed(&mut stream).await, "{sent:?}");
    }
    let mut idle = connect(&server).await;
    idle.write_all(HEALTH).await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert!(is_closed(&mut idle).await);
    assert!(server.shutdown().await.unwrap().drained);
}

#[tokio::test]
async fn beyond_the_limit_clients_are_told_to_come_back() {
    let server = running(|settings| settings.connections_max = 1).await;
    let mut first = connect(&server).await;
    first.write_all(HEALTH).await.unwrap();
    answer(&mut first).await;
    let mut second = connect(&server).await;
    second.write_all(HEALTH).await.unwrap();
    let refused = answer(&mut second).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: 1") && refused.contains("/problems/overloaded"), "{refused}");
    assert!(is_closed(&mut second).await);
    first.write_all(HEALTH).await.unwrap();
    assert!(answer(&mut first).await.starts_with("HTTP/1.1 200"));
    drop(first);
    // The place is free once the server has noticed.
    let freed = async {
        loop {
            let mut third = connect(&server).await;
            third.write_all(HEALTH).await.unwrap();
            if answer(&mut third).await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_in_flight_and_closes_what_idles() {
    let server = running(|_| {}).await;
    let mut idle = connect(&server).await;
    idle.write_all(HEALTH).await.unwrap();
    answer(&mut idle).await;
    let mut busy = connect(&server).await;
    let body = br#"{"channels": {}}"#;
    let head = format!(
        "PUT /v1/preferences/1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: from here on the request is in flight.
    let mut go_on = [0; 25];
    tokio::time::timeout(PATIENCE, busy.read_exact(&mut go_on)).await.unwrap().unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"), "{go_on:?}");
    let address = server.address();
    let stopping = tokio::spawn(server.shutdown());
    assert!(is_closed(&mut idle).await);
    busy.write_all(body).await.unwrap();
    let answered = answer(&mut busy).await;
    assert!(answered.starts_with("HTTP/1.1 200"), "{answered}");
    assert!(answered.contains("connection: close"), "{answered}");
    let stopped = tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap().unwrap();
    assert!(stopped.drained);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_shutdown_has_a_deadline() {
    let server = running(|settings| settings.shutdown_deadline = Duration::from_millis(50)).await;
    let mut busy = connect(&server).await;
    let head = b"PUT /v1/preferences/1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        expect: 100-continue\r\ncontent-length: 9\r\n\r\n";
    busy.write_all(head).await.unwrap();
    tokio::time::timeout(PATIENCE, busy.read_exact(&mut [0; 25])).await.unwrap().unwrap();
    let stopped = tokio::time::timeout(PATIENCE, server.shutdown()).await.unwrap().unwrap();
    assert!(!stopped.drained);
}

#[tokio::test]
async fn an_address_in_use_is_told() {
    let first = running(|_| {}).await;
    let mut config = Config::load_over(None, None, Some([].into())).unwrap().config;
    config.store.path = None;
    config.server.listen = first.address();
    let error = start(&config).await.err().unwrap().to_string();
    assert!(error.contains("server.listen") && error.contains(&first.address().to_string()), "{error}");
}
