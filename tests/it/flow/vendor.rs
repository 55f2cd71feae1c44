//! A provider that notes when it was called, answers by its mood, and reads webhooks as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use notifier_core::testing::{Answer, ManualClock};
use notifier_core::{
    Called, Chain, Channel, Clock, Message, NotifierBuilder, Outcome, Problem, Provider, ProviderDescription,
    ProviderName, ReceiptEvent, ReceiveError, RejectionKind, Reported, Route, SendContext, Webhook,
};
use tokio::sync::Semaphore;

use super::world::*;

/// One call, and when it was made.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    pub(crate) message: Message,
    pub(crate) context: SendContext,
}

pub(crate) struct Vendor {
    name: String,
    description: ProviderDescription,
    clock: Arc<ManualClock>,
    script: Mutex<VecDeque<Answer>>,
    /// What it does when it was told nothing more; accepts without one.
    mood: Mutex<Option<Answer>>,
    calls: Mutex<Vec<Call>>,
    read: Mutex<VecDeque<Result<Reported, ReceiveError>>>,
    gate: Semaphore,
}

impl Vendor {
    pub(crate) fn new(name: &str, clock: &Arc<ManualClock>) -> Arc<Self> {
        Self::taking(name, clock, 64)
    }

    /// One that says that it takes so many calls at the same time.
    pub(crate) fn taking(name: &str, clock: &Arc<ManualClock>, calls: usize) -> Arc<Self> {
        let mut description = ProviderDescription::native(name, Channel::ALL.to_vec());
        description.concurrent_calls_max = calls;
        Self::described(name, clock, description)
    }

    /// One that calls each recipient's own server.
    pub(crate) fn calling_recipients(name: &str, clock: &Arc<ManualClock>) -> Arc<Self> {
        let mut description = ProviderDescription::native(name, Channel::ALL.to_vec());
        description.called = Called::Recipient;
        Self::described(name, clock, description)
    }

    fn described(name: &str, clock: &Arc<ManualClock>, description: ProviderDescription) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            description,
            clock: Arc::clone(clock),
            script: Mutex::default(),
            mood: Mutex::default(),
            calls: Mutex::default(),
            read: Mutex::default(),
            gate: Semaphore::new(0),
        })
    }

    /// What it answers to the next calls.
    pub(crate) fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().extend(answers);
    }

    /// What it answers from now on; `None` to accept.
    pub(crate) fn always(&self, answer: Option<Answer>) {
        *self.mood.lock().unwrap() = answer;
    }

    /// What it reads in the next webhook, whose address is signed as well.
    pub(crate) fn will_read(&self, read: Result<Vec<ReceiptEvent>, ReceiveError>) {
        let read = read.map(|events| Reported { events, is_url_signed: true });
        self.read.lock().unwrap().push_back(read);
    }

    /// What it reads in the next webhook, of which the body alone is signed.
    pub(crate) fn will_read_the_body(&self, events: Vec<ReceiptEvent>) {
        self.read.lock().unwrap().push_back(Ok(events.into()));
    }

    pub(crate) fn let_go(&self, calls: usize) {
        self.gate.add_permits(calls);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    pub(crate) fn id(&self) -> ProviderName {
        provider_name(&self.name)
    }

    /// Adds it to an engine.
    pub(crate) fn join(self: &Arc<Self>, builder: NotifierBuilder) -> NotifierBuilder {
        builder.provider(self.name.clone(), Arc::clone(self) as _)
    }
}

#[async_trait]
impl Provider for Vendor {
    fn describe(&self) -> &ProviderDescription {
        &self.description
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        let at = self.clock.now();
        let number = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(Call { at, message: message.clone(), context: context.clone() });
            calls.len()
        };
        let scripted = self.script.lock().unwrap().pop_front();
        let answer = scripted.or_else(|| self.mood.lock().unwrap().clone());
        let id = format!("{}-{number}", self.name);
        match answer {
            Some(Answer::Now(outcome)) => outcome,
            Some(Answer::WhenLetGo(outcome)) => {
                self.gate.acquire().await.unwrap().forget();
                match outcome {
                    Outcome::Accepted { provider_message_id: None } => {
                        Outcome::Accepted { provider_message_id: Some(id) }
                    }
                    outcome => outcome,
                }
            }
            Some(Answer::Never) => std::future::pending().await,
            None => Outcome::Accepted { provider_message_id: Some(id) },
        }
    }

    async fn receive(&self, _: &Webhook, _: Duration) -> Result<Reported, ReceiveError> {
        self.read.lock().unwrap().pop_front().unwrap_or(Err(ReceiveError::NotSupported))
    }
}

pub(crate) fn provider_name(name: &str) -> ProviderName {
    ProviderName::new(name).unwrap()
}

/// Text messages to these, the first first.
pub(crate) fn in_order(names: &[&str]) -> Route {
    Route::of(Channel::Sms, Chain::Ordered(names.iter().map(|name| provider_name(name)).collect()))
}

pub(crate) fn by_weight(names: &[(&str, u32)]) -> Route {
    let weighted = names.iter().map(|(name, weight)| (provider_name(name), *weight));
    Route::of(Channel::Sms, Chain::Weighted(weighted.collect()))
}

/// An engine whose text messages go to `first`, and to `second` where that fails.
pub(crate) async fn two_vendors(
    configure: impl FnOnce(NotifierBuilder) -> NotifierBuilder,
) -> (World, Arc<Vendor>, Arc<Vendor>) {
    let clock = clock();
    let (first, second) = (Vendor::new("first", &clock), Vendor::new("second", &clock));
    let world = World::on(clock, [], |builder| {
        configure(second.join(first.join(builder)).route_by(in_order(&["first", "second"])))
    })
    .await;
    (world, first, second)
}

/// An engine whose text messages go to `only`.
pub(crate) async fn one_vendor(configure: impl FnOnce(NotifierBuilder) -> NotifierBuilder) -> (World, Arc<Vendor>) {
    let clock = clock();
    let only = Vendor::new("only", &clock);
    let world = World::on(clock, [], |builder| configure(only.join(builder).route_by(in_order(&["only"])))).await;
    (world, only)
}

pub(crate) fn refused(kind: RejectionKind) -> Answer {
    Answer::Now(Outcome::Rejected { kind, problem: Problem::coded("20003", "as scripted") })
}
