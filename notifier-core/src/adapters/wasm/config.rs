//! What an operator decides about one plugin: settings, secrets, grants, limits.

use std::borrow::Cow;
use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::domain::id::ProviderName;

/// One configured provider.
#[derive(Clone)]
pub struct WasmProviderConfig {
    /// Its name in routes, logs and timelines.
    pub name: ProviderName,
    /// The component, as binary or text format.
    pub component: Cow<'static, [u8]>,
    /// A JSON object, checked by the plugin.
    pub settings: serde_json::Value,
    /// Secrets by the names that the plugin uses. It never sees the values; values of fewer than 4 bytes are refused,
    /// because they could not be removed from what comes back without mangling it.
    pub secrets: BTreeMap<String, SecretString>,
    /// Hosts that it may call, in the form of [`EgressPolicy::new`]. `None` grants the public host names that it asks
    /// for; addresses, loopback and `*` are never granted that way.
    ///
    /// [`EgressPolicy::new`]: crate::adapters::egress::EgressPolicy::new
    pub hosts: Option<Vec<String>>,
    /// Whether granted hosts may be in private networks.
    pub allow_private_network: bool,
    /// Budgets of each call.
    pub limits: CallLimits,
}

impl WasmProviderConfig {
    /// A provider without settings and secrets, granted the public hosts that it asks for.
    #[must_use]
    pub fn new(name: ProviderName, component: impl Into<Cow<'static, [u8]>>) -> Self {
        Self {
            name,
            component: component.into(),
            settings: serde_json::Value::Object(serde_json::Map::new()),
            secrets: BTreeMap::new(),
            hosts: None,
            allow_private_network: false,
            limits: CallLimits::default(),
        }
    }
}

/// What one call of a plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// Bytes of all its memories together; at most the engine's. 64 MiB unless told otherwise.
    pub memory_bytes_max: usize,
    /// Elements of all its tables together; at most the engine's. 20,000 unless told otherwise.
    pub table_elements_max: usize,
    /// Time that its own code may run, measured in ticks of the engine. 200 ms unless told otherwise.
    pub cpu_budget_ms: u64,
    /// Bytes that it may hand to the host at once, in arguments or results. 10 MiB unless told otherwise.
    pub handover_bytes_max: usize,
    /// Lines that it may log; more are counted and dropped. 50 unless told otherwise.
    pub log_lines_max: u32,
    /// Bytes that it may log; more are dropped. 16 KiB unless told otherwise.
    pub log_bytes_max: usize,
    /// HTTP requests that it may make. 8 unless told otherwise. What the host asks for on its behalf, as access tokens,
    /// is not counted.
    pub requests_max: u32,
    /// Bytes of a response's body. 1 MiB unless told otherwise.
    pub response_bytes_max: usize,
    /// Messages that may be handed over at the same time; more wait. 64 unless told otherwise.
    pub concurrent_calls_max: usize,
}

/// Reports that one plugin reads at the same time; more wait. Each takes a moment: a plugin that reads one calls nobody before
/// it has found its signature right.
pub(super) const RECEIPT_PLACES: usize = 4;
/// Attempts that one plugin looks up at the same time; more wait. Each may take as long as its vendor likes.
pub(super) const LOOK_UP_PLACES: usize = 16;
/// What one plugin needs beside the places of messages: neither kind takes those of another.
pub(crate) const OTHER_PLACES: usize = RECEIPT_PLACES + LOOK_UP_PLACES;

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 64 * 1024 * 1024,
            table_elements_max: 20_000,
            cpu_budget_ms: 200,
            handover_bytes_max: 10 * 1024 * 1024,
            log_lines_max: 50,
            log_bytes_max: 16 * 1024,
            requests_max: 8,
            response_bytes_max: 1024 * 1024,
            concurrent_calls_max: 64,
        }
    }
}
