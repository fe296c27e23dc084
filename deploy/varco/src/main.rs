//! The one program of Varco.

use std::process::ExitCode;

/// A call makes some hundred small allocations, and frees some on other threads than it made them on.
/// How it is tuned stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    varco::cli::main()
}
