//! Tests across crates: one binary, so that everything is linked once.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod brownout;
mod crash;
mod examples;
mod flow;
mod http;
mod lookup;
mod sandbox;
mod tidy;
mod vendors;
