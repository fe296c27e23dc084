//! Asks a witness arbitrary things.
#![no_main]

#[path = "../src/witness_request.rs"]
mod witness_request;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| witness_request::holds(bytes));
