//! Numbers as the formats write them: decimal, without sign or leading zeros.

/// Reads a size or an index of at most 2⁶³ - 1, in its one spelling.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let number = text.parse().ok().filter(|number: &u64| *number <= MAX);
    // Writing it again catches the leading zeros and the plus sign that `parse` lets through.
    number.filter(|number| number.to_string() == text)
}

/// The largest number: proofs are bounded to 63 hashes, and databases count in signed numbers.
pub(crate) const MAX: u64 = i64::MAX.unsigned_abs();
