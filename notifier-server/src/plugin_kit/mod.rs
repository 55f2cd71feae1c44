//! `notifier plugin …`: what whoever writes, tests or installs a provider component works with.

mod check;
mod conformance;
mod directory;
mod lock;
mod prompt;
mod signature;
mod test;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use notifier_core::wasm::{PluginError, WasmEngine, WasmEngineOptions};
use notifier_core::{SystemClock, SystemEntropy};

/// What to do with a component.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Tell what a component is and what it asks for, without running more of it than its description
    Check {
        /// The component
        component: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Run the conformance suite on a component, in the sandbox, against a stand-in for its vendor; ends with 1 when a case failed
    ///
    /// Replays the documented exchanges, then has everything go wrong that can go wrong with any vendor. Nothing is sent.
    Test {
        /// The component
        component: PathBuf,
        /// The documented exchanges; `exchanges.json` beside the component unless told otherwise
        #[arg(long, value_name = "FILE")]
        exchanges: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Write a page in Markdown as well, to publish
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
    },
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginKitError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}`: {source}", path.display())]
    Component { path: PathBuf, source: PluginError },
    #[error("`{}` is no file of exchanges: {problem}", path.display())]
    Exchanges { path: PathBuf, problem: String },
    #[error(transparent)]
    Engine(PluginError),
    #[error("the result cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the runtime cannot be started: {0}")]
    Runtime(io::Error),
}

/// What is to be printed, and whether it is good.
pub(crate) struct Done {
    pub(crate) text: String,
    pub(crate) is_sound: bool,
}

/// Carries a command out.
///
/// # Errors
/// See [`PluginKitError`].
pub(crate) fn run(command: PluginCommand) -> Result<Done, PluginKitError> {
    match command {
        PluginCommand::Check { component, json } => check::check(&component, json),
        PluginCommand::Test { component, exchanges, json, report } => {
            test::test(&component, exchanges.as_deref(), json, report.as_deref())
        }
    }
}

/// An engine for one command; nothing is kept.
fn engine() -> Result<Arc<WasmEngine>, PluginKitError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    WasmEngine::new(WasmEngineOptions::default(), clock, entropy).map_err(PluginKitError::Engine)
}

fn read(path: &Path) -> Result<Vec<u8>, PluginKitError> {
    std::fs::read(path).map_err(|source| PluginKitError::Read { path: path.to_owned(), source })
}

/// SHA-256, in lower-case hexadecimal.
fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
