//! Text of the office with a bound: one line, not blank, at most `MAX` characters.
//!
//! Whatever is stored was bounded here first. Control characters are refused: they break the line
//! of a register, and PostgreSQL cannot store the first of them.

use std::str::FromStr;

/// One line of text of at most `MAX` characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Testo<const MAX: usize>(String);

/// Says what is wrong with a value, never the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl<const MAX: usize> Testo<MAX> {
    /// The text as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Testo<MAX> {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.trim().is_empty() || text.chars().count() > MAX {
            return Err(Malformed(format!("must have 1 to {MAX} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(Malformed("must not have control characters".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_characters() {
        assert!("àèìòù".parse::<Testo<5>>().is_ok());
        assert!("àèìòù!".parse::<Testo<5>>().is_err());
    }

    #[test]
    fn blank_text_and_control_characters_are_refused() {
        assert!("  ".parse::<Testo<9>>().is_err());
        assert!("a\0b".parse::<Testo<9>>().is_err());
        assert!("a\nb".parse::<Testo<9>>().is_err());
    }
}
