//! From a descriptor set to what the data plane walks.
//!
//! A message of `google.protobuf` carries no classes: its fields have the class of the field that
//! holds it, as the entries of a map do; so it is compiled once for each such class. An Any may hold
//! whatever the set declares: where one is met, all of it is compiled. So a small set may become a
//! large contract, and is refused before it is too large. Extensions that the set declares are fields
//! as others.

use std::collections::{BTreeSet, HashMap, HashSet};

use bytes::Bytes;
use prost::encoding::WireType;
use prost_reflect::{
    DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};
use varco_proto::options::v1::{SpecialCategory, SubjectKind};

use super::message::{ANY, Content, Field, Held, Message, TYPE_URL, VALUE, is_well_known};
use super::told::{self, Subject, Told};
use super::{Contract, Method, class_in, effect};
use crate::registry::descriptor::ContractRef;

/// Compiles the services of a pool and what their methods can hold.
pub(super) struct Compiler<'a> {
    defaults: &'a ContractRef,
    methods: HashMap<String, Method>,
    messages: Vec<Message>,
    /// By full name and the class that the fields inherit.
    places: HashMap<(String, Option<u8>), usize>,
    /// Messages that have a place and no fields yet: descriptors may be nested deeper than a stack.
    waiting: Vec<Waiting>,
    /// Classes of the fields that hold an Any.
    anys: BTreeSet<u8>,
    held: Held,
    /// Fields of own messages, by their number from 1.
    told: Vec<told::Declared>,
    /// Fields that identify data subjects.
    subjects: Vec<Subject>,
    classes: Vec<String>,
    is_classed: bool,
    without_effect: Vec<String>,
    /// Messages and fields so far.
    size: usize,
    problems: BTreeSet<String>,
}

struct Waiting {
    place: usize,
    message: MessageDescriptor,
    inherited: Option<u8>,
}

/// A field or an extension, as it is declared.
struct Declared {
    number: u32,
    name: String,
    /// Name by which no other field goes.
    full_name: String,
    class: Option<String>,
    subject: Option<SubjectKind>,
    special: SpecialCategory,
    kind: Kind,
    is_group: bool,
    is_list: bool,
    is_map: bool,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(defaults: &'a ContractRef) -> Self {
        Self {
            defaults,
            methods: HashMap::new(),
            messages: Vec::new(),
            places: HashMap::new(),
            waiting: Vec::new(),
            anys: BTreeSet::new(),
            held: Held::default(),
            told: Vec::new(),
            subjects: Vec::new(),
            classes: Vec::new(),
            is_classed: false,
            without_effect: Vec::new(),
            size: 0,
            problems: BTreeSet::new(),
        }
    }

    pub(super) fn method(&mut self, method: &MethodDescriptor) {
        let path = format!("{}/{}", method.parent_service().full_name(), method.name());
        // A method that declares no effect is left out: nobody can register or call it.
        let Some(effect) = effect(method, self.defaults) else {
            self.without_effect.push(path);
            return;
        };
        let compiled = Method {
            effect,
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            input: self.place(&method.input(), None),
            output: self.place(&method.output(), None),
        };
        self.methods.insert(path, compiled);
        self.compile_waiting();
    }

    pub(super) fn finish(
        mut self,
        pool: DescriptorPool,
        files: HashMap<String, Bytes>,
    ) -> Result<Contract, Vec<String>> {
        self.compile_held(&pool);
        if !self.problems.is_empty() {
            return Err(self.problems.into_iter().collect());
        }
        Ok(Contract {
            methods: self.methods,
            messages: self.messages,
            held: self.held,
            told: Told::of(&self.told, self.subjects),
            classes: self.classes,
            is_classed: self.is_classed,
            without_effect: self.without_effect,
            pool,
            files,
        })
    }

    /// The place of a message whose fields inherit a class, if they do.
    fn place(&mut self, message: &MessageDescriptor, inherited: Option<u8>) -> usize {
        let key = (message.full_name().to_owned(), inherited);
        if let Some(place) = self.places.get(&key) {
            return *place;
        }
        let place = self.messages.len();
        self.size += 1;
        self.messages.push(Message::default());
        self.places.insert(key, place);
        self.waiting.push(Waiting {
            place,
            message: message.clone(),
            inherited,
        });
        place
    }

    fn compile_waiting(&mut self) {
        while let Some(next) = self.waiting.pop() {
            if self.size > MOST_COMPILED {
                self.problems.insert(format!(
                    "becomes more than {MOST_COMPILED} messages and fields: let an Any have fewer \
                     classes"
                ));
                return self.waiting.clear();
            }
            let compiled = self.message(&next.message, next.inherited);
            if let Some(held) = self.messages.get_mut(next.place) {
                *held = compiled;
            }
        }
    }

    /// Compiles all that an Any may hold, which may bring more of them.
    fn compile_held(&mut self, pool: &DescriptorPool) {
        let mut done = BTreeSet::new();
        while let Some(class) = self.anys.difference(&done).next().copied() {
            if self.size > MOST_COMPILED {
                return;
            }
            done.insert(class);
            for message in pool.all_messages().filter(|it| !it.is_map_entry()) {
                let inherited = is_well_known(&message).then_some(class);
                let place = self.place(&message, inherited);
                self.held.insert(&message, class, place);
            }
            self.compile_waiting();
        }
    }

    fn message(&mut self, message: &MessageDescriptor, inherited: Option<u8>) -> Message {
        let own = message.fields().map(|field| Declared::from(&field));
        let extensions = message.extensions().map(|field| Declared::from(&field));
        let declared: Vec<Declared> = own.chain(extensions).collect();
        let mut numbers = HashSet::new();
        for twice in declared.iter().filter(|it| !numbers.insert(it.number)) {
            let (name, number) = (message.full_name(), twice.number);
            let problem = format!("{name} has more than one field with the number {number}");
            self.problems.insert(problem);
        }
        let fields = declared.into_iter();
        let fields = fields.filter_map(|field| self.field(field, message, inherited));
        let mut compiled = Message::new(fields.collect());
        if message.full_name() == ANY {
            compiled.any = class_of_any(&compiled);
            self.anys.extend(compiled.any);
        }
        compiled
    }

    fn field(
        &mut self,
        declared: Declared,
        of: &MessageDescriptor,
        inherited: Option<u8>,
    ) -> Option<Field> {
        self.size += 1;
        self.is_classed |= declared.class.is_some();
        let class = match (declared.class.clone(), inherited) {
            (Some(own), _) => self.class(own)?,
            (None, Some(inherited)) => inherited,
            (None, None) => self.class(self.defaults.default_class.clone()?)?,
        };
        let content = self.content(&declared, class);
        let told = inherited.map_or_else(|| self.tell(&declared, of), |_| 0);
        let subject = self.subject(&declared, content);
        Some(Field {
            number: declared.number,
            name: declared.name,
            class,
            content,
            repeats: declared.is_list || declared.is_map,
            told,
            subject,
        })
    }

    /// What a field of a class holds.
    fn content(&mut self, declared: &Declared, class: u8) -> Content {
        match &declared.kind {
            Kind::Message(inner) => {
                let inherits = declared.is_map || is_well_known(inner);
                let place = self.place(inner, inherits.then_some(class));
                if declared.is_group {
                    Content::Group(place)
                } else {
                    Content::Message(place)
                }
            }
            kind => match kind.wire_type() {
                WireType::LengthDelimited => Content::Value(WireType::LengthDelimited),
                wire if declared.is_list => Content::Numbers(wire),
                wire => Content::Value(wire),
            },
        }
    }

    /// The number by which a field of an own message is told of.
    fn tell(&mut self, declared: &Declared, of: &MessageDescriptor) -> u32 {
        let only_holds = match &declared.kind {
            Kind::Message(inner) => !declared.is_map && !is_well_known(inner),
            _ => false,
        };
        self.told.push(told::Declared {
            message: of.full_name().to_owned(),
            short: of.name().to_owned(),
            name: declared.name.clone(),
            only_holds,
            special: declared.special,
        });
        u32::try_from(self.told.len()).unwrap_or(0)
    }

    /// The place of a field among those that identify data subjects.
    fn subject(&mut self, declared: &Declared, content: Content) -> Option<u32> {
        let place = u32::try_from(self.subjects.len()).ok();
        self.subjects.push(Subject {
            kind: declared.subject?,
            scope: declared.full_name.as_str().into(),
            content,
        });
        place
    }

    fn class(&mut self, name: String) -> Option<u8> {
        let known = self.classes.iter().position(|known| *known == name);
        let place = known.unwrap_or(self.classes.len());
        if place >= MAX_CLASSES {
            let problem = format!("a contract may name at most {MAX_CLASSES} data classes");
            self.problems.insert(problem);
            return None;
        }
        if known.is_none() {
            self.classes.push(name);
        }
        u8::try_from(place).ok()
    }
}

/// The class of an Any, when it is declared as it should be.
fn class_of_any(message: &Message) -> Option<u8> {
    let bytes = Content::Value(WireType::LengthDelimited);
    let declared = |number| message.field(number).filter(|it| it.content == bytes);
    declared(TYPE_URL).and(declared(VALUE)).map(|it| it.class)
}

impl From<&FieldDescriptor> for Declared {
    fn from(field: &FieldDescriptor) -> Self {
        let (message, options) = (field.parent_message(), field.options());
        let pool = message.parent_pool();
        Self {
            number: field.number(),
            name: field.name().to_owned(),
            full_name: field.full_name().to_owned(),
            class: class_in(pool, &options),
            subject: told::kind(pool, &options),
            special: told::special(pool, &options),
            kind: field.kind(),
            is_group: field.is_group(),
            is_list: field.is_list(),
            is_map: field.is_map(),
        }
    }
}

impl From<&ExtensionDescriptor> for Declared {
    fn from(field: &ExtensionDescriptor) -> Self {
        let (pool, options) = (field.parent_pool(), field.options());
        Self {
            number: field.number(),
            name: field.name().to_owned(),
            full_name: field.full_name().to_owned(),
            class: class_in(pool, &options),
            subject: told::kind(pool, &options),
            special: told::special(pool, &options),
            kind: field.kind(),
            is_group: field.is_group(),
            is_list: field.is_list(),
            is_map: field.is_map(),
        }
    }
}

const MAX_CLASSES: usize = 64;
/// Messages and fields, each once for every class that it takes.
const MOST_COMPILED: usize = 100_000;

#[cfg(test)]
mod tests;
