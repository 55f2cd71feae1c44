//! Providers as sandboxed WebAssembly components: a plugin can make its own message fail, and nothing else.
//!
//! [`WasmEngine`] compiles components and meters what runs. A [`WasmProvider`] is one component with one operator's
//! settings, secrets and grants; each call gets a fresh instance that is thrown away afterwards. What a component asks of
//! the host goes through `call`: its budgets, its deadline and what is known of its requests. Each version of the
//! contract (`wit/`) has its own module that turns its types into the domain's at once.

mod auth;
mod binding;
mod cache;
mod call;
mod certificate;
mod config;
mod engine;
mod error;
mod fault;
mod kept;
mod keyring;
mod limiter;
mod load;
mod logbook;
mod memory;
mod outgoing;
mod provider;
#[cfg(any(test, feature = "testing"))]
mod rehearsal;
mod share;
mod spki;
mod ticker;
mod v0_1;
mod verify;
mod wasi;
mod web_push;
mod words;
mod x509;

#[cfg(test)]
mod tests;

pub(crate) use config::OTHER_PLACES;
pub use config::{CallLimits, WasmProviderConfig};
pub use engine::{WasmEngine, WasmEngineOptions};
pub use error::{PluginError, SettingProblem};
pub use provider::WasmProvider;
#[cfg(any(test, feature = "testing"))]
pub use rehearsal::{
    Answer, Answered, Asked, Exchanged, Inspection, Played, PluginFault, Portrait, Rehearsal, Scene, SecretWanted,
    StandIn, inspect,
};
