//! Why a plugin cannot be used. Found when it is loaded, not when the first message is due.

use std::fmt;
use std::path::PathBuf;

use crate::adapters::egress::InvalidHostGrant;

/// Why a plugin, or the engine for it, could not be made ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The machine cannot run the engine as configured.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// The directory for compiled components cannot be used.
    #[error("component cache {}: {problem}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The bytes are no component that this engine can compile.
    #[error("not a usable component: {0}")]
    Component(String),
    /// The component is no provider at all.
    #[error("the component exports no `notifier:provider/provider`; it exports {}", list(exports))]
    NotAProvider {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// The component was built for another version of the contract.
    #[error("the component implements {found}; this host supports {}", list(supported))]
    UnsupportedVersion {
        /// The interface that it exports.
        found: String,
        /// The interfaces that would be right.
        supported: Vec<String>,
    },
    /// It needs something that the host does not offer, or exports something of another shape.
    #[error("the component does not fit the contract: {0}")]
    Contract(String),
    /// What it says about itself makes no sense.
    #[error("the plugin's description is wrong: {0}")]
    Description(String),
    /// The settings are wrong.
    #[error("the settings are wrong: {}", list(.0))]
    Settings(Vec<SettingProblem>),
    /// A secret that the plugin cannot do without is not configured.
    #[error("the secret `{name}` is missing: {description}")]
    SecretMissing {
        /// Its name.
        name: String,
        /// What the plugin says it is for.
        description: String,
    },
    /// A secret cannot be used as it is.
    #[error("the secret `{name}` cannot be used: {problem}")]
    SecretUnusable {
        /// Its name.
        name: String,
        /// What is wrong with it; never its value.
        problem: String,
    },
    /// A granted host cannot be read.
    #[error(transparent)]
    Host(#[from] InvalidHostGrant),
    /// The plugin crashed or ran over a limit while it was asked about itself.
    #[error("the plugin failed in `{function}`: {problem}")]
    Fault {
        /// The exported function.
        function: &'static str,
        /// What happened.
        problem: String,
    },
}

/// One thing that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// Path of the setting, as `from.address`; empty for the settings as a whole.
    pub setting: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.setting.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "`{}`: {}", self.setting, self.problem)
        }
    }
}

fn list<T: fmt::Display>(items: &[T]) -> String {
    if items.is_empty() {
        return "nothing".into();
    }
    items.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}
