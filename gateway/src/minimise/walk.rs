//! Walking one protobuf message on the wire by its contract.
//!
//! What the contract does not know or the mask does not hold is left out of an answer and refused
//! in a request. Nothing is interpreted beyond tags, lengths and classes.

use crate::registry::contract::{Content, Contract, Field};

/// The part of a message that may pass, and the classes that were met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The reduced message.
    pub bytes: Vec<u8>,
    /// Classes that passed.
    pub delivered: u64,
    /// Classes that were held back.
    pub withheld: u64,
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

/// Walks a message of the given place in a contract.
///
/// # Errors
///
/// [`Obstacle::Malformed`] for what is no protobuf, [`Obstacle::Field`] as `outside` demands.
pub fn walk(
    contract: &Contract,
    place: usize,
    allowed: u64,
    outside: Outside,
    message: &[u8],
) -> Result<Passed, Obstacle> {
    let mut walker = Walker {
        contract,
        allowed,
        outside,
        passed: Passed::default(),
    };
    let mut out = Vec::with_capacity(message.len());
    let rest = walker.message(place, message, &mut out, None, 0)?;
    if !rest.is_empty() {
        return Err(Obstacle::Malformed);
    }
    walker.passed.bytes = out;
    Ok(walker.passed)
}

struct Walker<'a> {
    contract: &'a Contract,
    allowed: u64,
    outside: Outside,
    passed: Passed,
}

/// A field as it stands on the wire.
struct Raw<'a> {
    number: u32,
    wire: u8,
    /// Tag and value.
    whole: &'a [u8],
    /// Value alone; of a length-delimited field without its length.
    value: &'a [u8],
}

impl Walker<'_> {
    /// Walks fields until the input or the group ends; gives what is left of the input.
    fn message<'m>(
        &mut self,
        place: usize,
        mut input: &'m [u8],
        out: &mut Vec<u8>,
        group: Option<u32>,
        depth: usize,
    ) -> Result<&'m [u8], Obstacle> {
        if depth > MAX_DEPTH {
            return Err(Obstacle::Malformed);
        }
        while !input.is_empty() {
            let (tag, after) = varint(input)?;
            if let Some(number) = group
                && tag == u64::from(number) << 3 | u64::from(END_GROUP)
            {
                return Ok(after);
            }
            let (raw, rest) = field(input, depth)?;
            self.field(place, &raw, out, depth)?;
            input = rest;
        }
        if group.is_some() {
            Err(Obstacle::Malformed)
        } else {
            Ok(input)
        }
    }

    fn field(
        &mut self,
        place: usize,
        raw: &Raw<'_>,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), Obstacle> {
        let contract = self.contract;
        let known = contract
            .messages
            .get(place)
            .and_then(|m| m.fields.get(&raw.number));
        let Some(field) = known.filter(|field| fits(field, raw.wire)) else {
            return self.leave_out(|| format!("#{}", raw.number));
        };
        let class = 1_u64 << field.class;
        if self.allowed & class == 0 {
            self.passed.withheld |= class;
            return self.leave_out(|| field.name.clone());
        }
        self.passed.delivered |= class;
        match field.content {
            Content::Whole => out.extend_from_slice(raw.whole),
            Content::Message(inner) => {
                let mut nested = Vec::with_capacity(raw.value.len());
                self.message(inner, raw.value, &mut nested, None, depth + 1)?;
                put_varint(out, u64::from(raw.number) << 3 | u64::from(LENGTH));
                put_varint(out, nested.len() as u64);
                out.extend_from_slice(&nested);
            }
            Content::Group(inner) => {
                put_varint(out, u64::from(raw.number) << 3 | u64::from(START_GROUP));
                self.message(inner, raw.value, out, Some(raw.number), depth + 1)?;
                put_varint(out, u64::from(raw.number) << 3 | u64::from(END_GROUP));
            }
        }
        Ok(())
    }

    fn leave_out(&self, name: impl Fn() -> String) -> Result<(), Obstacle> {
        match self.outside {
            Outside::Drop => Ok(()),
            Outside::Refuse => Err(Obstacle::Field(name())),
        }
    }
}

/// Whether a wire type can hold what the contract says.
fn fits(field: &Field, wire: u8) -> bool {
    match field.content {
        Content::Whole => wire != END_GROUP,
        Content::Message(_) => wire == LENGTH,
        Content::Group(_) => wire == START_GROUP,
    }
}

/// Splits the first field off.
fn field(input: &[u8], depth: usize) -> Result<(Raw<'_>, &[u8]), Obstacle> {
    let (tag, after) = varint(input)?;
    let number = u32::try_from(tag >> 3).map_err(|_| Obstacle::Malformed)?;
    let wire = u8::try_from(tag & 7).map_err(|_| Obstacle::Malformed)?;
    if number == 0 {
        return Err(Obstacle::Malformed);
    }
    let (value, rest) = match wire {
        VARINT => split(after, after.len() - varint(after)?.1.len())?,
        FIXED64 => split(after, 8)?,
        FIXED32 => split(after, 4)?,
        LENGTH => {
            let (length, after) = varint(after)?;
            split(
                after,
                usize::try_from(length).map_err(|_| Obstacle::Malformed)?,
            )?
        }
        START_GROUP => group(after, number, depth + 1)?,
        _ => return Err(Obstacle::Malformed),
    };
    let (whole, _) = split(input, input.len() - rest.len())?;
    Ok((
        Raw {
            number,
            wire,
            whole,
            value,
        },
        rest,
    ))
}

/// Splits a group off; its value includes the end tag.
fn group(input: &[u8], number: u32, depth: usize) -> Result<(&[u8], &[u8]), Obstacle> {
    if depth > MAX_DEPTH {
        return Err(Obstacle::Malformed);
    }
    let mut left = input;
    loop {
        let (tag, after) = varint(left)?;
        if tag == u64::from(number) << 3 | u64::from(END_GROUP) {
            return split(input, input.len() - after.len());
        }
        left = field(left, depth)?.1;
    }
}

fn split(input: &[u8], at: usize) -> Result<(&[u8], &[u8]), Obstacle> {
    input.split_at_checked(at).ok_or(Obstacle::Malformed)
}

fn varint(input: &[u8]) -> Result<(u64, &[u8]), Obstacle> {
    let mut value = 0_u64;
    for (place, byte) in input.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((value, input.get(place + 1..).unwrap_or_default()));
        }
    }
    Err(Obstacle::Malformed)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;
const MAX_DEPTH: usize = 64;
const START_GROUP: u8 = 3;
const VARINT: u8 = 0;

#[cfg(test)]
mod tests;
