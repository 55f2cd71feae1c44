//! What the tests and the benchmark share: a client, and the server as a process of its own.

pub mod client;
pub mod emailing;
pub mod process;
pub mod sending;
