//! What arrived, in order: the memory of the fakes, bounded, and observable while it grows.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    Channel, Clock, Counters, Message, Service,
    changes::Changes,
    counters::{Event, Tally},
};

/// The messages that the fakes accepted, the newest at the end. Clones share one inbox.
#[derive(Clone)]
pub struct Inbox {
    shared: Arc<Shared>,
}

struct Shared {
    capacity: usize,
    clock: Clock,
    changes: Changes,
    tally: Arc<Tally>,
    state: Mutex<State>,
}

/// Sequence numbers of the retained messages are consecutive, so that a number gives a place by subtraction.
struct State {
    messages: VecDeque<Arc<Message>>,
    seq_last: u64,
    clearings: u64,
}

/// Which messages to read. The default reads the newest 100.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only of this service.
    pub provider: Option<Service>,
    /// Only of this channel.
    pub channel: Option<Channel>,
    /// Only with this address among `to`; email addresses compare without regard to ASCII case.
    pub to: Option<String>,
    /// Only with a greater sequence number. Then the oldest matches are returned, else the newest.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

impl Default for Filter {
    fn default() -> Self {
        Self { provider: None, channel: None, to: None, after: None, limit: 100 }
    }
}

/// Where a reader has got to: see [`Inbox::since`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) seq: u64,
    pub(super) clearings: u64,
}

impl Inbox {
    pub(super) fn new(capacity: usize, clock: Clock, changes: Changes, tally: Arc<Tally>) -> Self {
        let state = State { messages: VecDeque::new(), seq_last: 0, clearings: 0 };
        Self { shared: Arc::new(Shared { capacity: capacity.max(1), clock, changes, tally, state: Mutex::new(state) }) }
    }

    /// Everything retained, oldest first.
    pub fn messages(&self) -> Vec<Arc<Message>> {
        self.state().messages.iter().cloned().collect()
    }

    /// The message with this sequence number, unless it was cleared or pushed out by newer ones.
    pub fn message(&self, seq: u64) -> Option<Arc<Message>> {
        let state = self.state();
        let first = state.messages.front()?.seq;
        let place = usize::try_from(seq.checked_sub(first)?).ok()?;
        state.messages.get(place).cloned()
    }

    /// The matching messages, oldest first.
    pub fn select(&self, filter: &Filter) -> Vec<Arc<Message>> {
        let state = self.state();
        let matching = |message: &&Arc<Message>| filter.matches(message);
        match filter.after {
            Some(after) => state.after(after).filter(matching).take(filter.limit).cloned().collect(),
            None => {
                let newest_first = state.messages.iter().rev().filter(matching).take(filter.limit);
                let mut selected: Vec<_> = newest_first.cloned().collect();
                selected.reverse();
                selected
            }
        }
    }

    /// The counters of one service.
    pub fn counters(&self, service: Service) -> Counters {
        self.shared.tally.of(service)
    }

    /// Forgets messages and counters. Sequence numbers go on.
    pub fn clear(&self) {
        let mut state = self.state();
        state.messages = VecDeque::new();
        state.clearings += 1;
        self.shared.tally.clear();
        drop(state);
        self.shared.changes.ring();
    }

    /// Completes once all vendors together accepted at least so many messages since the start or the last clearing.
    pub async fn wait_for(&self, accepted: u64) {
        let mut changes = self.changes();
        let vendors = || Service::ALL.into_iter().filter(|service| service.takes_messages());
        while vendors().map(|service| self.counters(service).accepted).sum::<u64>() < accepted {
            if changes.changed().await.is_err() {
                // Never: this inbox itself holds the sender.
                return;
            }
        }
    }

    /// Hears of every change of messages, counters and faults from now on. It says only that something changed; several
    /// changes may sound as one.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.listen()
    }

    /// The sequence number of the newest message ever stored; 0 if there was none.
    pub fn seq_last(&self) -> u64 {
        self.state().seq_last
    }

    /// Takes a message in, and numbers and dates it.
    pub(super) fn store(&self, mut message: Message) {
        message.received_at = (self.shared.clock)();
        let service = message.provider;
        let mut state = self.state();
        state.seq_last += 1;
        message.seq = state.seq_last;
        let pushed_out = if state.messages.len() == self.shared.capacity { state.messages.pop_front() } else { None };
        state.messages.push_back(Arc::new(message));
        self.shared.tally.count(service, Event::Accepted);
        drop(state);
        drop(pushed_out);
        self.shared.changes.ring();
    }

    /// Counts a request that left no message.
    pub(super) fn count(&self, service: Service, event: Event) {
        self.shared.tally.count(service, event);
        self.shared.changes.ring();
    }

    /// Up to `limit` messages after a position, and the position behind them. A clearing since then shows in the
    /// returned position.
    pub(super) fn since(&self, position: Position, limit: usize) -> (Vec<Arc<Message>>, Position) {
        let state = self.state();
        let messages: Vec<_> = state.after(position.seq).take(limit).cloned().collect();
        let seq = messages.last().map_or(position.seq, |message| message.seq);
        (messages, Position { seq, clearings: state.clearings })
    }

    /// Behind everything but the newest `replayed` messages.
    pub(super) fn position_before_newest(&self, replayed: usize) -> Position {
        let state = self.state();
        let replayed = replayed.min(state.messages.len()) as u64;
        Position { seq: state.seq_last - replayed, clearings: state.clearings }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete when the lock is given back, also by a panic.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn after(&self, seq: u64) -> impl Iterator<Item = &Arc<Message>> {
        let first = self.messages.front().map_or(0, |message| message.seq);
        let skipped = usize::try_from(seq.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.messages.range(skipped.min(self.messages.len())..)
    }
}

impl Filter {
    fn matches(&self, message: &Message) -> bool {
        self.provider.is_none_or(|provider| provider == message.provider)
            && self.channel.is_none_or(|channel| channel == message.channel)
            && self.to.as_ref().is_none_or(|to| message.to.iter().any(|address| address.eq_ignore_ascii_case(to)))
    }
}
