//! The same rule over decoded messages: field by field, without a wire.

use std::collections::BTreeSet;

use prost::Message as _;
use prost_reflect::{
    DescriptorPool, DynamicMessage, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::registry::contract::data_class;
use crate::registry::contract::message::ANY;

/// Reduces decoded messages, and says what it did.
pub struct Reference<'a> {
    pool: &'a DescriptorPool,
    allowed: &'a BTreeSet<String>,
    pub delivered: BTreeSet<String>,
    pub withheld: BTreeSet<String>,
    pub has_removed: bool,
}

impl<'a> Reference<'a> {
    pub fn new(pool: &'a DescriptorPool, allowed: &'a BTreeSet<String>) -> Self {
        Self {
            pool,
            allowed,
            delivered: BTreeSet::new(),
            withheld: BTreeSet::new(),
            has_removed: false,
        }
    }

    /// What of a message may pass; its fields inherit a class where they have none.
    pub fn message(&mut self, of: &DynamicMessage, inherited: Option<&str>) -> DynamicMessage {
        self.has_removed |= of.unknown_fields().next().is_some();
        let mut passed = DynamicMessage::new(of.descriptor());
        for (field, value) in of.fields() {
            let class = data_class(&field).or_else(|| inherited.map(str::to_owned));
            if let Some(value) = self.field(value, class) {
                passed.set_field(&field, value);
            }
        }
        for (field, value) in of.extensions() {
            let option = self
                .pool
                .get_extension_by_name("varco.options.v1.data_class");
            let (option, options) = (option.unwrap(), field.options());
            let class = options.has_extension(&option).then(|| {
                let class = options.get_extension(&option);
                class.as_str().unwrap().to_owned()
            });
            if let Some(value) = self.field(value, class.or_else(|| inherited.map(str::to_owned))) {
                passed.set_extension(&field, value);
            }
        }
        passed
    }

    fn field(&mut self, value: &Value, class: Option<String>) -> Option<Value> {
        let known = class.filter(|class| {
            let allowed = self.allowed.contains(class);
            if !allowed {
                self.withheld.insert(class.clone());
            }
            allowed
        });
        let Some(class) = known else {
            self.has_removed = true;
            return None;
        };
        let passed = self.value(value, &class)?;
        // A list of which nothing is left is no field.
        if passed.as_list().is_some_and(<[Value]>::is_empty) {
            return None;
        }
        self.delivered.insert(class);
        Some(passed)
    }

    fn value(&mut self, value: &Value, class: &str) -> Option<Value> {
        match value {
            Value::Message(message) => self.nested(message, class).map(Value::Message),
            Value::List(items) => {
                let passed = items.iter().filter_map(|item| self.value(item, class));
                Some(Value::List(passed.collect()))
            }
            Value::Map(entries) => {
                let entry = |(key, value): (&_, &Value)| {
                    let empty = || match value {
                        Value::Message(it) => Value::Message(DynamicMessage::new(it.descriptor())),
                        other => other.clone(),
                    };
                    let passed = self.value(value, class).unwrap_or_else(empty);
                    (Clone::clone(key), passed)
                };
                Some(Value::Map(entries.iter().map(entry).collect()))
            }
            other => Some(other.clone()),
        }
    }

    fn nested(&mut self, message: &DynamicMessage, class: &str) -> Option<DynamicMessage> {
        if message.descriptor().full_name() == ANY {
            return self.any(message, class);
        }
        let inherits = is_well_known(&message.descriptor());
        Some(self.message(message, inherits.then_some(class)))
    }

    fn any(&mut self, any: &DynamicMessage, class: &str) -> Option<DynamicMessage> {
        let url = any.get_field_by_name("type_url").unwrap();
        let value = any.get_field_by_name("value").unwrap();
        let (url, value) = (url.as_str().unwrap(), value.as_bytes().unwrap());
        if url.is_empty() && value.is_empty() {
            return Some(self.message(any, Some(class)));
        }
        let name = url.rsplit('/').next().unwrap();
        let Some(of) = self.pool.get_message_by_name(name) else {
            self.has_removed = true;
            return None;
        };
        let held = DynamicMessage::decode(of, value.clone()).unwrap();
        let held = self.nested(&held, class).map(|it| it.encode_to_vec());
        let held = Value::Bytes(held.unwrap_or_default().into());
        let mut passed = self.message(any, Some(class));
        passed.clear_field_by_name("value");
        if held.as_bytes().is_some_and(|held| !held.is_empty()) {
            passed.set_field_by_name("value", held);
        }
        Some(passed)
    }
}

fn is_well_known(message: &MessageDescriptor) -> bool {
    message.full_name().starts_with("google.protobuf.")
}
