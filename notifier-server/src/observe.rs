//! Around every request: an id, a span, a deadline, a net for panics, and one line in the log.
//!
//! The line holds the method, the matched route, the status and the time: no path (it holds ids of people), no query, no
//! header, no body.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use notifier_core::ports::clock::within;
use tracing::Instrument;

use crate::app::SharedApp;
use crate::problem::{Problem, ProblemKind};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_LENGTH_MAX: usize = 128;

/// Answers a request through `next`.
pub(crate) async fn observe(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let request_id = given_id(request.headers()).unwrap_or_else(|| app.next_request_id());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route_name = route.as_ref().map_or("(none)", MatchedPath::as_str);
    let span = tracing::info_span!("request", id = %request_id, %method, route = route_name);

    let started = app.clock.now();
    let answer = AssertUnwindSafe(within(&*app.clock, app.request_timeout, next.run(request)));
    let mut response = match answer.catch_unwind().instrument(span.clone()).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => timed_out(app.request_timeout.as_millis()),
        Err(_) => Problem::new(ProblemKind::Internal, "the server failed to do this; its log says why").into_response(),
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let headers = std::mem::take(response.headers_mut());
        response = problem.render(&path, &request_id, headers);
    }
    finish_headers(response.headers_mut(), &request_id);

    let duration_ms = app.clock.now().duration_since(started).as_secs_f64() * 1_000.0;
    let status = response.status().as_u16();
    span.in_scope(|| tracing::info!(status, duration_ms, "answered"));
    response
}

/// The caller's own id, if it can be repeated safely in logs and headers.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=".contains(&b));
    ((1..=REQUEST_ID_LENGTH_MAX).contains(&id.len()) && is_plain).then(|| id.to_owned())
}

fn timed_out(after_ms: u128) -> Response {
    tracing::warn!(after_ms, "a request took too long");
    let detail = format!(
        "no answer within {after_ms} ms; whether it had an effect is not known: repeat it with the same idempotency key"
    );
    Problem::new(ProblemKind::Unavailable, detail).into_response()
}

fn finish_headers(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Answers hold addresses and messages: no cache on the way may keep them.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_ids_are_taken_over() {
        let given = |value: &[u8]| {
            let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_bytes(value).unwrap())]);
            given_id(&headers)
        };
        assert_eq!(given(b"00-4bf92f3577b34da6-01").as_deref(), Some("00-4bf92f3577b34da6-01"));
        for bad in [&b""[..], b"a b", b"a\"b", "é".as_bytes(), &[b'a'; 129]] {
            assert_eq!(given(bad), None, "{bad:?}");
        }
    }
}
