//! Walks arbitrary messages of a contract that has one of everything.
#![no_main]

#[path = "../src/walk.rs"]
mod walk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| walk::holds(bytes));
