//! Why a command did not do its work: what, why and the remedy, in one line.
//!
//! Commands end in one of these, printed once on stderr; nothing branches on it. Errors of the
//! other crates become one with `?`, their chain of sources joined, so it is no error itself.

use std::error::Error;
use std::fmt::{self, Display};

/// One line for people: what failed, why, and what to do.
pub struct Failure {
    line: String,
}

impl Failure {
    /// Says what failed, why, and the remedy.
    #[must_use]
    pub fn new(what: impl Display, why: impl Display, remedy: impl Display) -> Self {
        Self {
            line: one_line(&format!("{what}: {why}: {remedy}")),
        }
    }

    /// Says it in a line that already holds all three.
    #[must_use]
    pub fn line(line: impl Display) -> Self {
        Self {
            line: one_line(&line.to_string()),
        }
    }

    /// Puts before the line what was being done.
    #[must_use]
    pub fn while_doing(self, what: impl Display) -> Self {
        Self {
            line: format!("{what}: {}", self.line),
        }
    }

    /// Puts after the line what to do about it.
    #[must_use]
    pub fn remedy(self, remedy: impl Display) -> Self {
        Self {
            line: format!("{}: {remedy}", self.line),
        }
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut line = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
            source = cause.source();
        }
        Self::line(line)
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("file cannot be read")]
    struct Unreadable(#[source] io::Error);

    #[test]
    fn sources_are_told_after_the_error() {
        let failure = Failure::from(Unreadable(io::Error::other("disk\nis gone")));

        assert_eq!(failure.to_string(), "file cannot be read: disk is gone");
    }

    #[test]
    fn a_source_that_was_told_is_not_repeated() {
        let failure = Failure::from(io::Error::other(io::Error::other("disk is gone")));

        assert_eq!(failure.to_string(), "disk is gone");
    }
}
