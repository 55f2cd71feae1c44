//! Resend's idempotency keys: resend.com/docs/dashboard/emails/idempotency-keys. The same key with the same payload is
//! answered as before for 24 hours, and sends nothing again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};

use super::answers::ResendError;

const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Keys that are kept; the oldest make room.
const KEYS_MAX: usize = 100_000;

/// The keys of the requests that were taken. Clones share them.
#[derive(Clone, Default)]
pub(super) struct IdempotencyKeys {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    entries: HashMap<String, Entry>,
    /// In the order of their arrival.
    order: VecDeque<String>,
}

struct Entry {
    payload: Vec<u8>,
    taken_at: Timestamp,
    email_id: String,
    answered: bool,
}

/// Whether a request was seen before.
pub(super) enum Seen {
    /// It was, and was answered with this id.
    Answered(String),
    /// It was not, and is in progress until this is dropped.
    InProgress(Option<InProgress>),
}

/// A request whose answer is not given yet.
pub(super) struct InProgress {
    keys: IdempotencyKeys,
    key: String,
}

impl IdempotencyKeys {
    /// Takes a request that is fit to be sent. Without a key nothing is remembered.
    pub(super) fn take(
        &self,
        key: Option<&str>,
        payload: &[u8],
        id: &str,
        now: Timestamp,
    ) -> Result<Seen, ResendError> {
        let Some(key) = key else { return Ok(Seen::InProgress(None)) };
        let payload = digest(&SHA256, payload).as_ref().to_vec();
        let mut known = self.known();
        known.forget(now);
        match known.entries.get(key) {
            Some(entry) if entry.payload != payload => return Err(ResendError::named("invalid_idempotent_request")),
            Some(entry) if !entry.answered => return Err(ResendError::named("concurrent_idempotent_requests")),
            Some(entry) => return Ok(Seen::Answered(entry.email_id.clone())),
            None => {}
        }
        let entry = Entry { payload, taken_at: now, email_id: id.to_owned(), answered: false };
        known.entries.insert(key.to_owned(), entry);
        known.order.push_back(key.to_owned());
        Ok(Seen::InProgress(Some(InProgress { keys: self.clone(), key: key.to_owned() })))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic between the two changes of one arrival would only forget the order of one key.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.order.front() {
            let is_old = self.entries.get(oldest).is_none_or(|entry| now.duration_since(entry.taken_at) >= KEPT);
            if !is_old && self.order.len() < KEYS_MAX {
                return;
            }
            self.entries.remove(oldest);
            self.order.pop_front();
        }
    }
}

impl Drop for InProgress {
    /// Also when its connection is gone: the email was sent.
    fn drop(&mut self) {
        if let Some(entry) = self.keys.known().entries.get_mut(&self.key) {
            entry.answered = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(keys: &IdempotencyKeys, payload: &[u8], id: &str, at: &str) -> Result<Seen, ResendError> {
        keys.take(Some("k"), payload, id, at.parse().unwrap())
    }

    #[test]
    fn a_key_is_good_for_a_day() {
        let keys = IdempotencyKeys::default();
        let first = taken(&keys, b"a", "1", "2026-03-01T12:00:00Z");
        assert!(matches!(first, Ok(Seen::InProgress(Some(_)))));
        assert!(taken(&keys, b"a", "2", "2026-03-01T12:00:00Z").is_err(), "in progress");
        drop(first);
        let Ok(Seen::Answered(id)) = taken(&keys, b"a", "2", "2026-03-02T11:59:59Z") else { panic!() };
        assert_eq!(id, "1");
        assert!(taken(&keys, b"b", "2", "2026-03-02T11:59:59Z").is_err(), "another payload");
        assert!(matches!(taken(&keys, b"b", "2", "2026-03-02T12:00:00Z"), Ok(Seen::InProgress(Some(_)))));
    }
}
