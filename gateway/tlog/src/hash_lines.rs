//! Hashes one a line, a blank line, a checkpoint: what requests to witnesses and proof files share.

use crate::hash::Hash;
use crate::proof::MAX_HASHES;

/// Reads at most 63 hashes up to the blank line; what follows it is returned as it stands.
pub(crate) fn split(text: &str) -> Option<(Vec<Hash>, &str)> {
    let mut hashes = Vec::new();
    let mut rest = text;
    loop {
        let (line, tail) = rest.split_once('\n')?;
        rest = tail;
        if line.is_empty() {
            return Some((hashes, rest));
        }
        if hashes.len() == MAX_HASHES {
            return None;
        }
        hashes.push(Hash::from_base64(line).ok()?);
    }
}

/// Writes hashes one a line, then the blank line.
pub(crate) fn join(hashes: &[Hash]) -> String {
    let lines = hashes.iter().map(|hash| hash.to_base64() + "\n");
    lines.chain(["\n".to_owned()]).collect()
}
