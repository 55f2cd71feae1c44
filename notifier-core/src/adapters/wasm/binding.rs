//! One signature, one body.
//!
//! Some vendors sign a time and a random token, and not what they post, as Mailgun
//! (<https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks>): whoever saw one webhook could
//! send any other with its signature until that is stale. A plugin keeps nothing between calls. So the host remembers what
//! each signature came with: the same again is a harmless repetition, another body is refused.
//!
//! It is remembered by the process, as long as the plugin is not replaced, for each provider by itself, and of many the latest: a
//! restart, another provider with the same account, or more webhooks than that within the time for which a signature is good,
//! make it as weak as the vendor made it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// Two digests, and one again for the order, are about a hundred bytes.
const REMEMBERED_MAX: usize = 16_384;

type Hash = [u8; SHA256_OUTPUT_LEN];

/// What was signed, and with which body it came.
pub(super) struct Bindings {
    seen: Mutex<Seen>,
    remembered_max: usize,
}

#[derive(Default)]
struct Seen {
    bodies: HashMap<Hash, Hash>,
    order: VecDeque<Hash>,
}

impl Default for Bindings {
    fn default() -> Self {
        Self { seen: Mutex::default(), remembered_max: REMEMBERED_MAX }
    }
}

impl Bindings {
    /// Whether what was signed may come with that body: for the first time, or with the same as before.
    pub(super) fn bind(&self, payload: &[u8], body: &[u8]) -> bool {
        // What has the body in it can come with no other.
        if payload.ends_with(body) || payload.starts_with(body) {
            return true;
        }
        let (payload, body) = (hash(payload), hash(body));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.bodies.get(&payload) {
            return *known == body;
        }
        if seen.order.len() >= self.remembered_max
            && let Some(oldest) = seen.order.pop_front()
        {
            seen.bodies.remove(&oldest);
        }
        seen.order.push_back(payload);
        seen.bodies.insert(payload, body);
        true
    }
}

fn hash(bytes: &[u8]) -> Hash {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_comes_with_one_body_as_long_as_it_is_remembered() {
        let bindings = Bindings { remembered_max: 2, ..Bindings::default() };
        let cases = [
            ("1", "a", true),
            ("1", "a", true),
            ("1", "b", false),
            ("2", "b", true),
            // A refusal is not remembered, and neither is what covers its body.
            ("1", "c", false),
            ("3.c", "c", true),
            ("c.3", "c", true),
            ("1", "a", true),
            ("4", "d", true),
            ("2", "c", false),
            ("1", "b", true),
        ];
        for (number, (payload, body, is_taken)) in cases.into_iter().enumerate() {
            assert_eq!(bindings.bind(payload.as_bytes(), body.as_bytes()), is_taken, "{number}: {payload} {body}");
        }
        let seen = bindings.seen.lock().unwrap();
        assert_eq!((seen.bodies.len(), seen.order.len()), (2, 2));
    }
}
