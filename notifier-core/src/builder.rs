//! Where adapters meet the flow: the one place that knows both.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::id::{CategoryName, ProviderName};
use crate::domain::limits::Limits;
use crate::domain::message::{Mailbox, Senders};
use crate::domain::route::Routes;
use crate::error::StartError;
use crate::flow::templates::Templates;
use crate::flow::{Flow, FlowOptions, Signals};
use crate::notifier::Notifier;
use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::directory::Directory;
use crate::ports::entropy::Entropy;
use crate::ports::provider::Provider;
use crate::ports::store::Store;

/// Puts an engine together. See [`Notifier::builder`].
#[derive(Default)]
pub struct NotifierBuilder {
    store: Option<Arc<dyn Store>>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    directory: Option<Arc<dyn Directory>>,
    catalog: Option<Arc<dyn Catalog>>,
    providers: Vec<(String, Arc<dyn Provider>)>,
    #[cfg(feature = "wasm")]
    plugins: Vec<(String, crate::adapters::wasm::Plugin)>,
    #[cfg(feature = "wasm")]
    plugin_cache: Option<std::path::PathBuf>,
    routes: Vec<(Channel, String)>,
    categories: Vec<Category>,
    sender_email: Option<String>,
    sender_sms: Option<String>,
    limits: Limits,
    options: FlowOptions,
}
