//! Messages as the data plane walks them: which fields may pass, and what they hold.

use std::collections::HashMap;

use prost::encoding::WireType;
use prost_reflect::MessageDescriptor;

/// A message: its fields that have a class.
#[derive(Debug, Default)]
pub struct Message {
    /// In the order of their numbers.
    fields: Vec<Field>,
    /// Class of the fields, where this is `google.protobuf.Any`.
    pub any: Option<u8>,
}

/// A field that may pass.
#[derive(Clone, Debug)]
pub struct Field {
    /// Number.
    pub number: u32,
    /// Name, for refusals.
    pub name: String,
    /// Place of its class.
    pub class: u8,
    /// What it holds.
    pub content: Content,
    /// Whether it may come any number of times. A message that may not and does is merged by those
    /// who read it.
    pub repeats: bool,
    /// Its number in what records say of the contract; 0 where they say nothing of it.
    pub told: u32,
    /// Its place among the fields that identify data subjects, where it does.
    pub subject: Option<u32>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A message in group encoding; its place.
    Group(usize),
    /// A message whose own fields decide; its place.
    Message(usize),
    /// Any number of numbers, each in this wire type, or packed.
    Numbers(WireType),
    /// A value that passes whole, in this wire type.
    Value(WireType),
}

/// Places of the messages that an Any may hold, by their full names.
#[derive(Debug, Default)]
pub struct Held {
    own: HashMap<String, usize>,
    /// Those of `google.protobuf`, by the class that they take from the Any.
    well_known: HashMap<u8, HashMap<String, usize>>,
}

impl Message {
    /// A message of these fields.
    #[must_use]
    pub fn new(mut fields: Vec<Field>) -> Self {
        fields.sort_by_key(|field| field.number);
        Self { fields, any: None }
    }

    /// Its fields, in the order of their numbers.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A field by its number.
    #[must_use]
    pub fn field(&self, number: u32) -> Option<&Field> {
        // Most messages number their fields from 1 without a gap.
        let expected = usize::try_from(number).ok()?.checked_sub(1)?;
        match self.fields.get(expected) {
            Some(field) if field.number == number => Some(field),
            _ => {
                let found = self.fields.binary_search_by_key(&number, |it| it.number);
                found.ok().and_then(|place| self.fields.get(place))
            }
        }
    }
}

impl Content {
    /// Whether a value of this wire type is such a value, and not an unknown field.
    #[must_use]
    pub fn fits(self, wire: WireType) -> bool {
        match self {
            Self::Group(_) => wire == WireType::StartGroup,
            Self::Message(_) => wire == WireType::LengthDelimited,
            Self::Numbers(own) => wire == own || wire == WireType::LengthDelimited,
            Self::Value(own) => wire == own,
        }
    }
}

impl Held {
    /// Whether no Any is held anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.own.is_empty() && self.well_known.is_empty()
    }

    /// The place of a message in an Any whose field has a class.
    #[must_use]
    pub fn place(&self, name: &str, class: u8) -> Option<usize> {
        let well_known = || self.well_known.get(&class)?.get(name);
        self.own.get(name).or_else(well_known).copied()
    }

    /// Notes a message that an Any of a class may hold.
    pub fn insert(&mut self, message: &MessageDescriptor, class: u8, place: usize) {
        let held = if is_well_known(message) {
            self.well_known.entry(class).or_default()
        } else {
            &mut self.own
        };
        held.insert(message.full_name().to_owned(), place);
    }
}

/// Whether a message is one of protobuf's own, which carry no classes.
#[must_use]
pub fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

/// Full name of the message that holds any other.
pub const ANY: &str = "google.protobuf.Any";
/// Number of the field of an Any that names the message.
pub const TYPE_URL: u32 = 1;
/// Number of the field of an Any that holds the message.
pub const VALUE: u32 = 2;
