//! What takes a while to come by and may be used again: kept until it ends, and fetched once however many want it at the same
//! time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::ports::clock::Clock;

/// Values by key, at most so many. What failed is kept as well, for as long as it says.
pub(super) struct Kept<V, E> {
    slots: Mutex<BTreeMap<String, Arc<Slot<V, E>>>>,
    entries_max: usize,
    uses: AtomicU64,
}

/// The place for one value. Whoever holds the lock fetches it.
struct Slot<V, E> {
    entry: tokio::sync::Mutex<Option<Entry<V, E>>>,
    /// How often it was fetched.
    fetched: AtomicU64,
    used: AtomicU64,
    is_good: std::sync::atomic::AtomicBool,
}

/// What came of fetching it.
pub(super) struct Entry<V, E> {
    pub(super) result: Result<V, E>,
    /// Until when it is of use.
    pub(super) until: Timestamp,
}

impl<V: Clone, E: Clone> Kept<V, E> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { slots: Mutex::default(), entries_max, uses: AtomicU64::new(0) }
    }

    /// The value of that key, fetched where there is none that is of use. Whoever waited while somebody else fetched it takes
    /// what came of that, be it a failure. When the caller who fetches goes away, the next one does.
    pub(super) async fn get(
        &self,
        key: &str,
        clock: &dyn Clock,
        fetch: impl Future<Output = Entry<V, E>>,
    ) -> Result<V, E> {
        let slot = self.slot(key);
        let seen = slot.fetched.load(SeqCst);
        let mut entry = slot.entry.lock().await;
        if let Some(entry) = &*entry {
            let is_news = slot.fetched.load(SeqCst) != seen;
            if is_news || clock.now() < entry.until {
                return entry.result.clone();
            }
        }
        let fetched = fetch.await;
        slot.fetched.fetch_add(1, SeqCst);
        slot.is_good.store(fetched.result.is_ok(), SeqCst);
        let result = fetched.result.clone();
        *entry = Some(fetched);
        result
    }

    /// Drops the value of that key if it is the one that is meant, and not a newer one.
    pub(super) async fn forget(&self, key: &str, is_meant: impl FnOnce(&V) -> bool) {
        let slot = self.slot(key);
        let mut entry = slot.entry.lock().await;
        if entry.as_ref().is_some_and(|entry| entry.result.as_ref().is_ok_and(is_meant)) {
            *entry = None;
        }
    }

    /// The place for that key; made where there is none, in place of one that failed or else of the one unused for longest.
    fn slot(&self, key: &str) -> Arc<Slot<V, E>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.uses.fetch_add(1, SeqCst);
        if !slots.contains_key(key) && slots.len() >= self.entries_max {
            let order = |slot: &Slot<V, E>| (slot.is_good.load(SeqCst), slot.used.load(SeqCst));
            let least = slots.iter().min_by_key(|(_, slot)| order(slot)).map(|(key, _)| key.clone());
            least.and_then(|key| slots.remove(&key));
        }
        let slot = slots.entry(key.to_owned()).or_insert_with(|| Arc::new(Slot::new()));
        slot.used.store(now, SeqCst);
        Arc::clone(slot)
    }
}

impl<V, E> Slot<V, E> {
    fn new() -> Self {
        Self {
            entry: tokio::sync::Mutex::new(None),
            fetched: AtomicU64::new(0),
            used: AtomicU64::new(0),
            is_good: false.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use jiff::SignedDuration;
    use tokio::sync::Notify;

    use super::*;
    use crate::testing::ManualClock;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry(result: Result<u8, &'static str>, until: i64) -> Entry<u8, &'static str> {
        Entry { result, until: at(until) }
    }

    #[tokio::test]
    async fn it_is_fetched_again_when_it_ended() {
        let (kept, clock) = (Kept::new(2), ManualClock::at(at(0)));
        assert_eq!(kept.get("a", &clock, async { entry(Ok(1), 10) }).await, Ok(1));
        assert_eq!(kept.get("a", &clock, async { entry(Ok(2), 20) }).await, Ok(1));
        assert_eq!(kept.get("b", &clock, async { entry(Err("no"), 5) }).await, Err("no"));
        assert_eq!(kept.get("b", &clock, async { entry(Ok(3), 5) }).await, Err("no"));
        clock.advance(SignedDuration::from_secs(10));
        assert_eq!(kept.get("a", &clock, async { entry(Ok(2), 20) }).await, Ok(2));
        assert_eq!(kept.get("b", &clock, async { entry(Ok(3), 20) }).await, Ok(3));
        kept.forget("a", |value| *value == 1).await;
        assert_eq!(kept.get("a", &clock, async { entry(Ok(4), 20) }).await, Ok(2));
        kept.forget("a", |value| *value == 2).await;
        assert_eq!(kept.get("a", &clock, async { entry(Ok(4), 20) }).await, Ok(4));
    }

    #[tokio::test]
    async fn many_at_once_share_one_result_be_it_a_failure() {
        for result in [Ok(1), Err("no")] {
            let (kept, clock, fetches) = (Kept::new(1), ManualClock::at(at(0)), AtomicUsize::new(0));
            // Over as soon as it is there: only those who waited may take it.
            let fetch = || async {
                fetches.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
                entry(result, 0)
            };
            let all = join_all((0..10).map(|_| kept.get("a", &clock, fetch()))).await;
            assert_eq!(all, [result; 10]);
            assert_eq!(fetches.load(SeqCst), 1);
            assert_eq!(kept.get("a", &clock, fetch()).await, result);
            assert_eq!(fetches.load(SeqCst), 2);
        }
    }

    #[tokio::test]
    async fn when_the_first_goes_away_the_next_one_fetches() {
        let (kept, clock, begun) = (Kept::new(1), ManualClock::at(at(0)), Notify::new());
        let never = async {
            begun.notify_one();
            std::future::pending().await
        };
        tokio::select! {
            _ = kept.get("a", &clock, never) => panic!("it never ends"),
            () = begun.notified() => {}
        }
        assert_eq!(kept.get("a", &clock, async { entry(Ok(1), 10) }).await, Ok(1));
    }

    #[tokio::test]
    async fn what_failed_and_what_is_not_used_goes_first() {
        let (kept, clock) = (Kept::new(2), ManualClock::at(at(0)));
        let get = async |key: &str, result| kept.get(key, &clock, async { entry(result, 10) }).await;
        assert_eq!(get("a", Ok(1)).await, Ok(1));
        assert_eq!(get("b", Err("no")).await, Err("no"));
        assert_eq!(get("c", Ok(3)).await, Ok(3));
        assert_eq!(get("a", Ok(9)).await, Ok(1), "in place of the failure");
        assert_eq!(get("d", Ok(4)).await, Ok(4));
        assert_eq!(get("a", Ok(9)).await, Ok(1), "in place of the one unused for longest");
        assert_eq!(get("c", Ok(9)).await, Ok(9));
    }
}
