//! Text that goes on the board: of bounded length and without control characters.
//!
//! The same text becomes HTML, JSON and XML 1.0, which has no place for control characters.

use std::fmt;

/// One line of text that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Testo(String);

/// Ways in which a text cannot be shown; none repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTesto {
    /// A control character, a line break among them.
    #[error("must not contain control characters")]
    ControlCharacter,
    /// Nothing, or nothing but space.
    #[error("must not be empty")]
    Empty,
    /// More characters than the field takes.
    #[error("must have at most {max} characters")]
    TooLong {
        /// How many it takes.
        max: usize,
    },
}

impl Testo {
    /// Takes a text of at most `max` characters, without the space around it.
    ///
    /// # Errors
    ///
    /// Names the rule that the text breaks.
    pub fn parse(text: &str, max: usize) -> Result<Self, InvalidTesto> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidTesto::Empty);
        }
        if text.chars().count() > max {
            return Err(InvalidTesto::TooLong { max });
        }
        if text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
        {
            return Err(InvalidTesto::ControlCharacter);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Testo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Testo::parse("àèìòù", 5).is_ok());
        assert_eq!(
            Testo::parse("àèìòùa", 5),
            Err(InvalidTesto::TooLong { max: 5 })
        );
    }

    #[test]
    fn line_breaks_and_null_are_refused() {
        assert_eq!(Testo::parse("a\nb", 5), Err(InvalidTesto::ControlCharacter));
        assert_eq!(Testo::parse("a\0b", 5), Err(InvalidTesto::ControlCharacter));
    }

    #[test]
    fn space_alone_is_empty() {
        assert_eq!(Testo::parse("  ", 5), Err(InvalidTesto::Empty));
    }
}
