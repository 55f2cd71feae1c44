//! The `notifier` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    notifier_server::cli::main()
}
