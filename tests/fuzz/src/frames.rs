//! What holds of whatever arrives as a sequence of messages.

use bytes::Bytes;
use varco_gateway::minimise::frames::Frames;

/// Cuts a stream as its first byte says, and asserts that the cuts change nothing.
///
/// # Panics
///
/// When they do, or when a message is larger than allowed.
pub fn hold(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let cut = usize::from(*cut).max(1);
    assert_eq!(messages(stream, cut), messages(stream, stream.len().max(1)));
}

/// The messages before the first wrong one, and how it ends.
fn messages(stream: &[u8], cut: usize) -> (Vec<(bool, Vec<u8>)>, String) {
    let mut frames = Frames::new(LARGEST);
    let mut out = Vec::new();
    for piece in stream.chunks(cut) {
        frames.push(Bytes::copy_from_slice(piece));
        loop {
            match frames.take() {
                Ok(Some(one)) => {
                    assert!(one.message().len() <= LARGEST);
                    out.push((one.compressed, one.message().to_vec()));
                }
                Ok(None) => break,
                Err(bad) => return (out, format!("{bad:?}")),
            }
        }
    }
    (out, format!("open: {}", frames.is_open()))
}

const LARGEST: usize = 300;
