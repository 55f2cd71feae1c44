//! Time, as something that is handed in: so that a year of reminders can be tested in a second.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use jiff::{SignedDuration, Timestamp};

/// Tells the time and waits for it.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The time. May step backwards or jump when somebody sets the clock.
    fn now(&self) -> Timestamp;

    /// Returns at or after that time, never before it as [`Self::now`] tells it.
    async fn sleep_until(&self, deadline: Timestamp);
}

/// The time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time ran out")]
pub struct Elapsed;

/// Runs `work` for at most `limit`, then drops it.
///
/// # Errors
/// [`Elapsed`] when it did not finish in time.
pub async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
    let deadline = clock.now().saturating_add(limit).unwrap_or(Timestamp::MAX);
    match select(pin!(work), clock.sleep_until(deadline)).await {
        Either::Left((result, _)) => Ok(result),
        Either::Right(((), _)) => Err(Elapsed),
    }
}
