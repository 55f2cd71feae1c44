//! Rehearsals: a component, the real sandbox around it, and a stand-in for its vendor.
//!
//! Messages, answers and outcomes are those of a file of documented exchanges, so every channel of the contract can be played,
//! also one that this host has no notifications for. What the component says is handed on as it is: secrets are not taken out of
//! it and nothing is corrected, because that is what a rehearsal wants to see.

mod stage;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use notifier_plugin_exchanges as file;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};
use wasmtime::Store;

use super::cache::Compiled;
use super::call::{CallState, Grants, Purpose, new_store};
use super::config::CallLimits;
use super::engine::WasmEngine;
use super::error::{PluginError, SettingProblem};
use super::fault::Fault;
use super::keyring::Keyring;
use super::load::{ask, check_version, egress};
use super::memory::MemoryPool;
use super::v0_1;
use crate::adapters::egress::{EgressClient, EgressPolicy};
use crate::domain::id::ProviderName;

use stage::CaseClock;
pub use stage::{Answer, Answered, Asked, Exchanged, StandIn};
pub(super) use stage::{Stage, encrypt};

/// What a component says about itself, in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portrait {
    /// As `twilio`.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// As `sms`.
    pub channels: Vec<String>,
    /// A JSON Schema, if it is right.
    pub settings_schema: String,
    /// Hosts that it wants to call.
    pub hosts: Vec<String>,
    /// Secrets that it uses.
    pub secrets: Vec<SecretWanted>,
    /// Which events it understands, as `delivered`.
    pub receipts: Vec<String>,
    /// What else it says, as `calls` with the value `recipient`.
    pub attributes: Vec<(String, String)>,
}

/// A secret that a component uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWanted {
    /// By which requests name it.
    pub name: String,
    /// Whether nothing works without it.
    pub is_required: bool,
    /// What it is.
    pub description: String,
}

/// What a component's interface says, without running it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Interfaces that it asks of its host.
    pub imports: Vec<String>,
    /// Interfaces that it offers.
    pub exports: Vec<String>,
}

/// Compiles a component and reads its interface.
///
/// # Errors
/// [`PluginError::Component`] when it is none.
pub fn inspect(engine: &Arc<WasmEngine>, component: &[u8]) -> Result<Inspection, PluginError> {
    let component = engine.compile(component)?;
    let component_type = component.component().component_type();
    let imports = component_type.imports(engine.raw()).map(|(name, _)| name.to_owned()).collect();
    let exports = component_type.exports(engine.raw()).map(|(name, _)| name.to_owned()).collect();
    Ok(Inspection { imports, exports })
}

/// The world of one call.
#[derive(Clone)]
pub struct Scene {
    /// A JSON object.
    pub settings: serde_json::Value,
    /// Secrets by name. Of each at least four bytes.
    pub secrets: BTreeMap<String, String>,
    /// The time, in milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: u64,
    /// When the notification was accepted; `None` where the message does not say so.
    pub occurred_at_ms: Option<u64>,
    /// Public keys (SubjectPublicKeyInfo in DER) in the certificates at these addresses.
    pub certificates: BTreeMap<String, Vec<u8>>,
    /// Who answers.
    pub vendor: Arc<dyn StandIn>,
    /// How long the call may take.
    pub timeout: Duration,
}

/// How a call ended without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {problem}")]
pub struct PluginFault {
    /// As `plugin.trap`.
    pub code: String,
    /// What happened.
    pub problem: String,
}

/// What came of a call, and what happened meanwhile.
#[derive(Debug, Clone, PartialEq)]
pub struct Played<T> {
    /// What the component said.
    pub said: Result<T, PluginFault>,
    /// All that it said in words, to people.
    pub words: Vec<String>,
    /// Its requests, in order.
    pub asked: Vec<Asked>,
    /// What was asked of a real vendor, in order.
    pub exchanged: Vec<Exchanged>,
    /// What it wrote to the log.
    pub log: Vec<String>,
}

/// A component that is rehearsed.
pub struct Rehearsal {
    engine: Arc<WasmEngine>,
    /// Remembered as long as it is here.
    _compiled: Compiled,
    plugin: v0_1::Plugin,
    name: ProviderName,
    egress: EgressClient,
    limits: CallLimits,
    /// Most scenes of a component have the settings and secrets of the one before.
    before: Mutex<Option<Configured>>,
}

impl Rehearsal {
    /// Compiles the component and links it. Nothing of it runs.
    ///
    /// # Errors
    /// Why it is no plugin of this contract: see [`PluginError`].
    pub fn load(engine: &Arc<WasmEngine>, component: &[u8]) -> Result<Self, PluginError> {
        let compiled = engine.compile(component)?;
        check_version(engine, compiled.component())?;
        let plugin = v0_1::Plugin::new(&engine.linker, compiled.component())
            .map_err(|error| PluginError::Contract(format!("{error:#}")))?;
        let name = ProviderName::new("rehearsal").map_err(|error| PluginError::Engine(error.to_string()))?;
        let limits = CallLimits::default();
        // Grants nothing: a rehearsal calls nobody.
        let egress = egress(engine, EgressPolicy::default(), &limits);
        Ok(Self {
            engine: Arc::clone(engine),
            _compiled: compiled,
            plugin,
            name,
            egress,
            limits,
            before: Mutex::default(),
        })
    }

    /// What it says about itself.
    ///
    /// # Errors
    /// [`PluginError::Fault`].
    pub fn describe(&self) -> Result<Portrait, PluginError> {
        let scene = Scene {
            settings: serde_json::Value::Object(serde_json::Map::new()),
            secrets: BTreeMap::new(),
            now_ms: 0,
            occurred_at_ms: None,
            certificates: BTreeMap::new(),
            vendor: Arc::new(Nobody),
            timeout: Duration::ZERO,
        };
        let (grants, _) = self.grants(&scene)?;
        ask(&self.engine, &grants, "describe", async |store| self.plugin.portray(store).await)
    }

    /// What it finds wrong with the settings.
    ///
    /// # Errors
    /// [`PluginError::Fault`], or that a secret of the scene cannot be used.
    pub fn check_settings(&self, scene: &Scene) -> Result<Vec<SettingProblem>, PluginError> {
        let (grants, _) = self.grants(scene)?;
        ask(&self.engine, &grants, "check-settings", async |store| self.plugin.check_settings(store).await)
    }

    /// Hands over a message.
    ///
    /// # Errors
    /// A secret of the scene, or an attachment of the message, cannot be used.
    pub async fn send(
        &self,
        scene: &Scene,
        message: &file::Message,
        context: &file::Context,
    ) -> Result<Played<file::Outcome>, PluginError> {
        let message = v0_1::rehearsed::message(message, scene.occurred_at_ms).map_err(PluginError::Contract)?;
        let (deadline, timeout) = (Instant::now() + scene.timeout, scene.timeout);
        let purpose = Purpose::Send { deadline, timeout };
        self.play(scene, purpose, deadline, async |store| self.plugin.send_rehearsed(store, &message, context).await)
            .await
    }

    /// Hands over a message for real: to the hosts of that policy, at the time that it is. Of the scene, settings, secrets and
    /// time limit count.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_for_real(
        &self,
        scene: &Scene,
        policy: EgressPolicy,
        message: &file::Message,
        context: &file::Context,
    ) -> Result<Played<file::Outcome>, PluginError> {
        let message = v0_1::rehearsed::message(message, scene.occurred_at_ms).map_err(PluginError::Contract)?;
        let (deadline, timeout) = (Instant::now() + scene.timeout, scene.timeout);
        let purpose = Purpose::Send { deadline, timeout };
        let (grants, _) = self.grants(scene)?;
        let stage = Arc::new(Stage::watching());
        let grants = Grants {
            egress: egress(&self.engine, policy, &self.limits),
            clock: Arc::clone(&self.engine.clock),
            stage: Some(Arc::clone(&stage)),
            ..Grants::clone(&grants)
        };
        let call = async |store: &mut Store<CallState>| self.plugin.send_rehearsed(store, &message, context).await;
        Ok(self.play_on(&Arc::new(grants), &stage, purpose, deadline, call).await)
    }

    /// Has it read a post.
    ///
    /// # Errors
    /// A secret of the scene cannot be used.
    pub async fn receive(&self, scene: &Scene, webhook: &file::Webhook) -> Result<Played<file::Says>, PluginError> {
        let (deadline, timeout) = (Instant::now() + scene.timeout, scene.timeout);
        let purpose = Purpose::Receive { deadline, timeout };
        self.play(scene, purpose, deadline, async |store| self.plugin.receive_rehearsed(store, webhook).await).await
    }

    /// Has it ask what came of an attempt.
    ///
    /// # Errors
    /// A secret of the scene, or the channel of the case, cannot be used.
    pub async fn look_up(&self, scene: &Scene, case: &file::LookUpCase) -> Result<Played<file::Finding>, PluginError> {
        let sought = v0_1::rehearsed::sought(case).map_err(PluginError::Contract)?;
        let (deadline, timeout) = (Instant::now() + scene.timeout, scene.timeout);
        let purpose = Purpose::LookUp { deadline, timeout };
        self.play(scene, purpose, deadline, async |store| self.plugin.look_up_rehearsed(store, &sought).await).await
    }

    async fn play<T>(
        &self,
        scene: &Scene,
        purpose: Purpose,
        deadline: Instant,
        call: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<(T, Vec<String>)>,
    ) -> Result<Played<T>, PluginError> {
        let (grants, stage) = self.grants(scene)?;
        Ok(self.play_on(&grants, &stage, purpose, deadline, call).await)
    }

    async fn play_on<T>(
        &self,
        grants: &Arc<Grants>,
        stage: &Stage,
        purpose: Purpose,
        deadline: Instant,
        call: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<(T, Vec<String>)>,
    ) -> Played<T> {
        let mut store = new_store(&self.engine, grants, purpose);
        let started = Instant::now();
        let playing = async move {
            let result = call(&mut store).await;
            result.map_err(|error| Fault::from_error(&error, store.data()))
        };
        let late = Fault::Deadline { timeout_ms: deadline.saturating_duration_since(started).as_millis() };
        let result = timeout_at(deadline, playing).await.unwrap_or(Err(late));
        let seen = stage.take();
        let (said, words) = match result {
            Ok((said, words)) => (Ok(said), words),
            Err(fault) => {
                let fault = PluginFault { code: fault.code().to_owned(), problem: fault.to_string() };
                (Err(fault), Vec::new())
            }
        };
        Played { said, words, asked: seen.asked, exchanged: seen.exchanged, log: seen.log }
    }

    fn grants(&self, scene: &Scene) -> Result<(Arc<Grants>, Arc<Stage>), PluginError> {
        let stage = Arc::new(Stage::new(Arc::clone(&scene.vendor), scene.certificates.clone()));
        let now = i64::try_from(scene.now_ms).ok().and_then(|now_ms| Timestamp::from_millisecond(now_ms).ok());
        let (settings, keyring) = self.configured(scene)?;
        let grants = Grants {
            provider: self.name.clone(),
            settings,
            keyring: Arc::new(keyring),
            egress: self.egress.clone(),
            limits: self.limits.clone(),
            clock: Arc::new(CaseClock(now.unwrap_or(Timestamp::MAX))),
            entropy: Arc::clone(&self.engine.entropy),
            sessions: Arc::default(),
            certificates: Arc::default(),
            bindings: Arc::default(),
            memory: MemoryPool::half(&self.engine.memory),
            stage: Some(Arc::clone(&stage)),
        };
        Ok((Arc::new(grants), stage))
    }

    /// The settings as text, and a keyring: what a call learns is for that call only.
    fn configured(&self, scene: &Scene) -> Result<(String, Keyring), PluginError> {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = before.as_ref().filter(|before| before.is_of(scene)) {
            return Ok((before.text.clone(), before.keyring.anew()));
        }
        let named = scene.secrets.iter().map(|(name, value)| (name.clone(), SecretString::from(value.clone())));
        let keyring = Keyring::new(named.collect())?;
        let (settings, secrets) = (scene.settings.clone(), scene.secrets.clone());
        let configured = Configured { text: settings.to_string(), settings, secrets, keyring };
        let told = (configured.text.clone(), configured.keyring.anew());
        *before = Some(configured);
        Ok(told)
    }
}

/// What a real provider is given once, and then keeps.
struct Configured {
    settings: serde_json::Value,
    text: String,
    secrets: BTreeMap<String, String>,
    keyring: Keyring,
}

impl Configured {
    fn is_of(&self, scene: &Scene) -> bool {
        self.settings == scene.settings && self.secrets == scene.secrets
    }
}

/// Where nobody may be called, nobody answers.
struct Nobody;

impl StandIn for Nobody {
    fn answer(&self, _: &Asked) -> Answer {
        Answer::Reply(file::Reply::Failure(file::Failure::Unreachable))
    }
}
