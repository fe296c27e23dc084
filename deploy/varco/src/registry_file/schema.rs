//! The JSON Schema of the registry file, for editors (2020-12).
//!
//! It is not written down beside the parser but asked of it: the parser runs over nothing, and
//! what it asks for is what a file may say. Only the descriptions are a table of their own, and a
//! test holds that each field has one.

use std::cell::RefCell;

use serde_json::{Map, Value, json};
use toml::de::DeTable;

use super::fields::Fields;
use super::source::Source;

mod description;

/// A field that the parser asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its way from the file, such as `eservice.descriptor.upstream.address`.
    pub path: String,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One of a few texts.
    Choice(&'static [&'static str]),
    /// Files, each a text or a table that says more.
    Files,
    /// True or false.
    Flag,
    /// A list of lists of texts.
    Groups,
    /// A date or an instant.
    Moment,
    /// A whole number of at least one.
    Number,
    /// A table.
    Table,
    /// A list of tables.
    Tables,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
}

/// Every field that a registry file may have, each after the table that it stands in.
#[must_use]
pub fn properties() -> Vec<Property> {
    let source = Source::asking();
    let (nothing, _) = DeTable::parse_recoverable("");
    let _ = super::document(&mut Fields::root(&nothing, &source));
    let properties = source.properties().map(RefCell::take);
    properties.unwrap_or_default()
}

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut schema = object("", &properties());
    if let Value::Object(schema) = &mut schema {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        schema.insert("$schema".to_owned(), json!(dialect));
        schema.insert("title".to_owned(), json!("Registry file of Varco"));
        schema.insert("description".to_owned(), json!(description::FILE));
    }
    schema
}

/// The table at a path: its fields, those that must be there, and no others.
fn object(path: &str, properties: &[Property]) -> Value {
    let mut fields = Map::new();
    let mut required = Vec::new();
    for property in properties {
        let (table, field) = property
            .path
            .rsplit_once('.')
            .unwrap_or(("", &property.path));
        if table != path {
            continue;
        }
        fields.insert(field.to_owned(), value(property, properties));
        if property.required {
            required.push(field.to_owned());
        }
    }
    json!({
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": false,
    })
}

fn value(property: &Property, properties: &[Property]) -> Value {
    let within = || object(&property.path, properties);
    let text = json!({ "type": "string", "pattern": "\\S" });
    let mut value = match property.shape {
        Shape::Choice(choices) => json!({ "enum": choices }),
        Shape::Files => json!({ "type": "array", "items": { "anyOf": [text, within()] } }),
        Shape::Flag => json!({ "type": "boolean", "default": false }),
        Shape::Groups => {
            let group = json!({ "type": "array", "items": text, "minItems": 1 });
            json!({ "type": "array", "items": group })
        }
        // Editors hand the dates of TOML to a schema as texts.
        Shape::Moment => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}" }),
        Shape::Number => json!({ "type": "integer", "minimum": 1 }),
        Shape::Table => within(),
        Shape::Tables => json!({ "type": "array", "items": within() }),
        Shape::Text => text,
        Shape::Texts => json!({ "type": "array", "items": text }),
    };
    if let Value::Object(value) = &mut value {
        let said = description::of(&property.path).unwrap_or_default();
        value.insert("description".to_owned(), json!(said));
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_has_one_description_and_every_description_a_field() {
        let properties = properties();
        let asked: BTreeSet<&str> = properties.iter().map(|it| it.path.as_str()).collect();
        let described: BTreeSet<&str> = description::paths().collect();

        assert_eq!(asked, described);
        assert_eq!(description::paths().count(), described.len());
    }

    #[test]
    fn fields_that_the_parser_requires_are_required() {
        let schema = schema();

        let tenant = &schema["properties"]["tenant"]["items"];
        assert_eq!(tenant["required"], json!(["name", "title", "ipa"]));
        assert_eq!(tenant["properties"]["name"]["type"], "string");
        let descriptor = &schema["properties"]["eservice"]["items"]["properties"]["descriptor"];
        let required = descriptor["items"]["required"].as_array().unwrap();
        assert!(required.contains(&json!("audience")));
        assert!(!required.contains(&json!("voucher_lifespan")));
        let upstream = &descriptor["items"]["properties"]["upstream"];
        assert_eq!(upstream["required"], json!(["address"]));
        assert_eq!(upstream["additionalProperties"], json!(false));
    }

    #[test]
    fn keys_are_texts_or_tables() {
        let schema = schema();

        let keys = &schema["properties"]["client"]["items"]["properties"]["keys"];
        let forms = keys["items"]["anyOf"].as_array().unwrap();
        assert_eq!(forms[0]["type"], "string");
        assert_eq!(forms[1]["required"], json!(["file"]));
    }
}
