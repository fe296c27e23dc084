//! A batch: what one commit made durable, as it stands in the database.
//!
//! Leaves stand one behind the other, each behind its length, as in an entry bundle of C2SP
//! tlog-tiles. Sealed details stand apart, by their class of retention, so that a class can be
//! destroyed and the leaves stay: a leaf holds only their hash.

use varco_proto::audit::v1::RetentionClass;
use varco_tlog::hash::Hash;
use varco_tlog::tile::{decode_entries, encode_entries};

use super::Error;

/// What one commit made durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Index of its first leaf.
    pub first: u64,
    /// How many leaves.
    pub count: u64,
    /// When its newest record was made, microseconds since the Unix epoch.
    pub newest: i64,
    /// The first eight bytes of the hash of each leaf.
    pub checks: Vec<u8>,
    /// The leaves.
    pub body: Vec<u8>,
    /// Sealed details by class: A, B, C, P.
    pub sealed: [Option<Vec<u8>>; 4],
}

impl Batch {
    /// The leaves with their indices.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when they are not as many as the batch says.
    pub fn leaves(&self) -> Result<impl Iterator<Item = (u64, &[u8])>, Error> {
        let damaged = || Error::Damaged {
            index: self.first,
            what: "the records of a commit do not fit together",
        };
        let leaves = decode_entries(&self.body).map_err(|_| damaged())?;
        if u64::try_from(leaves.len()).ok() != Some(self.count) {
            return Err(damaged());
        }
        Ok((self.first..).zip(leaves))
    }

    /// Whether the leaf at an index hashes to what was written beside it.
    #[must_use]
    pub fn attests(&self, index: u64, hash: &Hash) -> bool {
        let place = usize::try_from(index.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        let (checks, _) = self.checks.as_chunks();
        checks.get(place) == hash.as_bytes().first_chunk::<CHECK>()
    }

    /// The index after its last leaf.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.count)
    }

    /// Whether it holds the leaf of an index.
    #[must_use]
    pub fn holds(&self, index: u64) -> bool {
        (self.first..self.end()).contains(&index)
    }

    /// The sealed details of a class, with the indices of their leaves.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] when they do not fit together.
    pub fn details(&self, class: RetentionClass) -> Result<Vec<(u64, &[u8])>, Error> {
        let stored = column(class).and_then(|column| self.sealed.get(column)?.as_deref());
        let mut rest = stored.unwrap_or_default();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (place, details, tail) = next(rest).ok_or(Error::Damaged {
                index: self.first,
                what: "the sealed details of a commit do not fit together",
            })?;
            found.push((self.first.saturating_add(place), details));
            rest = tail;
        }
        Ok(found)
    }
}

/// Adds the check of a leaf.
pub(super) fn add_check(to: &mut Vec<u8>, hash: &Hash) {
    to.extend(hash.as_bytes().iter().take(CHECK));
}

/// Joins leaves as a batch holds them.
///
/// # Errors
///
/// When one is longer than 65 535 bytes, or they are more than 256.
pub(super) fn join<'a>(leaves: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    Ok(encode_entries(leaves)?)
}

/// Adds the sealed details of the leaf at a place of the batch.
pub(super) fn add_details(to: &mut Vec<u8>, place: u16, details: &[u8]) {
    let length = u16::try_from(details.len()).unwrap_or_default();
    to.extend_from_slice(&place.to_be_bytes());
    to.extend_from_slice(&length.to_be_bytes());
    to.extend_from_slice(details);
}

/// The column of a class; none for what has no class.
#[must_use]
pub(super) fn column(class: RetentionClass) -> Option<usize> {
    match class {
        RetentionClass::Unspecified => None,
        RetentionClass::A => Some(0),
        RetentionClass::B => Some(1),
        RetentionClass::C => Some(2),
        RetentionClass::P => Some(3),
    }
}

/// The classes in the order of their columns.
pub const CLASSES: [RetentionClass; 4] = [
    RetentionClass::A,
    RetentionClass::B,
    RetentionClass::C,
    RetentionClass::P,
];

/// Bytes of a check.
const CHECK: usize = 8;

fn next(rest: &[u8]) -> Option<(u64, &[u8], &[u8])> {
    let (place, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes(*length));
    let (details, rest) = rest.split_at_checked(length)?;
    Some((u64::from(u16::from_be_bytes(*place)), details, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_gives_its_leaves_and_their_details_back() {
        let mut sealed = Vec::new();
        add_details(&mut sealed, 1, b"geheim");
        let batch = Batch {
            first: 40,
            count: 2,
            body: join([b"eins".as_slice(), b"zwei"].into_iter()).unwrap(),
            sealed: [Some(sealed), None, None, None],
            ..Default::default()
        };

        let leaves: Vec<_> = batch.leaves().unwrap().collect();

        assert_eq!(leaves, [(40, b"eins".as_slice()), (41, b"zwei")]);
        let details = batch.details(RetentionClass::A).unwrap();
        assert_eq!(details, [(41, b"geheim".as_slice())]);
        assert_eq!(batch.details(RetentionClass::B).unwrap(), []);
    }

    #[test]
    fn batch_that_does_not_fit_together_is_damaged_at_its_first_index() {
        let mut batch = Batch {
            first: 7,
            count: 2,
            body: join([b"eins".as_slice()].into_iter()).unwrap(),
            sealed: [Some(vec![0, 1, 0, 9, 1]), None, None, None],
            ..Default::default()
        };

        assert!(matches!(
            batch.leaves(),
            Err(Error::Damaged { index: 7, .. })
        ));
        assert!(batch.details(RetentionClass::A).is_err());
        batch.body.truncate(3);
        assert!(matches!(
            batch.leaves(),
            Err(Error::Damaged { index: 7, .. })
        ));
    }
}
