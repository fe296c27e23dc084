//! gRPC's length-prefixed messages, put together from whatever pieces arrive.
//!
//! A message that arrives in one piece is not copied.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Puts messages together.
#[derive(Debug)]
pub struct Frames {
    /// What arrived last, when nothing is held.
    piece: Bytes,
    /// The beginning of a message whose end has not arrived.
    held: BytesMut,
    /// Whether the memory of what is held is that of messages which were taken.
    is_shared: bool,
    largest: usize,
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    /// Whether it is compressed.
    pub compressed: bool,
    /// Prefix and message.
    whole: Bytes,
}

/// Ways that a sequence of messages is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// The flag is no flag.
    Malformed,
    /// The message is larger than allowed.
    TooLarge,
}

impl Framed {
    /// The message without its prefix.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.whole.get(HEADER..).unwrap_or_default()
    }

    /// Prefix and message.
    #[must_use]
    pub fn into_whole(self) -> Bytes {
        self.whole
    }
}

impl Frames {
    /// Starts with nothing; no message may be larger than `largest` bytes.
    #[must_use]
    pub fn new(largest: usize) -> Self {
        Self {
            piece: Bytes::new(),
            held: BytesMut::new(),
            is_shared: false,
            largest,
        }
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: Bytes) {
        if self.held.is_empty() && self.piece.is_empty() {
            self.piece = piece;
            return;
        }
        self.hold();
        self.held.extend_from_slice(&piece);
    }

    /// Takes the next whole message.
    ///
    /// # Errors
    ///
    /// When its flag is no flag or it is too large; the sequence cannot go on then.
    pub fn take(&mut self) -> Result<Option<Framed>, BadFrame> {
        let taken = self.next()?;
        if taken.is_none() {
            self.hold();
        }
        Ok(taken)
    }

    fn next(&mut self) -> Result<Option<Framed>, BadFrame> {
        let Some((flag, length)) = self.header() else {
            return Ok(None);
        };
        let compressed = match flag {
            0 => false,
            1 => true,
            _ => return Err(BadFrame::Malformed),
        };
        if length > self.largest {
            return Err(BadFrame::TooLarge);
        }
        let length = HEADER + length;
        let whole = if self.held.is_empty() && self.piece.len() >= length {
            self.piece.split_to(length)
        } else if self.held.len() >= length {
            self.is_shared = true;
            self.held.split_to(length).freeze()
        } else {
            return Ok(None);
        };
        Ok(Some(Framed { compressed, whole }))
    }

    /// Whether a message has begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.waiting() > 0
    }

    /// Bytes that wait for the end of their message.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.held.len() + self.piece.len()
    }

    /// Keeps what is left, so that what was taken of the same memory is not kept with it.
    fn hold(&mut self) {
        self.held.extend_from_slice(&self.piece);
        self.piece = Bytes::new();
        if std::mem::take(&mut self.is_shared) {
            self.held = BytesMut::from(self.held.as_ref());
        }
    }

    fn header(&self) -> Option<(u8, usize)> {
        let from: &[u8] = if self.held.is_empty() {
            &self.piece
        } else {
            &self.held
        };
        let [flag, a, b, c, d] = *from.first_chunk::<HEADER>()?;
        usize::try_from(u32::from_be_bytes([a, b, c, d]))
            .ok()
            .map(|length| (flag, length))
    }
}

/// Writes a message with its prefix.
#[must_use]
pub fn frame(message: &[u8]) -> Bytes {
    put(0, message)
}

/// Writes a compressed message with its prefix.
#[must_use]
pub fn frame_compressed(message: &[u8]) -> Bytes {
    put(1, message)
}

fn put(flag: u8, message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(HEADER + message.len());
    framed.put_u8(flag);
    // A message never exceeds the configured size, which is far below 4 GiB.
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

/// How many whole messages a piece holds.
#[must_use]
pub fn count(piece: &Bytes) -> u64 {
    let mut left = piece.clone();
    let mut count = 0;
    while let Some([_, a, b, c, d]) = left.first_chunk::<HEADER>() {
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        count += 1;
        left.advance(HEADER.saturating_add(length).min(left.len()));
    }
    count
}

const HEADER: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let stream: Vec<u8> = [frame(b"one"), frame(b""), frame_compressed(b"three")].concat();

        for cut in 1..=stream.len() {
            let mut frames = Frames::new(100);
            let mut out = Vec::new();
            for piece in stream.chunks(cut) {
                frames.push(Bytes::copy_from_slice(piece));
                while let Some(framed) = frames.take().unwrap() {
                    out.push((framed.compressed, framed.message().to_vec()));
                }
            }
            let expected = [(false, "one"), (false, ""), (true, "three")];
            assert_eq!(out, expected.map(|(flag, text)| (flag, text.into())));
            assert!(!frames.is_open());
        }
    }

    #[test]
    fn what_was_taken_is_not_kept_with_what_follows_it() {
        let mut frames = Frames::new(1 << 20);
        let large = frame(&vec![7; 1 << 20]);

        frames.push(large.slice(..9));
        assert_eq!(frames.take(), Ok(None));
        frames.push([large.slice(9..), Bytes::from_static(&[0])].concat().into());
        assert!(frames.take().unwrap().is_some());
        assert_eq!(frames.take(), Ok(None));

        assert_eq!(frames.waiting(), 1);
        assert!(frames.held.capacity() < 1024);
        let unique = frames.held.freeze().try_into_mut();
        assert!(unique.is_ok(), "the memory is shared");
    }

    #[test]
    fn large_message_is_refused_by_its_prefix_alone() {
        let mut frames = Frames::new(10);
        frames.push(Bytes::from_static(&[0, 0, 0, 0, 11]));

        assert_eq!(frames.take(), Err(BadFrame::TooLarge));
    }

    #[test]
    fn flag_is_nought_or_one() {
        let mut frames = Frames::new(10);
        frames.push(Bytes::from_static(&[2, 0, 0, 0, 0]));

        assert_eq!(frames.take(), Err(BadFrame::Malformed));
    }

    #[test]
    fn messages_of_a_piece_are_counted() {
        let piece = [frame(b"one"), frame(b""), frame_compressed(b"three")].concat();

        assert_eq!(count(&Bytes::from(piece)), 3);
        assert_eq!(count(&Bytes::new()), 0);
    }
}
