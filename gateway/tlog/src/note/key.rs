//! The public half of a note key: its kind, its name, its id and its text form.
//!
//! The id binds the name to the key and to what it signs, so one key under two names, or of two
//! kinds, is two keys (C2SP signed-note). The text form is `name+id+key`; it is what an auditor is
//! given to check the log with.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::hash::Hash;

/// What an Ed25519 key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A cosigner's word on a checkpoint, with its time (type 0x04).
    Cosignature,
    /// The text of a note (type 0x01).
    Signature,
}

/// A named Ed25519 public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    kind: Kind,
    pub(crate) name: String,
    pub(crate) id: [u8; 4],
    pub(crate) public: [u8; 32],
}

impl Kind {
    /// The type byte that signed-note assigns.
    fn byte(self) -> u8 {
        match self {
            Self::Cosignature => 0x04,
            Self::Signature => 0x01,
        }
    }
}

impl Key {
    pub(crate) fn new(name: &str, public: [u8; 32], kind: Kind) -> Result<Self, Error> {
        check_name(name)?;
        let hash = Hash::digest(&[name.as_bytes(), b"\n", &[kind.byte()], &public]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        Ok(Self {
            kind,
            name: name.to_owned(),
            id: [a, b, c, d],
            public,
        })
    }

    /// Reads the text form of a key of one kind.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, Error> {
        // The base64 at the end may hold a `+` of its own.
        let (name, rest) = text.split_once('+').ok_or(Error::MalformedKey)?;
        let (_, encoded) = rest.split_once('+').ok_or(Error::MalformedKey)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| Error::MalformedKey)?;
        let public = match bytes.split_first() {
            Some((byte, public)) if *byte == kind.byte() => public.try_into(),
            _ => return Err(Error::MalformedKey),
        };
        let key = Self::new(name, public.map_err(|_| Error::MalformedKey)?, kind)?;
        if key.to_string() == text {
            Ok(key)
        } else {
            Err(Error::MalformedKey)
        }
    }

    /// Checks a signature over a message.
    pub(crate) fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(message, signature)
            .map_err(|_| Error::BadSignature)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id);
        let encoded = STANDARD.encode([&[self.kind.byte()], self.public.as_slice()].concat());
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
