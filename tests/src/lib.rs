//! What the end-to-end tests stand on: a whole comune, in this process or in one of its own.
//!
//! Each test has its own folder and its own ports; nothing is shared and nothing sleeps.

pub mod assertion;
pub mod calls;
pub mod comune;
pub mod eco;
pub mod process;
pub mod registry;
pub mod wire;

/// How long a test waits for what must become true.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
