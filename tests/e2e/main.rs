//! The end-to-end tests: the real town, asked from outside. One binary, a module for each topic.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod abuse;
mod anchors;
mod audit_pack;
mod audit_proof;
mod audit_subject;
mod audit_trouble;
mod bad_input;
mod bypass;
mod certificates;
mod cli;
mod conformance;
mod evidence;
mod export;
mod fail_closed;
mod foreign_clients;
mod init;
mod interop;
mod jose;
mod journey;
mod kill;
mod kill_registry;
mod matrix;
mod metrics;
mod own;
mod points;
mod postgres;
mod privacy;
mod privacy_scan;
mod reconcile;
mod refusals;
mod registry;
mod registry_cli;
mod roles;
mod rotation;
mod simulate;
mod startup;
mod streams;
mod subjects;
mod telemetry;
mod tenants;
mod upgrade;
mod upstreams;
mod vouchers;
mod witness;
mod workspace;

/// The program as it ships, as a process of its own.
const PROGRAM: &str = env!("CARGO_BIN_EXE_varco-under-test");
