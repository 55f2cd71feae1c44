//! One request to an address on loopback.

use std::{io, net::IpAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header::HOST};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Report;

/// How long an answer may take; Twilio waits for 15 seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often a report is posted that is answered with an error of the server.
const TRIES: usize = 3;

/// Posts it. What comes of it shows in the log only: nobody waits for it.
pub(super) async fn post(report: Report) {
    if !is_on_loopback(&report.url) {
        tracing::debug!("a report of the sandbox was not posted: its address is not on loopback");
        return;
    }
    for _ in 0..TRIES {
        match tokio::time::timeout(PATIENCE, exchange(&report)).await {
            Ok(Ok(status)) if status.is_server_error() => {
                tracing::debug!(%status, "a report of the sandbox was not taken")
            }
            Ok(Ok(status)) => {
                tracing::debug!(%status, "a report of the sandbox was posted");
                return;
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "a report of the sandbox could not be posted");
                return;
            }
            Err(_) => return,
        }
    }
}

fn is_on_loopback(url: &Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    url.scheme_str() == Some("http") && is_loopback
}

async fn exchange(report: &Report) -> io::Result<StatusCode> {
    let authority = report.url.authority().map(|authority| authority.as_str()).unwrap_or_default();
    let port = report.url.port_u16().unwrap_or(80);
    let host = report.url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let mut request = Request::post(report.url.path_and_query().map_or("/", |path| path.as_str()))
        .body(Full::<Bytes>::new(report.body.clone()))
        .map_err(io::Error::other)?;
    *request.headers_mut() = report.headers.clone();
    request.headers_mut().insert(HOST, HeaderValue::try_from(authority).map_err(io::Error::other)?);
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other);
    // Its body says nothing that is needed.
    connection.abort();
    Ok(answer?.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_posted_beyond_loopback() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/v1/receipts/twilio?delivery=1", true),
            ("http://[::1]:8080/", true),
            ("http://localhost/", true),
            ("https://127.0.0.1/", false),
            ("http://10.0.0.7/", false),
            ("http://notify.example.com/", false),
            ("http://127.0.0.1.example.com/", false),
            ("/v1/receipts", false),
        ] {
            assert_eq!(is_on_loopback(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
