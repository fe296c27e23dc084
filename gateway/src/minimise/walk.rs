//! Walking one protobuf message on the wire by its contract.
//!
//! What the contract does not know or the mask does not hold is left out of an answer and refused
//! in a request. Nothing is interpreted beyond tags, lengths, classes and the type of an `Any`. A
//! field in a wire type that its declared type does not have is unknown: a decoder sees it so.
//!
//! Each field is judged where it stands. Of a oneof that is set twice, which no encoder does, the
//! last one may be withheld and the first one pass, as its class allows. A message that comes twice
//! where it may come once is merged by those who read it, and so could an `Any` be of which neither
//! half says what the whole is: where the contract has any, what comes second is unknown.

use std::collections::BTreeSet;

use crate::registry::contract::Contract;
use crate::registry::contract::message::{Content, Field, Message, VALUE};
use crate::registry::contract::told::Fields;

mod any;
mod edits;
pub mod named;
mod wire;

use any::Held;
use edits::Edits;
use named::Named;
use wire::{Malformed, Reader, Tag};

/// What of a message may pass, and what was met in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed<'m> {
    /// The reduced message, never longer than it was; none when it passes exactly as it is.
    pub reduced: Option<Vec<u8>>,
    /// Classes that passed.
    pub delivered: u64,
    /// Classes that were held back.
    pub withheld: u64,
    /// Fields that passed.
    pub fields: Fields,
    /// Fields that passed and identify data subjects, where they stand.
    pub named: Vec<Named<'m>>,
}

/// Why a message cannot pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A field outside the mask, by its name; unknown fields by their number.
    Field(String),
    /// The message is no protobuf, or nested too deep.
    Malformed,
}

/// What to do with a field outside the mask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Leave it out: an answer.
    Drop,
    /// Stop: a request.
    Refuse,
}

/// Walks a message of the given place in a contract, in time linear in its length.
///
/// # Errors
///
/// [`Obstacle::Malformed`] for what is no protobuf, [`Obstacle::Field`] as `outside` demands.
pub fn walk<'m>(
    contract: &Contract,
    place: usize,
    allowed: u64,
    outside: Outside,
    message: &'m [u8],
) -> Result<Passed<'m>, Obstacle> {
    if u32::try_from(message.len()).is_err() {
        return Err(Obstacle::Malformed);
    }
    let mut walker = Walker {
        contract,
        message,
        allowed,
        outside,
        passed: Passed::default(),
        edits: Edits::default(),
    };
    let mut input = Reader::new(message);
    match walker.opened(place, &input)? {
        Some(inside) => walker.message(inside, &mut input)?,
        None => walker.leave_out((0, message.len()), || "type_url".to_owned())?,
    };
    Ok(Passed {
        reduced: walker.edits.applied(message),
        ..walker.passed
    })
}

struct Walker<'c, 'm> {
    contract: &'c Contract,
    message: &'m [u8],
    allowed: u64,
    outside: Outside,
    passed: Passed<'m>,
    edits: Edits,
}

/// A message that is walked.
struct Inside<'c> {
    message: &'c Message,
    /// Place of the message that an Any holds.
    value: Option<usize>,
    /// Numbers of the messages that were met and may come once.
    met: BTreeSet<u32>,
}

impl<'c> Inside<'c> {
    fn new(message: &'c Message, value: Option<usize>) -> Self {
        Self {
            message,
            value,
            met: BTreeSet::new(),
        }
    }

    /// The field of a tag, with what it holds here.
    fn field(&self, tag: Tag) -> Option<(&'c Field, Content)> {
        let field = self.message.field(tag.number)?;
        let content = match self.value {
            Some(place) if tag.number == VALUE => Content::Message(place),
            _ => field.content,
        };
        content.fits(tag.wire).then_some((field, content))
    }
}

impl<'c> Walker<'c, '_> {
    /// A message of a place as it is to be walked; none when the contract does not know it.
    fn opened(&self, place: usize, input: &Reader<'_>) -> Result<Option<Inside<'c>>, Obstacle> {
        let Some(message) = self.contract.messages.get(place) else {
            return Ok(None);
        };
        let held = match message.any {
            Some(class) => any::held(self.contract, class, input.clone())?,
            None => Held::Nothing,
        };
        Ok(match held {
            Held::Message(place) => Some(Inside::new(message, Some(place))),
            Held::Nothing => Some(Inside::new(message, None)),
            Held::Unknown => None,
        })
    }

    /// Walks fields until the message or the group ends; gives how many bytes go, as all below do.
    fn message(
        &mut self,
        mut inside: Inside<'c>,
        input: &mut Reader<'_>,
    ) -> Result<usize, Obstacle> {
        let mut removed = 0;
        while let Some(tag) = input.tag()? {
            removed += self.field(&mut inside, tag, input)?;
        }
        Ok(removed)
    }

    fn field(
        &mut self,
        inside: &mut Inside<'c>,
        tag: Tag,
        input: &mut Reader<'_>,
    ) -> Result<usize, Obstacle> {
        let Some((field, content)) = inside.field(tag) else {
            input.skip(tag)?;
            return self.leave_out((tag.from, input.at()), || format!("#{}", tag.number));
        };
        if self.merges(inside, field, content) {
            input.skip(tag)?;
            return self.leave_out((tag.from, input.at()), || field.name.clone());
        }
        let class = 1_u64 << field.class;
        if self.allowed & class == 0 {
            self.passed.withheld |= class;
            input.skip(tag)?;
            return self.leave_out((tag.from, input.at()), || field.name.clone());
        }
        let removed = match content {
            Content::Message(place) => self.nested(place, input)?,
            Content::Group(place) => self.group(place, tag, input)?,
            Content::Numbers(_) | Content::Value(_) => {
                input.skip(tag)?;
                Some(0)
            }
        };
        let Some(removed) = removed else {
            return self.leave_out((tag.from, input.at()), || field.name.clone());
        };
        self.passed.delivered |= class;
        self.passed.fields.insert(field.told);
        // Of an identifier that lost a part, no identifier passes.
        if let Some(subject) = field.subject.filter(|_| removed == 0) {
            let field = self.message.get(tag.from..input.at()).unwrap_or_default();
            self.passed.named.push(Named { subject, field });
        }
        Ok(removed)
    }

    /// Whether whoever reads the message would merge this field with one that was met before, where
    /// the halves of an Any could meet.
    fn merges(&self, inside: &mut Inside<'c>, field: &Field, content: Content) -> bool {
        let is_message = matches!(content, Content::Message(_) | Content::Group(_));
        !self.contract.held.is_empty()
            && is_message
            && !field.repeats
            && !inside.met.insert(field.number)
    }

    /// Walks a nested message; none when it cannot be known.
    fn nested(&mut self, place: usize, input: &mut Reader<'_>) -> Result<Option<usize>, Obstacle> {
        let prefix = input.at();
        let mut inner = input.nested()?;
        let Some(inside) = self.opened(place, &inner)? else {
            return Ok(None);
        };
        let start = inner.at();
        let length = self.edits.length(prefix, start);
        let removed = self.message(inside, &mut inner)?;
        let before = input.at() - start;
        Ok(Some(self.edits.shorten(&length, before, removed)))
    }

    /// Walks a message in group encoding; none when it cannot be known.
    fn group(
        &mut self,
        place: usize,
        tag: Tag,
        input: &mut Reader<'_>,
    ) -> Result<Option<usize>, Obstacle> {
        let mut inner = input.group(tag.number)?;
        let Some(inside) = self.opened(place, &inner)? else {
            input.skip(tag)?;
            return Ok(None);
        };
        let removed = self.message(inside, &mut inner)?;
        input.go_on_after(&inner);
        Ok(Some(removed))
    }

    fn leave_out(
        &mut self,
        (from, to): (usize, usize),
        name: impl Fn() -> String,
    ) -> Result<usize, Obstacle> {
        match self.outside {
            Outside::Drop if from == to => Ok(0),
            Outside::Drop => Ok(self.edits.cut(from, to)),
            Outside::Refuse => Err(Obstacle::Field(name())),
        }
    }
}

impl From<Malformed> for Obstacle {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests;
