//! Registers arbitrary descriptor sets.
#![no_main]

#[path = "../src/compile.rs"]
mod compile;

// The parser's own panics are caught by whoever compiles; the fuzzer would end at each.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |bytes: &[u8]| compile::holds(bytes)
);
