//! JSON objects that strangers sign: every member is seen, and none may be given twice.
//!
//! Two readers that disagree on which of two equal names counts would judge two different tokens
//! (RFC 7519 §4, RFC 8725 §2.4): serde's own objects keep the last one in silence.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// An object, and whether a name is given twice in it or in what it holds.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Its members.
    pub members: Map<String, Value>,
    /// Whether a name is given twice, at any depth.
    pub repeats: bool,
}

struct Node {
    value: Value,
    repeats: bool,
}

struct Reader;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let node = from.deserialize_map(Reader)?;
        match node.value {
            Value::Object(members) => Ok(Self {
                members,
                repeats: node.repeats,
            }),
            _ => Err(serde::de::Error::custom("not an object")),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self {
            value,
            repeats: false,
        }
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Value::Bool(value).into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Value::from(value).into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Value::from(value).into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Number::from_f64(value)
            .map_or(Value::Null, Value::Number)
            .into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Value::from(value).into())
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Value::Null.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let (mut list, mut repeats) = (Vec::new(), false);
        while let Some(node) = from.next_element::<Node>()? {
            repeats |= node.repeats;
            list.push(node.value);
        }
        Ok(Node {
            value: Value::Array(list),
            repeats,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Node, A::Error> {
        let (mut members, mut repeats) = (Map::new(), false);
        while let Some((name, node)) = from.next_entry::<String, Node>()? {
            repeats |= node.repeats | members.insert(name, node.value).is_some();
        }
        Ok(Node {
            value: Value::Object(members),
            repeats,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_given_twice_is_seen_at_any_depth() {
        for (text, repeats) in [
            (r#"{"a":1,"b":[true,null,1.5,"x"]}"#, false),
            (r#"{"a":1,"a":1}"#, true),
            (r#"{"a":{"b":1,"b":2}}"#, true),
            (r#"{"a":[{"b":-1},{"b":1,"b":2}]}"#, true),
            (r#"{"a":1,"\u0061":2}"#, true),
        ] {
            let object: Object = serde_json::from_str(text).unwrap();
            assert_eq!(object.repeats, repeats, "{text}");
        }
        assert!(serde_json::from_str::<Object>("[1]").is_err());
    }
}
