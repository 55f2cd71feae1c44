//! HTTP/2 with a server whose every frame is written here (RFC 9113): one that falls silent is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::{EgressError, EgressLimits};
use super::tls::trusting;
use crate::adapters::tls::certificates::{VALID, server_config};

/// What a connection begins with (section 3.4).
const PREFACE_BYTES: usize = 24;
/// Length of the payload, type, flags, stream (section 4.1): settings, of which there are none.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const SETTINGS_SEEN: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
const HEADERS_TYPE: u8 = 1;

/// The answer to the request of that stream: its end, and its headers, `:status: 200` (RFC 7541 appendix A, entry 8).
fn answer(stream: [u8; 4]) -> Vec<u8> {
    let [a, b, c, d] = stream;
    vec![0, 0, 1, HEADERS_TYPE, 0b101, a, b, c, d, 0x88]
}

/// Answers the first request of each connection and says nothing afterwards, not even to a ping; but keeps the connection.
/// Counts connections.
async fn falling_silent() -> (u16, Arc<AtomicUsize>) {
    let mut config = server_config();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            counter.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                stream.read_exact(&mut [0; PREFACE_BYTES]).await.unwrap();
                stream.write_all(&[SETTINGS, SETTINGS_SEEN].concat()).await.unwrap();
                loop {
                    let mut head = [0; 9];
                    stream.read_exact(&mut head).await.unwrap();
                    let [a, b, c, kind, _, stream_id @ ..] = head;
                    let length = u32::from_be_bytes([0, a, b, c]);
                    stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
                    if kind == HEADERS_TYPE {
                        stream.write_all(&answer(stream_id)).await.unwrap();
                        break;
                    }
                }
                let _ = stream.read_to_end(&mut Vec::new()).await;
            });
        }
    });
    (port, connections)
}

/// Without it, each request would wait for its whole deadline, one after the other on the same dead connection.
#[tokio::test]
async fn a_connection_without_a_sign_of_life_is_given_up_and_the_next_request_gets_another() {
    let (port, connections) = falling_silent().await;
    let host = format!("secure.localhost:{port}");
    // Long enough for a machine with other things to do to answer the good requests.
    let limits = EgressLimits {
        http2_ping_after: Duration::from_secs(2),
        http2_pong_within: Duration::from_secs(2),
        ..EgressLimits::default()
    };
    let client = trusting(std::slice::from_ref(&host), limits, VALID);
    let send = async || {
        let request = Request::get(format!("https://{host}/")).body(Bytes::new()).unwrap();
        client.send(request, Duration::from_secs(60)).await
    };
    let assert_answered_on = async |connection: usize| {
        let answered = send().await.unwrap();
        assert_eq!((answered.status().as_u16(), answered.version()), (200, Version::HTTP_2));
        assert_eq!(connections.load(SeqCst), connection);
    };
    assert_answered_on(1).await;
    // It may have been processed; it is not its deadline that ends it.
    let silent = send().await;
    let is_given_up = matches!(&silent, Err(EgressError::Interrupted(problem)) if !problem.contains("60000 ms"));
    assert!(is_given_up, "{silent:?}");
    assert_answered_on(2).await;
}
