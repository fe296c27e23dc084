//! An entry of the registry as an operator reads it, and as a program does.
//!
//! The fields come as a JSON object that each kind fills in its own way. They are read leniently:
//! what an older or newer gateway leaves out is a dash.

use serde_json::{Value, json};
use varco_proto::registry::v1::Entry;
use varco_runtime::clock;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;
use crate::registry_kind::kind_word;

/// Says where an entry stands after a change.
///
/// # Errors
///
/// When the answer held no entry, or standard output cannot be written.
pub fn moved(entry: Option<Entry>, common: &Common) -> Result<(), Failure> {
    let entry = entry.ok_or_else(missing)?;
    match common.output {
        Output::Json => output::json(&object(&entry)),
        Output::Text => output::line(standing(&entry)),
    }
}

/// Where an entry stands, in one line.
#[must_use]
pub fn standing(entry: &Entry) -> String {
    let (kind, fields) = (kind_word(entry.kind()), fields(entry));
    let told = format!("{kind} {} is {}", entry.name, entry.state);
    match suspended_by(&fields).as_str() {
        "" => told,
        sides => format!("{told} by {sides}"),
    }
}

/// The sides that have suspended an entry; empty when none has.
#[must_use]
pub fn suspended_by(fields: &Value) -> String {
    let sides = ["consumer", "producer", "platform"];
    let says = |side: &&str| {
        let flag = fields.pointer(&format!("/suspended_by/{side}"));
        !matches!(flag, None | Some(Value::Null | Value::Bool(false)))
    };
    let said: Vec<&str> = sides.into_iter().filter(says).collect();
    said.join(", ")
}

/// Every field of an entry, a line each.
#[must_use]
pub fn description(entry: &Entry) -> String {
    let mut lines = vec![
        format!("kind: {}", kind_word(entry.kind())),
        format!("name: {}", entry.name),
        format!("id: {}", entry.id),
        format!("state: {}", entry.state),
        format!("etag: {}", entry.etag),
    ];
    if let Value::Object(fields) = fields(entry) {
        let told = fields.iter();
        lines.extend(told.map(|(key, value)| format!("{key}: {}", cell(Some(value)))));
    }
    lines.join("\n")
}

/// An entry for programs; the fields are a contract.
#[must_use]
pub fn object(entry: &Entry) -> Value {
    json!({
        "kind": kind_word(entry.kind()),
        "name": entry.name,
        "id": entry.id,
        "state": entry.state,
        "etag": entry.etag,
        "fields": fields(entry),
    })
}

/// The fields of an entry.
#[must_use]
pub fn fields(entry: &Entry) -> Value {
    serde_json::from_str(&entry.json).unwrap_or_default()
}

/// A value as people read it, in one line.
#[must_use]
pub fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| cell(Some(item))).collect();
            items.join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// A moment in Unix seconds, or as text, as the clocks of Europe/Rome show it.
#[must_use]
pub fn moment(value: Option<&Value>) -> String {
    let seconds = value.and_then(Value::as_i64);
    match seconds.map(jiff::Timestamp::from_second) {
        Some(Ok(_)) if seconds == Some(0) => "-".to_owned(),
        Some(Ok(instant)) => clock::rome(instant).strftime("%Y-%m-%d %H:%M").to_string(),
        _ => cell(value),
    }
}

/// The failure of an answer without an entry.
#[must_use]
pub fn missing() -> Failure {
    Failure::new(
        "the registry answered without an entry",
        "it speaks another version of the contract",
        "use the command line of the same release",
    )
}

#[cfg(test)]
mod tests {
    use varco_proto::registry::v1::Kind;

    use super::*;

    #[test]
    fn suspended_entry_says_who_suspended_it() {
        let mut agreement = entry(r#"{"suspended_by":{"consumer":false,"producer":true}}"#);

        assert_eq!(
            standing(&agreement),
            "agreement tributi/anagrafe is SUSPENDED by producer"
        );

        agreement.json = "{}".into();
        assert_eq!(
            standing(&agreement),
            "agreement tributi/anagrafe is SUSPENDED"
        );
    }

    #[test]
    fn description_shows_every_field() {
        let told = description(&entry(r#"{"methods":["a.B/C","a.B/D"],"note":""}"#));

        for line in [
            "state: SUSPENDED",
            "etag: 7",
            "methods: a.B/C, a.B/D",
            "note: -",
        ] {
            assert!(told.lines().any(|it| it == line), "{line}: {told}");
        }
    }

    #[test]
    fn moments_are_shown_as_the_clocks_of_rome_do() {
        assert_eq!(moment(Some(&json!(1_798_758_000))), "2027-01-01 00:00");
        assert_eq!(moment(Some(&json!("2027-01-01"))), "2027-01-01");
        assert_eq!(moment(Some(&json!(0))), "-");
        assert_eq!(moment(None), "-");
    }

    fn entry(json: &str) -> Entry {
        Entry {
            kind: Kind::Agreement.into(),
            id: "0197".into(),
            name: "tributi/anagrafe".into(),
            state: "SUSPENDED".into(),
            json: json.into(),
            etag: "7".into(),
        }
    }
}
