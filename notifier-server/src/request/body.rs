//! Bodies: the declared size and type, the size, and the time that they take are checked, in this order.

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::BodyExt;
use notifier_core::ports::clock::within;

use crate::app::App;
use crate::problem::{Problem, ProblemKind};

/// How much of a body that is too large is read and thrown away: a client that is still sending when the connection is
/// closed never sees why.
const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The body of a request, of at most that size and of a type that `check_type` takes.
pub(crate) async fn read_body(
    request: Request,
    app: &App,
    bytes_max: usize,
    check_type: impl Fn(&HeaderMap) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    check_length(&parts.headers, bytes_max)?;
    if let Err(problem) = check_type(&parts.headers).and_then(|()| check_encoding(&parts.headers)) {
        if !asks_first(&parts.headers) {
            // Refused all the same, whatever comes of reading it.
            let _ = read(body, app, bytes_max).await;
        }
        return Err(problem);
    }
    read(body, app, bytes_max).await
}

/// The declared type.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

/// The body is of a type that is not taken here.
pub(crate) fn unsupported(detail: &str) -> Problem {
    Problem::new(ProblemKind::UnsupportedMediaType, detail).closing()
}

fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported("send the body without `Content-Encoding`"));
    }
    Ok(())
}

/// Refuses by its declared length what would not be read to its end.
fn check_length(headers: &HeaderMap, bytes_max: usize) -> Result<(), Problem> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let heard_out = if asks_first(headers) { 0 } else { DISCARDED_BYTES_MAX };
    match declared {
        Some(bytes) if bytes > bytes_max.saturating_add(heard_out) => Err(too_large(bytes_max)),
        _ => Ok(()),
    }
}

/// Whether the client waits for a word before it sends the body (RFC 9110, section 10.1.1), and so sees a refusal
/// without being heard out.
fn asks_first(headers: &HeaderMap) -> bool {
    headers.contains_key(EXPECT)
}

async fn read(body: Body, app: &App, bytes_max: usize) -> Result<Bytes, Problem> {
    match within(&*app.clock, app.body_timeout, gather(body, bytes_max)).await {
        Ok(gathered) => gathered,
        Err(_) => {
            let detail = format!("the body did not arrive within {} ms", app.body_timeout.as_millis());
            Err(Problem::new(ProblemKind::RequestTimeout, detail).closing())
        }
    }
}

/// The bytes of a body that is not too large. One that is only somewhat too large is read to its end nevertheless.
async fn gather(mut body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut parts = Vec::new();
    let mut length: usize = 0;
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(ProblemKind::MalformedBody, "the body ended before it was complete").closing();
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= bytes_max {
            parts.push(data);
        } else if length > bytes_max.saturating_add(DISCARDED_BYTES_MAX) {
            break;
        }
    }
    match parts.len() {
        _ if length > bytes_max => Err(too_large(bytes_max)),
        1 => Ok(parts.swap_remove(0)),
        _ => Ok(parts.concat().into()),
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(ProblemKind::BodyTooLarge, format!("a body has at most {bytes_max} bytes")).closing()
}
