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

    /// Returns after that long. Where [`Self::now`] can be set by somebody, this has to be measured by something that cannot.
    async fn sleep(&self, duration: Duration) {
        let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        self.sleep_until(self.now().saturating_add(duration).unwrap_or(Timestamp::MAX)).await;
    }
}

/// The time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time ran out")]
pub struct Elapsed;

/// Runs `work` for at most `limit`, then drops it. Setting the clock neither cuts it short nor holds it for ever.
///
/// # Errors
/// [`Elapsed`] when it did not finish in time.
pub async fn within<T>(clock: &dyn Clock, limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    match select(pin!(work), clock.sleep(limit)).await {
        Either::Left((result, _)) => Ok(result),
        Either::Right(((), _)) => Err(Elapsed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Was set back by years, so that no time of day comes soon.
    struct SetBack;

    #[async_trait]
    impl Clock for SetBack {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        async fn sleep_until(&self, _: Timestamp) {
            panic!("patience depends on the time of day");
        }

        async fn sleep(&self, _: Duration) {}
    }

    #[tokio::test]
    async fn setting_the_clock_does_not_change_how_long_work_may_take() {
        let work = std::future::pending::<()>();
        assert_eq!(within(&SetBack, Duration::from_secs(1), work).await, Err(Elapsed));
    }
}
