//! The one program of Varco.

use std::process::ExitCode;

fn main() -> ExitCode {
    varco::cli::main()
}
