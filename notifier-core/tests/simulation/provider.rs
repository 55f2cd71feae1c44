//! A provider whose mood the seed decides: it fails, hangs, forgets to answer, or takes a message and says that it did not know.
//! Asked what came of a call, it says the truth if it is one that can look up, and well enough.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use notifier_core::testing::ManualClock;
use notifier_core::{
    Channel, Clock, LookUp, Message, Outcome, Problem, Provider, ProviderDescription, ReceiptEvent, ReceiptStatus,
    ReceiveError, RejectionKind, Reported, SendContext, Sought, Webhook,
};

use super::chance::Chance;
use super::ledger::{Answered, Call, Ledger};

/// What it is like for the time being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    Down,
    Limited,
    Hangs,
    /// Answers, after a while.
    Slow,
    /// Takes the message, and the connection ends before the answer.
    TakesAndResets,
    /// The connection ends before it took the message.
    Resets,
    RefusesEverybody,
    RefusesThis,
    /// Cannot carry it, and says so without having asked anybody.
    CannotCarry,
}

pub(crate) const MOODS: [Mood; 10] = [
    Mood::Good,
    Mood::Down,
    Mood::Limited,
    Mood::Hangs,
    Mood::Slow,
    Mood::TakesAndResets,
    Mood::Resets,
    Mood::RefusesEverybody,
    Mood::RefusesThis,
    Mood::CannotCarry,
];

pub(crate) struct MoodyProvider {
    name: &'static str,
    description: ProviderDescription,
    mood: Mutex<Mood>,
    chance: Chance,
    clock: Arc<ManualClock>,
    ledger: Arc<Ledger>,
    running: AtomicUsize,
    calls_max: usize,
    looks_up: bool,
}

impl MoodyProvider {
    pub(crate) fn new(
        name: &'static str,
        calls_max: usize,
        looks_up: bool,
        chance: Chance,
        clock: Arc<ManualClock>,
        ledger: Arc<Ledger>,
    ) -> Self {
        let mut description = ProviderDescription::native(name, Channel::ALL.to_vec());
        description.concurrent_calls_max = calls_max;
        let mood = Mutex::new(Mood::Good);
        Self { name, description, mood, chance, clock, ledger, running: AtomicUsize::new(0), calls_max, looks_up }
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    pub(crate) fn mood(&self) -> Mood {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, message: &Message, context: &SendContext) -> usize {
        let now = self.clock.now();
        let mut book = self.ledger.book();
        let number = book.calls.len();
        let (life, id) = (book.life, message.delivery);
        let promised = book.promised.get(&id.notification);
        let replays = promised.and_then(|promised| promised.replays.get(&id.channel)).copied().unwrap_or(0);
        let other = book.calls_of(id).find(|(_, call)| call.is_running && call.life == life).map(|(other, _)| other);
        if let Some(other) = other {
            book.found.get_or_insert(format!("{id} is sent by two calls at the same time: {other} and {number}"));
        }
        book.calls.push(Call {
            delivery: id,
            provider: self.name,
            attempt: context.attempt,
            began_at: now,
            was_processed: false,
            answered: Answered::Nothing,
            is_running: true,
            life,
            message_id: format!("{}-{number}", self.name),
            replays,
            looked_up: None,
        });
        drop(book);
        if context.idempotency_key != id.to_string() {
            self.ledger.find(format!("call {number} of {id} has another key: {}", context.idempotency_key));
        }
        self.ledger.tell(now, format!("call {number}: {} asked to send {id}, attempt {}", self.name, context.attempt));
        number
    }

    fn end(&self, number: usize, answered: Answered, was_processed: bool) {
        let mut book = self.ledger.book();
        if let Some(call) = book.calls.get_mut(number) {
            (call.answered, call.was_processed) = (answered, was_processed);
        }
        drop(book);
        self.ledger.tell(self.clock.now(), format!("call {number}: {answered:?}, processed: {was_processed}"));
    }

    async fn pause(&self, most_ms: u64) {
        self.clock.sleep(Duration::from_millis(self.chance.below(most_ms))).await;
    }
}

/// Counts a call while it runs, also one that is dropped.
struct Running<'a>(&'a MoodyProvider, usize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        if let Some(call) = self.0.ledger.book().calls.get_mut(self.1) {
            call.is_running = false;
            // Given up before it answered.
            if call.answered == Answered::Nothing {
                call.answered = Answered::Unclear;
            }
        }
    }
}

#[async_trait]
impl Provider for MoodyProvider {
    fn describe(&self) -> &ProviderDescription {
        &self.description
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        let number = self.begin(message, context);
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        let _running = Running(self, number);
        if running > self.calls_max {
            self.ledger.find(format!("{running} calls at the same time, {} allowed", self.calls_max));
        }
        let problem = Problem::coded("mood", "as the seed decides");
        let accepted = || Outcome::Accepted { provider_message_id: Some(format!("{}-{number}", self.name)) };
        match self.mood() {
            Mood::Good => {
                if self.chance.percent(50) {
                    self.pause(200).await;
                }
                self.end(number, Answered::Accepted, true);
                accepted()
            }
            Mood::Slow => {
                // Taken at once, told late: a crash in between is the dangerous one.
                self.end(number, Answered::Nothing, true);
                self.pause(20_000).await;
                self.end(number, Answered::Accepted, true);
                accepted()
            }
            Mood::Down => {
                self.pause(100).await;
                self.end(number, Answered::NotTaken, false);
                let retry_after_ms = self.chance.percent(20).then(|| self.chance.below(30_000));
                Outcome::Unavailable { retry_after_ms, problem }
            }
            Mood::Limited => {
                self.end(number, Answered::NotTaken, false);
                let retry_after_ms = self.chance.percent(70).then(|| self.chance.below(120_000));
                Outcome::RateLimited { retry_after_ms, problem }
            }
            Mood::Hangs => {
                let was_processed = self.chance.percent(50);
                self.end(number, Answered::Unclear, was_processed);
                std::future::pending().await
            }
            Mood::TakesAndResets => {
                self.end(number, Answered::Unclear, true);
                self.pause(1_000).await;
                Outcome::Unknown { problem }
            }
            Mood::Resets => {
                self.pause(1_000).await;
                self.end(number, Answered::Unclear, false);
                Outcome::Unknown { problem }
            }
            Mood::RefusesEverybody => {
                self.end(number, Answered::NotTaken, false);
                Outcome::Rejected { kind: RejectionKind::Provider, problem }
            }
            Mood::RefusesThis => {
                self.end(number, Answered::Rejected, false);
                Outcome::Rejected { kind: RejectionKind::Message, problem }
            }
            Mood::CannotCarry => {
                self.end(number, Answered::Unfit, false);
                Outcome::Rejected { kind: RejectionKind::Unfit, problem }
            }
        }
    }

    async fn look_up(&self, sought: &Sought, _: Duration) -> LookUp {
        if !self.looks_up {
            return LookUp::Impossible;
        }
        match self.mood() {
            Mood::Hangs => std::future::pending().await,
            Mood::Slow => self.pause(20_000).await,
            Mood::Good | Mood::TakesAndResets | Mood::RefusesThis | Mood::CannotCarry => {}
            _ => return LookUp::Unclear(Problem::coded("mood", "as the seed decides")),
        }
        if sought.idempotency_key != sought.delivery.to_string() {
            self.ledger.find(format!("{} is looked up by another key: {}", sought.delivery, sought.idempotency_key));
        }
        let mut book = self.ledger.book();
        let life = book.life;
        let is_it = |call: &&mut Call| {
            (call.delivery, call.provider, call.attempt) == (sought.delivery, self.name, sought.attempt)
        };
        // The intent alone may have been all there was.
        let Some(call) = book.calls.iter_mut().find(is_it) else { return LookUp::NotFound };
        call.looked_up = Some((call.was_processed, life));
        let said = match call.was_processed {
            true => LookUp::Found { message_id: Some(call.message_id.clone()) },
            false => LookUp::NotFound,
        };
        drop(book);
        let (attempt, id) = (sought.attempt, sought.delivery);
        self.ledger.tell(self.clock.now(), format!("{} about attempt {attempt} of {id}: {said:?}", self.name));
        said
    }

    /// The body is the vendor's id of a message, and what became of it.
    async fn receive(&self, webhook: &Webhook, _: Duration) -> Result<Reported, ReceiveError> {
        let body = String::from_utf8_lossy(&webhook.body);
        let Some((message_id, said)) = body.split_once(' ') else { return Err(ReceiveError::Malformed(body.into())) };
        let status = ReceiptStatus::ALL.into_iter().find(|status| status.name() == said);
        let event = ReceiptEvent {
            event_id: None,
            provider_message_id: message_id.to_owned(),
            status: status.ok_or_else(|| ReceiveError::Malformed(said.to_owned()))?,
            recipient: None,
            occurred_at_ms: None,
            problem: None,
            attributes: Vec::new(),
        };
        Ok(vec![event].into())
    }
}
