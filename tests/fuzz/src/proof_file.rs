//! What must hold of any bytes that come as a proof file.

use varco_tlog::hash::Hash;
use varco_tlog::policy::Policy;
use varco_tlog::proof_file::ProofFile;

/// Reads a proof: it has one spelling, and proves nothing to whoever trusts nobody.
///
/// # Panics
///
/// When that does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(file) = text.parse::<ProofFile>() else {
        return;
    };
    assert_eq!(file.to_string(), text);
    assert!(file.inclusion.len() <= 63);
    assert!(file.verify(&Hash::EMPTY, &Policy::new()).is_err());
}
