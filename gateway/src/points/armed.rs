//! Points and faults as the environment arms them.
//!
//! `VARCO_TEST_POINT` names a file: whoever comes by the point that it names removes the file and dies.
//! So a running process is armed for one call, and the next one is not. `VARCO_TEST_SPOILED` names a
//! fault, for the life of the process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use super::{Point, Spoiled};

/// Goes on; where a test has armed this point, the process dies at once, as by kill -9.
#[expect(
    clippy::disallowed_methods,
    reason = "the process is about to die, and only in a test"
)]
pub(crate) fn pass(point: Point) {
    let Some(file) = FILE.as_ref() else {
        return;
    };
    let armed = std::fs::read_to_string(file);
    let is_this = armed.is_ok_and(|armed| armed == format!("{point:?}"));
    // Whoever disarms it meanwhile knows that nobody has died.
    if is_this && std::fs::remove_file(file).is_ok() {
        if is_spoiled(Spoiled::DataFirst) {
            // What leaves too early gets the time to arrive.
            std::thread::sleep(EARLY);
        }
        std::process::abort();
    }
}

/// Whether a test has asked for this fault.
pub(crate) fn is_spoiled(fault: Spoiled) -> bool {
    let asked = SPOILED.as_ref();
    asked.is_some_and(|asked| *asked == *format!("{fault:?}"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "what a test asks for is no configuration, and the product must not know it"
)]
fn asked(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

const EARLY: Duration = Duration::from_millis(500);
static FILE: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| asked("VARCO_TEST_POINT").map(PathBuf::from));
static SPOILED: LazyLock<Option<OsString>> = LazyLock::new(|| asked("VARCO_TEST_SPOILED"));
