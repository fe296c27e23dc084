//! Varco in one crate: the composition root, the data folder and the commands.
//!
//! Here the crates of the gateway and of the offices meet, and nowhere else. It is a library so
//! that tests start a whole town in their own process; the program is `main.rs`.

pub mod certificate;
pub mod cli;
pub mod clock_check;
pub mod command;
pub mod configuration;
pub mod data_folder;
pub mod entry_name;
pub mod failure;
pub mod operator;
pub mod output;
pub mod registry_file;
pub mod registry_kind;
pub mod sample;
pub mod service_manager;
pub mod signals;
pub mod town;

/// Here and not in `main.rs`, so that the program that tests start allocates as the one that ships. A call
/// makes some hundred small allocations, and frees some on other threads than it made them on. How it is
/// tuned stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
