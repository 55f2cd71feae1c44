//! The configuration: typed, documented by `notifier.default.toml`, and checked as a whole before anything starts.

mod category;
mod print;
mod provider;
pub(crate) mod reader;
mod routes;
mod sections;
mod smtp;
pub(crate) mod source;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{ConfigError as SourceError, Environment, Value, ValueKind};
use notifier_core::smtp::{SmtpMechanism, SmtpOptions};
use notifier_core::{Category, Channel, FlowOptions, Limits, ProviderPolicy, Route, SecretString};

pub use reader::SettingError;
use source::Named;

/// The defaults, and the documentation of every setting.
pub const DEFAULT_TOML: &str = include_str!("../../notifier.default.toml");

/// Environment variables that start with this override files.
const ENVIRONMENT_PREFIX: &str = "NOTIFIER";

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerSettings,
    /// What is written to the log.
    pub log: LogSettings,
    /// Where records are kept.
    pub store: StoreSettings,
    /// Where plugins are installed; `None` where none are.
    pub plugins_path: Option<PathBuf>,
    /// Where compiled components are kept; `None` compiles at every start.
    pub plugin_cache_path: Option<PathBuf>,
    /// Memory of all calls of plugins together, in bytes.
    pub plugin_memory_bytes_max: usize,
    /// How the engine paces itself.
    pub flow: FlowOptions,
    /// How much one request may carry.
    pub limits: Limits,
    /// Who messages come from.
    pub senders: SenderSettings,
    /// The user database.
    pub directory: Option<LookupSettings>,
    /// The system that knows what notifications are about.
    pub catalog: Option<LookupSettings>,
    /// Kinds of message.
    pub categories: Vec<Category>,
    /// Providers, by name.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// For some deliveries of a channel, their providers: of those that fit, the first counts.
    pub special_routes: Vec<Route>,
    /// The provider of each channel, where none of those fits.
    pub routes: BTreeMap<Channel, String>,
}

/// The HTTP server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where it listens. Port 0 lets the system choose a free one.
    pub listen: SocketAddr,
    /// Connections served at the same time.
    pub connections_max: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long a body may take.
    pub body_timeout: Duration,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// Size of a body, in bytes.
    pub body_bytes_max: usize,
    /// Size of a body with many notifications, in bytes.
    pub batch_bytes_max: usize,
    /// Size of all bodies that are read or worked on at the same time, in bytes.
    pub bodies_bytes_max: usize,
    /// Where others reach the server, as `https://notify.example.com`.
    pub public_url: Option<String>,
    /// How long a shutdown waits for what is in flight.
    pub shutdown_deadline: Duration,
    /// Whether the routes of the replaced service are answered.
    pub compat: bool,
}

/// What is written to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How a line looks.
    pub format: LogFormat,
    /// Filter directives, as `info,notifier_core=debug`.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Text,
}

/// Where records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The directory; `None` keeps everything in memory, which no file can ask for.
    pub path: Option<PathBuf>,
    /// Memory for its cache, in bytes.
    pub cache_bytes: u64,
    /// How many receipts about messages that are not known are kept.
    pub unmatched_receipts_max: usize,
}

/// Who messages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderSettings {
    /// Of email, as `Office <office@example.com>`.
    pub email: Option<String>,
    /// Of text messages.
    pub sms: Option<String>,
}

/// A system that is asked over HTTP.
#[derive(Clone, Debug)]
pub struct LookupSettings {
    /// Where it is.
    pub base_url: String,
    /// The path below it, with `{id}`.
    pub path: String,
    /// The header that carries the API key, and the key.
    pub api_key: Option<(String, SecretSource)>,
    /// How long one look-up may take.
    pub timeout: Duration,
    /// How long an answer is kept.
    pub cache_ttl: Duration,
    /// Memory for the answers that are kept, in bytes.
    pub cache_bytes_max: u64,
    /// Where things stand in the answer, as JSON pointers.
    pub fields: BTreeMap<String, String>,
}

/// A provider.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// What runs.
    pub component: Component,
    /// Its own settings.
    pub settings: serde_json::Value,
    /// Its secrets, by the names that it uses.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Hosts that it may call, which may be none. Where nothing is said, those that were granted to an installed plugin, or else
    /// the public ones that the plugin asks for.
    pub hosts: Option<Vec<String>>,
    /// Whether they may be in private networks.
    pub allow_private_network: bool,
    /// What it is allowed, and how it is judged.
    pub policy: ProviderPolicy,
}

/// What brings messages to people.
#[derive(Clone, Debug)]
pub enum Component {
    /// A component that is built in, by name.
    BuiltIn(String),
    /// Installed with `notifier plugin install`, by name.
    Installed(String),
    /// A component in a file.
    File {
        /// Where it is.
        path: PathBuf,
        /// The digest that it has to have, in lower-case hexadecimal.
        sha256: Option<String>,
    },
    /// A mail server, without a component: its settings are here, and those for plugins are empty.
    Smtp(Box<SmtpSettings>),
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// How it is reached; without credentials and further authorities.
    pub options: SmtpOptions,
    /// Who we are.
    pub login: Option<SmtpLogin>,
    /// A file of certificates, in PEM, of authorities to trust beside the public ones.
    pub root_certificates: Option<PathBuf>,
}

/// Who we are, to a mail server.
#[derive(Clone, Debug)]
pub struct SmtpLogin {
    /// The user.
    pub username: String,
    /// The password, or the access token.
    pub password: SecretSource,
    /// How they are presented.
    pub mechanism: SmtpMechanism,
}

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// `env:NAME` or `file:PATH`.
    Reference(String),
    /// The value, from a program that has it. Cannot be written in a file.
    Value(SecretString),
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source cannot be read or is not TOML.
    #[error("the configuration cannot be read: {0}")]
    Source(#[from] SourceError),
    /// Settings that cannot be used: every one of them.
    #[error("the configuration is not valid:{}", listed(.0))]
    Settings(Vec<SettingError>),
}

fn listed(errors: &[SettingError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// A configuration and the text that it came from.
#[derive(Debug)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    merged: BTreeMap<String, Value>,
}

impl Loaded {
    /// What is in force, as TOML that reads back as the same. Secrets are shown as the references that they are.
    #[must_use]
    pub fn to_toml(&self) -> String {
        print::to_toml(&self.merged)
    }
}

impl Config {
    /// The defaults, then the file, then this process's environment.
    ///
    /// # Errors
    /// When a source cannot be read, or naming every setting that cannot be used.
    pub fn load(file: Option<&Path>) -> Result<Loaded, ConfigError> {
        Self::load_over(None, file, None)
    }

    /// As [`Self::load`], with the sandbox's settings, in TOML, over the defaults, and with a given environment instead of the
    /// process's.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_over(
        overlay: Option<&str>,
        file: Option<&Path>,
        environment: Option<BTreeMap<String, String>>,
    ) -> Result<Loaded, ConfigError> {
        let environment = environment.map(|variables| variables.into_iter().collect());
        let overrides = Environment::with_prefix(ENVIRONMENT_PREFIX).separator("__").source(environment);
        let mut sources = config::Config::builder().add_source(Named::toml("the defaults", DEFAULT_TOML)?);
        if let Some(overlay) = overlay {
            sources = sources.add_source(Named::toml("the sandbox's defaults", overlay)?);
        }
        if let Some(file) = file {
            sources = sources.add_source(Named::file(file)?);
        }
        let merged = sources.add_source(overrides).build()?.cache.into_table()?;
        let mut merged: BTreeMap<String, Value> = merged.into_iter().collect();
        let (config, typed) = sections::read(merged.clone()).map_err(ConfigError::Settings)?;
        for (keys, value) in typed {
            put(&mut merged, &keys, value);
        }
        Ok(Loaded { config, merged })
    }

    /// The defaults, then the file, then what a scenario says itself. The environment does not count: a scenario means the
    /// same everywhere. A provider that only the scenario knows needs no plugin: none is run.
    pub(crate) fn load_for_scenario(file: Option<&Path>, scenario: Named) -> Result<Self, ConfigError> {
        let mut sources = config::Config::builder().add_source(Named::toml("the defaults", DEFAULT_TOML)?);
        if let Some(file) = file {
            sources = sources.add_source(Named::file(file)?);
        }
        let mut merged = sources.add_source(scenario).build()?.cache.into_table()?;
        if let Some(ValueKind::Table(providers)) = merged.get_mut("providers").map(|value| &mut value.kind) {
            let tables = providers.values_mut().filter_map(|provider| match &mut provider.kind {
                ValueKind::Table(provider) => Some(provider),
                _ => None,
            });
            let has_one = |provider: &config::Map<String, Value>| {
                ["component", "smtp"].iter().any(|key| provider.contains_key(*key))
            };
            for provider in tables.filter(|provider| !has_one(provider)) {
                let stand_in = notifier_plugins::TWILIO.name;
                provider.entry("plugin".to_owned()).or_insert_with(|| Value::new(None, stand_in));
            }
        }
        let read = sections::read(merged.into_iter().collect()).map_err(ConfigError::Settings)?;
        Ok(read.0)
    }
}

/// Replaces the value to which the keys lead.
fn put(settings: &mut BTreeMap<String, Value>, keys: &[String], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    let mut place = settings.get_mut(first);
    for key in rest {
        place = match place.map(|value| &mut value.kind) {
            Some(ValueKind::Table(entries)) => entries.get_mut(key),
            _ => None,
        };
    }
    if let Some(place) = place {
        *place = value;
    }
}

#[cfg(test)]
mod tests;
