//! Bodies: the declared size and type, the size, the room for all of them together, and the time that they take are checked,
//! in this order.

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::BodyExt;
use notifier_core::ports::clock::within;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::problem::{Problem, ProblemKind};

/// How much of a body that is too large is read and thrown away: a client that is still sending when the connection is
/// closed never sees why.
const DISCARDED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The body of a request. Its bytes count among those of all bodies until it is dropped.
pub(crate) struct ReadBody {
    bytes: Bytes,
    room: Option<OwnedSemaphorePermit>,
}

impl ReadBody {
    /// What keeps its bytes counted, for one who keeps what was read from them.
    pub(crate) fn into_room(self) -> Option<OwnedSemaphorePermit> {
        self.room
    }
}

impl Deref for ReadBody {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

/// The body of a request, of at most that size and of a type that `check_type` takes.
pub(crate) async fn read_body(
    request: Request,
    app: &App,
    bytes_max: usize,
    check_type: impl Fn(&HeaderMap) -> Result<(), Problem>,
) -> Result<ReadBody, Problem> {
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

async fn read(body: Body, app: &App, bytes_max: usize) -> Result<ReadBody, Problem> {
    match within(&*app.clock, app.body_timeout, gather(body, bytes_max, &app.bodies)).await {
        Ok(gathered) => gathered,
        Err(_) => {
            let detail = format!("the body did not arrive within {} ms", app.body_timeout.as_millis());
            Err(Problem::new(ProblemKind::RequestTimeout, detail).closing())
        }
    }
}

/// The bytes of a body that is not too large, while there is room for them. One that is only somewhat too large is read to its
/// end nevertheless.
async fn gather(mut body: Body, bytes_max: usize, bodies: &Arc<Semaphore>) -> Result<ReadBody, Problem> {
    let mut parts = Vec::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    let mut length: usize = 0;
    while let Some(frame) = body.frame().await {
        let broken = |_| Problem::new(ProblemKind::MalformedBody, "the body ended before it was complete").closing();
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= bytes_max {
            let more = take_room(bodies, data.len())?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            parts.push(data);
        } else if length > bytes_max.saturating_add(DISCARDED_BYTES_MAX) {
            break;
        }
    }
    if length > bytes_max {
        return Err(too_large(bytes_max));
    }
    let bytes = if parts.len() == 1 { parts.swap_remove(0) } else { parts.concat().into() };
    Ok(ReadBody { bytes, room })
}

fn take_room(bodies: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, Problem> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    Arc::clone(bodies).try_acquire_many_owned(bytes).map_err(|_| {
        let detail = "as many bytes of bodies as `server.bodies_bytes_max` says are being read or worked on";
        Problem::new(ProblemKind::QueueFull, detail).closing()
    })
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(ProblemKind::BodyTooLarge, format!("a body has at most {bytes_max} bytes")).closing()
}
