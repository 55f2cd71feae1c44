//! Makes a provider of a component: whatever would make every message fail is found here.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};
use tokio::sync::Semaphore;
use wasmtime::Store;
use wasmtime::component::Component;

use super::call::{CallState, Grants, Purpose, new_store};
use super::config::{CallLimits, LOOK_UP_PLACES, RECEIPT_PLACES, WasmProviderConfig};
use super::engine::WasmEngine;
use super::error::{PluginError, SettingProblem};
use super::fault::Fault;
use super::keyring::Keyring;
use super::memory::MemoryPool;
use super::provider::WasmProvider;
use super::v0_1::{self, Described};
use crate::adapters::egress::{EgressClient, EgressLimits, EgressPolicy};
use crate::ports::provider::ProviderDescription;

pub(super) fn load(engine: &Arc<WasmEngine>, config: WasmProviderConfig) -> Result<WasmProvider, PluginError> {
    if !config.settings.is_object() {
        let problem = "the settings are an object, as `{}`".to_owned();
        return Err(PluginError::Settings(vec![SettingProblem { setting: String::new(), problem }]));
    }
    let compiled = engine.compile(&config.component)?;
    check_version(engine, compiled.component())?;
    let plugin = v0_1::Plugin::new(&engine.linker, compiled.component())
        .map_err(|error| PluginError::Contract(format!("{error:#}")))?;
    let mut grants = Arc::new(Grants {
        provider: config.name,
        settings: config.settings.to_string(),
        keyring: Arc::new(Keyring::new(config.secrets)?),
        egress: egress(engine, EgressPolicy::default(), &config.limits),
        limits: config.limits,
        clock: Arc::clone(&engine.clock),
        entropy: Arc::clone(&engine.entropy),
        sessions: Arc::default(),
        certificates: Arc::default(),
        bindings: Arc::default(),
        memory: MemoryPool::half(&engine.memory),
        #[cfg(any(test, feature = "testing"))]
        stage: None,
    });
    let described = ask(engine, &grants, "describe", async |store| plugin.describe(store).await)?;
    check_description(&described, &grants.keyring)?;
    let policy = match &config.hosts {
        Some(hosts) => EgressPolicy::new(hosts)?.allow_private_network(config.allow_private_network),
        None => EgressPolicy::new(described.hosts.iter().filter(|host| EgressPolicy::is_public_name(host)))?,
    };
    let hosts_not_granted = described.hosts.iter().filter(|host| !policy.covers(host)).cloned().collect::<Vec<_>>();
    if !hosts_not_granted.is_empty() {
        let (provider, hosts) = (grants.provider.as_str(), hosts_not_granted.join(", "));
        tracing::info!(target: "notifier::plugin", provider, hosts, "the plugin asks for hosts that are not granted");
    }
    grants = Arc::new(Grants { egress: egress(engine, policy, &grants.limits), ..Grants::clone(&grants) });
    let problems = ask(engine, &grants, "check-settings", async |store| plugin.check_settings(store).await)?;
    if !problems.is_empty() {
        return Err(PluginError::Settings(problems));
    }
    Ok(WasmProvider {
        engine: Arc::clone(engine),
        _compiled: compiled,
        plugin,
        appetite: engine.share.appetite(),
        places: Semaphore::new(grants.limits.concurrent_calls_max.max(1)),
        receipt_places: Semaphore::new(RECEIPT_PLACES),
        look_up_places: Semaphore::new(LOOK_UP_PLACES),
        description: public(described, grants.limits.concurrent_calls_max),
        grants,
        hosts_not_granted,
    })
}

pub(super) fn egress(engine: &WasmEngine, policy: EgressPolicy, limits: &CallLimits) -> EgressClient {
    let limits = EgressLimits {
        response_bytes_max: limits.response_bytes_max,
        idle_connections_max: limits.concurrent_calls_max,
        ..EgressLimits::default()
    };
    EgressClient::new(policy, limits, Arc::clone(&engine.clock))
}

/// Finds the version of the contract that the component was built for.
pub(super) fn check_version(engine: &WasmEngine, component: &Component) -> Result<(), PluginError> {
    let component_type = component.component_type();
    let exports: Vec<String> = component_type.exports(engine.raw()).map(|(name, _)| name.to_owned()).collect();
    let Some(found) = exports.iter().find(|name| name.starts_with("notifier:provider/provider")) else {
        return Err(PluginError::NotAProvider { exports });
    };
    if found != v0_1::INTERFACE {
        let supported = vec![v0_1::INTERFACE.to_owned()];
        return Err(PluginError::UnsupportedVersion { found: found.clone(), supported });
    }
    Ok(())
}

/// Calls a function that has nothing to wait for: without requests, it either computes or is done.
pub(super) fn ask<T>(
    engine: &WasmEngine,
    grants: &Arc<Grants>,
    function: &'static str,
    call: impl AsyncFnOnce(&mut Store<CallState>) -> wasmtime::Result<T>,
) -> Result<T, PluginError> {
    let fault = |problem: String| PluginError::Fault { function, problem };
    let ambient = ambient_runtime().map_err(|error| fault(format!("no runtime for it: {error}")))?;
    let _entered = ambient.as_ref().map(|runtime| -> EnterGuard<'_> { runtime.enter() });
    let mut store = new_store(engine, grants, Purpose::Load);
    match call(&mut store).now_or_never() {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(fault(Fault::from_error(&error, store.data()).to_string())),
        None => Err(fault("it waits for something, which it must not".into())),
    }
}

/// WASI's clocks need a runtime to be around, even where nobody waits for them.
fn ambient_runtime() -> std::io::Result<Option<Runtime>> {
    match Handle::try_current() {
        Ok(_) => Ok(None),
        Err(_) => Builder::new_current_thread().enable_time().build().map(Some),
    }
}

fn check_description(described: &Described, keyring: &Keyring) -> Result<(), PluginError> {
    let wrong = |problem: String| Err(PluginError::Description(problem));
    if described.kind.is_empty() {
        return wrong("it has no name".into());
    }
    if described.channels.is_empty() {
        return wrong("it serves no channel".into());
    }
    if let Err(error) = serde_json::from_str::<serde_json::Map<_, _>>(&described.settings_schema) {
        return wrong(format!("the settings schema is not a JSON object: {error}"));
    }
    match described.secrets.iter().find(|need| need.is_required && keyring.get(&need.name).is_none()) {
        Some(need) => {
            Err(PluginError::SecretMissing { name: need.name.clone(), description: need.description.clone() })
        }
        None => Ok(()),
    }
}

fn public(described: Described, concurrent_calls_max: usize) -> ProviderDescription {
    let channels: BTreeSet<_> = described.channels.into_iter().collect();
    let mut description = ProviderDescription::native(described.kind, channels.into_iter().collect());
    description.version = described.version;
    description.summary = described.summary;
    description.settings_schema = described.settings_schema;
    description.hosts = described.hosts;
    description.called = described.called;
    description.concurrent_calls_max = concurrent_calls_max;
    description
}
