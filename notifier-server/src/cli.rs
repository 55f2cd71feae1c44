//! The command line: what to run, with which configuration, until which signal.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use notifier_core::NotificationId;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{Config, ConfigError, DEFAULT_TOML};
use crate::plugin_kit::{self, PluginCommand, PluginKitError};
use crate::reload::Reloader;
use crate::running::{Running, StartupError, start};
use crate::sandbox_mode::{SandboxMode, SandboxModeError, SandboxSettings};
use crate::simulate::{self, SimulateError};
use crate::store_check;
use crate::telemetry::{self, TelemetryError};

/// What went wrong on the way.
const EXIT_FAILURE: u8 = 1;
/// The command line or the configuration cannot be used; clap ends with the same.
const EXIT_USAGE: u8 = 2;
/// A store needs attention.
const EXIT_ATTENTION: u8 = 3;

/// Tells people things, once, on time, in the way they asked for, and can prove what it did.
#[derive(Debug, Parser)]
#[command(name = "notifier", version, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// A TOML file over the defaults; see `notifier config`
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, or a simulation missed what was expected of it, or a plugin failed a case, 2 the command line, \
    the configuration or the scenario cannot be used, 3 a store needs attention.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the HTTP API (the default)
    Serve,
    /// Serve the HTTP API among fakes of the vendors, a user database and a property service, on loopback only
    Sandbox {
        /// Where to keep records; in a temporary directory otherwise, which is removed at the end
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Show each request that arrived as it came, byte for byte
        #[arg(long)]
        keep_raw: bool,
    },
    /// Play a scenario on the real engine in virtual time, a year in seconds, and report what came of it
    ///
    /// Schedules, outages and expectations are in the scenario; categories, routes and limits are those of a configuration that
    /// it names or holds. Nothing is sent and nothing is stored. The same scenario has the same report each time. Ends with 1
    /// when an expectation of the scenario was missed.
    Simulate {
        /// A TOML file; see --example
        #[arg(required_unless_present = "example")]
        scenario: Option<PathBuf>,
        /// Print one JSON object instead of tables
        #[arg(long)]
        json: bool,
        /// Tell also what happened to that notification: an id of the report, up to the dot
        #[arg(long, value_name = "ID", conflicts_with = "json")]
        timeline: Option<NotificationId>,
        /// Print a scenario that documents every key, and end
        #[arg(long)]
        example: bool,
    },
    /// Look after a store that no process has open
    Store {
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// Write, test and install provider components
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print the default configuration, which documents every setting
    Config {
        /// Print what is in force instead: defaults, file and environment
        #[arg(long)]
        effective: bool,
    },
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Compare every record and index entry; ends with 3 when something needs attention
    Check {
        /// The directory: `store.path` of the configuration
        path: PathBuf,
        /// Rebuild the indexes from the records and quarantine what is damaged; nothing is thrown away
        #[arg(long)]
        repair: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    #[error("the runtime cannot be started: {0}")]
    Runtime(io::Error),
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    #[error(transparent)]
    Startup(#[from] StartupError),
    #[error(transparent)]
    Sandbox(#[from] SandboxModeError),
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    #[error(transparent)]
    Plugin(#[from] PluginKitError),
    #[error("the store cannot be checked: {0}")]
    Check(#[from] notifier_core::sled::OpenError),
    #[error("the store could not be closed: {0}")]
    Close(#[from] notifier_core::StoreError),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl CliError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => EXIT_USAGE.into(),
            Self::Simulate(error) if error.is_about_the_scenario() => EXIT_USAGE.into(),
            _ => EXIT_FAILURE.into(),
        }
    }
}

/// Runs what the command line asks for, to its end.
#[must_use]
pub fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            // There is nowhere left to report that standard error is gone.
            let _ = writeln!(io::stderr(), "notifier: {error}");
            error.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode, CliError> {
    let file = arguments.config.as_deref();
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Config { effective: false } => print(DEFAULT_TOML)?,
        Command::Config { effective: true } => print(&Config::load(file)?.to_toml())?,
        Command::Store { command: StoreCommand::Check { path, repair, json } } => {
            let report = notifier_core::sled::check(path, repair)?;
            print(&if json { store_check::to_json(&report) } else { store_check::to_text(&report) })?;
            if !(report.is_sound() || report.repaired) {
                return Ok(EXIT_ATTENTION.into());
            }
        }
        Command::Simulate { example: true, .. } => print(simulate::EXAMPLE)?,
        Command::Simulate { scenario, json, timeline, example: false } => {
            let simulated = simulate::simulate(&scenario.unwrap_or_default(), timeline, &tell)?;
            print(&if json { simulated.to_json() } else { simulated.to_text() })?;
            for missed in simulated.missed().iter().filter(|_| json) {
                tell(&format!("missed: {missed}"));
            }
            if !simulated.missed().is_empty() {
                return Ok(EXIT_FAILURE.into());
            }
        }
        Command::Plugin { command } => {
            let done = plugin_kit::run(command, file)?;
            print(&done.text)?;
            if !done.is_sound {
                return Ok(EXIT_FAILURE.into());
            }
        }
        Command::Serve => {
            let config = Config::load(file)?.config;
            telemetry::init(&config.log)?;
            block_on(serve(config))?;
        }
        Command::Sandbox { data_dir, keep_raw } => {
            let settings = SandboxSettings { data_dir, keep_raw, ..SandboxSettings::load(file)? };
            telemetry::init(&settings.config.log)?;
            block_on(sandbox(settings))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Result<(), CliError> {
    io::stdout().write_all(text.as_bytes()).map_err(CliError::Output)
}

/// For whoever waits at a terminal; where there is none, nobody does.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn block_on(work: impl Future<Output = Result<(), CliError>>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    let done = runtime.block_on(work);
    // Nobody waits for what still blocks a thread, and nothing is lost with it. After an end in order, that is a component that is
    // compiled for a reload: its file in the cache gets its name once it is whole. After another, also reads of the store, and
    // names and secrets that are looked up, for callers who are gone. What the store writes is none of it: a thread of its own
    // does that, for which an end in order waits, and whoever was told of a write was told after it was synced.
    runtime.shutdown_background();
    done
}

async fn serve(config: Config) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let mut hangup = signal(SignalKind::hangup()).map_err(CliError::Signals)?;
    let mut reloader = Reloader::new(&config);
    let running = start(&config).await?;
    reloader.confirm();
    tracing::info!(address = %running.address(), "serving");
    // Whatever the log level is: whoever asked for a free port has to learn which it is.
    print(&format!("notifier listens on http://{}\n", running.address()))?;
    let reload = async || reloader.reload(running.notifier()).await;
    until(signals.wait(), async || hangup.recv().await.is_some(), reload).await;
    stop(running, signals).await
}

async fn sandbox(settings: SandboxSettings) -> Result<(), CliError> {
    let mut signals = Signals::new()?;
    let mut hangup = signal(SignalKind::hangup()).map_err(CliError::Signals)?;
    let mode = SandboxMode::start(settings).await?;
    print(&mode.welcome())?;
    let say = async || tracing::info!("nothing to reload: the plugins of a sandbox are those that are built in");
    until(signals.wait(), async || hangup.recv().await.is_some(), say).await;
    tokio::select! {
        stopped = mode.shutdown() => Ok(stopped.map(drop)?),
        () = signals.wait() => Ok(()),
    }
}

/// Reloads at each hang-up, one after the other, until the end comes: it is seen while a reload is under way, too, which is then
/// given up. What runs stays what it was.
async fn until(end: impl Future<Output = ()>, mut hang_up: impl AsyncFnMut() -> bool, mut reload: impl AsyncFnMut()) {
    let reloading = async {
        while hang_up().await {
            reload().await;
        }
        std::future::pending().await
    };
    tokio::select! {
        () = end => {}
        () = reloading => {}
    }
}

/// Ends in order; a second signal ends at once.
async fn stop(running: Running, mut signals: Signals) -> Result<(), CliError> {
    tracing::info!("stopping");
    let stopped = tokio::select! {
        stopped = running.shutdown() => stopped?,
        () = signals.wait() => {
            tracing::warn!("stopped at once by a second signal; what was in flight is settled at the next start");
            return Ok(());
        }
    };
    if stopped.drained {
        tracing::info!("stopped");
    } else {
        tracing::warn!("stopped at the deadline; what was in flight is settled at the next start");
    }
    Ok(())
}

/// The signals that mean the end: SIGTERM of a supervisor, SIGINT of a keyboard.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, CliError> {
        let listen = |kind| signal(kind).map_err(CliError::Signals);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use clap::CommandFactory;
    use tokio::sync::{Notify, mpsc};

    use super::*;

    /// A component can take a minute to compile: a supervisor does not wait that long before it kills.
    #[tokio::test]
    async fn the_end_is_seen_while_a_reload_is_under_way() {
        let (hang_up, mut hang_ups) = mpsc::unbounded_channel();
        let (began, end) = (Notify::new(), Notify::new());
        let reload = async || {
            began.notify_one();
            std::future::pending().await
        };
        hang_up.send(()).unwrap();
        let ask_to_end = async {
            began.notified().await;
            end.notify_one();
        };
        tokio::join!(until(end.notified(), async || hang_ups.recv().await.is_some(), reload), ask_to_end);
    }

    #[tokio::test]
    async fn each_hang_up_reloads_until_the_end() {
        let (hang_up, mut hang_ups) = mpsc::unbounded_channel();
        let (reloads, end) = (Cell::new(0), Notify::new());
        let reload = async || {
            reloads.set(reloads.get() + 1);
            if reloads.get() == 3 {
                end.notify_one();
            }
        };
        (0..3).for_each(|_| hang_up.send(()).unwrap());
        drop(hang_up);
        until(end.notified(), async || hang_ups.recv().await.is_some(), reload).await;
        assert_eq!(reloads.get(), 3);
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default() {
        let arguments = Arguments::try_parse_from(["notifier", "--config", "a.toml"]).unwrap();
        assert!(arguments.command.is_none());
        assert_eq!(arguments.config, Some("a.toml".into()));
        let arguments = Arguments::try_parse_from(["notifier", "serve", "--config", "a.toml"]).unwrap();
        assert!(matches!(arguments.command, Some(Command::Serve)));
        assert_eq!(arguments.config, Some("a.toml".into()));
    }
}
