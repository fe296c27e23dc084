//! How much a descriptor set may declare.
//!
//! What is read takes hundreds of bytes for two of the set, each full name is kept several times,
//! and some things are looked for among all others. So a set is measured on the wire, before
//! anything is made of it. The contracts of all our offices together, with what they import, declare
//! two thousand things.

use bytes::Bytes;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// Measures the files of a set; what is no protobuf is told where it is read.
///
/// # Errors
///
/// The first thing of which there is too much.
pub(super) fn check(files: &[Bytes]) -> Result<(), Vec<String>> {
    let mut size = Size {
        declared: files.len(),
        ..Size::default()
    };
    let file = |bytes| Part {
        kind: Kind::File,
        within: 0,
        bytes,
    };
    let mut waiting: Vec<Part<'_>> = files.iter().map(|it| file(it.as_ref())).collect();
    while let Some(part) = waiting.pop() {
        let records = records(part.bytes);
        let full_name = size.count(&part, &records);
        if let Some(problem) = size.problem() {
            return Err(vec![problem]);
        }
        waiting.extend(records.into_iter().filter_map(|(number, bytes)| {
            let kind = part.kind.of(number)?;
            Some(Part {
                kind,
                within: full_name,
                bytes,
            })
        }));
    }
    Ok(())
}

/// What the files of a set declare.
#[derive(Default)]
struct Size {
    declared: usize,
    extensions: usize,
    /// Bytes of the longest name.
    longest: usize,
}

/// A part of a file that has parts itself, or a name.
struct Part<'a> {
    kind: Kind,
    /// Bytes of the full name of what it is part of.
    within: usize,
    bytes: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Enum,
    Extension,
    Field,
    File,
    Message,
    Method,
    Oneof,
    Options,
    Service,
    Source,
    Value,
}

impl Kind {
    /// What stands under a number of it (`google/protobuf/descriptor.proto`).
    fn of(self, number: u32) -> Option<Self> {
        match (self, number) {
            (Self::File, 4) | (Self::Message, 3) => Some(Self::Message),
            (Self::File, 5) | (Self::Message, 4) => Some(Self::Enum),
            (Self::File, 6) => Some(Self::Service),
            (Self::File, 7) | (Self::Message, 6) => Some(Self::Extension),
            (Self::File, 9) => Some(Self::Source),
            (Self::Message, 2) => Some(Self::Field),
            (Self::Message, 8) => Some(Self::Oneof),
            (Self::Enum, 2) => Some(Self::Value),
            (Self::Service, 2) => Some(Self::Method),
            (Self::Extension | Self::Field | Self::File, 8)
            | (Self::Message, 7)
            | (Self::Enum | Self::Service | Self::Value, 3)
            | (Self::Method, 4)
            | (Self::Oneof, 2) => Some(Self::Options),
            _ => None,
        }
    }
}

impl Size {
    /// Counts a part, and gives the bytes of its full name.
    fn count(&mut self, part: &Part<'_>, records: &[(u32, &[u8])]) -> usize {
        let text = |of: u32| {
            let mut named = records.iter().filter(|(number, _)| *number == of);
            named.next_back().map_or(&[][..], |(_, text)| text)
        };
        let full_name = match part.kind {
            Kind::File => text(PACKAGE).len(),
            Kind::Options | Kind::Source => 0,
            _ => part.within + 1 + text(NAME).len(),
        };
        self.longest = self.longest.max(full_name);
        match part.kind {
            Kind::Extension => self.extensions += 1,
            // Counted with what they are part of.
            Kind::Field | Kind::Method | Kind::Oneof | Kind::Value => {}
            Kind::Enum | Kind::Message | Kind::Options | Kind::Service | Kind::Source => {
                self.declared += records.len();
            }
            Kind::File => {
                self.longest = self.longest.max(text(NAME).len());
                // The parser keeps each beginning of a package.
                let dots = text(PACKAGE).iter().filter(|byte| **byte == b'.');
                let packed = records.iter().filter(|(number, _)| PLACES.contains(number));
                let packed = packed.map(|(_, places)| places.len());
                self.declared += dots.count() + packed.sum::<usize>() + records.len();
            }
        }
        full_name
    }

    fn problem(&self) -> Option<String> {
        if self.declared > MOST_DECLARED {
            return Some(format!(
                "declares more than {MOST_DECLARED} messages, fields, options, imports and places in the \
                 source: leave out what no method needs, and --include_source_info"
            ));
        }
        if self.extensions > MOST_EXTENSIONS {
            return Some(format!(
                "declares more than {MOST_EXTENSIONS} extensions: leave out what no method needs"
            ));
        }
        let fits = self.longest <= LONGEST_NAME;
        (!fits).then(|| {
            format!(
                "has a full name of more than {LONGEST_NAME} bytes: shorten it, or nest it less"
            )
        })
    }
}

/// The fields of a message on the wire, up to the first that is none: their numbers, and their bytes
/// where they have a length.
fn records(mut bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let next = || {
        let (number, wire) = decode_key(&mut bytes).ok()?;
        if wire != WireType::LengthDelimited {
            skip_field(wire, number, &mut bytes, DecodeContext::default()).ok()?;
            return Some((number, &[][..]));
        }
        let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
        let (value, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        Some((number, value))
    };
    std::iter::from_fn(next).collect()
}

const NAME: u32 = 1;
/// Of a file.
const PACKAGE: u32 = 2;
/// Public and weak imports of a file, as places among its imports.
const PLACES: [u32; 2] = [10, 11];
const MOST_DECLARED: usize = 50_000;
const MOST_EXTENSIONS: usize = 1000;
const LONGEST_NAME: usize = 512;

#[cfg(test)]
mod tests;
