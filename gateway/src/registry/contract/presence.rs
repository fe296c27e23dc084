//! What a contract must say so that a withheld value does not read as its default.
//!
//! A scalar without presence is absent and zero alike: whoever reads an answer from which it was
//! left out reads a fact that nobody stated. And whoever misses a required field reads nothing at
//! all. Checked when a contract is registered, and never of one that stands in the registry already.

use std::collections::{BTreeSet, HashSet};

use prost_reflect::{Cardinality, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor};

use super::message::{ANY, is_well_known};
use super::{Contract, class_in, data_class};

/// Every field that an answer may hold and that must not be left out of it, as a problem: with a
/// class of its own and without presence, or required.
#[must_use]
pub fn problems(contract: &Contract) -> Vec<String> {
    let answers = answers(contract);
    let fields = answers.iter().flat_map(MessageDescriptor::fields);
    let absent = fields.filter(lacks_presence).map(|field| {
        let name = field.full_name();
        format!(
            "{name} has a data class but no presence: declare it optional, so that a withheld \
             value does not read as its default"
        )
    });
    let required = answers.iter().flat_map(|it| required(it, contract));
    let required = required.map(|name| {
        format!(
            "{name} is required, and an answer from which it is withheld cannot be read: declare \
             it optional"
        )
    });
    let sorted: BTreeSet<String> = absent.chain(required).collect();
    sorted.into_iter().take(MOST_TOLD).collect()
}

/// Lists and maps are out of it: an empty one is known to say nothing.
fn lacks_presence(field: &FieldDescriptor) -> bool {
    let many = field.is_list() || field.is_map();
    !many && !field.supports_presence() && data_class(field).is_some()
}

/// The required fields and extensions of a message that may be withheld of it.
fn required(message: &MessageDescriptor, contract: &Contract) -> Vec<String> {
    let is_required = |cardinality| cardinality == Cardinality::Required;
    let fields = message.fields().filter(|it| is_required(it.cardinality()));
    let fields = fields.map(|it| (it.full_name().to_owned(), data_class(&it)));
    let extensions = message.extensions();
    let extensions = extensions.filter(|it| is_required(it.cardinality()));
    let extensions = extensions.map(|it| {
        let class = class_in(it.parent_pool(), &it.options());
        (it.full_name().to_owned(), class)
    });
    let all = fields.chain(extensions);
    let withheld = all.filter(|(_, class)| !comes(class.as_deref(), message, contract));
    withheld.map(|(name, _)| name).collect()
}

/// Whether a field of a class comes wherever its message does.
fn comes(class: Option<&str>, message: &MessageDescriptor, contract: &Contract) -> bool {
    let all_or_nothing = contract.classes.len() == 1;
    match class {
        Some(_) => all_or_nothing,
        // Protobuf's own take the class of the field that holds them, and others the default.
        None => is_well_known(message) || (all_or_nothing && !contract.is_classed),
    }
}

/// Every message that an answer of a callable method may hold.
fn answers(contract: &Contract) -> Vec<MessageDescriptor> {
    let services = contract.pool.services();
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let callable = methods.filter(|method| {
        let path = format!("{}/{}", method.parent_service().full_name(), method.name());
        contract.methods.contains_key(&path)
    });
    let mut waiting: Vec<MessageDescriptor> = callable.map(|method| method.output()).collect();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(message) = waiting.pop() {
        if !seen.insert(message.full_name().to_owned()) {
            continue;
        }
        let fields = message.fields().map(|field: FieldDescriptor| field.kind());
        waiting.extend(fields.filter_map(inner));
        let extensions = message.extensions();
        let extensions = extensions.map(|field: ExtensionDescriptor| field.kind());
        waiting.extend(extensions.filter_map(inner));
        if message.full_name() == ANY {
            waiting.extend(contract.pool.all_messages());
        }
        found.push(message);
    }
    found
}

fn inner(kind: Kind) -> Option<MessageDescriptor> {
    match kind {
        Kind::Message(message) => Some(message),
        _ => None,
    }
}

/// Problems that are told; a contract that has more is told again.
const MOST_TOLD: usize = 1000;

#[cfg(test)]
mod tests;
