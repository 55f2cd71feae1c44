//! Reading request bodies with a limit, and keeping requests as they came.

use axum::{body::Body, http::request::Parts};
use bytes::{Bytes, BytesMut};
use http::header::AUTHORIZATION;
use http_body_util::BodyExt;

/// Excess that is still read and thrown away, so that the sender can finish and read the refusal.
const EXCESS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why there is no body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    TooLarge,
    /// The sender went away in the middle.
    Broken,
}

/// Reads a body to its end.
pub(super) async fn read(mut body: Body, limit_bytes: usize) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut joined = BytesMut::new();
    let mut read_bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        read_bytes += data.len();
        if read_bytes > limit_bytes + EXCESS_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        match read_bytes {
            _ if read_bytes > limit_bytes => (first, joined) = (Bytes::new(), BytesMut::new()),
            // Most bodies come in one piece, which needs no copy.
            _ if first.is_empty() => first = data,
            _ => {
                if joined.is_empty() {
                    joined.extend_from_slice(&first);
                }
                joined.extend_from_slice(&data);
            }
        }
    }
    match read_bytes {
        _ if read_bytes > limit_bytes => Err(BodyError::TooLarge),
        _ if joined.is_empty() => Ok(first),
        _ => Ok(joined.freeze()),
    }
}

/// The request as text, its credentials blanked.
pub(super) fn raw(parts: &Parts, body: &[u8]) -> String {
    let mut raw = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version);
    for (name, value) in &parts.headers {
        let value = if name == AUTHORIZATION { "(blanked)".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        raw.extend([name.as_str(), ": ", &*value, "\n"]);
    }
    raw.push('\n');
    raw.push_str(&String::from_utf8_lossy(body));
    raw
}
