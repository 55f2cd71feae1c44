//! A provider that is a sandboxed component, as an application configures it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::adapters::wasm::{
    CallLimits, OTHER_PLACES, WasmEngine, WasmEngineOptions, WasmProvider, WasmProviderConfig,
};
use crate::domain::id::ProviderName;
use crate::error::StartError;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::provider::Provider;

/// A provider that is a sandboxed component, with what it is told and what it is granted.
#[derive(Clone)]
pub struct Plugin {
    component: Cow<'static, [u8]>,
    settings: serde_json::Value,
    secrets: BTreeMap<String, SecretString>,
    hosts: Option<Vec<String>>,
    allow_private_network: bool,
    /// How many of its calls run at the same time.
    places: usize,
}

impl Plugin {
    /// The component with these bytes.
    #[must_use]
    pub fn new(component: impl Into<Cow<'static, [u8]>>) -> Self {
        Self {
            component: component.into(),
            settings: serde_json::Value::Object(serde_json::Map::new()),
            secrets: BTreeMap::new(),
            hosts: None,
            allow_private_network: false,
            places: CallLimits::default().concurrent_calls_max,
        }
    }

    /// Its settings, a JSON object that the plugin checks when the engine starts.
    #[must_use]
    pub fn settings(mut self, settings: serde_json::Value) -> Self {
        self.settings = settings;
        self
    }

    /// A secret, under the name that the plugin uses. The plugin never sees it: the host fills it in.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: SecretString) -> Self {
        self.secrets.insert(name.into(), value);
        self
    }

    /// Grants a host, as `api.twilio.com`, `*.example.com` or `127.0.0.1:8081`; `*` is any public name over https. Without
    /// any, the plugin gets the public hosts that it asks for, never `*`; with one, only those that are named.
    #[must_use]
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.hosts.get_or_insert_default().push(host.into());
        self
    }

    /// Grants no host but those that are named: also not those that the plugin asks for, when none is named.
    #[must_use]
    pub fn no_other_hosts(mut self) -> Self {
        self.hosts.get_or_insert_default();
        self
    }

    /// Whether granted hosts may be in private networks.
    #[must_use]
    pub fn allow_private_network(mut self, allow: bool) -> Self {
        self.allow_private_network = allow;
        self
    }
}

impl Plugin {
    /// How many of its calls run at the same time.
    pub(crate) fn places(mut self, places: usize) -> Self {
        self.places = places;
        self
    }
}

/// How many places each plugin has: as many as its policy says; where that says nothing, as many as any has unless told
/// otherwise, or its part of the room that the others leave.
///
/// # Errors
/// When there is not room for all of them.
pub(crate) fn places(told: &[Option<usize>]) -> Result<Vec<usize>, String> {
    let sum = told.iter().flatten().fold(0_usize, |sum, places| sum.saturating_add(*places));
    let untold = told.iter().filter(|told| told.is_none()).count();
    let left = PLACES_MAX.checked_sub(sum).filter(|left| *left >= untold).ok_or_else(|| {
        format!("all plugins together run at most {PLACES_MAX} calls at the same time, one at least each: {sum} are too many")
    })?;
    let part = left.checked_div(untold).unwrap_or_default().min(CallLimits::default().concurrent_calls_max);
    Ok(told.iter().map(|told| told.unwrap_or(part)).collect())
}

/// One of those that ship with notifier.
#[cfg(feature = "prebuilt")]
impl From<notifier_plugins::Prebuilt> for Plugin {
    fn from(prebuilt: notifier_plugins::Prebuilt) -> Self {
        Self::new(prebuilt.component)
    }
}

/// An engine in which every plugin has the places that it may use, for messages, reports and look-ups, so that no vendor that hangs
/// takes those of another; and one more, in which a plugin is asked what it is while all of them are in use.
pub(crate) fn engine_options(
    cache_dir: Option<PathBuf>,
    plugins: &[(String, Plugin)],
    memory_bytes_max: Option<usize>,
) -> WasmEngineOptions {
    let defaults = WasmEngineOptions::default();
    let places: usize = plugins.iter().map(|(_, plugin)| plugin.places).sum();
    let others = plugins.len().saturating_mul(OTHER_PLACES);
    WasmEngineOptions {
        cache_dir,
        instances_max: u32::try_from(places.min(PLACES_MAX).saturating_add(others + 1)).unwrap_or(u32::MAX),
        memory_total_bytes_max: memory_bytes_max.unwrap_or(defaults.memory_total_bytes_max),
        ..defaults
    }
}

/// The engine, and each provider with its name in the configuration.
type Loaded = (Option<Arc<WasmEngine>>, Vec<(String, Arc<dyn Provider>)>);

/// Loads them all; compiling takes a moment, so it happens beside the asynchronous work.
pub(crate) async fn load(
    plugins: Vec<(String, Plugin)>,
    options: WasmEngineOptions,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Loaded, StartError> {
    if plugins.is_empty() {
        return Ok((None, Vec::new()));
    }
    let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
    let loading = tokio::task::spawn_blocking(move || load_all(plugins, options, clock, entropy));
    loading
        .await
        .unwrap_or_else(|panic| Err(StartError::Plugin { provider: "(all)".into(), problem: panic.to_string() }))
}

fn load_all(
    plugins: Vec<(String, Plugin)>,
    options: WasmEngineOptions,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Loaded, StartError> {
    let failed = |provider: &str, problem: String| StartError::Plugin { provider: provider.to_owned(), problem };
    let engine = WasmEngine::new(options, clock, entropy).map_err(|error| failed("(all)", error.to_string()))?;
    let mut loaded: Vec<(String, Arc<dyn Provider>)> = Vec::new();
    for (name, plugin) in plugins {
        let parsed = ProviderName::new(name.as_str()).map_err(|error| failed(&name, error.problem))?;
        let provider = load_one(&engine, parsed, plugin).map_err(|problem| failed(&name, problem))?;
        loaded.push((name, provider));
    }
    Ok((Some(engine), loaded))
}

/// Loads one, on the thread of the caller.
pub(crate) fn load_one(
    engine: &Arc<WasmEngine>,
    name: ProviderName,
    plugin: Plugin,
) -> Result<Arc<dyn Provider>, String> {
    let limits = CallLimits { concurrent_calls_max: plugin.places, ..CallLimits::default() };
    let config = WasmProviderConfig {
        limits,
        settings: plugin.settings,
        secrets: plugin.secrets,
        hosts: plugin.hosts,
        allow_private_network: plugin.allow_private_network,
        ..WasmProviderConfig::new(name, plugin.component)
    };
    let provider = WasmProvider::load(engine, config).map_err(|error| error.to_string())?;
    Ok(Arc::new(provider))
}

/// Each costs a slot of address space in the pool, used or not.
const PLACES_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_host_is_not_the_same_as_none_named() {
        let plugin = Plugin::new(&b""[..]);
        assert_eq!(plugin.clone().hosts, None, "those that it asks for");
        assert_eq!(plugin.clone().no_other_hosts().hosts, Some(vec![]));
        assert_eq!(plugin.host("a.example").no_other_hosts().hosts, Some(vec!["a.example".to_owned()]));
    }

    #[test]
    fn places_are_as_told_and_the_rest_share_what_is_left() {
        type Case<'a> = (&'a [Option<usize>], Option<&'a [usize]>);
        let cases: [Case<'_>; 8] = [
            (&[], Some(&[])),
            (&[None, None], Some(&[64, 64])),
            (&[Some(200), None], Some(&[200, 64])),
            (&[Some(900), None, None], Some(&[900, 50, 50])),
            (&[Some(1_000)], Some(&[1_000])),
            (&[Some(999), None, Some(1)], None),
            (&[Some(1_001)], None),
            (&[Some(usize::MAX), Some(1)], None),
        ];
        for (told, expected) in cases {
            let found = places(told);
            assert_eq!(found.as_deref().ok(), expected, "{told:?}: {found:?}");
        }
        assert_eq!(places(&[None; 20]).unwrap(), [50; 20], "more plugins than have room for 64");
        let error = places(&[Some(600), Some(500)]).unwrap_err();
        assert!(error.contains("at most 1000 calls") && error.contains("1100 are too many"), "{error}");
    }
}
