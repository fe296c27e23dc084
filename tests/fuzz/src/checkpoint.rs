//! What must hold of any bytes that come as the text of a checkpoint.

use varco_tlog::checkpoint::Checkpoint;

/// Reads a head: written again it is the beginning of what was read, for only extension lines of
/// other logs are let go.
///
/// # Panics
///
/// When that does not hold.
pub fn holds(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(head) = text.parse::<Checkpoint>() else {
        return;
    };
    assert!(text.starts_with(&head.to_string()));
    assert_eq!(head.to_string().parse(), Ok(head));
}
