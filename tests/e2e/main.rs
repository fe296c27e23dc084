//! The end-to-end tests: the real town, asked from outside. One binary, a module for each topic.

mod journey;
mod kill;
mod workspace;

/// The program as it ships, as a process of its own.
const PROGRAM: &str = env!("CARGO_BIN_EXE_varco-under-test");
