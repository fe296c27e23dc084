//! What a new contract does to the one before it: what it breaks, and what it quietly changes.
//!
//! A break (a message that old clients no longer understand) is refused; it belongs into a new
//! package. A quiet change, of the class of a field, the effect of a method or the data subject,
//! parses as before but shows or does something else: somebody has to agree to it.

use std::collections::BTreeSet;

use prost_reflect::{Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor};

use super::contract::message::{ANY, is_well_known};
use super::contract::{Contract, effect};
use super::descriptor::{ContractRef, Sensitive};

mod member;

use member::{Member, members};

/// What a new contract does to the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What it breaks, each in one line.
    pub breaking: Vec<String>,
    /// What it quietly changes.
    pub sensitive: Vec<Sensitive>,
}

/// A version that came before.
#[derive(Clone, Copy, Debug)]
pub struct Old<'a> {
    /// The methods that it exposed.
    pub exposed: &'a [String],
    /// Its contract.
    pub contract: &'a Contract,
    /// Where that stands, with what it assumes.
    pub of: &'a ContractRef,
}

/// Compares a new contract with the versions before it, which stand newest first.
///
/// What the newest one exposed must not break. A quiet change counts for everything that the old
/// contracts can reach, exposed or not: what is hidden in between is not forgotten. Each method and
/// field is compared with the newest version that has it. An Any may hold every message. A package
/// that the new contract does not have at all is left alone: the new one is a new major version
/// beside the old.
#[must_use]
pub fn compare(before: &[Old<'_>], (new, new_of): (&Contract, &ContractRef)) -> Comparison {
    let mut found = Comparison::default();
    let mut known = BTreeSet::new();
    for (place, old) in before.iter().enumerate() {
        let mut comparer = Comparer {
            old_of: old.of,
            new,
            new_of,
            waiting: Vec::new(),
            seen: BTreeSet::new(),
            met: BTreeSet::new(),
            known: &known,
            methods: methods(old.contract),
            breaks: false,
            found: &mut found,
        };
        let all = comparer.methods.clone();
        let (exposed, hidden): (Vec<_>, Vec<_>) =
            all.iter().partition(|path| old.exposed.contains(path));
        // What is reached both ways must not break.
        for (paths, breaks) in [(exposed, place == 0), (hidden, false)] {
            comparer.breaks = breaks;
            for path in paths {
                comparer.path(path, old.contract);
            }
        }
        comparer.held_of_protobuf(old.contract);
        let met = comparer.met;
        known.extend(met);
    }
    found
}

/// The packages of a contract that another one lacks.
#[must_use]
pub fn lost_packages(old: &Contract, new: &Contract) -> Vec<String> {
    let packages = |contract: &Contract| -> BTreeSet<String> {
        let services = contract.pool.services();
        services.map(|it| it.package_name().to_owned()).collect()
    };
    let kept = packages(new);
    let lost = packages(old).into_iter();
    lost.filter(|package| !kept.contains(package)).collect()
}

/// Every method of a contract, with an effect or without.
fn methods(contract: &Contract) -> Vec<String> {
    let services = contract.pool.services();
    let of = |service: ServiceDescriptor| {
        let methods = service.methods();
        let path =
            |it: MethodDescriptor| format!("{}/{}", it.parent_service().full_name(), it.name());
        methods.map(path).collect::<Vec<_>>()
    };
    services.flat_map(of).collect()
}

struct Comparer<'a> {
    old_of: &'a ContractRef,
    new: &'a Contract,
    new_of: &'a ContractRef,
    /// Messages that are still to be compared, old and new: they may be nested deeper than a stack.
    waiting: Vec<(MessageDescriptor, MessageDescriptor)>,
    /// Messages of this version that were compared.
    seen: BTreeSet<String>,
    /// Methods and fields of this version.
    met: BTreeSet<String>,
    /// Methods and fields that a newer version has: they were compared with that one.
    known: &'a BTreeSet<String>,
    methods: Vec<String>,
    /// Whether what is reached now must not break.
    breaks: bool,
    found: &'a mut Comparison,
}

impl Comparer<'_> {
    fn path(&mut self, path: &str, old: &Contract) {
        let Some((service, name)) = path.split_once('/') else {
            return;
        };
        let Some(service) = old.pool.get_service_by_name(service) else {
            return;
        };
        let method = service.methods().find(|method| method.name() == name);
        if let Some(method) = method {
            self.method(path, &service, &method);
        }
        self.compare_waiting();
    }

    /// Compares protobuf's own messages, where an Any may hold them: they come with its version, and
    /// what that changes is no break of the contract.
    fn held_of_protobuf(&mut self, old: &Contract) {
        if self.seen.contains(ANY) {
            self.breaks = false;
            self.held(old.pool.all_messages());
            self.compare_waiting();
        }
    }

    fn compare_waiting(&mut self) {
        while let Some((old, new)) = self.waiting.pop() {
            self.message(&old, &new);
        }
    }

    fn method(&mut self, path: &str, service: &ServiceDescriptor, old: &MethodDescriptor) {
        let package = service.package_name();
        let same_package = |file: prost_reflect::FileDescriptor| file.package_name() == package;
        if !self.new.pool.files().any(same_package) {
            return;
        }
        let new = self.new.pool.get_service_by_name(service.full_name());
        let new = new.and_then(|it| it.methods().find(|method| method.name() == old.name()));
        let Some(new) = new else {
            return self.breaks(format!("method {path} is gone"));
        };
        let streams = |it: &MethodDescriptor| (it.is_client_streaming(), it.is_server_streaming());
        if streams(old) != streams(&new) {
            self.breaks(format!("method {path} streams otherwise"));
        }
        let first = self.meets(path);
        if first && effect(old, self.old_of) != effect(&new, self.new_of) {
            self.found.sensitive.push(Sensitive::Effect {
                method: path.to_owned(),
            });
        }
        self.same_message(path, &old.input(), &new.input());
        self.same_message(path, &old.output(), &new.output());
    }

    /// Notes a method or field; whether no newer version has it.
    fn meets(&mut self, name: &str) -> bool {
        self.met.insert(name.to_owned());
        !self.known.contains(name)
    }

    fn same_message(&mut self, place: &str, old: &MessageDescriptor, new: &MessageDescriptor) {
        if old.full_name() == new.full_name() {
            self.waiting.push((old.clone(), new.clone()));
        } else {
            let (old, new) = (old.full_name(), new.full_name());
            self.breaks(format!("{place} has {new} in the place of {old}"));
        }
    }

    fn message(&mut self, old: &MessageDescriptor, new: &MessageDescriptor) {
        if !self.seen.insert(old.full_name().to_owned()) {
            return;
        }
        if old.full_name() == ANY {
            let messages = old.parent_pool().all_messages();
            self.held(messages.filter(|message| !is_well_known(message)));
        }
        let (was, is) = (members(old), members(new));
        for (number, old) in &was {
            match is.get(number) {
                Some(new) => self.member(old, new),
                None => self.breaks(format!("field {} is gone", old.name)),
            }
        }
        let called: BTreeSet<&str> = was.values().map(|it| it.called.as_str()).collect();
        for (number, new) in is {
            if !was.contains_key(&number) && called.contains(new.called.as_str()) {
                self.breaks(format!("field {} has another number", new.name));
            }
        }
    }

    /// Takes up messages that an Any may hold, where both versions have them: that it held one that
    /// is gone, no contract says.
    fn held(&mut self, messages: impl Iterator<Item = MessageDescriptor>) {
        for old in messages {
            let new = self.new.pool.get_message_by_name(old.full_name());
            self.waiting.extend(new.map(|new| (old, new)));
        }
    }

    fn member(&mut self, old: &Member, new: &Member) {
        let name = &old.name;
        if old.called != new.called {
            self.breaks(format!("field {name} is called {}", new.called));
        }
        if (old.is_many, old.is_map) != (new.is_many, new.is_map) {
            self.breaks(format!("field {name} is repeated otherwise"));
        }
        if old.oneof != new.oneof {
            self.breaks(format!("field {name} is in another oneof"));
        }
        self.kind(name, &old.kind, &new.kind);
        self.class(old, new);
    }

    fn kind(&mut self, name: &str, old: &Kind, new: &Kind) {
        match (old, new) {
            (Kind::Message(old), Kind::Message(new)) => self.same_message(name, old, new),
            (Kind::Enum(old), Kind::Enum(new)) => {
                for value in old.values() {
                    let kept = new.get_value(value.number());
                    if kept.is_none_or(|kept| kept.name() != value.name()) {
                        self.breaks(format!("value {} is gone", value.full_name()));
                    }
                }
            }
            (old, new) if old == new => {}
            _ => self.breaks(format!("field {name} has another type")),
        }
    }

    fn class(&mut self, old: &Member, new: &Member) {
        if !self.meets(&old.name) {
            return;
        }
        let default = |of: &ContractRef| of.default_class.clone();
        let before = old.class.clone().or_else(|| default(self.old_of));
        let after = new.class.clone().or_else(|| default(self.new_of));
        if before != after {
            self.found.sensitive.push(Sensitive::Class {
                field: old.name.clone(),
                before,
                after,
            });
        }
        if old.subject != new.subject {
            self.found.sensitive.push(Sensitive::Subject {
                field: old.name.clone(),
                methods: self.methods.clone(),
            });
        }
    }

    fn breaks(&mut self, what: String) {
        if self.breaks {
            self.found.breaking.push(what);
        }
    }
}

#[cfg(test)]
mod tests;
