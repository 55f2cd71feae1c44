//! Installed plugins, taken up while the server runs: what `notifier plugin install` and its like changed, at a SIGHUP.

use std::collections::BTreeMap;

use notifier_core::{Notifier, ProviderName};

use crate::config::{Component, Config};
use crate::engine;
use crate::plugin_kit::{Directory, Installed};

/// What runs of what is installed.
pub(crate) struct Reloader {
    config: Config,
    /// By the provider's name in the configuration.
    running: BTreeMap<String, Installed>,
}

impl Reloader {
    /// Of a server that is about to start; [`Self::confirm`] once it has.
    pub(crate) fn new(config: &Config) -> Self {
        let mut reloader = Self { config: config.clone(), running: BTreeMap::new() };
        reloader.running =
            reloader.installed().into_iter().filter_map(|(name, found)| Some((name, found.ok()?))).collect();
        reloader
    }

    /// Where the lock file is another than when it was read, nobody knows which of them what was just loaded goes by: whatever it
    /// says next is taken up, which at worst is the same once more.
    pub(crate) fn confirm(&mut self) {
        for (name, found) in self.installed() {
            if found.ok().as_ref() != self.running.get(&name) {
                self.running.remove(&name);
            }
        }
    }

    /// What the lock file says of each provider whose plugin is installed.
    fn installed(&self) -> Vec<(String, Result<Installed, String>)> {
        let directory = self.config.plugins_path.as_ref().map(Directory::new);
        let one = |(name, settings): (&String, &crate::config::ProviderSettings)| match &settings.component {
            Component::Installed(plugin) => {
                let found = match &directory {
                    Some(directory) => directory.installed(plugin).map_err(|error| error.to_string()),
                    None => Err("plugins.path names no directory".into()),
                };
                Some((name.clone(), found))
            }
            Component::BuiltIn(_) | Component::File { .. } | Component::Smtp(_) => None,
        };
        self.config.providers.iter().filter_map(one).collect()
    }

    /// Takes up what changed. What cannot be used leaves what runs in place; the log and `GET /v1/providers` say why.
    pub(crate) async fn reload(&mut self, notifier: &Notifier) {
        for (name, found) in self.installed() {
            let Ok(provider) = ProviderName::new(name.as_str()) else { continue };
            if let (Ok(found), Some(running)) = (&found, self.running.get(&name))
                && runs_alike(found, running)
            {
                self.running.insert(name, found.clone());
                continue;
            }
            let plugin = match (&found, self.config.providers.get(&name)) {
                (Err(problem), _) => Err(problem.clone()),
                (Ok(_), None) => continue,
                (Ok(_), Some(settings)) => engine::plugin(&name, settings, self.config.plugins_path.as_deref())
                    .map_err(|error| error.to_string()),
            };
            match (notifier.replace_plugin(&provider, plugin).await, found) {
                (Ok(()), Ok(found)) => {
                    let version = &found.current.version;
                    tracing::info!(provider = %name, version, "the plugin was replaced");
                    self.running.insert(name, found);
                }
                (Ok(()), Err(_)) => {}
                (Err(error), _) => {
                    tracing::error!(provider = %name, %error, "the plugin was not replaced");
                    // Whatever the lock file says next is taken up, also where it goes back to what runs.
                    self.running.remove(&name);
                }
            }
        }
        self.confirm();
    }
}

/// Whether it is the same component that may do the same. Its pin, its signer and its earlier versions change nothing about how it
/// runs; and a component that is put in its own place would forget which signatures it has seen, its access tokens and certificates.
fn runs_alike(one: &Installed, other: &Installed) -> bool {
    one.current.sha256 == other.current.sha256 && one.current.granted == other.current.granted
}

#[cfg(test)]
mod tests;
