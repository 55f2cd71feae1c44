//! The requests of one call, and what is known about them afterwards.
//!
//! A plugin's word is not enough for the question that decides about resending: may the vendor have the message? The
//! host watches every request and answers it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use tokio::time::Instant;

use super::auth::{Added, Auth, authenticate, can_be_mended};
use super::call::Grants;
#[cfg(any(test, feature = "testing"))]
use super::rehearsal::{Asked, Stage};
use crate::adapters::egress::EgressError;

/// Sends the requests of one call.
pub(super) struct Outgoing {
    grants: Arc<Grants>,
    /// Until when responses are of use; `None` when no requests may be made at all.
    deadline: Option<Instant>,
    /// Whether it is not known yet who is behind this call, so that nobody may be called for them.
    is_held: AtomicBool,
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
            is_held: AtomicBool::new(false),
            started: AtomicU32::new(0),
            open: AtomicU32::new(0),
            written: AtomicBool::new(false),
            interrupted: AtomicBool::new(false),
        }
    }

    /// The same, but without requests until [`Self::release`].
    pub(super) fn held(self) -> Self {
        self.is_held.store(true, SeqCst);
        self
    }

    /// A signature was found right: requests may be made from now on.
    pub(super) fn release(&self) {
        self.is_held.store(false, SeqCst);
    }

    /// How much time is left for requests; `None` when none may be made.
    pub(super) fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether the plugin wanted to make any request.
    pub(super) fn has_asked(&self) -> bool {
        self.started.load(SeqCst) > 0
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

    /// Authenticates and sends one request; the response comes back without secrets. Where the vendor refuses what
    /// authenticates it and the host can do better, it is sent once more, and counts once.
    pub(super) async fn send(
        &self,
        mut request: Request<Bytes>,
        auth: &Auth,
        timeout: Option<Duration>,
    ) -> Result<Response<Bytes>, EgressError> {
        let left = self.admit()?;
        // What is compressed cannot be searched for secrets, and the plugin's wish would be the server's excuse.
        request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let until = Instant::now() + timeout.map_or(left, |asked| asked.min(left));
        let again = auth.is_renewable().then(|| request.clone());
        let (response, added) = self.attempt(request, auth, until).await?;
        let (response, added) = match again {
            Some(again) if can_be_mended(&added, &response, &self.grants).await => {
                self.attempt(again, auth, until).await?
            }
            _ => (response, added),
        };
        self.scrub(response, &added.sent)
    }

    /// Counts a request, if one may be made now; for how long it may take.
    fn admit(&self) -> Result<Duration, EgressError> {
        let denied = |problem: String| Err(EgressError::Denied(problem));
        let Some(left) = self.left() else {
            return denied("no requests can be made while the plugin is loaded".into());
        };
        if self.is_held.load(SeqCst) {
            return denied(
                "while a webhook is read, no request can be made before its signature was found right".into(),
            );
        }
        let requests_max = self.grants.limits.requests_max;
        if self.started.fetch_add(1, SeqCst) >= requests_max {
            return denied(format!("one call may make at most {requests_max} requests"));
        }
        Ok(left)
    }

    /// Whether whoever stands in for the world wants to know what is asked.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn is_staged(&self) -> bool {
        self.grants.stage.is_some()
    }

    /// As [`Self::send`], but where the call is a rehearsal, as that wants it; then `asked` is the request as the plugin made it.
    #[cfg(any(test, feature = "testing"))]
    pub(super) async fn send_or_rehearse(
        &self,
        request: Request<Bytes>,
        asked: Option<Asked>,
        auth: &Auth,
        timeout: Option<Duration>,
    ) -> Result<Response<Bytes>, EgressError> {
        match (&self.grants.stage, asked) {
            (Some(stage), Some(asked)) if stage.is_watching() => {
                let started = Instant::now();
                let result = self.send(request, auth, timeout).await;
                stage.note_exchange(asked, &result, started.elapsed());
                result
            }
            (Some(stage), Some(asked)) => self.rehearse(stage, asked, auth, timeout).await,
            _ => self.send(request, auth, timeout).await,
        }
    }

    /// As [`Self::send`], with the answer of whoever stands in for the vendor. Nothing is authenticated, but a secret that is
    /// not there is missed all the same.
    #[cfg(any(test, feature = "testing"))]
    async fn rehearse(
        &self,
        stage: &Stage,
        asked: Asked,
        auth: &Auth,
        timeout: Option<Duration>,
    ) -> Result<Response<Bytes>, EgressError> {
        let left = self.admit()?;
        if let Some(name) = auth.secrets().into_iter().find(|name| self.grants.keyring.get(name).is_none()) {
            return Err(EgressError::Denied(format!("the secret `{}` is not granted", name.escape_debug())));
        }
        let left = timeout.map_or(left, |asked| asked.min(left));
        self.open.fetch_add(1, SeqCst);
        let result = stage.answer(asked, left).await;
        self.note(&result);
        self.open.fetch_sub(1, SeqCst);
        self.scrub(result?, &[])
    }

    async fn attempt(
        &self,
        mut request: Request<Bytes>,
        auth: &Auth,
        until: Instant,
    ) -> Result<(Response<Bytes>, Added), EgressError> {
        let left = || until.saturating_duration_since(Instant::now());
        let added = authenticate(&mut request, auth, &self.grants, left()).await?;
        self.open.fetch_add(1, SeqCst);
        let result = self.grants.egress.send(request, left()).await;
        self.note(&result);
        self.open.fetch_sub(1, SeqCst);
        Ok((result?, added))
    }

    /// Remembers what the end of a request says about whether it was processed.
    fn note(&self, result: &Result<Response<Bytes>, EgressError>) {
        match result {
            Ok(_) | Err(EgressError::TooLarge { .. }) => self.written.store(true, SeqCst),
            Err(EgressError::Interrupted(_)) => {
                self.written.store(true, SeqCst);
                self.interrupted.store(true, SeqCst);
            }
            Err(EgressError::Denied(_) | EgressError::Invalid(_) | EgressError::Unreachable(_)) => {}
        }
    }

    fn scrub(&self, response: Response<Bytes>, sent: &[String]) -> Result<Response<Bytes>, EgressError> {
        let (mut head, body) = response.into_parts();
        let mut encodings = head.headers.get_all(header::CONTENT_ENCODING).iter().map(HeaderValue::as_bytes);
        if encodings.any(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            self.interrupted.store(true, SeqCst);
            return Err(EgressError::Interrupted("the response is compressed, which was not asked for".into()));
        }
        let scrubber = self.grants.keyring.scrubber(sent);
        let tells = |name: &&HeaderName| scrubber.is_told_in_any_case(name.as_str());
        for name in head.headers.keys().filter(tells).cloned().collect::<Vec<_>>() {
            head.headers.remove(name);
        }
        for value in head.headers.values_mut() {
            if let Cow::Owned(scrubbed) = scrubber.scrub(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&scrubbed).unwrap_or(HeaderValue::from_static("[secret]"));
            }
        }
        let body = match scrubber.scrub(&body) {
            Cow::Borrowed(_) => body,
            Cow::Owned(scrubbed) => Bytes::from(scrubbed),
        };
        Ok(Response::from_parts(head, body))
    }
}
