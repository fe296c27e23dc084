//! Reads and verifies arbitrary proof files.
#![no_main]

#[path = "../src/proof_file.rs"]
mod proof_file;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| proof_file::holds(bytes));
