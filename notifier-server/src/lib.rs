//! The notifier server: the engine behind an HTTP API, and the sandbox to try it in.
//!
//! ```text
//!  serve (accept loop, limits) -> observe (id, span, deadline, panics) -> routes -> Notifier (notifier-core)
//!                                                                           |
//!                                          request (bodies, parameters) ----+---- wire (JSON shapes), problem (errors)
//! ```
//!
//! [`start`] runs a server in this process; the binary is that, a command line and signals.

mod app;
pub mod cli;
pub mod config;
mod engine;
mod observe;
mod openapi;
mod plugin_kit;
mod problem;
mod reload;
mod request;
mod routes;
mod running;
pub mod sandbox;
mod sandbox_mode;
mod serve;
mod simulate;
mod store_check;
mod telemetry;
mod wire;

#[cfg(test)]
mod tests;

pub use engine::EngineError;
pub use problem::{FieldProblem, Problem, ProblemBody, ProblemKind};
pub use running::{Running, StartupError, Stopped, start};
pub use sandbox_mode::{SandboxMode, SandboxModeError, SandboxSettings, sandbox_providers};
pub use telemetry::{TelemetryError, init as init_telemetry};
