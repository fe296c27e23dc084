//! Details that only the DPO may read: sealed as they are written, so that the gateway itself cannot
//! read them back.
//!
//! A key of 32 random bytes seals the details of at most ten seconds (ChaCha20-Poly1305, RFC 8439,
//! bound to the record's id). It stands in the database only as a file of the age format, sealed to
//! the DPO's recipients (X25519), and is forgotten here afterwards. Sealed details are
//! `key id (16) ‖ counter (8) ‖ ciphertext and tag`; a key's id is the beginning of the SHA-256 of that
//! file, so that the leaf, which holds the hash of the details, is bound to it too.

use std::time::{Duration, Instant};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use varco_runtime::secret::dpo::{DpoKey, Recipients};
use zeroize::Zeroizing;

/// Why details cannot be sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
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

impl Sealer {
    /// A fresh key, and how it is to be stored before it is used.
    pub(super) fn fresh(to: &Recipients) -> Result<(Self, SealedKey), Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| Error::Failed)?;
        let text = Zeroizing::new(hex::encode(*bytes));
        let file = to.seal(text.as_bytes()).ok_or(Error::Failed)?;
        let (id, key) = (KeyId::of(&file), unbound(&bytes)?);
        let sealer = Self {
            id,
            key,
            used: 0,
            since: None,
        };
        Ok((sealer, SealedKey { id, sealed: file }))
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

/// Opens the key of sealed details with a key of the DPO's.
///
/// # Errors
///
/// When it was sealed to another.
pub fn open_key(sealed: &[u8], dpo: &DpoKey) -> Result<Zeroizing<[u8; 32]>, Error> {
    let text = dpo.open(sealed).ok_or(Error::NotOpened)?;
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), key.as_mut()).map_err(|_| Error::NotOpened)?;
    Ok(key)
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

    fn dpo() -> (DpoKey, Recipients) {
        let key = DpoKey::generate();
        let recipients = key.recipients();
        (key, recipients)
    }

    #[test]
    fn only_the_dpo_opens_what_was_sealed() {
        let (identity, recipients) = dpo();
        let (mut hand, stored) = Sealer::fresh(&recipients).unwrap();

        let sealed = hand.seal(b"call", b"chi".to_vec()).unwrap();

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
}
