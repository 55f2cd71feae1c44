//! From the configuration to a running engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use notifier_core::smtp::{InvalidSmtp, SmtpCredentials, SmtpPassword, SmtpProvider};
use notifier_core::{
    Clock, Entropy, HttpCatalog, HttpDirectory, HttpLookup, InvalidLookup, Notifier, NotifierBuilder, Plugin,
    SecretError, SecretString, Secrets, StartError, SystemSecrets,
};

use crate::config::{Component, Config, LookupSettings, ProviderSettings, SecretSource, SmtpSettings};
use crate::plugin_kit::{self, Directory, Installed};

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A secret cannot be read.
    #[error("{key}: {source}")]
    Secret {
        /// The setting that refers to it.
        key: String,
        /// What is wrong.
        source: SecretError,
    },
    /// A component cannot be read.
    #[error("{key}: the component `{}` cannot be read: {source}", path.display())]
    Component {
        /// The setting that names it.
        key: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificates of authorities that a mail server's is to be trusted by cannot be read.
    #[error("{key}: the certificates in `{}` cannot be read: {source}", path.display())]
    Certificates {
        /// The setting that names them.
        key: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A mail server is not configured usefully.
    #[error("{section}.{source}")]
    Smtp {
        /// The section, as `providers.mail.smtp`.
        section: String,
        /// What is wrong.
        source: InvalidSmtp,
    },
    /// A look-up is not configured usefully.
    #[error("{section}.{source}")]
    Lookup {
        /// `directory` or `catalog`.
        section: &'static str,
        /// What is wrong.
        source: InvalidLookup,
    },
    /// The engine refused its configuration, or could not open the store.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Starts the engine that the configuration describes.
pub(crate) async fn start(
    config: &Config,
    clock: &Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<Notifier, EngineError> {
    let mut builder = add_lookups(rules(config), config, clock)?
        .clock(Arc::clone(clock))
        .entropy(entropy)
        .plugin_memory_bytes_max(config.plugin_memory_bytes_max);
    if let Some(path) = &config.store.path {
        builder = builder
            .data_dir(path)
            .store_cache_bytes(config.store.cache_bytes)
            .store_unmatched_receipts_max(config.store.unmatched_receipts_max);
    }
    if let Some(path) = &config.plugin_cache_path {
        builder = builder.plugin_cache_dir(path);
    }
    for (name, settings) in &config.providers {
        builder = match &settings.component {
            Component::Smtp(smtp) => builder.provider(name, Arc::new(mail_server(name, smtp, clock)?)),
            _ => builder.plugin(name, plugin(name, settings, config.plugins_path.as_deref())?),
        };
    }
    Ok(builder.start().await?)
}

/// What the configuration says about who is told what how, without the world outside: store, look-ups and plugins.
pub(crate) fn rules(config: &Config) -> NotifierBuilder {
    let mut builder = Notifier::builder().limits(config.limits.clone()).options(config.flow.clone());
    if let Some(sender) = &config.senders.email {
        builder = builder.sender_email(sender);
    }
    if let Some(sender) = &config.senders.sms {
        builder = builder.sender_sms(sender);
    }
    for category in &config.categories {
        builder = builder.category(category.clone());
    }
    for (name, settings) in &config.providers {
        builder = builder.provider_policy(name, settings.policy.clone());
    }
    for route in &config.special_routes {
        builder = builder.route_by(route.clone());
    }
    for (channel, provider) in &config.routes {
        builder = builder.route(*channel, provider);
    }
    builder
}

fn add_lookups(
    mut builder: NotifierBuilder,
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<NotifierBuilder, EngineError> {
    if let Some(settings) = &config.directory {
        let directory = HttpDirectory::new(lookup("directory", settings, clock)?);
        let directory = directory.map_err(|source| EngineError::Lookup { section: "directory", source })?;
        builder = builder.directory(Arc::new(directory));
    }
    if let Some(settings) = &config.catalog {
        let catalog = HttpCatalog::new(lookup("catalog", settings, clock)?);
        let catalog = catalog.map_err(|source| EngineError::Lookup { section: "catalog", source })?;
        builder = builder.catalog(Arc::new(catalog));
    }
    Ok(builder)
}

fn lookup(section: &str, settings: &LookupSettings, clock: &Arc<dyn Clock>) -> Result<HttpLookup, EngineError> {
    let api_key_header = match &settings.api_key {
        None => None,
        Some((header, key)) => Some((header.clone(), resolve(&format!("{section}.api_key"), key)?)),
    };
    Ok(HttpLookup {
        base_url: settings.base_url.clone(),
        path: settings.path.clone(),
        api_key_header,
        timeout: settings.timeout,
        cache_ttl: settings.cache_ttl,
        cache_bytes_max: settings.cache_bytes_max,
        fields: settings.fields.clone(),
        clock: Arc::clone(clock),
    })
}

/// What the configuration says about one plugin, and its component.
///
/// # Errors
/// See [`EngineError`]; of a provider that is a mail server, that it has no component.
pub(crate) fn plugin(
    name: &str,
    settings: &ProviderSettings,
    plugins_path: Option<&Path>,
) -> Result<Plugin, EngineError> {
    let (component, installed) = match &settings.component {
        Component::BuiltIn(built_in) => (prebuilt(name, built_in)?, None),
        Component::File { path, sha256 } => (from_file(name, path, sha256.as_deref())?, None),
        Component::Installed(plugin) => {
            let (component, installed) = installed(name, plugin, plugins_path)?;
            (Plugin::new(component), Some(installed))
        }
        Component::Smtp(_) => return Err(unusable(format!("providers.{name}.smtp"), "has no component".into())),
    };
    let mut plugin =
        component.settings(settings.settings.clone()).allow_private_network(settings.allow_private_network);
    let granted = installed.as_ref().map(|installed| installed.current.granted.hosts.as_slice());
    if let Some(hosts) = hosts(settings.hosts.as_deref(), granted) {
        plugin = hosts.iter().fold(plugin.no_other_hosts(), |plugin, host| plugin.host(host.as_str()));
    }
    for (secret, source) in &settings.secrets {
        if let Some(installed) = &installed
            && !check_secret(name, secret, installed)?
        {
            continue;
        }
        let value = resolve(&format!("providers.{name}.secrets.{secret}"), source)?;
        plugin = plugin.secret(secret.as_str(), value);
    }
    Ok(plugin)
}

/// What the operator writes here counts, were it that there are none; else what was granted to what is installed, in the same way.
/// Where neither is, the plugin gets what it asks for.
fn hosts<'a>(configured: Option<&'a [String]>, granted: Option<&'a [String]>) -> Option<&'a [String]> {
    configured.or(granted)
}

fn unusable(setting: String, problem: String) -> EngineError {
    StartError::Setting { setting, problem }.into()
}

fn prebuilt(name: &str, built_in: &str) -> Result<Plugin, EngineError> {
    let found = notifier_plugins::find(built_in);
    let missing = || unusable(format!("providers.{name}.plugin"), format!("there is no built-in plugin `{built_in}`"));
    Ok(Plugin::new(found.ok_or_else(missing)?.component))
}

fn from_file(name: &str, path: &Path, sha256: Option<&str>) -> Result<Plugin, EngineError> {
    let key = format!("providers.{name}.component");
    let read = std::fs::read(path);
    let component = read.map_err(|source| EngineError::Component { key, path: path.to_owned(), source })?;
    if let Some(wanted) = sha256 {
        let found = plugin_kit::sha256(&component);
        if wanted != found {
            let problem = format!("is {wanted}, and `{}` has {found}: it is not used", path.display());
            return Err(unusable(format!("providers.{name}.sha256"), problem));
        }
    }
    Ok(Plugin::new(component))
}

fn installed(name: &str, plugin: &str, plugins_path: Option<&Path>) -> Result<(Vec<u8>, Installed), EngineError> {
    let failed = |problem| unusable(format!("providers.{name}.plugin"), problem);
    let path = plugins_path.ok_or_else(|| failed("plugins.path names no directory".into()))?;
    Directory::new(path).component(plugin).map_err(|error| failed(error.to_string()))
}

/// Whether a secret of the configuration is handed over: whatever was granted is, and nothing else. Of the rest, one that the
/// plugin asks for is refused. One that it does not ask for is left out: an update that needs less than the version before takes the
/// grant away, and must not keep the server from its next start.
fn check_secret(name: &str, secret: &str, installed: &Installed) -> Result<bool, EngineError> {
    let is_among = |secrets: &[String]| secrets.iter().any(|other| other == secret);
    if is_among(&installed.current.granted.secrets) {
        return Ok(true);
    }
    if is_among(&installed.current.asks.secrets) {
        let problem = format!("is not granted to `{}`: see `notifier plugin grant --help`", installed.name);
        return Err(unusable(format!("providers.{name}.secrets.{secret}"), problem));
    }
    tracing::warn!(
        provider = name,
        secret,
        "the plugin does not ask for a secret that is configured: it does not get it"
    );
    Ok(false)
}

fn mail_server(name: &str, settings: &SmtpSettings, clock: &Arc<dyn Clock>) -> Result<SmtpProvider, EngineError> {
    let section = format!("providers.{name}.smtp");
    let mut options = settings.options.clone();
    if let Some(login) = &settings.login {
        let value = resolve(&format!("{section}.password"), &login.password)?;
        let password = match &login.password {
            SecretSource::Value(_) => SmtpPassword::Value(value),
            // It was there just now; from here on it is read for each connection.
            SecretSource::Reference(reference) => SmtpPassword::Reference(reference.clone(), Arc::new(SystemSecrets)),
        };
        let credentials = SmtpCredentials { username: login.username.clone(), password, mechanism: login.mechanism };
        options.credentials = Some(credentials);
    }
    if let Some(path) = &settings.root_certificates {
        let key = format!("{section}.root_certificates");
        let read = std::fs::read(path);
        options.extra_roots_pem =
            read.map_err(|source| EngineError::Certificates { key, path: path.clone(), source })?;
    }
    SmtpProvider::new(options, Arc::clone(clock)).map_err(|source| EngineError::Smtp { section, source })
}

fn resolve(key: &str, source: &SecretSource) -> Result<SecretString, EngineError> {
    match source {
        SecretSource::Value(value) => Ok(value.clone()),
        SecretSource::Reference(reference) => {
            SystemSecrets.resolve(reference).map_err(|source| EngineError::Secret { key: key.to_owned(), source })
        }
    }
}

#[cfg(test)]
mod tests;
