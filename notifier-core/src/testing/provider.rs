//! A provider that answers as it was told, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use crate::domain::channel::Channel;
use crate::domain::message::Message;
use crate::domain::outcome::{LookUp, Outcome};
use crate::ports::provider::{Provider, ProviderDescription, SendContext, Sought};

/// What a [`ScriptedProvider`] does with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Answers at once.
    Now(Outcome),
    /// Answers when [`ScriptedProvider::let_one_go`] is called.
    WhenLetGo(Outcome),
    /// Never answers.
    Never,
}

/// A provider that answers as it was told, in order; when it was told nothing more, it accepts. It cannot look up what came of
/// its calls, except where it was told what to say.
pub struct ScriptedProvider {
    description: ProviderDescription,
    script: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<(Message, SendContext)>>,
    look_ups: Mutex<VecDeque<Option<LookUp>>>,
    sought: Mutex<Vec<Sought>>,
    called: watch::Sender<usize>,
    gate: Semaphore,
}

impl ScriptedProvider {
    /// A provider for every channel that accepts everything.
    #[must_use]
    pub fn accepting() -> Self {
        Self::answering([])
    }

    /// A provider for every channel that gives these answers first.
    #[must_use]
    pub fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            description: ProviderDescription::native("scripted", Channel::ALL.to_vec()),
            script: Mutex::new(answers.into_iter().collect()),
            calls: Mutex::default(),
            look_ups: Mutex::default(),
            sought: Mutex::default(),
            called: watch::Sender::new(0),
            gate: Semaphore::new(0),
        }
    }

    /// The same, for so many calls at the same time.
    #[must_use]
    pub fn taking(mut self, calls: usize) -> Self {
        self.description.concurrent_calls_max = calls;
        self
    }

    /// What it was asked so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<(Message, SendContext)> {
        lock(&self.calls).clone()
    }

    /// What it says, in order, when it is asked what came of an attempt; `None` to never answer.
    pub fn will_say(&self, answers: impl IntoIterator<Item = Option<LookUp>>) {
        lock(&self.look_ups).extend(answers);
    }

    /// The attempts that it was asked about so far, in order.
    #[must_use]
    pub fn sought(&self) -> Vec<Sought> {
        lock(&self.sought).clone()
    }

    /// Returns once it was asked so many times.
    pub async fn called(&self, times: usize) {
        let mut called = self.called.subscribe();
        // The sender lives in `self`: waiting cannot fail.
        let _ = called.wait_for(|called| *called >= times).await;
    }

    /// Lets one call go that waits, or the next that will.
    pub fn let_one_go(&self) {
        self.gate.add_permits(1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Provider for ScriptedProvider {
    fn describe(&self) -> &ProviderDescription {
        &self.description
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        let number = {
            let mut calls = lock(&self.calls);
            calls.push((message.clone(), context.clone()));
            calls.len()
        };
        self.called.send_replace(number);
        let answer = lock(&self.script).pop_front();
        match answer {
            Some(Answer::Now(outcome)) => outcome,
            Some(Answer::WhenLetGo(outcome)) => {
                if let Ok(permit) = self.gate.acquire().await {
                    permit.forget();
                }
                outcome
            }
            Some(Answer::Never) => std::future::pending().await,
            None => Outcome::Accepted { provider_message_id: Some(format!("scripted-{number}")) },
        }
    }

    async fn look_up(&self, sought: &Sought, _: Duration) -> LookUp {
        lock(&self.sought).push(sought.clone());
        let answer = lock(&self.look_ups).pop_front();
        match answer {
            Some(Some(said)) => said,
            Some(None) => std::future::pending().await,
            None => LookUp::Impossible,
        }
    }
}
