//! Real sockets: what happens to connections, good and bad.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use notifier_core::{Clock, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::running::{Running, serve, start};
use crate::serve::Server;

/// Long enough for any machine, short enough for a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server in real time, with a provider of text messages.
async fn running(change: impl FnOnce(&mut ServerSettings)) -> Running {
    let mut settings = ServerSettings { listen: "127.0.0.1:0".parse().unwrap(), ..settings() };
    change(&mut settings);
    let clock = Arc::new(SystemClock);
    let notifier = Notifier::builder()
        .provider("scripted", Arc::new(ScriptedProvider::accepting()))
        .route(Channel::Sms, "scripted")
        .start()
        .await
        .unwrap();
    let server = Server::bind(&settings, clock.clone()).await.unwrap();
    let address = server.address().unwrap();
    serve(server, address, App::new(notifier, clock, &SeededEntropy::new(2), &settings), &settings, Router::new())
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

/// A notification that stays pending for as long as any test takes.
fn tomorrow() -> String {
    let at = SystemClock.now() + jiff::SignedDuration::from_hours(24);
    let content = json!({"sms": {"text": "Hi"}});
    let recipient = json!({"id": "1", "phone": "+14155550101"});
    json!({"recipient": recipient, "content": content, "schedule": {"at": at.to_string()}}).to_string()
}

async fn scheduled_tomorrow(server: &Running) -> String {
    let (mut stream, body) = (connect(server).await, tomorrow());
    let head = "POST /v1/notifications HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let answered = answer(&mut stream).await;
    let body: Value = serde_json::from_str(answered.split_once("\r\n\r\n").unwrap().1).unwrap();
    body["id"].as_str().unwrap_or_else(|| panic!("{answered}")).to_owned()
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
async fn a_shutdown_answers_who_waits_with_how_it_stands() {
    let server = running(|_| {}).await;
    let id = scheduled_tomorrow(&server).await;
    let mut waiting = connect(&server).await;
    let head = format!("GET /v1/notifications/{id}?wait_ms=20000 HTTP/1.1\r\nhost: x\r\n\r\n");
    waiting.write_all(head.as_bytes()).await.unwrap();
    // Only by time can it be told that the request has arrived and waits.
    SystemClock.sleep_until(SystemClock.now() + jiff::SignedDuration::from_millis(300)).await;
    let stopping = tokio::spawn(server.shutdown());
    let answered = tokio::time::timeout(Duration::from_secs(5), answer(&mut waiting)).await.unwrap();
    assert!(answered.starts_with("HTTP/1.1 200") && answered.contains("\"pending\""), "{answered}");
    assert!(tokio::time::timeout(Duration::from_secs(5), stopping).await.unwrap().unwrap().unwrap().drained);
}

#[tokio::test]
async fn a_notification_that_comes_during_a_shutdown_is_told_to_come_back() {
    let server = running(|_| {}).await;
    let mut busy = connect(&server).await;
    let body = tomorrow();
    let head = format!(
        "POST /v1/notifications HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    busy.write_all(head.as_bytes()).await.unwrap();
    tokio::time::timeout(PATIENCE, busy.read_exact(&mut [0; 25])).await.unwrap().unwrap();
    let mut idle = connect(&server).await;
    idle.write_all(HEALTH).await.unwrap();
    answer(&mut idle).await;
    let stopping = tokio::spawn(server.shutdown());
    assert!(is_closed(&mut idle).await);
    busy.write_all(body.as_bytes()).await.unwrap();
    let answered = answer(&mut busy).await;
    assert!(answered.starts_with("HTTP/1.1 503"), "{answered}");
    assert!(answered.contains("/problems/stopping") && answered.contains("retry-after: 1"), "{answered}");
    assert!(tokio::time::timeout(PATIENCE, stopping).await.unwrap().unwrap().unwrap().drained);
}

#[tokio::test]
async fn an_idle_client_of_http_2_is_let_go_although_it_answers_pings() {
    let server = running(|settings| settings.header_timeout = Duration::from_millis(300)).await;
    let id = scheduled_tomorrow(&server).await;
    let io = TokioIo::new(connect(&server).await);
    let (mut requests, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    // One that waits for an answer is not idle.
    let request = Request::get(format!("http://x/v1/notifications/{id}?wait_ms=900"));
    let response = requests.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    drop(response);
    tokio::time::timeout(PATIENCE, connection).await.expect("let go").unwrap().unwrap();
    drop(requests);
    assert!(server.shutdown().await.unwrap().drained);
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
