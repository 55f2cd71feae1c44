//! Where adapters meet the flow: the one place that knows both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::adapters::memory::MemoryStore;
#[cfg(feature = "sled")]
use crate::adapters::sled::{SledOptions, SledStore};
use crate::adapters::system::{SystemClock, SystemEntropy};
use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::id::{CategoryName, ProviderName};
use crate::domain::limits::Limits;
use crate::domain::message::{Mailbox, Senders};
use crate::domain::route::{Route, Routes};
use crate::error::StartError;
use crate::flow::connected::{Connected, ProviderPolicy};
use crate::flow::depth::Depth;
use crate::flow::in_hand::InHand;
use crate::flow::replays::Replays;
use crate::flow::templates::Templates;
use crate::flow::{Flow, FlowOptions, Signals, Tally};
use crate::notifier::Notifier;
#[cfg(feature = "wasm")]
use crate::plugin::Plugin;
use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::directory::Directory;
use crate::ports::entropy::Entropy;
use crate::ports::provider::Provider;
use crate::ports::store::Store;

mod policies;
mod rules;

/// Where records are kept.
#[derive(Default)]
enum StoreChoice {
    #[default]
    Memory,
    Given(Arc<dyn Store>),
    #[cfg(feature = "sled")]
    Directory(std::path::PathBuf),
}

/// Puts an engine together. See [`Notifier::builder`].
#[derive(Default)]
pub struct NotifierBuilder {
    store: StoreChoice,
    #[cfg(feature = "sled")]
    store_options: SledOptions,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    directory: Option<Arc<dyn Directory>>,
    catalog: Option<Arc<dyn Catalog>>,
    providers: Vec<(String, Arc<dyn Provider>)>,
    policies: Vec<(String, ProviderPolicy)>,
    #[cfg(feature = "wasm")]
    plugins: Vec<(String, Plugin)>,
    #[cfg(feature = "wasm")]
    plugin_cache_dir: Option<std::path::PathBuf>,
    #[cfg(feature = "wasm")]
    plugin_memory_bytes_max: Option<usize>,
    routes: Vec<Route>,
    last_routes: Vec<(Channel, String)>,
    categories: Vec<Category>,
    sender_email: Option<String>,
    sender_sms: Option<String>,
    limits: Limits,
    options: FlowOptions,
}

impl NotifierBuilder {
    /// Keeps everything there. Without a store and without [`Self::data_dir`], everything is kept in memory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = StoreChoice::Given(store);
        self
    }

    /// Keeps everything in this directory, which is made if it is not there. One process at a time.
    #[cfg(feature = "sled")]
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.store = StoreChoice::Directory(path.into());
        self
    }

    /// How much memory the store in [`Self::data_dir`] may use for its cache, in bytes.
    #[cfg(feature = "sled")]
    #[must_use]
    pub fn store_cache_bytes(mut self, bytes: u64) -> Self {
        self.store_options.cache_bytes = bytes;
        self
    }

    /// How many reports about nothing known the store in [`Self::data_dir`] keeps: they may be early. Of more, the latest are
    /// kept. 100,000 unless it is said.
    #[cfg(feature = "sled")]
    #[must_use]
    pub fn store_unmatched_receipts_max(mut self, receipts: usize) -> Self {
        self.store_options.unmatched_receipts_max = receipts;
        self
    }

    /// Tells the time; the system's clock otherwise.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Makes identifiers and jitter; the system's randomness otherwise.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = Some(entropy);
        self
    }

    /// The user database, for requests that name a recipient without an address.
    #[must_use]
    pub fn directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// The system that knows what notifications are about.
    #[must_use]
    pub fn catalog(mut self, catalog: Arc<dyn Catalog>) -> Self {
        self.catalog = Some(catalog);
        self
    }

    /// Adds a provider of the application's own.
    #[must_use]
    pub fn provider(mut self, name: impl Into<String>, provider: Arc<dyn Provider>) -> Self {
        self.providers.push((name.into(), provider));
        self
    }

    /// Adds a provider that is a sandboxed component.
    #[cfg(feature = "wasm")]
    #[must_use]
    pub fn plugin(mut self, name: impl Into<String>, plugin: Plugin) -> Self {
        self.plugins.push((name.into(), plugin));
        self
    }

    /// Keeps compiled components in this directory, so that the next start is quick. It must belong to this process's
    /// user alone: what is in it is run as native code.
    #[cfg(feature = "wasm")]
    #[must_use]
    pub fn plugin_cache_dir(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.plugin_cache_dir = Some(path.into());
        self
    }

    /// Memory of all running calls of plugins together, in bytes; 256 MiB without it. The calls of one provider may use half
    /// of it, and a call that finds none left is tried again later: for hundreds of calls at the same time, it has to be more.
    #[cfg(feature = "wasm")]
    #[must_use]
    pub fn plugin_memory_bytes_max(mut self, bytes: usize) -> Self {
        self.plugin_memory_bytes_max = Some(bytes);
        self
    }

    /// What the provider of that name is allowed, and how it is judged. Every number has the limits that it has in the
    /// configuration of the server; [`Self::start`] names one that is beyond them.
    #[must_use]
    pub fn provider_policy(mut self, name: impl Into<String>, policy: ProviderPolicy) -> Self {
        self.policies.push((name.into(), policy));
        self
    }

    /// Sends this channel's deliveries to that provider, where no [`Self::route_by`] fits. A channel without a route cannot be
    /// used.
    #[must_use]
    pub fn route(mut self, channel: Channel, provider: impl Into<String>) -> Self {
        self.last_routes.push((channel, provider.into()));
        self
    }

    /// Adds a route for some deliveries of a channel, to several providers. Of the routes that fit a delivery, the one that
    /// was added first counts.
    #[must_use]
    pub fn route_by(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Adds a category, or replaces the one of that name. `default` is always there.
    #[must_use]
    pub fn category(mut self, category: Category) -> Self {
        self.categories.push(category);
        self
    }

    /// From whom email comes, as `Office <office@example.com>`.
    #[must_use]
    pub fn sender_email(mut self, mailbox: impl Into<String>) -> Self {
        self.sender_email = Some(mailbox.into());
        self
    }

    /// From whom text messages come: a number, short code or alphanumeric sender.
    #[must_use]
    pub fn sender_sms(mut self, sender: impl Into<String>) -> Self {
        self.sender_sms = Some(sender.into());
        self
    }

    /// How much one request may carry.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How the engine paces itself.
    #[must_use]
    pub fn options(mut self, options: FlowOptions) -> Self {
        self.options = options;
        self
    }

    /// On that clock, and with nothing that is not repeatable or that time would have to wait for.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn in_virtual_time(mut self, clock: &Arc<crate::testing::ManualClock>) -> Result<Self, StartError> {
        #[cfg(feature = "sled")]
        if let StoreChoice::Directory(_) = self.store {
            return Err(setting("store", "virtual time does not wait for a disk: leave the data directory out"));
        }
        self.clock = Some(Arc::clone(clock) as _);
        let repeatable = || Arc::new(crate::testing::SeededEntropy::new(1)) as _;
        self.entropy = Some(self.entropy.unwrap_or_else(repeatable));
        let month = Duration::from_secs(30 * 24 * 3_600);
        self.options.sweep_interval = self.options.sweep_interval.max(month);
        Ok(self)
    }

    /// Opens the store, loads the plugins, settles what an earlier process left behind, and goes to work.
    ///
    /// # Errors
    /// Names the part of the configuration that cannot be used, the plugin that does not load, or what is wrong with the
    /// data directory.
    pub async fn start(self) -> Result<Notifier, StartError> {
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let entropy = self.entropy.unwrap_or_else(|| Arc::new(SystemEntropy::new()));
        check_options(&self.options)?;
        check_limits(&self.limits)?;
        let senders = read_senders(self.sender_email, self.sender_sms)?;
        let mut providers = BTreeMap::new();
        for (name, provider) in self.providers {
            add_provider(&mut providers, &name, provider)?;
        }
        #[cfg(feature = "wasm")]
        let plugins = policies::with_places(self.plugins, &self.policies)?;
        #[cfg(feature = "wasm")]
        let plugin_options =
            crate::plugin::engine_options(self.plugin_cache_dir, &plugins, self.plugin_memory_bytes_max);
        #[cfg(feature = "wasm")]
        let (plugin_engine, plugins) = crate::plugin::load(plugins, plugin_options, &clock, &entropy).await?;
        #[cfg(feature = "wasm")]
        for (name, plugin) in plugins {
            add_provider(&mut providers, &name, plugin)?;
        }
        let routes = rules::read_routes(self.routes, self.last_routes, &providers)?;
        check_email_sender(&routes, &senders)?;
        let mut policies = policies::read_policies(self.policies, &providers)?;
        let categories = rules::read_categories(self.categories, &routes)?;
        let store: Arc<dyn Store> = match self.store {
            StoreChoice::Given(store) => store,
            StoreChoice::Memory => Arc::new(MemoryStore::new()),
            #[cfg(feature = "sled")]
            StoreChoice::Directory(path) => open_directory(path, self.store_options).await?,
        };
        let mut known: BTreeMap<_, _> =
            store.provider_states().await?.into_iter().map(|state| (state.provider.clone(), state)).collect();
        let now = clock.now();
        let rules_version = rules_version(&categories, &routes, &policies);
        let in_flight_max = self.options.in_flight_max;
        let connect = |(name, provider): (ProviderName, Arc<dyn Provider>)| {
            let (policy, known) = (policies.remove(&name).unwrap_or_default(), known.remove(&name));
            (name.clone(), Arc::new(Connected::new(name, provider, policy, known, in_flight_max, now)))
        };
        let flow = Arc::new(Flow {
            store,
            clock,
            entropy,
            directory: self.directory,
            catalog: self.catalog,
            providers: providers.into_iter().map(connect).collect(),
            rules_version,
            routes,
            categories,
            senders,
            limits: self.limits,
            signals: Signals::new(&self.options),
            options: self.options,
            templates: Templates::new(),
            replays: Replays::default(),
            tally: Tally::default(),
            depth: Depth::new(),
            in_hand: InHand::default(),
            sweeping: tokio::sync::Mutex::default(),
        });
        Ok(Notifier {
            tasks: start_stages(&flow),
            flow,
            #[cfg(feature = "wasm")]
            plugin_engine,
        })
    }
}

/// What works in the background.
fn start_stages(flow: &Arc<Flow>) -> Vec<JoinHandle<()>> {
    let mut tasks = vec![tokio::spawn(Arc::clone(flow).recover()), tokio::spawn(Arc::clone(flow).sweep_now_and_then())];
    // Also where there is no route any more: what waits there has to come to its end.
    for channel in Channel::ALL {
        tasks.push(tokio::spawn(Arc::clone(flow).schedule(channel)));
    }
    tasks
}

/// Twelve hexadecimal digits that change with the rules: an explanation says by which it was made.
fn rules_version(
    categories: &BTreeMap<CategoryName, Category>,
    routes: &Routes,
    policies: &BTreeMap<ProviderName, ProviderPolicy>,
) -> String {
    let rules = format!("{} {categories:?} {routes:?} {policies:?}", env!("CARGO_PKG_VERSION"));
    let digest = ring::digest::digest(&ring::digest::SHA256, rules.as_bytes());
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

fn setting(setting: impl Into<String>, problem: impl ToString) -> StartError {
    StartError::Setting { setting: setting.into(), problem: problem.to_string() }
}

fn check_options(options: &FlowOptions) -> Result<(), StartError> {
    if !(1..=100_000).contains(&options.in_flight_max) {
        return Err(setting("flow.in_flight_max", "must be 1 to 100000"));
    }
    if options.claim_ahead > Duration::from_secs(5) {
        return Err(setting(
            "flow.claim_ahead",
            "must be at most 5 seconds: what was claimed is no longer looked at anew",
        ));
    }
    if options.sweep_interval < Duration::from_secs(1) {
        return Err(setting("flow.sweep_interval", "must be at least a second"));
    }
    if options.pending_max == 0 || options.accepting_max == 0 {
        return Err(setting("flow.pending_max", "must be at least 1, and `accepting_max` too"));
    }
    let is_url = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    if options.public_url.as_ref().is_some_and(|url| !is_url(url) || url.contains(['?', '#', ' '])) {
        return Err(setting(
            "server.public_url",
            "must be an http or https URL without a query, as `https://n.example.com`",
        ));
    }
    if options.claim_batch_max == 0 {
        return Err(setting("flow.claim_batch_max", "must be at least 1"));
    }
    if options.attempt_timeout.is_zero() || options.lease_margin < Duration::from_secs(1) {
        return Err(setting("flow.lease_margin", "must be at least a second, and `attempt_timeout` more than nothing"));
    }
    Ok(())
}

fn check_limits(limits: &Limits) -> Result<(), StartError> {
    if limits.attachments_bytes_max > Limits::ATTACHMENTS_BYTES_MAX {
        let problem = format!("must be at most {}: more cannot be handed to a provider", Limits::ATTACHMENTS_BYTES_MAX);
        return Err(setting("limits.attachments_bytes_max", problem));
    }
    Ok(())
}

fn read_senders(email: Option<String>, sms: Option<String>) -> Result<Senders, StartError> {
    let email = email.as_deref().map(Mailbox::parse).transpose().map_err(|error| setting("senders.email", error))?;
    let is_plain = |sender: &String| (1..=32).contains(&sender.len()) && !sender.chars().any(char::is_control);
    if sms.as_ref().is_some_and(|sender| !is_plain(sender)) {
        return Err(setting("senders.sms", "must be a number, a short code or an alphanumeric sender"));
    }
    Ok(Senders { email, sms })
}

fn check_email_sender(routes: &Routes, senders: &Senders) -> Result<(), StartError> {
    if routes.channels().contains(&Channel::Email) && senders.email.is_none() {
        let problem = "is needed where there is a route for email: an email needs somebody it is from";
        return Err(setting("senders.email", problem));
    }
    Ok(())
}

fn add_provider(
    providers: &mut BTreeMap<ProviderName, Arc<dyn Provider>>,
    name: &str,
    provider: Arc<dyn Provider>,
) -> Result<(), StartError> {
    let parsed = ProviderName::new(name).map_err(|error| setting(format!("providers.{name}"), error))?;
    match providers.insert(parsed, provider) {
        None => Ok(()),
        Some(_) => Err(setting(format!("providers.{name}"), "is configured twice")),
    }
}

/// Opening may have to replay or compact: it happens beside the asynchronous work.
#[cfg(feature = "sled")]
async fn open_directory(path: std::path::PathBuf, options: SledOptions) -> Result<Arc<dyn Store>, StartError> {
    let opening = tokio::task::spawn_blocking(move || SledStore::open(path, options));
    match opening.await {
        Ok(Ok(store)) => Ok(Arc::new(store)),
        Ok(Err(error)) => Err(StartError::Open(error.to_string())),
        Err(panic) => Err(StartError::Open(panic.to_string())),
    }
}
