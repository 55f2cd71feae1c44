//! A provider that behaves by the clock: well, or badly from one time to another, and remembers what was sent when.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::ManualClock;
use crate::domain::channel::Channel;
use crate::domain::id::DeliveryId;
use crate::domain::message::Message;
use crate::domain::outcome::{LookUp, Outcome, Problem, RejectionKind};
use crate::domain::receipt::{ReceiptEvent, ReceiptStatus};
use crate::ports::clock::Clock;
use crate::ports::provider::{Provider, ProviderDescription, ReceiveError, Reported, SendContext, Sought, Webhook};

/// What a [`VirtualProvider`] does instead of taking a message and saying so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Takes nothing and says so: [`Outcome::Unavailable`].
    Down,
    /// Takes nothing and asks for patience: [`Outcome::RateLimited`].
    RateLimited {
        /// How long, if it says.
        retry_after: Option<Duration>,
    },
    /// Takes the message, and says so only after that long.
    Slow(Duration),
    /// Takes nothing and never answers; the engine gives up in time.
    Hangs,
    /// Takes the message, but the connection ends before the answer: [`Outcome::Unknown`].
    LosesAnswers,
    /// Refuses every message because of the account: [`RejectionKind::Provider`].
    RefusesEverybody,
    /// Refuses the address: [`RejectionKind::Recipient`].
    RefusesAddress,
}

/// One call of a [`VirtualProvider`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VirtualCall {
    /// When it was called.
    pub at: Timestamp,
    /// With what.
    pub message: Message,
    /// About which attempt, and where reports are to go.
    pub context: SendContext,
    /// Whether it took the message, whatever it answered: then it goes out, and one more time makes it a repeat.
    pub taken: bool,
    /// Its own id of the message, in its answers and reports.
    pub message_id: String,
    /// What it answers; `None` when it never does.
    pub outcome: Option<Outcome>,
}

impl VirtualCall {
    /// The delivery that it was about.
    #[must_use]
    pub fn delivery(&self) -> DeliveryId {
        self.message.delivery
    }

    /// The address that it was to go to.
    #[must_use]
    pub fn address(&self) -> &str {
        self.message.content.recipient_address()
    }

    /// The webhook with which the provider reports that this became of the message; see
    /// [`Notifier::receive`](crate::Notifier::receive).
    #[must_use]
    pub fn report(&self, status: ReceiptStatus) -> Webhook {
        Webhook {
            method: "POST".into(),
            url: self.context.receipt_url.clone().unwrap_or_default(),
            headers: Vec::new(),
            body: format!("{} {}", self.message_id, status.name()).into_bytes(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    from: Timestamp,
    to: Timestamp,
    percent: u8,
    trouble: Trouble,
}

#[derive(Default)]
struct Script {
    latency: Duration,
    episodes: Vec<Episode>,
    rejected: BTreeMap<String, RejectionKind>,
    calls: Vec<VirtualCall>,
    calls_count: usize,
}

type Listener = Box<dyn Fn(&VirtualCall) + Send + Sync>;

/// A provider for tests in virtual time: takes every message at once, except where it was told otherwise, and remembers what
/// was sent when. It can be told more at any time.
pub struct VirtualProvider {
    clock: Arc<ManualClock>,
    description: ProviderDescription,
    script: Mutex<Script>,
    listener: Option<Listener>,
    looks_up: bool,
}

impl VirtualProvider {
    /// A provider for every channel that takes everything.
    #[must_use]
    pub fn new(clock: Arc<ManualClock>) -> Self {
        let description = ProviderDescription::native("virtual", Channel::ALL.to_vec());
        Self { clock, description, script: Mutex::default(), listener: None, looks_up: false }
    }

    /// The same, which tells somebody of each call when it is made, and does not keep it: for more calls than memory should
    /// hold.
    #[must_use]
    pub fn telling(mut self, listener: impl Fn(&VirtualCall) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// The same, which says when it is asked what came of an attempt: the truth, at once, whatever trouble it has. It goes by the
    /// calls that it keeps; one that [tells](Self::telling) of them instead cannot say.
    #[must_use]
    pub fn looking_up(mut self) -> Self {
        self.looks_up = true;
        self
    }

    /// The same, for so many calls at the same time.
    #[must_use]
    pub fn taking(mut self, calls: usize) -> Self {
        self.description.concurrent_calls_max = calls;
        self
    }

    /// How long it takes to answer, from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.script().latency = latency;
    }

    /// It is down from one time to the other, the second not included: takes nothing and says so.
    pub fn down_between(&self, from: Timestamp, to: Timestamp) {
        self.trouble_between(from, to, Trouble::Down);
    }

    /// It has that trouble from one time to the other, the second not included. Of several at a time, the one told last counts.
    pub fn trouble_between(&self, from: Timestamp, to: Timestamp, trouble: Trouble) {
        self.trouble_of_some_between(from, to, trouble, 100);
    }

    /// As [`Self::trouble_between`], but only with so many of a hundred messages: an attempt later, others may be met. With
    /// [`Trouble::RefusesAddress`] it is so many of a hundred addresses, and always the same ones.
    pub fn trouble_of_some_between(&self, from: Timestamp, to: Timestamp, trouble: Trouble, percent: u8) {
        self.script().episodes.push(Episode { from, to, percent, trouble });
    }

    /// From now on it refuses that address, for that reason.
    pub fn reject(&self, address: impl Into<String>, kind: RejectionKind) {
        self.script().rejected.insert(address.into(), kind);
    }

    /// Every call so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<VirtualCall> {
        self.script().calls.clone()
    }

    /// Every call so far with which a message went out, in order. A delivery that is here twice was sent twice.
    #[must_use]
    pub fn sent(&self) -> Vec<VirtualCall> {
        self.script().calls.iter().filter(|call| call.taken).cloned().collect()
    }

    /// How often it was called.
    #[must_use]
    pub fn calls_count(&self) -> usize {
        self.script().calls_count
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the call, and what is to come of it: after how long the answer comes, and which; `None` for never.
    fn note(&self, message: &Message, context: &SendContext) -> Option<(Duration, Outcome)> {
        let mut script = self.script();
        let at = self.clock.now();
        script.calls_count += 1;
        let message_id = format!("virtual-{}", script.calls_count);
        let address = message.content.recipient_address();
        let met = |episode: &&Episode| {
            let is_met = match episode.trouble {
                Trouble::RefusesAddress => percentile(address),
                _ => percentile(&format!("{} {}", message.delivery, context.attempt)),
            };
            (episode.from..episode.to).contains(&at) && is_met < episode.percent
        };
        let trouble = script.episodes.iter().rev().find(met).map(|episode| episode.trouble);
        let rejected = script.rejected.get(address).copied();
        let latency = script.latency;
        let accepted = || Outcome::Accepted { provider_message_id: Some(message_id.clone()) };
        let (taken, answer) = match (rejected, trouble) {
            (_, Some(Trouble::Down)) => {
                let problem = Problem::coded("down", "it is down");
                (false, Some((latency, Outcome::Unavailable { retry_after_ms: None, problem })))
            }
            (_, Some(Trouble::RateLimited { retry_after })) => {
                let retry_after_ms = retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                let problem = Problem::coded("rate_limited", "it asks for patience");
                (false, Some((latency, Outcome::RateLimited { retry_after_ms, problem })))
            }
            (_, Some(Trouble::Hangs)) => (false, None),
            (_, Some(Trouble::RefusesEverybody)) => (false, Some((latency, rejection(RejectionKind::Provider)))),
            (Some(kind), _) => (false, Some((latency, rejection(kind)))),
            (_, Some(Trouble::RefusesAddress)) => (false, Some((latency, rejection(RejectionKind::Recipient)))),
            (_, Some(Trouble::LosesAnswers)) => {
                let problem = Problem::coded("connection_lost", "the connection ended before the answer");
                (true, Some((latency, Outcome::Unknown { problem })))
            }
            (_, Some(Trouble::Slow(wait))) => (true, Some((wait, accepted()))),
            (None, None) => (true, Some((latency, accepted()))),
        };
        let outcome = answer.as_ref().map(|(_, outcome)| outcome.clone());
        let (message, context) = (message.clone(), context.clone());
        let call = VirtualCall { at, message, context, taken, message_id, outcome };
        match &self.listener {
            Some(listener) => {
                drop(script);
                listener(&call);
            }
            None => script.calls.push(call),
        }
        answer
    }
}

fn rejection(kind: RejectionKind) -> Outcome {
    let text = match kind {
        RejectionKind::Provider => "it refuses everybody",
        RejectionKind::Recipient => "it knows no such address",
        RejectionKind::Unfit => "it cannot carry this message",
        _ => "it refuses this message",
    };
    Outcome::Rejected { kind, problem: Problem::coded(kind.name(), text) }
}

/// 0 to 99, the same for the same text (FNV-1a, finished as in SplitMix64 so that the last letters count).
fn percentile(text: &str) -> u8 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, fold);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u8::try_from((hash ^ (hash >> 31)) % 100).unwrap_or(0)
}

#[async_trait]
impl Provider for VirtualProvider {
    fn describe(&self) -> &ProviderDescription {
        &self.description
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        let Some((wait, outcome)) = self.note(message, context) else { return std::future::pending().await };
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
        outcome
    }

    async fn look_up(&self, sought: &Sought, _: Duration) -> LookUp {
        if !self.looks_up || self.listener.is_some() {
            return LookUp::Impossible;
        }
        let script = self.script();
        let is_it = |call: &&VirtualCall| call.taken && call.context.idempotency_key == sought.idempotency_key;
        match script.calls.iter().find(is_it) {
            Some(call) => LookUp::Found { message_id: Some(call.message_id.clone()) },
            None => LookUp::NotFound,
        }
    }

    /// Reads what [`VirtualCall::report`] wrote.
    async fn receive(&self, webhook: &Webhook, _: Duration) -> Result<Reported, ReceiveError> {
        let body = String::from_utf8_lossy(&webhook.body);
        let read = body.split_once(' ').and_then(|(message_id, said)| {
            let status = ReceiptStatus::ALL.into_iter().find(|status| status.name() == said)?;
            Some((message_id.to_owned(), status))
        });
        let Some((provider_message_id, status)) = read else { return Err(ReceiveError::Malformed(body.into())) };
        let event = ReceiptEvent {
            event_id: None,
            provider_message_id,
            status,
            recipient: None,
            occurred_at_ms: None,
            problem: None,
            attributes: Vec::new(),
        };
        Ok(vec![event].into())
    }
}
