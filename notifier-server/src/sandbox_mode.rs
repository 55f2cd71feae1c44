//! `notifier sandbox`: the real engine and the real plugins among fakes of the world outside, on loopback only.
//!
//! Everything is as in production but for the addresses: the plugins call the fakes of their vendors, the directory and
//! the catalog are HTTP services with an API key, the vendors report what became of messages in signed requests, and
//! `/sandbox` shows what arrived.

mod vendors;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notifier_core::{
    Channel, Clock, Content, EmailSource, Preferences, PutError, RecipientId, Route, SmsSource, StoreError,
    SystemClock, Template, TemplateName, TenantId, Variable, VariableKind,
};
use serde_json::{Map, json};
use tempfile::TempDir;

use crate::config::{Config, ConfigError, LookupSettings, SecretSource};
use crate::running::{Running, StartupError, Stopped, start_reachable};
use crate::sandbox::{
    CURL_EXAMPLE, PreferenceSeed, Sandbox, SandboxError, SandboxOptions, Service, TemplateSeed, seed_preferences,
    seed_template,
};

pub use vendors::sandbox_providers;

/// What the sandbox sets differently from the defaults.
const OVERLAY: &str = include_str!("sandbox_mode.toml");

/// How long look-ups are kept: short, so that a fault of the services shows.
const LOOKUP_KEPT: Duration = Duration::from_millis(500);

/// How a sandbox starts.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// The configuration. Providers, directory and catalog are replaced; a route stays where it leads to the sandbox's
    /// providers only.
    pub config: Config,
    /// Where records are kept; `None` in a temporary directory, which is removed at the end.
    pub data_dir: Option<PathBuf>,
    /// Whether the inbox retains each request as it came. Costs a copy of every body.
    pub keep_raw: bool,
}

/// A running sandbox.
pub struct SandboxMode {
    running: Running,
    sandbox: Sandbox,
    // Removed when dropped, after the engine has let go of it.
    _temporary: Option<TempDir>,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxModeError {
    /// It was told to listen where others can reach it.
    #[error(
        "server.listen: a sandbox listens on loopback only, not on {0}: it has no authentication, and its credentials are public"
    )]
    NotLoopback(SocketAddr),
    /// There is no place for its records.
    #[error("no temporary directory can be made: {0}")]
    Directory(#[source] io::Error),
    /// The fakes do not start.
    #[error(transparent)]
    World(#[from] SandboxError),
    /// The server does not start.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The preferences and the template that it starts with cannot be stored.
    #[error("the sandbox's first records cannot be stored: {0}")]
    Seed(#[from] PutError),
}

impl SandboxSettings {
    /// The sandbox's configuration, then the file, then this process's environment.
    ///
    /// # Errors
    /// When a source cannot be read, or naming every setting that cannot be used.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let config = Config::load_over(Some(OVERLAY), file, None)?.config;
        Ok(Self { config, data_dir: None, keep_raw: false })
    }
}

impl SandboxMode {
    /// Starts the fakes, the engine and the server. They serve when this returns.
    ///
    /// # Errors
    /// When it would be reachable from elsewhere, or a part does not start.
    pub async fn start(settings: SandboxSettings) -> Result<Self, SandboxModeError> {
        let SandboxSettings { mut config, data_dir, keep_raw } = settings;
        if !config.server.listen.ip().is_loopback() {
            return Err(SandboxModeError::NotLoopback(config.server.listen));
        }
        let (data_dir, temporary) = match data_dir {
            Some(path) => (path, None),
            None => {
                let temporary = tempfile::Builder::new().prefix("notifier-sandbox-").tempdir();
                let temporary = temporary.map_err(SandboxModeError::Directory)?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let sandbox =
            Sandbox::start(SandboxOptions { keep_raw, ..SandboxOptions::new(Arc::new(|| SystemClock.now())) }).await?;
        config.store.path = Some(data_dir.join("store"));
        config.plugin_cache_path = config.plugin_cache_path.or_else(user_cache_path);
        connect(&mut config, &sandbox);
        let running = start_reachable(config, sandbox.router()).await?;
        vendors::report_to(&sandbox, running.address()).await;
        seed(&running).await?;
        Ok(Self { running, sandbox, _temporary: temporary })
    }

    /// The server.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// The fakes.
    #[must_use]
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// What to tell a newcomer.
    #[must_use]
    pub fn welcome(&self) -> String {
        let origin = format!("http://{}", self.running.address());
        let example = CURL_EXAMPLE.replace("{origin}", &origin);
        format!(
            "notifier sandbox\n\n  what arrives   {origin}/sandbox\n  API            {origin}/docs\n  takes webhooks {hooks}\n\n\
             Try:\n\n  {example}\n\nUser 1 wants email and SMS, 2 email, 3 SMS, 4 nothing. Ctrl-C ends it.\n",
            hooks = self.sandbox.url(Service::Webhook),
        )
    }

    /// Ends the server in order, then the fakes.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub async fn shutdown(self) -> Result<Stopped, StoreError> {
        self.sandbox.close_events();
        let stopped = self.running.shutdown().await;
        self.sandbox.shutdown().await;
        stopped
    }
}

/// Where compiled components can be kept: a directory of this user alone, since what is in it is run.
fn user_cache_path() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("notifier").join("plugins"))
}

/// Points the configuration at the fakes.
fn connect(config: &mut Config, sandbox: &Sandbox) {
    let credentials = sandbox.credentials();
    let configured = std::mem::replace(&mut config.providers, sandbox_providers(sandbox));
    for (name, settings) in &mut config.providers {
        if let Some(configured) = configured.get(name) {
            settings.policy = configured.policy.clone();
        }
    }
    let leads_to_fakes = |route: &Route| route.chain.providers().all(|name| vendors::is_provider(name.as_str()));
    config.special_routes.retain(leads_to_fakes);
    config.routes.retain(|_, provider| vendors::is_provider(provider));
    for (channel, provider) in vendors::default_routes() {
        config.routes.entry(channel).or_insert_with(|| provider.to_owned());
    }
    config.directory = Some(lookup(sandbox.directory_url(), "/users/{id}", &credentials.directory_api_key));
    config.catalog = Some(lookup(sandbox.catalog_url(), "/properties/{id}", &credentials.catalog_api_key));
}

fn lookup(url: &str, path: &str, key: &str) -> LookupSettings {
    LookupSettings {
        base_url: url.to_owned(),
        path: path.to_owned(),
        api_key: Some(("X-API-Key".to_owned(), SecretSource::Value(key.to_owned().into()))),
        timeout: Duration::from_secs(2),
        cache_ttl: LOOKUP_KEPT,
        cache_bytes_max: 16 * 1024 * 1024,
        fields: BTreeMap::new(),
    }
}

async fn seed(running: &Running) -> Result<(), SandboxModeError> {
    let tenant = TenantId::unnamed();
    for seed in seed_preferences() {
        if let Ok(recipient) = RecipientId::new(seed.user_id) {
            running.notifier().put_preferences(&tenant, &recipient, preferences(&seed)).await?;
        }
    }
    let seed = seed_template();
    if let Ok(name) = TemplateName::new(seed.name) {
        running.notifier().put_template(&tenant, template(name, &seed)).await?;
    }
    Ok(())
}

fn preferences(seed: &PreferenceSeed) -> Preferences {
    let interests = Map::from_iter([
        ("property_types".to_owned(), json!(seed.property_types)),
        ("location".to_owned(), json!(seed.location)),
    ]);
    let channels = [(Channel::Email, seed.email_enabled), (Channel::Sms, seed.sms_enabled)];
    Preferences { channels: channels.into(), interests }
}

fn template(name: TemplateName, seed: &TemplateSeed) -> Template {
    let email = EmailSource {
        subject: seed.email_subject.to_owned(),
        text: Some(seed.email_text.to_owned()),
        html: Some(seed.email_html.to_owned()),
    };
    let sms = Some(SmsSource { text: seed.sms_text.to_owned() });
    let content = Content { email: Some(email), sms, ..Content::default() };
    let required = Variable { kind: VariableKind::Any, required: true };
    let variables = ["amount", "due_date"].map(|name| (name.to_owned(), required));
    Template { name, version: 0, content, locales: BTreeMap::new(), variables: variables.into() }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    fn settings(environment: &[(&str, &str)]) -> SandboxSettings {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let config = Config::load_over(Some(OVERLAY), None, Some(environment)).unwrap().config;
        SandboxSettings { config, data_dir: None, keep_raw: false }
    }

    #[tokio::test]
    async fn it_stays_on_loopback() {
        let result = SandboxMode::start(settings(&[("NOTIFIER__SERVER__LISTEN", "0.0.0.0:0")])).await;
        assert!(matches!(result, Err(SandboxModeError::NotLoopback(_))));
    }

    #[tokio::test]
    async fn an_open_page_does_not_hold_up_its_end() {
        let sandbox = SandboxMode::start(settings(&[("NOTIFIER__SERVER__LISTEN", "127.0.0.1:0")])).await.unwrap();
        let mut page = TcpStream::connect(sandbox.running().address()).await.unwrap();
        page.write_all(b"GET /sandbox/events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        // The stream has begun.
        assert!(page.read(&mut [0; 4_096]).await.unwrap() > 0);
        let deadline = sandbox.running().deadline();
        let stopped = tokio::time::timeout(deadline / 4, sandbox.shutdown()).await;
        assert!(stopped.expect("it ends before its deadline").unwrap().drained);
    }

    #[test]
    fn faults_can_be_tried_in_seconds_and_everything_can_be_overridden() {
        let config = settings(&[("NOTIFIER__CATEGORIES__DEFAULT__RETRY__DELAY_BASE_MS", "7")]).config;
        let default = config.categories.iter().find(|category| category.name.as_str() == "default").unwrap();
        assert_eq!((default.retry.delay_base_ms, default.retry.delay_max_ms), (7, 10_000));
        let emergency = config.categories.iter().find(|category| category.name.as_str() == "emergency").unwrap();
        assert!(emergency.mandatory);
    }
}
