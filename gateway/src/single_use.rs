//! What a call may use once.

pub mod replays;
