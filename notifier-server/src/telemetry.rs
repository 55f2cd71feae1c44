//! The log: one line per event on standard error, as JSON or for people.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogSettings};

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be set up: {0}")]
pub struct TelemetryError(String);

/// Writes the log of this process to standard error, from now on. Panics go there too.
///
/// # Errors
/// When the process has a log already, or the level is not one.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let subscriber = subscriber(settings, io::stderr().is_terminal(), io::stderr)?;
    subscriber.try_init().map_err(|error| TelemetryError(error.to_string()))?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("(no message)");
        tracing::error!(place, message, "panic");
    }));
    Ok(())
}

/// What [`init`] installs, for any writer.
pub(crate) fn subscriber<W>(
    settings: &LogSettings,
    colours: bool,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, TelemetryError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = parse(&settings.level).map_err(TelemetryError)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match settings.format {
        LogFormat::Json => Box::new(builder.json().flatten_event(true).with_span_list(false).finish()),
        LogFormat::Text => Box::new(builder.with_ansi(colours).finish()),
    })
}

/// Whether the text is a level or a list of filter directives.
pub(crate) fn check_level(level: &str) -> Result<(), String> {
    parse(level).map(drop)
}

fn parse(level: &str) -> Result<EnvFilter, String> {
    if level.is_empty() {
        return Err("must be a level, as `info`, or directives, as `info,notifier_core=debug`".into());
    }
    EnvFilter::builder()
        .parse(level)
        .map_err(|error| format!("`{level}` is not a level or list of directives: {error}"))
}
