//! Entry bundles: the entries of one level 0 tile, each behind its length.
//!
//! The length is a big-endian 16-bit number (C2SP tlog-tiles), so an entry has at most 65 535
//! bytes. What an entry says, and whether it hashes to its leaf, is for the caller to check.

use crate::error::Error;
use crate::tile::FULL;

/// Joins entries into a bundle.
///
/// # Errors
///
/// `EntryTooLarge` over 65 535 bytes, `BundleTooWide` over 256 entries.
pub fn encode_entries<'a>(bundle: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, Error> {
    let bundle: Vec<_> = bundle.take(usize::from(FULL) + 1).collect();
    let size = bundle.iter().map(|entry| 2 + entry.len()).sum();
    let mut bytes = Vec::with_capacity(size);
    for (position, entry) in bundle.into_iter().enumerate() {
        if position >= usize::from(FULL) {
            return Err(Error::BundleTooWide);
        }
        let length = u16::try_from(entry.len()).map_err(|_| Error::EntryTooLarge(entry.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Splits a bundle into its entries.
///
/// # Errors
///
/// `MalformedEntries` when it ends inside an entry, `BundleTooWide` over 256 entries.
pub fn decode_entries(bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() >= usize::from(FULL) {
            return Err(Error::BundleTooWide);
        }
        let (length, tail) = rest.split_first_chunk().ok_or(Error::MalformedEntries)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, tail) = tail
            .split_at_checked(length)
            .ok_or(Error::MalformedEntries)?;
        entries.push(entry);
        rest = tail;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entry_stands_behind_its_big_endian_length() {
        let bundle = encode_entries([b"ab".as_slice(), b"", b"c"].into_iter());

        assert_eq!(bundle, Ok(b"\x00\x02ab\x00\x00\x00\x01c".to_vec()));
    }

    #[test]
    fn longest_entry_is_65535_bytes() {
        let longest = vec![7; 65_535];
        let over = vec![7; 65_536];

        let bundle = encode_entries(std::iter::once(longest.as_slice())).unwrap();
        let refused = encode_entries(std::iter::once(over.as_slice()));

        assert_eq!(decode_entries(&bundle), Ok(vec![longest.as_slice()]));
        assert_eq!(refused, Err(Error::EntryTooLarge(65_536)));
    }

    #[test]
    fn bundle_of_257_entries_is_refused_both_ways() {
        let refused = encode_entries(std::iter::repeat_n(b"".as_slice(), 257));

        assert_eq!(refused, Err(Error::BundleTooWide));
        assert_eq!(decode_entries(&[0; 2 * 257]), Err(Error::BundleTooWide));
        assert_eq!(
            decode_entries(&[0; 2 * 256]).map(|entries| entries.len()),
            Ok(256)
        );
    }

    #[test]
    fn bundle_that_ends_inside_an_entry_is_refused() {
        for bundle in [
            b"\x00".as_slice(),
            b"\x00\x01",
            b"\x00\x03ab",
            b"\x00\x01a\x00",
        ] {
            assert_eq!(
                decode_entries(bundle),
                Err(Error::MalformedEntries),
                "{bundle:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn bundle_gives_back_its_entries(
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..=256),
        ) {
            let bundle = encode_entries(entries.iter().map(Vec::as_slice)).unwrap();

            prop_assert_eq!(decode_entries(&bundle), Ok(entries.iter().map(Vec::as_slice).collect()));
        }

        #[test]
        fn bundle_that_decodes_has_no_other_encoding(
            bytes in prop::collection::vec(0_u8..4, 0..64),
        ) {
            if let Ok(entries) = decode_entries(&bytes) {
                prop_assert_eq!(encode_entries(entries.into_iter()), Ok(bytes.clone()));
            }
        }
    }
}
