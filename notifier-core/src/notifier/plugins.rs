//! Plugins that are replaced while the engine runs.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::Notifier;
use crate::domain::channel::Channel;
use crate::domain::id::ProviderName;
use crate::plugin::{Plugin, load_one};
use crate::ports::provider::Provider;

/// Why a provider stays what it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// There is no such provider: one that is new needs a start, for routes are checked there.
    #[error("there is no provider `{0}` to replace")]
    UnknownProvider(ProviderName),
    /// The engine was started without plugins.
    #[error("no plugin was configured at the start: there is none to replace")]
    NoPlugins,
    /// What is to come cannot be used. [`ProviderStatus::not_replaced`](super::ProviderStatus::not_replaced) says so as well.
    #[error("provider `{provider}` stays as it is: {problem}")]
    Plugin {
        /// Which provider.
        provider: ProviderName,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl Notifier {
    /// Puts a plugin in the place of that provider: calls that begin from now on are its calls, those that run end where they
    /// began. Its circuit breaker, its counts and its limits stay.
    ///
    /// Where it cannot be loaded, or does not serve a channel that is routed to it, the provider stays what it is. Somebody who
    /// does not even have the plugin hands over why.
    ///
    /// # Errors
    /// See [`ReplaceError`].
    pub async fn replace_plugin(
        &self,
        name: &ProviderName,
        plugin: Result<Plugin, String>,
    ) -> Result<(), ReplaceError> {
        let unknown = || ReplaceError::UnknownProvider(name.clone());
        let connected = self.flow.providers.get(name).ok_or_else(unknown)?;
        let engine = self.plugin_engine.clone().ok_or(ReplaceError::NoPlugins)?;
        let loaded = match plugin {
            Err(problem) => Err(problem),
            Ok(plugin) => {
                let (parsed, plugin) = (name.clone(), plugin.places(connected.concurrent_calls_max()));
                // It runs, to say what it is, beside calls that may use all of their places.
                let place = engine.place().await;
                let loading = tokio::task::spawn_blocking({
                    let engine = Arc::clone(&engine);
                    move || load_one(&engine, parsed, plugin)
                });
                let loaded = loading.await.unwrap_or_else(|panic| Err(panic.to_string()));
                drop(place);
                loaded
            }
        };
        let loaded = loaded.and_then(|provider| self.serves_its_routes(name, provider));
        let result = loaded
            .as_ref()
            .map(drop)
            .map_err(|problem| ReplaceError::Plugin { provider: name.clone(), problem: problem.clone() });
        connected.replace(loaded);
        result
    }

    fn serves_its_routes(&self, name: &ProviderName, provider: Arc<dyn Provider>) -> Result<Arc<dyn Provider>, String> {
        let routes = self.flow.routes.0.iter().filter(|route| route.chain.providers().any(|other| other == name));
        let serves = |channel: &Channel| provider.describe().channels.contains(channel);
        match routes.map(|route| route.channel).find(|channel| !serves(channel)) {
            Some(channel) => Err(format!("it does not serve the channel `{}`, which is routed to it", channel.name())),
            None => Ok(provider),
        }
    }
}
