//! Details that only the DPO may read: sealed as they are written, so that the gateway itself cannot
//! read them back.
//!
//! A key of 32 random bytes seals the details of at most ten seconds (ChaCha20-Poly1305, RFC 8439,
//! bound to the record's id). It stands in the database only as a file of the age format, sealed to
//! the DPO's recipients (X25519), and is forgotten here afterwards. Sealed details are
//! `key id (16) ‖ counter (8) ‖ ciphertext and tag`; a key's id is the beginning of the SHA-256 of that
//! file, so that the leaf, which holds the hash of the details, is bound to it too.

use std::time::{Duration, Instant};

use age::x25519;
use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Whom details are sealed to.
#[derive(Clone)]
pub struct Recipients(Vec<x25519::Recipient>);

/// Why details cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nobody to seal to.
    #[error("there is no recipient: name the DPO's age recipients, one a line")]
    NoRecipient,
    /// A line is no recipient.
    #[error("line {0} is no age recipient (age1…)")]
    Recipient(usize),
    /// The library failed.
    #[error("details cannot be sealed")]
    Failed,
    /// They are another's, or were altered.
    #[error("sealed details do not open with this key")]
    NotOpened,
}

/// Which key sealed some details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId([u8; 16]);

/// A key in use.
pub(super) struct Sealer {
    id: KeyId,
    key: LessSafeKey,
    used: u64,
    since: Option<Instant>,
}

/// A key as it stands in the database.
pub(super) struct SealedKey {
    pub(super) id: KeyId,
    /// A file of the age format.
    pub(super) sealed: Vec<u8>,
}

impl Recipients {
    /// Reads recipients, one a line; empty lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    ///
    /// When a line is no recipient, or there is none.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let lines = text.lines().map(str::trim).zip(1..);
        let lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let read = lines.map(|(line, number)| line.parse().map_err(|_| Error::Recipient(number)));
        let recipients: Vec<x25519::Recipient> = read.collect::<Result<_, _>>()?;
        match recipients.len() {
            0 => Err(Error::NoRecipient),
            _ => Ok(Self(recipients)),
        }
    }

    /// Seals bytes to all of them, as a file of the age format.
    ///
    /// # Errors
    ///
    /// When the library fails.
    pub fn seal(&self, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        use std::io::Write as _;
        let recipients = self.0.iter().map(|it| it as &dyn age::Recipient);
        let failed = |_| Error::Failed;
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(|_| Error::Failed)?;
        let mut sealed = Vec::new();
        let mut writer = encryptor.wrap_output(&mut sealed).map_err(failed)?;
        writer.write_all(bytes).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(sealed)
    }
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Recipients({})", self.0.len())
    }
}

impl Sealer {
    /// A fresh key, and how it is to be stored before it is used.
    pub(super) fn fresh(to: &Recipients) -> Result<(Self, SealedKey), Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| Error::Failed)?;
        let sealed = to.seal(bytes.as_ref())?;
        let (id, key) = (KeyId::of(&sealed), unbound(&bytes)?);
        let sealer = Self {
            id,
            key,
            used: 0,
            since: None,
        };
        Ok((sealer, SealedKey { id, sealed }))
    }

    /// Whether another key is due.
    pub(super) fn is_spent(&self) -> bool {
        self.used >= MOST || self.since.is_some_and(|since| since.elapsed() >= LIFE)
    }

    /// Seals the details of a record.
    pub(super) fn seal(&mut self, audit_id: &[u8], mut details: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.since.get_or_insert_with(Instant::now);
        let counter = self.used.to_be_bytes();
        self.used += 1;
        self.key
            .seal_in_place_append_tag(nonce(counter), Aad::from(audit_id), &mut details)
            .map_err(|_| Error::Failed)?;
        Ok([self.id.as_bytes(), counter.as_slice(), &details].concat())
    }
}

impl KeyId {
    /// The id of a key, from the file that holds it.
    #[must_use]
    pub fn of(sealed_key: &[u8]) -> Self {
        let hash = digest(&SHA256, sealed_key);
        Self(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// The key that sealed details name.
    #[must_use]
    pub fn named_by(sealed: &[u8]) -> Option<Self> {
        sealed.first_chunk().copied().map(Self)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Opens the key of sealed details with the DPO's identity.
///
/// # Errors
///
/// When it was sealed to another.
pub fn open_key(sealed: &[u8], identity: &x25519::Identity) -> Result<Zeroizing<[u8; 32]>, Error> {
    let opened = Zeroizing::new(age::decrypt(identity, sealed).map_err(|_| Error::NotOpened)?);
    let key = opened.as_slice().try_into().map_err(|_| Error::NotOpened)?;
    Ok(Zeroizing::new(key))
}

/// Opens the sealed details of a record.
///
/// # Errors
///
/// When the key is another, or they were altered or are of another record.
pub fn open(key: &[u8; 32], audit_id: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let (_, rest) = sealed.split_first_chunk::<16>().ok_or(Error::NotOpened)?;
    let (counter, rest) = rest.split_first_chunk().ok_or(Error::NotOpened)?;
    let mut opened = rest.to_vec();
    let details = unbound(key)?
        .open_in_place(nonce(*counter), Aad::from(audit_id), &mut opened)
        .map_err(|_| Error::NotOpened)?;
    Ok(details.to_vec())
}

fn unbound(bytes: &[u8; 32]) -> Result<LessSafeKey, Error> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| Error::Failed)?;
    Ok(LessSafeKey::new(key))
}

/// No number is used twice with one key.
fn nonce(counter: [u8; 8]) -> Nonce {
    let mut nonce = [0; 12];
    if let Some(place) = nonce.last_chunk_mut() {
        *place = counter;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// How long a key seals after its first use.
const LIFE: Duration = Duration::from_secs(10);
/// How many details a key seals.
const MOST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn dpo() -> (x25519::Identity, Recipients) {
        let identity = x25519::Identity::generate();
        let recipients = Recipients::parse(&identity.to_public().to_string()).unwrap();
        (identity, recipients)
    }

    #[test]
    fn only_the_dpo_opens_what_was_sealed() {
        let (identity, recipients) = dpo();
        let (mut sealer, stored) = Sealer::fresh(&recipients).unwrap();

        let sealed = sealer.seal(b"call", b"chi".to_vec()).unwrap();

        assert_eq!(KeyId::named_by(&sealed), Some(KeyId::of(&stored.sealed)));
        assert_eq!(stored.id, KeyId::of(&stored.sealed));
        let key = open_key(&stored.sealed, &identity).unwrap();
        assert_eq!(open(&key, b"call", &sealed).unwrap(), b"chi");
        let (stranger, _) = dpo();
        assert_eq!(open_key(&stored.sealed, &stranger), Err(Error::NotOpened));
        assert_eq!(open(&key, b"another call", &sealed), Err(Error::NotOpened));
    }

    #[test]
    fn same_details_are_never_sealed_alike() {
        let (_, recipients) = dpo();
        let (mut sealer, _) = Sealer::fresh(&recipients).unwrap();

        let one = sealer.seal(b"call", b"chi".to_vec()).unwrap();
        let two = sealer.seal(b"call", b"chi".to_vec()).unwrap();

        assert_ne!(one, two);
    }

    #[test]
    fn every_recipient_opens_and_a_wrong_line_is_named() {
        let (one, _) = dpo();
        let (two, _) = dpo();
        let text = format!("# il DPO\n{}\n\n{}\n", one.to_public(), two.to_public());
        let sealed = Recipients::parse(&text).unwrap().seal(&[7; 32]).unwrap();

        assert_eq!(*open_key(&sealed, &one).unwrap(), [7; 32]);
        assert_eq!(*open_key(&sealed, &two).unwrap(), [7; 32]);
        let wrong = Recipients::parse("# nessuno\nage1xyz\n");
        assert_eq!(wrong.unwrap_err(), Error::Recipient(2));
        assert_eq!(Recipients::parse("").unwrap_err(), Error::NoRecipient);
    }
}
