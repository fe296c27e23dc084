//! The program as it ships, built where tests can start it as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    varco::cli::main()
}
