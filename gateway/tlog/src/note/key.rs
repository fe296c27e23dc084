//! The public half of a note key: its name, its id and its text form.
//!
//! The id binds the name to the key, so one key under two names is two keys (C2SP signed-note).
//! The text form is `name+id+key`; it is what an auditor is given to check the log with.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::hash::Hash;

/// A named Ed25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) id: [u8; 4],
    pub(super) public: [u8; 32],
}

impl Key {
    pub(super) fn new(name: &str, public: [u8; 32]) -> Result<Self, Error> {
        check_name(name)?;
        let hash = Hash::digest(&[name.as_bytes(), b"\n", &[ED25519], &public]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        Ok(Self {
            name: name.to_owned(),
            id: [a, b, c, d],
            public,
        })
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The base64 at the end may hold a `+` of its own.
        let (name, rest) = text.split_once('+').ok_or(Error::MalformedKey)?;
        let (_, encoded) = rest.split_once('+').ok_or(Error::MalformedKey)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| Error::MalformedKey)?;
        let public = match bytes.split_first() {
            Some((&ED25519, public)) => public.try_into().map_err(|_| Error::MalformedKey)?,
            _ => return Err(Error::MalformedKey),
        };
        let key = Self::new(name, public)?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(Error::MalformedKey)
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id);
        let encoded = STANDARD.encode([&[ED25519], self.public.as_slice()].concat());
        write!(out, "{}+{id:08x}+{encoded}", self.name)
    }
}

/// Refuses a name that a note could not carry.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    let breaks = |character: char| {
        character == '+' || character.is_whitespace() || character.is_ascii_control()
    };
    if name.is_empty() || name.contains(breaks) {
        Err(Error::MalformedName)
    } else {
        Ok(())
    }
}

/// The signature type of plain Ed25519 notes.
const ED25519: u8 = 0x01;
