//! One component and its file, ready to be played in any way; and what every play is looked at for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use notifier_core::wasm::PluginError;
use notifier_core::wasm::rehearsal::{Answer, Played, Rehearsal, Scene, StandIn};
use notifier_plugin_exchanges::{Exchanges, Message, Outcome, Reply, Response, Send};

use super::vendor::Documented;

/// Long for a plugin, short for whoever waits: nothing in a rehearsal takes time but computing.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// What is played on.
#[derive(Clone)]
pub(super) struct Stage<'a> {
    pub(super) rehearsal: &'a Rehearsal,
    pub(super) file: &'a Exchanges,
    /// The first message of the file that the vendor takes: what the general cases vary.
    pub(super) model: &'a Send,
    /// In place of the file's, by the same names: texts that occur nowhere by chance.
    pub(super) canaries: BTreeMap<String, String>,
}

impl<'a> Stage<'a> {
    /// `None` when the file has no message that is taken.
    pub(super) fn new(rehearsal: &'a Rehearsal, file: &'a Exchanges) -> Option<Self> {
        let model = file.sends.iter().find(|send| is_taken(send))?;
        let canaries = file.secrets.keys().enumerate();
        let canaries = canaries.map(|(number, name)| (name.clone(), format!("yellow-canary-{number}-9hq2vx")));
        Some(Self { rehearsal, file, model, canaries: canaries.collect() })
    }

    /// The same on each channel, varying the first message of it that the vendor takes.
    pub(super) fn on_each_channel(&self) -> Vec<Self> {
        let mut stages: Vec<Self> = Vec::new();
        for model in self.file.sends.iter().filter(|send| is_taken(send)) {
            if stages.iter().all(|stage| stage.channel() != channel(&model.message)) {
                stages.push(Self { model, ..self.clone() });
            }
        }
        stages
    }

    /// That of the model.
    pub(super) fn channel(&self) -> &'static str {
        channel(&self.model.message)
    }

    /// The scene of the model, with that vendor.
    pub(super) fn scene(&self, vendor: Arc<dyn StandIn>) -> Scene {
        Scene {
            settings: self.file.settings_of(self.model.settings.as_ref()),
            secrets: self.canaries.clone(),
            now_ms: self.model.now_ms,
            occurred_at_ms: Some(self.model.now_ms),
            certificates: BTreeMap::new(),
            vendor,
            timeout: TIMEOUT,
        }
    }

    /// A vendor that is not asked.
    pub(super) fn nobody(&self) -> Arc<dyn StandIn> {
        Arc::new(Documented::new(&[]))
    }

    /// Plays the model, with another answer at the end.
    pub(super) async fn answered(&self, answer: Answer) -> Result<Played<Outcome>, PluginError> {
        let scene = self.scene(Arc::new(Documented::but_at_the_end(&self.model.exchanges, answer)));
        self.rehearsal.send(&scene, &self.model.message, &self.model.context).await
    }

    /// Plays a variation of the model, answered as documented whatever is asked.
    pub(super) async fn varied(&self, send: &Send) -> Result<Played<Outcome>, PluginError> {
        let last = self.model.exchanges.last().map(|exchange| exchange.reply.clone());
        let last = last.map_or(Answer::Silence, Answer::Reply);
        let vendor = Arc::new(Documented::but_at_the_end(&self.model.exchanges, last));
        let scene = Scene { now_ms: send.now_ms, ..self.scene(vendor) };
        self.rehearsal.send(&scene, &send.message, &send.context).await
    }

    /// The last answer of the model, as documented.
    pub(super) fn taken(&self) -> Option<&Response> {
        match &self.model.exchanges.last()?.reply {
            Reply::Response(response) => Some(response),
            Reply::Failure(_) => None,
        }
    }

    /// Where a canary is, in what the component gave away.
    pub(super) fn leak<T>(&self, played: &Played<T>) -> Result<(), String> {
        let mut shown: Vec<(&str, String)> = Vec::new();
        for asked in &played.asked {
            shown.push(("a URL", asked.url.clone()));
            shown.push(("a body", String::from_utf8_lossy(&asked.body).into_owned()));
            shown.extend(asked.headers.iter().map(|(_, value)| ("a header", value.clone())));
        }
        shown.extend(played.log.iter().map(|line| ("the log", line.clone())));
        shown.extend(played.words.iter().map(|words| ("what it says", words.clone())));
        for (name, value) in &self.canaries {
            if let Some((place, _)) = shown.iter().find(|(_, text)| text.contains(value)) {
                return Err(format!("the value of the secret `{name}` is in {place}"));
            }
        }
        Ok(())
    }
}

/// Whether the vendor takes the message, and was asked to.
pub(super) fn is_taken(send: &Send) -> bool {
    matches!(send.outcome, Outcome::Accepted { .. }) && !send.exchanges.is_empty()
}

/// As a component describes it.
pub(super) fn channel(message: &Message) -> &'static str {
    match message {
        Message::Email(_) => "email",
        Message::Sms(_) => "sms",
        Message::Push(_) => "push",
        Message::Chat(_) => "chat",
        Message::Webhook(_) => "webhook",
    }
}

/// A fault is never right.
pub(super) fn said<T>(played: Result<Played<T>, PluginError>) -> Result<(T, Played<()>), String> {
    let Played { said, words, asked, exchanged, log } = played.map_err(|error| error.to_string())?;
    let said = said.map_err(|fault| fault.to_string())?;
    Ok((said, Played { said: Ok(()), words, asked, exchanged, log }))
}
