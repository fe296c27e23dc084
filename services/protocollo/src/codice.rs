//! Codes: short names of registers, areas, bodies and offices, made of ASCII only.
//!
//! The characters are those that AgID's schema allows in the code of a register
//! (`CodiceRegistroType`); the length is a bound of each place, 16 for registers.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::testo::Malformed;

/// A code of at most `MAX` characters out of `[A-Za-z0-9_.-]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Codice<const MAX: usize>(String);

impl<const MAX: usize> Codice<MAX> {
    /// The code as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Codice<MAX> {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if text.is_empty() || text.len() > MAX || !text.chars().all(allowed) {
            return Err(Malformed(format!(
                "must have 1 to {MAX} characters out of letters, digits, '_', '.' and '-'"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MAX: usize> TryFrom<String> for Codice<MAX> {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl<const MAX: usize> fmt::Display for Codice<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_a_register_follows_the_schema() {
        for code in ["PG", "a_b.c-1", "1234567890123456"] {
            assert!(code.parse::<Codice<16>>().is_ok(), "{code}");
        }
        for code in ["", "P G", "P/G", "è", "12345678901234567"] {
            assert!(code.parse::<Codice<16>>().is_err(), "{code}");
        }
    }
}
