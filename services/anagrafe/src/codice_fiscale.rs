//! The codice fiscale of a natural person: its shape, its arithmetic and its omocodia.
//!
//! The sixteen characters follow the decree of the Ministry of Finance of 23 December 1976. Two
//! people whose data give the same code are told apart by letters in place of digits, so a test
//! for plain digits would refuse real citizens: every reading here goes through the base form.
//! The code is a key to everything about a person, hence no `Display` and a redacted `Debug`.
//!
//! This is not a source of identity. The Agenzia delle Entrate assigns the code; computing one
//! serves to warn and to make sample data. The numeric code of bodies is not handled.

pub(crate) mod lettere;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

/// Code of a natural person, known to be well formed (DM 23 December 1976).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodiceFiscale([u8; 16]);

/// Sex as the civil register records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sesso {
    /// Female: the day of birth is written increased by forty.
    F,
    /// Male.
    M,
}

/// Land-register code of a comune, or `Z` and three digits for a foreign state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Belfiore([u8; 4]);

/// Ways in which a text fails to be a codice fiscale; none repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCodiceFiscale {
    /// The day does not exist in that month, with or without the forty of females.
    #[error("the day of birth does not exist")]
    ImpossibleDay,
    /// The ninth character is a letter, but of no month.
    #[error("the month letter stands for no month")]
    ImpossibleMonth,
    /// A character is of the wrong kind for its position, counted from one.
    #[error("the character at position {position} is not allowed there")]
    WrongCharacter {
        /// Position of the first offending character, from 1 to 16.
        position: usize,
    },
    /// The sixteenth character is not the one that the first fifteen give.
    #[error("the check character does not match")]
    WrongCheckCharacter,
    /// The text, once trimmed, does not have sixteen characters.
    #[error("expected 16 characters, found {found}")]
    WrongLength {
        /// Number of characters found.
        found: usize,
    },
}

/// The text is not one letter followed by three digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a Belfiore code is one letter and three digits")]
pub struct InvalidBelfiore;

impl CodiceFiscale {
    /// Computes the code that a person's data give, before any omocodia.
    ///
    /// `luogo` is the place as it was at birth: a comune since abolished keeps its own code.
    #[must_use]
    pub fn compute(
        cognome: &str,
        nome: &str,
        nascita: Date,
        sesso: Sesso,
        luogo: &Belfiore,
    ) -> Self {
        let [c1, c2, c3] = cognome_letters(cognome);
        let [n1, n2, n3] = nome_letters(nome);
        let [y1, y2] = two_digits(nascita.year());
        let month = month_letter(nascita.month());
        let [d1, d2] = two_digits(i16::from(nascita.day()) + day_offset(sesso));
        let [p1, p2, p3, p4] = luogo.0;

        Self([
            c1, c2, c3, n1, n2, n3, y1, y2, month, d1, d2, p1, p2, p3, p4, 0,
        ])
        .sealed()
    }

    /// Reads a code, ignoring case and surrounding space; omocodia is accepted.
    ///
    /// # Errors
    ///
    /// Names the first rule that the text breaks: length, characters, date, check character.
    pub fn parse(text: &str) -> Result<Self, InvalidCodiceFiscale> {
        let text = text.trim().to_ascii_uppercase();
        let found = text.chars().count();
        if found != SHAPE.len() {
            return Err(InvalidCodiceFiscale::WrongLength { found });
        }
        if let Some(index) = text
            .chars()
            .zip(SHAPE)
            .position(|(c, kind)| !admits(*kind, c))
        {
            return Err(InvalidCodiceFiscale::WrongCharacter {
                position: index + 1,
            });
        }
        let bytes = text.as_bytes().try_into();
        let code = Self(bytes.map_err(|_| InvalidCodiceFiscale::WrongLength { found })?);
        code.check_date()?;
        if code.sealed() != code {
            return Err(InvalidCodiceFiscale::WrongCheckCharacter);
        }
        Ok(code)
    }

    /// Returns the sixteen characters, for storage and for answers that may carry them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The bytes are ASCII by construction, so the empty text is never seen.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Returns the form without omocodia, the one that the person's data give.
    #[must_use]
    pub fn base(&self) -> Self {
        let mut bytes = self.0;
        for (byte, kind) in bytes.iter_mut().zip(SHAPE) {
            if *kind == DIGIT {
                *byte = b'0' + digit(*byte);
            }
        }
        Self(bytes).sealed()
    }

    /// Returns the 128 forms of omocodia, the base form first.
    ///
    /// The order is that of assignment: the rightmost digit gives way first.
    pub fn variants(&self) -> impl Iterator<Item = Self> + use<> {
        let base = self.base();
        (0_u8..128).map(move |mask| base.with_letters(mask))
    }

    /// Replaces the digits whose bit is set, the rightmost digit being bit zero.
    fn with_letters(self, mask: u8) -> Self {
        let mut bytes = self.0;
        let digits = bytes
            .iter_mut()
            .zip(SHAPE)
            .rev()
            .filter(|(_, kind)| **kind == DIGIT);
        for (bit, (byte, _)) in digits.enumerate() {
            if mask >> bit & 1 == 1 {
                *byte = OMOCODIA
                    .get(usize::from(digit(*byte)))
                    .copied()
                    .unwrap_or(*byte);
            }
        }
        Self(bytes).sealed()
    }

    /// Refuses a date that no calendar has; the century is unknown, so 29 February of 00 passes.
    fn check_date(self) -> Result<(), InvalidCodiceFiscale> {
        let [.., y1, y2, month, d1, d2, _, _, _, _, _] = self.0;
        let month = MONTHS.iter().position(|letter| *letter == month);
        let month = month.ok_or(InvalidCodiceFiscale::ImpossibleMonth)?;
        let day = match digit(d1) * 10 + digit(d2) {
            day @ 41..=71 => day - 40,
            day => day,
        };
        let leap = (digit(y1) * 10 + digit(y2)).is_multiple_of(4);
        let last = match month {
            1 if leap => 29,
            1 => 28,
            3 | 5 | 8 | 10 => 30,
            _ => 31,
        };
        if (1..=last).contains(&day) {
            Ok(())
        } else {
            Err(InvalidCodiceFiscale::ImpossibleDay)
        }
    }

    /// Writes the check character that the first fifteen give.
    fn sealed(mut self) -> Self {
        let [first @ .., last] = &mut self.0;
        let sum: u16 = first
            .iter()
            .enumerate()
            .map(|(i, byte)| weight(i, *byte))
            .sum();
        *last = letter(sum % 26);
        self
    }
}

impl FromStr for CodiceFiscale {
    type Err = InvalidCodiceFiscale;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Debug for CodiceFiscale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodiceFiscale(…)")
    }
}

impl Belfiore {
    /// Returns the four characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Tells whether the code stands for a state other than Italy.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.0.starts_with(b"Z")
    }
}

impl FromStr for Belfiore {
    type Err = InvalidBelfiore;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 4] = text.as_bytes().try_into().map_err(|_| InvalidBelfiore)?;
        let [first, digits @ ..] = bytes;
        if first.is_ascii_uppercase() && digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(bytes))
        } else {
            Err(InvalidBelfiore)
        }
    }
}

impl fmt::Debug for Belfiore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Belfiore({})", self.as_str())
    }
}

fn admits(kind: u8, c: char) -> bool {
    let letter = c.is_ascii_uppercase();
    if kind == DIGIT {
        c.is_ascii_digit() || u8::try_from(c).is_ok_and(|byte| OMOCODIA.contains(&byte))
    } else {
        letter
    }
}

/// Three letters of a surname: consonants, then vowels, then `X`.
fn cognome_letters(cognome: &str) -> [u8; 3] {
    let (consonants, vowels) = consonants_and_vowels(cognome);
    three(consonants.into_iter().chain(vowels))
}

/// Three letters of a name: of four consonants or more, the second is left out.
fn nome_letters(nome: &str) -> [u8; 3] {
    let (mut consonants, vowels) = consonants_and_vowels(nome);
    if consonants.len() >= 4 {
        consonants.remove(1);
    }
    three(consonants.into_iter().chain(vowels))
}

fn consonants_and_vowels(name: &str) -> (Vec<u8>, Vec<u8>) {
    lettere::folded(name)
        .filter(char::is_ascii_uppercase)
        .filter_map(|c| u8::try_from(c).ok())
        .partition(|byte| !b"AEIOU".contains(byte))
}

fn three(letters: impl Iterator<Item = u8>) -> [u8; 3] {
    let mut padded = [b'X'; 3];
    for (place, letter) in padded.iter_mut().zip(letters) {
        *place = letter;
    }
    padded
}

fn two_digits(number: i16) -> [u8; 2] {
    let number = u8::try_from(number.rem_euclid(100)).unwrap_or_default();
    [b'0' + number / 10, b'0' + number % 10]
}

fn month_letter(month: i8) -> u8 {
    MONTHS
        .iter()
        .zip(1..)
        .find(|(_, number)| *number == month)
        .map_or(b'A', |(letter, _)| *letter)
}

fn day_offset(sesso: Sesso) -> i16 {
    match sesso {
        Sesso::F => 40,
        Sesso::M => 0,
    }
}

/// Value of a digit, plain or written as a letter of omocodia.
fn digit(byte: u8) -> u8 {
    let replaced = (0..10).zip(OMOCODIA).find(|(_, letter)| **letter == byte);
    replaced.map_or(byte.wrapping_sub(b'0'), |(value, _)| value)
}

/// Weight of a character in the check sum; positions count from one, so index 0 is odd.
fn weight(index: usize, byte: u8) -> u16 {
    let value = if byte.is_ascii_digit() {
        byte - b'0'
    } else {
        byte.wrapping_sub(b'A')
    };
    if index.is_multiple_of(2) {
        ODD.get(usize::from(value)).copied().unwrap_or_default()
    } else {
        u16::from(value)
    }
}

fn letter(remainder: u16) -> u8 {
    b'A' + u8::try_from(remainder).unwrap_or_default()
}

/// Kind of every position: `A` a letter, `0` a digit or its letter of omocodia.
const SHAPE: &[u8; 16] = b"AAAAAA00A00A000A";
const DIGIT: u8 = b'0';
const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";
/// Letters that stand for the digits from 0 to 9 in case of omocodia.
const OMOCODIA: &[u8; 10] = b"LMNPQRSTUV";
/// Weights of A to Z, and of 0 to 9, in odd positions.
const ODD: [u16; 26] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
];
