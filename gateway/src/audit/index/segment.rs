//! A segment's postings: which of its 16 384 places hold a word, in 256 pages.
//!
//! The first byte of a word's hash is its page; an entry of a page is the other seven bytes and the
//! place, both big-endian, in ascending order: so a page is searched by halves, and one word of ten
//! million records is found in some hundred pages of a few kilobytes.

use std::collections::HashMap;

use varco_tlog::hash::Hash;

/// A word at a place of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Posting {
    /// Hash of the word.
    pub word: u64,
    /// Place in the segment, 0 to 16 383.
    pub place: u16,
}

/// A segment that is full and not yet written.
#[derive(Debug)]
pub struct Closed {
    /// Its number: it begins at leaf `number × 16 384`.
    pub number: u64,
    /// Its words, in the order of the leaves.
    pub postings: Vec<Posting>,
    /// When its first record was made, microseconds since the Unix epoch.
    pub oldest: i64,
    /// When its last record was made.
    pub newest: i64,
    /// Indices of the INTENTs that no OUTCOME had followed at its end.
    pub open: Vec<u64>,
    /// Tiles that had changed since the segment before.
    pub tiles: HashMap<(u8, u64), Vec<Hash>>,
}

/// The pages of postings that are not empty.
#[must_use]
pub fn pages(mut postings: Vec<Posting>) -> Vec<(u8, Vec<u8>)> {
    postings.sort_unstable();
    postings.dedup();
    let mut pages: Vec<(u8, Vec<u8>)> = Vec::new();
    for posting in postings {
        let [page, rest @ ..] = posting.word.to_be_bytes();
        if pages.last().is_none_or(|(last, _)| *last != page) {
            pages.push((page, Vec::new()));
        }
        if let Some((_, data)) = pages.last_mut() {
            data.extend_from_slice(&rest);
            data.extend_from_slice(&posting.place.to_be_bytes());
        }
    }
    pages
}

/// The page of a word.
#[must_use]
pub fn page_of(word: u64) -> u8 {
    let [page, ..] = word.to_be_bytes();
    page
}

/// The places of a word in its page, in ascending order.
#[must_use]
pub fn places(page: &[u8], word: u64) -> Vec<u16> {
    let [_, wanted @ ..] = word.to_be_bytes();
    let entries: &[[u8; ENTRY]] = page.as_chunks().0;
    let key = |entry: &[u8; ENTRY]| {
        let [key @ .., _, _] = *entry;
        key
    };
    let from = entries.partition_point(|entry| key(entry) < wanted);
    let found = entries.iter().skip(from);
    let found = found.take_while(|entry| key(entry) == wanted);
    found
        .map(|[.., high, low]| u16::from_be_bytes([*high, *low]))
        .collect()
}

/// Bytes of an entry: seven of the word, two of the place.
const ENTRY: usize = 9;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entry_is_seven_bytes_of_the_word_and_the_place() {
        let word = 0x0102_0304_0506_0708;
        let pages = pages(vec![Posting {
            word,
            place: 0x0a0b,
        }]);

        assert_eq!(pages, [(1, vec![2, 3, 4, 5, 6, 7, 8, 0x0a, 0x0b])]);
    }

    proptest! {
        #[test]
        fn word_is_found_at_its_places_and_nowhere_else(
            given in prop::collection::vec((0_u64..40, 0_u16..200), 0..300),
            wanted in 0_u64..45,
        ) {
            // Words that share pages, and halves of their bytes.
            let spread = |n: u64| n.rotate_right(6) | (n << 3);
            let postings = given.iter().map(|(word, place)| Posting { word: spread(*word), place: *place });
            let pages = pages(postings.collect());

            let page = pages.iter().find(|(page, _)| *page == page_of(spread(wanted)));
            let found = page.map(|(_, data)| places(data, spread(wanted))).unwrap_or_default();

            let mut expected: Vec<u16> =
                given.iter().filter(|(word, _)| *word == wanted).map(|(_, place)| *place).collect();
            expected.sort_unstable();
            expected.dedup();
            prop_assert_eq!(found, expected);
        }
    }
}
