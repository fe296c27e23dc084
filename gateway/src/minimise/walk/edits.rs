//! What is to be changed in a message: parts to cut out, and lengths that shrink with them.
//!
//! The message is only looked at while it is walked. When nothing is to be changed, nothing was
//! copied; else one pass copies what stays, whatever the nesting.

use super::wire::{put_varint, varint_len};

/// Changes of one message, in the order of their places.
///
/// Places are below 4 GiB, as messages are.
#[derive(Debug, Default)]
pub struct Edits {
    all: Vec<Edit>,
}

/// A part that goes, or a length that another takes the place of.
#[derive(Debug)]
struct Edit {
    from: u32,
    to: u32,
    length: Option<u32>,
}

/// A length that may have to change.
#[derive(Debug)]
pub struct Length {
    edit: usize,
}

impl Edits {
    /// Cuts a part out; gives how many bytes go.
    pub fn cut(&mut self, from: usize, to: usize) -> usize {
        let (start, end) = (short(from), short(to));
        match self.all.last_mut() {
            Some(last) if last.length.is_none() && last.to == start => last.to = end,
            _ => self.all.push(Edit {
                from: start,
                to: end,
                length: None,
            }),
        }
        to.saturating_sub(from)
    }

    /// Notes where the length of a nested message stands, before that is walked.
    pub fn length(&mut self, from: usize, to: usize) -> Length {
        let edit = self.all.len();
        self.all.push(Edit {
            from: short(from),
            to: short(to),
            length: Some(0),
        });
        Length { edit }
    }

    /// Sets the length of a nested message that had `before` bytes; gives how many bytes go in all.
    pub fn shorten(&mut self, length: &Length, before: usize, removed: usize) -> usize {
        if removed == 0 {
            self.all.truncate(length.edit);
            return 0;
        }
        let now = before.saturating_sub(removed);
        let Some(edit) = self.all.get_mut(length.edit) else {
            return removed;
        };
        edit.length = Some(short(now));
        let prefix = edit.to.saturating_sub(edit.from) as usize;
        removed + prefix.saturating_sub(varint_len(now))
    }

    /// The message with its changes; none when there are none.
    #[must_use]
    pub fn applied(&self, message: &[u8]) -> Option<Vec<u8>> {
        if self.all.is_empty() {
            return None;
        }
        let mut out = Vec::with_capacity(message.len());
        let mut at = 0;
        for edit in &self.all {
            out.extend_from_slice(message.get(at..edit.from as usize).unwrap_or_default());
            if let Some(length) = edit.length {
                put_varint(&mut out, length as usize);
            }
            at = edit.to as usize;
        }
        out.extend_from_slice(message.get(at..).unwrap_or_default());
        Some(out)
    }
}

fn short(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
