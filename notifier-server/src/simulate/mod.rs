//! `notifier simulate`: a scenario played on the real engine in virtual time, and a report of what came of it.
//!
//! ```text
//!  scenario (TOML) -> reader -> plan (who, when) -> play (the engine, the clock, stand-ins for providers) -> report
//!                                                     |                                                       |
//!                                                     +-- record (what the stand-ins were asked) -------------+
//! ```
//!
//! Categories, routes, limits and circuit breakers are those of a configuration, read as the server reads it. Nothing leaves the
//! process: providers are stand-ins that behave as the scenario says, plugins are not run, look-ups are not made, and everything
//! is kept in memory. The same scenario has the same report each time.

mod plan;
mod play;
mod reader;
mod record;
mod report;
mod scenario;
mod text;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use notifier_core::{NotificationId, PutError, StartError, StoreError};

use crate::config::ConfigError;
use crate::config::reader::SettingError;

/// A scenario, documented key by key.
pub(crate) const EXAMPLE: &str = include_str!("../../../examples/scenarios/rent-year.toml");

/// Why a scenario was not played to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    /// There is no such file.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML.
    #[error("the scenario cannot be read: {0}")]
    Unreadable(String),
    /// It says what cannot be: every mistake.
    #[error("the scenario is not valid:{}", listed(.0))]
    Scenario(Vec<SettingError>),
    /// Its configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The engine refused its configuration.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The engine refused a template or a preference.
    #[error("{what} cannot be stored: {source}")]
    Put {
        /// Which.
        what: String,
        /// What is wrong with it.
        source: PutError,
    },
    /// It would not fit into memory.
    #[error("the scenario has more than {0} notifications: make it shorter, or with fewer recipients")]
    TooMuch(usize),
    /// There is no such notification in it.
    #[error("there is no notification {0} in this simulation: ids change with the scenario and its seed")]
    NoSuchNotification(NotificationId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SimulateError {
    /// Whether the scenario has to be changed, and not the machine.
    pub(crate) fn is_about_the_scenario(&self) -> bool {
        !matches!(self, Self::Store(_) | Self::NoSuchNotification(_))
    }
}

fn listed(errors: &[SettingError]) -> String {
    errors.iter().map(|error| format!("\n  {error}")).collect()
}

/// What came of a scenario.
pub(crate) struct Simulated {
    report: report::Report,
    timeline: Option<String>,
}

impl Simulated {
    /// For people.
    pub(crate) fn to_text(&self) -> String {
        format!("{}{}", text::table(&self.report), self.timeline.as_deref().unwrap_or_default())
    }

    /// For programs: one JSON object.
    pub(crate) fn to_json(&self) -> String {
        // Numbers, texts and lists of them: always JSON.
        serde_json::to_string_pretty(&self.report).map(|json| json + "\n").unwrap_or_default()
    }

    /// What was expected and did not come; empty when all is well.
    pub(crate) fn missed(&self) -> &[String] {
        &self.report.missed
    }
}

/// Reads the scenario in that file and plays it. `tell` hears how far it is, now and then; with `timeline`, the story of that
/// notification is told too.
///
/// # Errors
/// See [`SimulateError`].
pub(crate) fn simulate(
    path: &Path,
    timeline: Option<NotificationId>,
    tell: &dyn Fn(&str),
) -> Result<Simulated, SimulateError> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| SimulateError::File { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    simulate_text(&path.display().to_string(), &text, folder, timeline, tell)
}

fn simulate_text(
    name: &str,
    text: &str,
    folder: &Path,
    timeline: Option<NotificationId>,
    tell: &dyn Fn(&str),
) -> Result<Simulated, SimulateError> {
    let scenario = reader::read(name, text, folder)?;
    let played = play::play(&scenario, tell)?;
    let report = report::report(&scenario, &played)?;
    let timeline = timeline.map(|id| text::timeline(&played, id)).transpose()?;
    Ok(Simulated { report, timeline })
}
