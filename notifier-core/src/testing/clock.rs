//! A clock that stands still until it is told to move.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use crate::ports::clock::Clock;

/// A clock that stands still until it is told to move. Whoever sleeps wakes when it has moved far enough, the earliest first.
pub struct ManualClock(Mutex<Hands>);

struct Hands {
    now: Timestamp,
    /// Those who sleep, by when they want to wake and in the order in which they went to sleep. Only they are woken whose
    /// time has come: a year has many moments, and few sleepers care for each.
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    slept: u64,
}

impl ManualClock {
    /// A clock that shows that time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Mutex::new(Hands { now, sleepers: BTreeMap::new(), slept: 0 }))
    }

    /// Moves it. It may go backwards, as clocks do when somebody sets them.
    pub fn set(&self, now: Timestamp) {
        self.turn(|_| now);
    }

    /// Moves it forward.
    pub fn advance(&self, by: SignedDuration) {
        self.turn(|hands| hands.now.checked_add(by).unwrap_or(Timestamp::MAX));
    }

    /// The earliest time for which somebody sleeps.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.hands().sleepers.keys().next().map(|(deadline, _)| *deadline)
    }

    /// Moves it to the earliest time for which somebody sleeps; `false` when nobody does.
    pub fn advance_to_next_deadline(&self) -> bool {
        let Some(deadline) = self.next_deadline() else { return false };
        self.turn(|hands| deadline.max(hands.now));
        true
    }

    fn turn(&self, to: impl FnOnce(&Hands) -> Timestamp) {
        let due: Vec<Waker> = {
            let mut hands = self.hands();
            hands.now = to(&hands);
            let now = hands.now;
            hands.sleepers.iter().take_while(|((at, _), _)| *at <= now).map(|(_, waker)| waker.clone()).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who sleeps, for as long as they do.
struct Sleep<'a> {
    clock: &'a ManualClock,
    deadline: Timestamp,
    number: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.hands();
        if hands.now >= self.deadline {
            return Poll::Ready(());
        }
        let number = self.number.unwrap_or_else(|| {
            hands.slept += 1;
            hands.slept
        });
        let place = hands.sleepers.entry((self.deadline, number));
        place.and_modify(|waker| waker.clone_from(context.waker())).or_insert_with(|| context.waker().clone());
        drop(hands);
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.clock.hands().sleepers.remove(&(self.deadline, number));
        }
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.hands().now
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        Sleep { clock: self, deadline, number: None }.await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;

    use futures_util::FutureExt;
    use futures_util::task::noop_waker;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_deadlines() {
        let clock = Arc::new(ManualClock::at(at(0)));
        let woken = Arc::new(Mutex::new(Vec::new()));
        let sleeper = |second: i64| {
            let (clock, woken) = (Arc::clone(&clock), Arc::clone(&woken));
            tokio::spawn(async move {
                clock.sleep_until(at(second)).await;
                woken.lock().unwrap().push(second);
            })
        };
        let sleepers = [sleeper(3), sleeper(1), sleeper(2)];
        tokio::task::yield_now().await;
        assert_eq!(clock.next_deadline(), Some(at(1)));
        clock.set(at(5));
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
        assert_eq!(*woken.lock().unwrap(), [1, 2, 3]);
        assert_eq!(clock.next_deadline(), None);
    }

    #[test]
    fn nobody_wakes_early_and_nobody_is_remembered_who_went_away() {
        let clock = ManualClock::at(at(0));
        {
            let mut sleep = pin!(clock.sleep_until(at(10)));
            let waker = noop_waker();
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            clock.set(at(9));
            clock.set(at(-9));
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert_eq!(clock.next_deadline(), Some(at(10)));
            assert!(clock.advance_to_next_deadline());
            assert!(sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
        }
        assert!(clock.sleep_until(at(11)).now_or_never().is_none());
        assert_eq!((clock.next_deadline(), clock.now()), (None, at(10)));
    }
}
