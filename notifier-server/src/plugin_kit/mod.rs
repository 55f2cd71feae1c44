//! `notifier plugin …`: what whoever writes, tests or installs a provider component works with.

mod check;
mod conformance;
mod directory;
mod grants;
mod install;
mod lock;
mod new;
mod plain;
mod portrait;
mod prompt;
mod run;
mod signature;
mod test;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, ConfigError};
use clap::{Args, Subcommand};
use jiff::Unit;
use notifier_core::egress::InvalidHostGrant;
use notifier_core::wasm::{PluginError, WasmEngine, WasmEngineOptions};
use notifier_core::{Clock as _, SecretError, SystemClock, SystemEntropy};

pub(crate) use directory::Directory;
pub(crate) use lock::Installed;

use directory::DirectoryError;
use lock::LockError;
use signature::SignatureError;

/// What to do with a component.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Make a project that builds, and passes `notifier plugin test`
    New(new::New),
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
        /// Why there is none of something, as rejected-recipient="…"; stands in the report
        ///
        /// Of a class of outcome, no message of the file comes to it. Of `other-scripts`, no text beyond ASCII arrives, and of
        /// `ordinary-sizes`, not even what vendors of the channel usually take.
        #[arg(long = "lacks", value_name = "WHAT=REASON", value_parser = test::lack)]
        lacks: Vec<conformance::Lack>,
    },
    /// Hand one message over for real, and show what was sent, what came back and what it means; ends with 1 unless accepted
    Run(run::Run),
    /// Install a component, after telling what it asks for; a version that was there is kept
    Install {
        #[command(flatten)]
        install: install::Install,
        #[command(flatten)]
        place: Place,
    },
    /// Tell what is installed, and what it may do
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Take a plugin out, with its earlier versions
    Remove {
        /// The plugin
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Say anew which hosts and secrets a plugin may use
    Grant {
        #[command(flatten)]
        grant: install::Grant,
        #[command(flatten)]
        place: Place,
    },
    /// Keep a plugin at its version
    Pin {
        /// The plugin
        name: String,
        /// Let other versions be installed again
        #[arg(long)]
        release: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Go back to the version before; once more goes forth again
    Rollback {
        /// The plugin
        name: String,
        #[command(flatten)]
        place: Place,
    },
}

/// Where plugins are installed.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The directory; `plugins.path` of the configuration unless told otherwise
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

impl Place {
    fn directory(self, config: Option<&Path>) -> Result<Directory, PluginKitError> {
        let path = match self.plugins {
            Some(path) => Some(path),
            None => Config::load(config)?.config.plugins_path,
        };
        path.map(Directory::new).ok_or(PluginKitError::NoDirectory)
    }
}

/// Characters that are shown of what is wrong with a component.
const PROBLEM_CHARS_MAX: usize = 4_000;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginKitError {
    #[error("`{}` cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// What is wrong with a component is told in words of its own, now and then.
    #[error("`{}`: {}", path.display(), plain::lines(&source.to_string(), PROBLEM_CHARS_MAX))]
    Component { path: PathBuf, source: PluginError },
    #[error("`{}`: what it says about itself cannot be used: {problem}", path.display())]
    Portrait { path: PathBuf, problem: String },
    #[error("`{}` is no file of exchanges: {problem}", path.display())]
    Exchanges { path: PathBuf, problem: String },
    #[error(transparent)]
    Engine(PluginError),
    #[error("the result cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the runtime cannot be started: {0}")]
    Runtime(io::Error),
    #[error("`{}` is there already: name another directory with --into", .0.display())]
    Exists(PathBuf),
    #[error(
        "`{0}` is no name for a plugin: want lower-case letters, digits and single hyphens, beginning with a letter, at most 64"
    )]
    NoName(String),
    #[error("`{}` cannot be used: {problem}", path.display())]
    Input { path: PathBuf, problem: String },
    #[error("the secret `{name}`: {source}")]
    Secret { name: String, source: SecretError },
    #[error(transparent)]
    Host(InvalidHostGrant),
    #[error("`{0}` cannot be granted: want ASCII without spaces, and of a secret at most 64 characters")]
    NoGrant(String),
    #[error(
        "`{0}` was changed by somebody else meanwhile, and nothing was installed: see what there is, and try again"
    )]
    ChangedMeanwhile(String),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("plugins.path is empty: name a directory there, or with --plugins")]
    NoDirectory,
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("`{0}` is the name of a built-in plugin, which would be found in its place: give another with --name")]
    BuiltIn(String),
    #[error("there is no terminal to ask at: read what it asks for with `notifier plugin check`, and say --yes")]
    NobodyToAsk,
    #[error("the question cannot be asked: {0}")]
    Prompt(io::Error),
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
pub(crate) fn run(command: PluginCommand, config: Option<&Path>) -> Result<Done, PluginKitError> {
    match command {
        PluginCommand::New(new) => new::new(&new),
        PluginCommand::Check { component, json } => check::check(&component, json),
        PluginCommand::Test { component, exchanges, json, report, lacks } => {
            test::test(&component, exchanges.as_deref(), json, report.as_deref(), lacks)
        }
        PluginCommand::Run(run) => run::run(&run),
        PluginCommand::Install { install, place } => install::install(&place.directory(config)?, &install),
        PluginCommand::List { place } => install::list(&place.directory(config)?),
        PluginCommand::Remove { name, place } => install::remove(&place.directory(config)?, &name),
        PluginCommand::Grant { grant, place } => install::grant(&place.directory(config)?, grant),
        PluginCommand::Pin { name, release, place } => install::pin(&place.directory(config)?, &name, release),
        PluginCommand::Rollback { name, place } => install::roll_back(&place.directory(config)?, &name),
    }
}

/// An engine for one command; nothing is kept.
fn engine() -> Result<Arc<WasmEngine>, PluginKitError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    WasmEngine::new(WasmEngineOptions::default(), clock, entropy).map_err(PluginKitError::Engine)
}

/// An RFC 3339 timestamp.
fn now() -> String {
    SystemClock.now().round(Unit::Second).unwrap_or_default().to_string()
}

fn read(path: &Path) -> Result<Vec<u8>, PluginKitError> {
    std::fs::read(path).map_err(|source| PluginKitError::Read { path: path.to_owned(), source })
}

/// SHA-256, in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
