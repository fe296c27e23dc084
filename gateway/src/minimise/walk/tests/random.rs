//! Contracts and messages out of random bytes, which shrink to few fields with them.

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, MessageDescriptor, Value};
use serde_json::{Value as Json, json};

use crate::registry::contract::message::ANY;
use crate::registry::contract::testing::{IMPORTS, set};

/// Answers questions from random bytes; with nought once they have run out.
pub struct Choices {
    bytes: std::vec::IntoIter<u8>,
}

/// A contract, and the descriptors of a service that has moved on: it has fields that the contract
/// does not know, and packs other numbers.
pub struct Schema {
    pub contract: Vec<u8>,
    pub service: Vec<u8>,
    /// `t.M0` and so on.
    pub messages: usize,
}

impl Choices {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into_iter(),
        }
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.bytes.next().unwrap_or(0)) % bound
    }

    fn yes(&mut self) -> bool {
        self.below(2) == 1
    }

    fn number(&mut self) -> i64 {
        let size = [1, 0, 2, 5, 8][self.below(5)];
        let bytes = (0..size).map(|_| self.bytes.next().unwrap_or(0));
        bytes.fold(0_i64, |number, byte| number << 8 | i64::from(byte))
    }
}

/// A schema, whose methods all take and give `t.M0`.
pub fn schema(choices: &mut Choices) -> Schema {
    let messages = 1 + choices.below(4);
    let proto2 = choices.yes();
    let mut files = [file(proto2), file(proto2)];
    for place in 0..messages {
        let mut both = [message(place, proto2), message(place, proto2)];
        let mut number = 0;
        for _ in 0..choices.below(8) {
            number += [1, 1, 1, 2, 15, 2000][choices.below(6)];
            let field = Field::chosen(choices, number, (messages, proto2));
            field.declare(&mut both, "field");
        }
        for (file, message) in files.iter_mut().zip(both) {
            push(file, "messageType", message);
        }
    }
    for place in 0..if proto2 { choices.below(3) } else { 0 } {
        let mut field = Field::chosen(choices, 100_000 + place, (messages, proto2));
        if field.json["type"] != "TYPE_GROUP" && field.map.is_none() {
            field.json["extendee"] = json!(".t.M0");
            field.in_oneof = false;
            field.declare(&mut files, "extension");
        }
    }
    let [contract, service] = files.map(|file| set(&[file]));
    Schema {
        contract,
        service,
        messages,
    }
}

fn file(proto2: bool) -> Json {
    let value = |name: &str, number: i32| json!({"name": name, "number": number});
    let options = json!({"idempotencyLevel": "NO_SIDE_EFFECTS"});
    json!({
        "name": "t.proto", "package": "t", "syntax": if proto2 { "proto2" } else { "proto3" },
        "dependency": IMPORTS,
        "messageType": [], "extension": [],
        "enumType": [{"name": "E", "value": [value("A", 0), value("B", 1)]}],
        "service": [{"name": "S", "method": [
            {"name": "Do", "inputType": ".t.M0", "outputType": ".t.M0", "options": options}
        ]}],
    })
}

fn message(place: usize, proto2: bool) -> Json {
    let mut message = json!({
        "name": format!("M{place}"), "field": [], "nestedType": [], "oneofDecl": [{"name": "o"}],
    });
    if proto2 {
        message["extensionRange"] = json!([{"start": 100_000, "end": 200_000}]);
    }
    message
}

/// A field as the contract and the service declare it.
struct Field {
    json: Json,
    /// The entry, where it is a map.
    map: Option<Json>,
    is_hidden: bool,
    in_oneof: bool,
    is_packed: [Option<bool>; 2],
}

impl Field {
    fn chosen(choices: &mut Choices, number: usize, (messages, proto2): (usize, bool)) -> Self {
        let name = format!("f{number}");
        let mut json = kind(choices, messages, proto2);
        json["name"] = json!(name);
        json["number"] = json!(number);
        let shape = choices.below(4);
        json["label"] = json!(if shape == 1 {
            "LABEL_REPEATED"
        } else {
            "LABEL_OPTIONAL"
        });
        let is_group = json["type"] == "TYPE_GROUP";
        let map = (shape == 2 && !is_group).then(|| entry(choices, &json));
        if map.is_some() {
            let typed = json!(format!(".t.M?.{}Entry", name.to_uppercase()));
            json["type"] = json!("TYPE_MESSAGE");
            json["typeName"] = typed;
            json["label"] = json!("LABEL_REPEATED");
        }
        let single = map.is_none() && shape != 1;
        if single && !proto2 && choices.yes() {
            json["proto3Optional"] = json!(true);
        }
        let class = choices.below(5);
        if class < 4 {
            let class = format!("c{class}");
            json["options"] = json!({"[varco.options.v1.data_class]": class});
        }
        let is_text = ["TYPE_STRING", "TYPE_BYTES"].contains(&json["type"].as_str().unwrap());
        let packs = shape == 1 && json.get("typeName").is_none() && !is_text;
        Self {
            map,
            is_hidden: choices.below(5) == 4,
            in_oneof: single && json.get("proto3Optional").is_none() && choices.yes(),
            is_packed: [(); 2].map(|()| packs.then(|| choices.yes())),
            json,
        }
    }

    /// Adds it to the message or file of the contract, where that knows it, and of the service.
    fn declare(&self, both: &mut [Json; 2], list: &str) {
        for (place, into) in both.iter_mut().enumerate() {
            if place == 0 && self.is_hidden {
                continue;
            }
            let mut json = self.json.clone();
            if self.in_oneof {
                json["oneofIndex"] = json!(0);
            }
            if let Some(packed) = self.is_packed[place] {
                json["options"]["packed"] = json!(packed);
            }
            if let Some(entry) = &self.map {
                let name = json["typeName"].as_str().unwrap();
                json["typeName"] = json!(name.replace("M?", into["name"].as_str().unwrap()));
                push(into, "nestedType", entry.clone());
            }
            push(into, list, json);
        }
    }
}

fn kind(choices: &mut Choices, messages: usize, proto2: bool) -> Json {
    const SCALARS: [&str; 15] = [
        "INT32", "STRING", "BOOL", "BYTES", "DOUBLE", "FLOAT", "INT64", "UINT64", "FIXED64",
        "FIXED32", "UINT32", "SFIXED32", "SFIXED64", "SINT32", "SINT64",
    ];
    const WELL_KNOWN: [&str; 4] = ["Any", "Struct", "Timestamp", "StringValue"];
    let own = format!(".t.M{}", choices.below(messages));
    match choices.below(10) {
        0..4 => json!({"type": format!("TYPE_{}", SCALARS[choices.below(15)])}),
        4 => json!({"type": "TYPE_ENUM", "typeName": ".t.E"}),
        5 if proto2 => json!({"type": "TYPE_GROUP", "typeName": own}),
        5..8 => json!({"type": "TYPE_MESSAGE", "typeName": own}),
        _ => {
            let name = format!(".google.protobuf.{}", WELL_KNOWN[choices.below(4)]);
            json!({"type": "TYPE_MESSAGE", "typeName": name})
        }
    }
}

fn entry(choices: &mut Choices, value: &Json) -> Json {
    let key = ["STRING", "INT32", "BOOL", "FIXED64", "SINT32"][choices.below(5)];
    let name = value["name"].as_str().unwrap().to_uppercase();
    let mut value = value.clone();
    value["name"] = json!("value");
    value["number"] = json!(2);
    value["label"] = json!("LABEL_OPTIONAL");
    json!({
        "name": format!("{name}Entry"),
        "options": {"mapEntry": true},
        "field": [
            {"name": "key", "number": 1, "label": "LABEL_OPTIONAL", "type": format!("TYPE_{key}")},
            value,
        ],
    })
}

fn push(into: &mut Json, list: &str, what: Json) {
    into[list].as_array_mut().unwrap().push(what);
}

/// Fills messages of a pool.
pub struct Filler<'a> {
    pub choices: &'a mut Choices,
    pub pool: &'a DescriptorPool,
    pub messages: usize,
    depth: usize,
    /// Maps are not written in order: where bytes are compared, they have one entry.
    in_any: bool,
}

impl<'a> Filler<'a> {
    pub fn new(choices: &'a mut Choices, pool: &'a DescriptorPool, messages: usize) -> Self {
        Self {
            choices,
            pool,
            messages,
            depth: 0,
            in_any: false,
        }
    }

    pub fn message(&mut self, of: &MessageDescriptor) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        if of.full_name() == ANY {
            self.fill_any(&mut message);
            return message;
        }
        if self.depth >= 6 {
            return message;
        }
        self.depth += 1;
        for field in of.fields() {
            if self.choices.below(3) == 0 {
                continue;
            }
            if let Kind::Message(entry) = field.kind()
                && field.is_map()
            {
                message.set_field(&field, self.map(&entry));
            } else {
                let value = self.values(field.is_list(), &field.kind());
                message.set_field(&field, value);
            }
        }
        for field in of.extensions() {
            if self.choices.yes() {
                let value = self.values(field.is_list(), &field.kind());
                message.set_extension(&field, value);
            }
        }
        self.depth -= 1;
        message
    }

    fn map(&mut self, entry: &MessageDescriptor) -> Value {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        let most = if self.in_any { 2 } else { 4 };
        let entries = 0..self.choices.below(most);
        let entries = entries.map(|_| {
            let key: MapKey = self.value(&key.kind()).into_map_key().unwrap();
            (key, self.value(&value.kind()))
        });
        Value::Map(entries.collect())
    }

    fn values(&mut self, is_list: bool, kind: &Kind) -> Value {
        if !is_list {
            return self.value(kind);
        }
        let items = 0..self.choices.below(4);
        Value::List(items.map(|_| self.value(kind)).collect())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "any number will do"
    )]
    fn value(&mut self, kind: &Kind) -> Value {
        if let Kind::Message(inner) = kind {
            return Value::Message(self.message(inner));
        }
        let number = self.choices.number();
        match kind {
            Kind::Double => Value::F64(number as f64),
            Kind::Float => Value::F32(number as f32),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number as u64),
            Kind::Bool => Value::Bool(number & 1 == 1),
            Kind::String => Value::String(format!("è{number}")),
            Kind::Bytes => Value::Bytes(vec![7; number as usize % 200].into()),
            Kind::Enum(_) => Value::EnumNumber(number as i32 & 3),
            Kind::Message(_) => unreachable!(),
        }
    }

    fn fill_any(&mut self, any: &mut DynamicMessage) {
        let name = match self.choices.below(9) {
            0 => return,
            1 => "t.Nowhere".to_owned(),
            2 => "google.protobuf.Struct".to_owned(),
            3 => "google.protobuf.StringValue".to_owned(),
            4 if self.depth < 5 => ANY.to_owned(),
            _ => format!("t.M{}", self.choices.below(self.messages)),
        };
        let before = std::mem::replace(&mut self.in_any, true);
        self.depth += 1;
        let held = match self.pool.get_message_by_name(&name) {
            Some(of) => self.message(&of).encode_to_vec(),
            None => vec![0xff; self.choices.below(3)],
        };
        self.depth -= 1;
        self.in_any = before;
        any.set_field_by_name(
            "type_url",
            Value::String(format!("type.googleapis.com/{name}")),
        );
        any.set_field_by_name("value", Value::Bytes(held.into()));
    }
}
