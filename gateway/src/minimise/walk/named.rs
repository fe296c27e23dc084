//! Whom a message names: fields that identify data subjects, read where they stand.
//!
//! The walk only notes the place of such a field. What it says is read after the message has
//! passed, and nothing of it can be wrong: what is no identifier is taken as it was sent.

use prost::encoding::WireType;

use super::wire::{Malformed, Reader};
use crate::audit::subject::Identifier;
use crate::registry::contract::Contract;
use crate::registry::contract::message::{Content, Message};
use crate::registry::contract::told::Subject;

/// A field that identifies a data subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'m> {
    /// Its place among those of the contract.
    pub subject: u32,
    /// The field with its tag.
    pub field: &'m [u8],
}

impl Named<'_> {
    /// The identifiers that it holds: none where it is empty, several in a packed list of numbers.
    #[must_use]
    pub fn identifiers(&self, contract: &Contract) -> Vec<Identifier> {
        let Some(subject) = contract.told.subjects.get(self.subject as usize) else {
            return Vec::new();
        };
        let texts = self.texts(subject, contract).unwrap_or_default();
        let of = |text: &String| Identifier::of(subject.kind, &subject.scope, text);
        texts.iter().filter_map(of).collect()
    }

    fn texts(&self, subject: &Subject, contract: &Contract) -> Result<Vec<String>, Malformed> {
        let mut input = Reader::new(self.field);
        let Some(tag) = input.tag()? else {
            return Ok(Vec::new());
        };
        let message = |place| contract.messages.get(place).ok_or(Malformed);
        match subject.content {
            Content::Group(place) => compound(message(place)?, input.group(tag.number)?),
            Content::Message(place) => compound(message(place)?, input.nested()?),
            Content::Numbers(wire) if tag.wire != wire => packed(wire, input.nested()?),
            Content::Numbers(_) | Content::Value(_) => Ok(vec![text(&mut input, tag.wire)?]),
        }
    }
}

/// An identifier of several parts, such as office, register, year and number: the values of the
/// message in the order of their fields, with `/` between them. Without any there is none.
fn compound(message: &Message, mut input: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let scalar = |content| matches!(content, Content::Numbers(_) | Content::Value(_));
    let fields = message.fields().iter();
    let fields: Vec<u32> = fields
        .filter(|field| scalar(field.content))
        .map(|field| field.number)
        .collect();
    let mut parts = vec![String::new(); fields.len()];
    while let Some(tag) = input.tag()? {
        let place = fields.binary_search(&tag.number).ok();
        match place.and_then(|place| parts.get_mut(place)) {
            Some(part) => *part = text(&mut input, tag.wire)?,
            None => input.skip(tag)?,
        }
    }
    let is_empty = parts.iter().all(String::is_empty);
    Ok((!is_empty).then(|| parts.join("/")).into_iter().collect())
}

fn packed(wire: WireType, mut input: Reader<'_>) -> Result<Vec<String>, Malformed> {
    let mut numbers = Vec::new();
    while !input.rest().is_empty() {
        numbers.push(text(&mut input, wire)?);
    }
    Ok(numbers)
}

/// A value as text: a number in decimal without a sign, bytes that are no text in hexadecimal.
fn text(input: &mut Reader<'_>, wire: WireType) -> Result<String, Malformed> {
    let number = |bytes: &[u8]| {
        let bytes = bytes.iter().rev();
        bytes
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
            .to_string()
    };
    match wire {
        WireType::Varint => Ok(input.number()?.to_string()),
        WireType::ThirtyTwoBit => Ok(number(input.take(4)?)),
        WireType::SixtyFourBit => Ok(number(input.take(8)?)),
        WireType::LengthDelimited => {
            let bytes = input.nested()?.rest();
            let text = std::str::from_utf8(bytes).map(str::to_owned);
            Ok(text.unwrap_or_else(|_| hex::encode(bytes)))
        }
        WireType::StartGroup | WireType::EndGroup => Err(Malformed),
    }
}
