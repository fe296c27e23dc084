//! gRPC's length-prefixed messages, put together from whatever pieces arrive.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Puts messages together.
#[derive(Debug)]
pub struct Frames {
    held: BytesMut,
    largest: usize,
}

/// Ways that a sequence of messages is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// The message is compressed, or its flag is no flag.
    Compressed,
    /// The message is larger than allowed.
    TooLarge,
}

impl Frames {
    /// Starts with nothing; no message may be larger than `largest` bytes.
    #[must_use]
    pub fn new(largest: usize) -> Self {
        Self {
            held: BytesMut::new(),
            largest,
        }
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// Takes the next whole message.
    ///
    /// # Errors
    ///
    /// When the message is compressed or too large; the sequence cannot go on then.
    pub fn take(&mut self) -> Result<Option<Bytes>, BadFrame> {
        let Some((flag, length)) = self.header() else {
            return Ok(None);
        };
        if flag != 0 {
            return Err(BadFrame::Compressed);
        }
        if length > self.largest {
            return Err(BadFrame::TooLarge);
        }
        if self.held.len() < HEADER + length {
            return Ok(None);
        }
        self.held.advance(HEADER);
        Ok(Some(self.held.split_to(length).freeze()))
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.held.is_empty()
    }

    fn header(&self) -> Option<(u8, usize)> {
        let header: [u8; HEADER] = self.held.get(..HEADER)?.try_into().ok()?;
        let [flag, a, b, c, d] = header;
        usize::try_from(u32::from_be_bytes([a, b, c, d]))
            .ok()
            .map(|length| (flag, length))
    }
}

/// Writes a message with its prefix.
#[must_use]
pub fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(HEADER + message.len());
    framed.put_u8(0);
    // A message never exceeds the configured size, which is far below 4 GiB.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

const HEADER: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let stream: Vec<u8> = [frame(b"one"), frame(b""), frame(b"three")].concat();

        for cut in 1..stream.len() {
            let mut frames = Frames::new(100);
            let mut out = Vec::new();
            for piece in stream.chunks(cut) {
                frames.push(piece);
                while let Some(message) = frames.take().unwrap() {
                    out.push(message);
                }
            }
            assert_eq!(out, [&b"one"[..], b"", b"three"]);
            assert!(!frames.is_open());
        }
    }

    #[test]
    fn large_message_is_refused_by_its_prefix_alone() {
        let mut frames = Frames::new(10);
        frames.push(&[0, 0, 0, 0, 11]);

        assert_eq!(frames.take(), Err(BadFrame::TooLarge));
    }

    #[test]
    fn compressed_message_is_refused() {
        let mut frames = Frames::new(10);
        frames.push(&[1, 0, 0, 0, 0]);

        assert_eq!(frames.take(), Err(BadFrame::Compressed));
    }
}
