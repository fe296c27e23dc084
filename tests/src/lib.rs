//! What the end-to-end tests stand on: a whole comune, in this process or in one of its own.
//!
//! Each test has its own folder and its own ports; nothing is shared and nothing sleeps.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

pub mod assertion;
pub mod bench;
pub mod calls;
pub mod collector;
pub mod comune;
pub mod eco;
pub mod fault;
pub mod folder;
pub mod foreign;
pub mod h2raw;
pub mod handed;
pub mod hasty;
pub mod interop;
pub mod metrics;
pub mod personal;
pub mod phoenix;
pub mod possession;
pub mod pratiche;
pub mod process;
pub mod program;
pub mod real;
pub mod records;
pub mod registration;
pub mod registry;
pub mod traces;
pub mod tsa;
pub mod wait;
pub mod wire;

/// How long a test waits for what must become true.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
