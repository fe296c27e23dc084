//! What a `google.protobuf.Any` holds.
//!
//! Its two fields may come in either order. Of a field that comes twice decoders take the last, or
//! merge: such an Any counts as one of an unknown type.

use prost::encoding::WireType;

use super::wire::{Malformed, Reader};
use crate::registry::contract::Contract;
use crate::registry::contract::message::{TYPE_URL, VALUE};

/// What an Any holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A message; its place.
    Message(usize),
    /// Nothing.
    Nothing,
    /// What the contract does not know.
    Unknown,
}

/// Finds out what an Any holds, whose field has a class; its own fields are looked at, no more.
///
/// # Errors
///
/// When it is malformed.
pub fn held(contract: &Contract, class: u8, mut any: Reader<'_>) -> Result<Held, Malformed> {
    let (mut url, mut value) = (None, None);
    while let Some(tag) = any.tag()? {
        let held = match (tag.number, tag.wire) {
            (TYPE_URL, WireType::LengthDelimited) => &mut url,
            (VALUE, WireType::LengthDelimited) => &mut value,
            _ => {
                any.skip(tag)?;
                continue;
            }
        };
        if held.replace(any.nested()?.rest()).is_some() {
            return Ok(Held::Unknown);
        }
    }
    let (url, value) = (url.unwrap_or_default(), value.unwrap_or_default());
    if url.is_empty() && value.is_empty() {
        return Ok(Held::Nothing);
    }
    let name = std::str::from_utf8(url).ok();
    let name = name.and_then(|url| url.rsplit('/').next());
    let place = name.and_then(|name| contract.held.place(name, class));
    Ok(place.map_or(Held::Unknown, Held::Message))
}
