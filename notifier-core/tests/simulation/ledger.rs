//! What really happened, written down outside the engine: what callers were told, and what providers were asked.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use notifier_core::{Channel, DeliveryId, NotificationId, Strategy};

/// What a provider answered, as far as the rules about repeats are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It took the message.
    Accepted,
    /// It will not take it: another attempt is uncalled for.
    Rejected,
    /// It cannot carry it: another attempt is called for with anybody else.
    Unfit,
    /// It said that it did not take it: another attempt is called for.
    NotTaken,
    /// Nobody knows.
    Unclear,
    /// It never answered, because the process ended.
    Interrupted,
    /// The call is under way.
    Nothing,
}

/// One call of a provider.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) delivery: DeliveryId,
    pub(crate) provider: &'static str,
    pub(crate) attempt: u32,
    pub(crate) began_at: Timestamp,
    /// Whether the message really went out.
    pub(crate) was_processed: bool,
    pub(crate) answered: Answered,
    pub(crate) is_running: bool,
    pub(crate) life: u32,
    pub(crate) message_id: String,
    /// How many replays of the delivery had been asked for.
    pub(crate) replays: u32,
    /// What the provider said when it was asked about the call, and in which life of the process: whether it has the message.
    pub(crate) looked_up: Option<(bool, u32)>,
}

/// What a caller was told about a notification.
#[derive(Debug, Clone)]
pub(crate) struct Promised {
    /// Not before that time, by channel.
    pub(crate) due_at: BTreeMap<Channel, Timestamp>,
    pub(crate) strategy: Strategy,
    pub(crate) holds: bool,
    /// From this position in the calls on, none may begin; by channel.
    pub(crate) no_calls_from: BTreeMap<Channel, usize>,
    /// The last attempt that may be made, by channel, and how many replays had been asked for when that was said.
    pub(crate) last_attempts: BTreeMap<Channel, (u32, u32)>,
    pub(crate) replays: BTreeMap<Channel, u32>,
    /// Reports that were taken, by channel: the vendor's id of the message, and what was said.
    pub(crate) reports: Vec<(Channel, String, &'static str)>,
}

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) calls: Vec<Call>,
    pub(crate) promised: BTreeMap<NotificationId, Promised>,
    pub(crate) keys: BTreeMap<String, NotificationId>,
    /// How often the process was started.
    pub(crate) life: u32,
    pub(crate) crashes: u32,
    pub(crate) clock_jumps: u32,
    pub(crate) found: Option<String>,
    story: String,
}

/// Shared by everything outside the engine.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Book>);

impl Ledger {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, now: Timestamp, what: impl std::fmt::Display) {
        let _ = writeln!(self.book().story, "{now} {what}");
    }

    /// Something that must not happen; the first counts.
    pub(crate) fn find(&self, problem: String) {
        self.book().found.get_or_insert(problem);
    }

    pub(crate) fn story(&self) -> String {
        self.book().story.clone()
    }
}

impl Book {
    pub(crate) fn calls_of(&self, id: DeliveryId) -> impl DoubleEndedIterator<Item = (usize, &Call)> {
        self.calls.iter().enumerate().filter(move |(_, call)| call.delivery == id)
    }
}
