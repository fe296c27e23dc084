//! Reading protobuf's wire format, one field at a time.
//!
//! Whatever a decoder behind the gateway would refuse is malformed here too. Positions count from
//! the start of the outermost message, so that what is nested can be cut out of it in place.

use prost::encoding::WireType;

/// Bytes that are no protobuf, or nested too deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Number and wire type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Where the field starts.
    pub from: usize,
    /// Number, from 1 to 2^29 - 1.
    pub number: u32,
    /// How its value is written; never the end of a group.
    pub wire: WireType,
}

/// Reads the fields of one message.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    /// The outermost message, up to where this one ends or, in a group, must end before.
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    /// Number of the group that is read.
    group: Option<u32>,
}

impl<'a> Reader<'a> {
    /// Reads a message from its start.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            group: None,
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Bytes that follow, to the end of the message; in a group also what comes after it.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The tag of the next field; none at the end of the message or the group.
    ///
    /// # Errors
    ///
    /// When no tag follows, or the end of another group.
    pub fn tag(&mut self) -> Result<Option<Tag>, Malformed> {
        let from = self.at;
        if from == self.bytes.len() {
            return self.group.map_or(Ok(None), |_| Err(Malformed));
        }
        let key = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let (number, wire) = (key >> 3, wire(key & 7)?);
        match (number, wire) {
            (0, _) => Err(Malformed),
            (_, WireType::EndGroup) if self.group == Some(number) => Ok(None),
            (_, WireType::EndGroup) => Err(Malformed),
            _ => Ok(Some(Tag { from, number, wire })),
        }
    }

    /// Goes over the value of a field.
    ///
    /// # Errors
    ///
    /// When it does not end within the message, or its groups do not close in their order.
    pub fn skip(&mut self, tag: Tag) -> Result<(), Malformed> {
        match tag.wire {
            WireType::Varint => self.varint().map(|_| ()),
            WireType::SixtyFourBit => self.advance(8),
            WireType::ThirtyTwoBit => self.advance(4),
            WireType::LengthDelimited => {
                let length = self.varint()?;
                self.advance(usize::try_from(length).map_err(|_| Malformed)?)
            }
            WireType::StartGroup => self.skip_group(tag.number),
            WireType::EndGroup => Err(Malformed),
        }
    }

    /// Reads a number that is written as a varint.
    ///
    /// # Errors
    ///
    /// When none follows.
    pub fn number(&mut self) -> Result<u64, Malformed> {
        self.varint()
    }

    /// Reads so many bytes.
    ///
    /// # Errors
    ///
    /// When the message has fewer.
    pub fn take(&mut self, bytes: usize) -> Result<&'a [u8], Malformed> {
        let from = self.at;
        self.advance(bytes)?;
        self.bytes.get(from..self.at).ok_or(Malformed)
    }

    /// Goes over a length-delimited value, and gives a reader of what is in it.
    ///
    /// # Errors
    ///
    /// When it does not end within the message, or is nested too deep.
    pub fn nested(&mut self) -> Result<Self, Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        let at = self.at;
        self.advance(length)?;
        Ok(Self {
            bytes: self.bytes.get(..self.at).ok_or(Malformed)?,
            at,
            depth: deeper(self.depth)?,
            group: None,
        })
    }

    /// A reader of the group that starts here; [`Self::go_on_after`] goes over it.
    ///
    /// # Errors
    ///
    /// When it is nested too deep.
    pub fn group(&self, number: u32) -> Result<Self, Malformed> {
        Ok(Self {
            depth: deeper(self.depth)?,
            group: Some(number),
            ..self.clone()
        })
    }

    /// Goes on where the reader of a group has found its end.
    pub fn go_on_after(&mut self, group: &Self) {
        self.at = group.at;
    }

    /// Groups in groups are counted, not recursed into: each byte is read once.
    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        let mut inside = self.group(number)?;
        let mut outer = Vec::new();
        loop {
            match inside.tag()? {
                Some(tag) if tag.wire == WireType::StartGroup => {
                    outer.push(inside.clone());
                    inside = inside.group(tag.number)?;
                }
                Some(tag) => inside.skip(tag)?,
                None => match outer.pop() {
                    Some(before) => {
                        inside = Self {
                            at: inside.at,
                            ..before
                        }
                    }
                    None => break,
                },
            }
        }
        self.go_on_after(&inside);
        Ok(())
    }

    fn advance(&mut self, bytes: usize) -> Result<(), Malformed> {
        let end = self.at.checked_add(bytes).ok_or(Malformed)?;
        if end > self.bytes.len() {
            return Err(Malformed);
        }
        self.at = end;
        Ok(())
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for (place, byte) in self.rest().iter().enumerate().take(LONGEST_VARINT) {
            // The tenth byte has room for one bit: decoders differ over more.
            if place == LONGEST_VARINT - 1 && *byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.at += place + 1;
                return Ok(value);
            }
        }
        Err(Malformed)
    }
}

/// Writes a varint in as few bytes as it needs.
pub fn put_varint(out: &mut Vec<u8>, value: usize) {
    prost::encoding::encode_varint(value as u64, out);
}

/// How many bytes [`put_varint`] writes.
#[must_use]
pub fn varint_len(value: usize) -> usize {
    prost::encoding::encoded_len_varint(value as u64)
}

fn wire(bits: u32) -> Result<WireType, Malformed> {
    Ok(match bits {
        0 => WireType::Varint,
        1 => WireType::SixtyFourBit,
        2 => WireType::LengthDelimited,
        3 => WireType::StartGroup,
        4 => WireType::EndGroup,
        5 => WireType::ThirtyTwoBit,
        _ => return Err(Malformed),
    })
}

/// One level down; the decoders of C++, Java and prost stop at a hundred.
fn deeper(depth: usize) -> Result<usize, Malformed> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        Err(Malformed)
    }
}

const LONGEST_VARINT: usize = 10;
const MAX_DEPTH: usize = 100;
