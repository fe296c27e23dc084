//! Reading a text that somebody hands over, of which only the first bytes can be what it should be.

use std::fs::File;
use std::io::{Error, Read as _, Result};
use std::path::Path;

/// Reads a file of at most 256 KiB: longer than any checkpoint, proof or policy.
pub(super) fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let length = File::open(file)?.take(MOST + 1).read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|it| it <= MOST) {
        Ok(text)
    } else {
        Err(Error::other("it is longer than 256 KiB"))
    }
}

const MOST: u64 = 256 << 10;
