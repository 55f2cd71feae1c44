//! The requests of one call, and what is known about them afterwards.
//!
//! A plugin's word is not enough for the question that decides about resending: may the vendor have the message? The
//! host watches every request and answers it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use tokio::time::Instant;

use super::auth::{Auth, authenticate};
use super::call::Grants;
use crate::adapters::egress::EgressError;

/// Sends the requests of one call.
pub(super) struct Outgoing {
    grants: Arc<Grants>,
    /// Until when responses are of use; `None` when no requests may be made at all.
    deadline: Option<Instant>,
    started: AtomicU32,
    /// Begun and not come back: also those whose future was dropped.
    open: AtomicU32,
    written: AtomicBool,
    interrupted: AtomicBool,
}

impl Outgoing {
    pub(super) fn new(grants: Arc<Grants>, deadline: Option<Instant>) -> Self {
        Self {
            grants,
            deadline,
            started: AtomicU32::new(0),
            open: AtomicU32::new(0),
            written: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
        }
    }

    /// Whether any request may have reached a vendor.
    pub(super) fn may_have_been_processed(&self) -> bool {
        self.written.load(SeqCst) || self.open.load(SeqCst) > 0
    }

    /// Whether any request may have reached a vendor without an answer.
    pub(super) fn was_interrupted(&self) -> bool {
        self.interrupted.load(SeqCst) || self.open.load(SeqCst) > 0
    }

    /// How large a request's body may be.
    pub(super) fn request_bytes_max(&self) -> usize {
        self.grants.egress.limits().request_bytes_max
    }

    /// Authenticates and sends one request; the response comes back without secrets.
    pub(super) async fn send(
        &self,
        mut request: Request<Bytes>,
        auth: &Auth,
        timeout: Option<Duration>,
    ) -> Result<Response<Bytes>, EgressError> {
        let Some(deadline) = self.deadline else {
            return Err(EgressError::Denied(
                "no requests can be made while the plugin is loaded or reads a webhook".into(),
            ));
        };
        let requests_max = self.grants.limits.requests_max;
        if self.started.fetch_add(1, SeqCst) >= requests_max {
            return Err(EgressError::Denied(format!("one call may make at most {requests_max} requests")));
        }
        // What is compressed cannot be searched for secrets, and the plugin's wish would be the server's excuse.
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let sent = authenticate(&mut request, auth, &self.grants.keyring, self.grants.clock.now())?;
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = timeout.map_or(left, |asked| asked.min(left));
        self.open.fetch_add(1, SeqCst);
        let result = self.grants.egress.send(request, timeout).await;
        match &result {
            Ok(_) | Err(EgressError::TooLarge { .. }) => self.written.store(true, SeqCst),
            Err(EgressError::Interrupted(_)) => {
                self.written.store(true, SeqCst);
                self.interrupted.store(true, SeqCst);
            }
            Err(EgressError::Denied(_) | EgressError::Invalid(_) | EgressError::Unreachable(_)) => {}
        }
        self.open.fetch_sub(1, SeqCst);
        self.scrub(result?, sent.as_deref())
    }

    fn scrub(&self, response: Response<Bytes>, sent: Option<&str>) -> Result<Response<Bytes>, EgressError> {
        let keyring = &self.grants.keyring;
        let (mut head, body) = response.into_parts();
        let encoding = head.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            self.interrupted.store(true, SeqCst);
            return Err(EgressError::Interrupted("the response is compressed, which was not asked for".into()));
        }
        for value in head.headers.values_mut() {
            if let Cow::Owned(scrubbed) = keyring.scrub(value.as_bytes(), sent) {
                *value = HeaderValue::from_bytes(&scrubbed).unwrap_or(HeaderValue::from_static("[secret]"));
            }
        }
        let body = match keyring.scrub(&body, sent) {
            Cow::Borrowed(_) => body,
            Cow::Owned(scrubbed) => Bytes::from(scrubbed),
        };
        Ok(Response::from_parts(head, body))
    }
}
