//! How long a connection has had nothing to do.
//!
//! hyper ends an idle HTTP/1 connection by its header timeout. Of HTTP/2 it asks only whether the other end answers pings,
//! so a client could keep its place for ever without a single request; requests are therefore counted here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Response;
use hyper::body::{Body, Frame, SizeHint};
use jiff::Timestamp;
use notifier_core::Clock;

/// The requests of one connection that are being answered. Counting one costs next to nothing: nobody is woken by it.
#[derive(Clone)]
pub(super) struct Requests(Arc<Counted>);

struct Counted {
    open: AtomicUsize,
    /// When the latest of them ended; microseconds since 1970.
    ended_at: AtomicI64,
    clock: Arc<dyn Clock>,
}

/// One of them, until it is dropped.
pub(super) struct Open(Requests);

/// The body of an answer. Until it is written, the request goes on.
pub(super) struct Answering<B> {
    body: B,
    _open: Open,
}

impl Requests {
    pub(super) fn none(clock: Arc<dyn Clock>) -> Self {
        let ended_at = AtomicI64::new(clock.now().as_microsecond());
        Self(Arc::new(Counted { open: AtomicUsize::new(0), ended_at, clock }))
    }

    pub(super) fn open(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::SeqCst);
        Open(self.clone())
    }

    /// Returns once there has been none for that long.
    pub(super) async fn idle_for(self, limit: Duration) {
        let clock = &self.0.clock;
        loop {
            let now = clock.now();
            let since = match self.0.open.load(Ordering::SeqCst) {
                // What ended later than now was measured before the clock was set back.
                0 => Timestamp::from_microsecond(self.0.ended_at.load(Ordering::SeqCst)).unwrap_or(now).min(now),
                _ => now,
            };
            let deadline = since.saturating_add(limit).unwrap_or(Timestamp::MAX);
            if deadline <= now {
                return;
            }
            clock.sleep_until(deadline).await;
        }
    }
}

impl Open {
    pub(super) fn until_written<B>(self, response: Response<B>) -> Response<Answering<B>> {
        response.map(|body| Answering { body, _open: self })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Counted { open, ended_at, clock } = &*self.0.0;
        ended_at.store(clock.now().as_microsecond(), Ordering::SeqCst);
        open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<B: Body + Unpin> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use notifier_core::testing::ManualClock;

    use super::*;

    #[tokio::test]
    async fn the_time_counts_from_the_end_of_the_last_request() {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let requests = Requests::none(clock.clone());
        let idle = tokio::spawn(requests.clone().idle_for(Duration::from_secs(10)));
        let pass = async |seconds: i64| {
            tokio::task::yield_now().await;
            clock.set(clock.now() + jiff::SignedDuration::from_secs(seconds));
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        };
        pass(9).await;
        let (first, second) = (requests.open(), requests.open());
        pass(100).await;
        drop(first);
        pass(100).await;
        drop(second);
        pass(9).await;
        assert!(!idle.is_finished());
        pass(1).await;
        idle.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_was_there_before_anybody_looked_counts() {
        let clock = Arc::new(ManualClock::at(jiff::Timestamp::UNIX_EPOCH));
        let requests = Requests::none(clock.clone());
        let _open = requests.open();
        let idle = tokio::spawn(requests.clone().idle_for(Duration::from_secs(10)));
        tokio::task::yield_now().await;
        clock.advance(jiff::SignedDuration::from_secs(100));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!idle.is_finished());
    }
}
