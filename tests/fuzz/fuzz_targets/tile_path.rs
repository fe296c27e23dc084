//! Reads arbitrary paths of tiles.
#![no_main]

#[path = "../src/tile_path.rs"]
mod tile_path;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tile_path::holds(bytes));
