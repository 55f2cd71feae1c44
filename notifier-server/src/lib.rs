//! The notifier server: the engine behind an HTTP API, and the sandbox to try it in.

pub mod sandbox;
