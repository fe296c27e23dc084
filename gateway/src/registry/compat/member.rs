//! What a message may hold under a number, as far as two versions of it are compared: a field, or an
//! extension that the contract declares.

use std::collections::BTreeMap;

use prost_reflect::{Cardinality, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use crate::registry::contract::{class_in, subject_in};

/// A field or an extension.
pub(super) struct Member {
    /// Full name.
    pub name: String,
    /// What it is called where it is used: an extension by its full name.
    pub called: String,
    /// Whether it is a list or a map.
    pub is_many: bool,
    /// Whether it is a map.
    pub is_map: bool,
    /// The oneof that it is part of.
    pub oneof: Option<String>,
    /// What it holds.
    pub kind: Kind,
    /// The class that its own option names.
    pub class: Option<String>,
    /// The kind of identifier of a data subject that it holds.
    pub subject: Option<i32>,
}

/// The fields and extensions of a message, by number.
pub(super) fn members(message: &MessageDescriptor) -> BTreeMap<u32, Member> {
    let fields = message.fields().map(|it| (it.number(), Member::from(&it)));
    let extensions = message.extensions();
    let extensions = extensions.map(|it| (it.number(), Member::from(&it)));
    fields.chain(extensions).collect()
}

impl From<&FieldDescriptor> for Member {
    fn from(field: &FieldDescriptor) -> Self {
        let (message, options) = (field.parent_message(), field.options());
        let oneof = field.containing_oneof();
        Self {
            name: field.full_name().to_owned(),
            called: field.name().to_owned(),
            is_many: field.cardinality() == Cardinality::Repeated,
            is_map: field.is_map(),
            oneof: oneof
                .filter(|oneof| !oneof.is_synthetic())
                .map(|oneof| oneof.name().to_owned()),
            kind: field.kind(),
            class: class_in(message.parent_pool(), &options),
            subject: subject_in(message.parent_pool(), &options),
        }
    }
}

impl From<&ExtensionDescriptor> for Member {
    fn from(extension: &ExtensionDescriptor) -> Self {
        let (pool, options) = (extension.parent_pool(), extension.options());
        Self {
            name: extension.full_name().to_owned(),
            called: extension.full_name().to_owned(),
            is_many: extension.cardinality() == Cardinality::Repeated,
            is_map: extension.is_map(),
            oneof: None,
            kind: extension.kind(),
            class: class_in(pool, &options),
            subject: subject_in(pool, &options),
        }
    }
}
