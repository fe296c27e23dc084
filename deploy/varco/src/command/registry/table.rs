//! Lists of entries as tables: what is worth a column for each kind.
//!
//! An entry refers to others by their ids, which say nothing to people: where a column needs it,
//! the names are asked for once.

use std::collections::BTreeMap;

use serde_json::Value;
use tonic::transport::Channel;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{Entry, Kind};

use super::{Choice, all};
use crate::output::Table;
use crate::output::entry::{self, cell};

/// Where a column's value stands.
#[derive(Clone, Copy)]
enum Column {
    /// In a field.
    Field(&'static str),
    /// In a field, as a moment.
    Moment(&'static str),
    /// In the name, before the last slash.
    Owner,
    /// In the name, after the last slash.
    Own,
    /// In a field, as the id of an entry of another kind.
    Reference(&'static str, Kind),
    /// In the flags of those who have suspended it.
    SuspendedBy,
}

/// The names of entries, by their ids.
type Names = BTreeMap<String, String>;

/// Makes the table; asks for names where a column needs them.
pub async fn of(
    kind: Kind,
    entries: &[Entry],
    registry: &mut RegistryServiceClient<Channel>,
) -> Table {
    let mut names = Names::new();
    let referred = columns(kind).iter().find_map(|(_, column)| match column {
        Column::Reference(_, kind) => Some(*kind),
        _ => None,
    });
    if let Some(referred) = referred.filter(|_| !entries.is_empty()) {
        // Who may not list them reads ids.
        let found = all(referred, &Choice::default(), registry).await;
        let found = found.unwrap_or_default().into_iter();
        names.extend(found.map(|entry| (entry.id, entry.name)));
    }
    table(kind, entries, &names)
}

fn table(kind: Kind, entries: &[Entry], names: &Names) -> Table {
    let columns = columns(kind);
    let mut heading = vec!["NAME", "STATE"];
    heading.extend(columns.iter().map(|(title, _)| title));
    heading.push("ID");
    let mut table = Table::new(heading);
    for entry in entries {
        let fields = entry::fields(entry);
        let mut row = vec![entry.name.clone(), entry.state.clone()];
        let told = |(_, column): &(_, Column)| short(&value(*column, entry, &fields, names));
        row.extend(columns.iter().map(told));
        row.push(entry.id.clone());
        table.push(row);
    }
    table
}

fn columns(kind: Kind) -> &'static [(&'static str, Column)] {
    use Column::{Field, Moment, Own, Owner, Reference, SuspendedBy};
    match kind {
        Kind::Tenant => &[
            ("IPA", Field("ipa")),
            ("AOO", Field("aoo")),
            ("UO", Field("uo")),
            ("TITLE", Field("title")),
        ],
        Kind::Attribute => &[
            ("KIND", Field("kind")),
            ("DAILY CALLS", Field("daily_calls_per_consumer")),
            ("DESCRIPTION", Field("description")),
        ],
        Kind::Eservice => &[
            ("PRODUCER", Reference("producer", Kind::Tenant)),
            ("DESCRIPTION", Field("description")),
        ],
        Kind::Descriptor => &[
            ("UPSTREAM", Field("upstream/address")),
            ("AUDIENCE", Field("audience")),
            ("APPROVAL", Field("approval")),
        ],
        Kind::Client => &[
            ("CONSUMER", Reference("consumer", Kind::Tenant)),
            ("KIND", Field("kind")),
            ("LEGACY", Field("legacy")),
        ],
        Kind::Key => &[
            ("CLIENT", Reference("client", Kind::Client)),
            ("NOT AFTER", Moment("not_after")),
        ],
        Kind::Certificate => &[
            ("HOLDER", Reference("holder", Kind::Client)),
            ("SOURCE", Field("source")),
            ("NOT AFTER", Moment("not_after")),
        ],
        Kind::Agreement => &[
            ("CONSUMER", Owner),
            ("ESERVICE", Own),
            ("VERSION", Field("version")),
            ("SUSPENDED BY", SuspendedBy),
        ],
        Kind::Purpose => &[
            ("VERSION", Field("version")),
            ("DAILY CALLS", Field("daily_calls")),
            ("LEGAL BASIS", Field("legal_basis")),
            ("WAITING", Field("waiting")),
        ],
        Kind::Operator => &[
            ("ROLES", Field("roles")),
            ("TENANT", Reference("tenant", Kind::Tenant)),
        ],
        Kind::Delegation | Kind::Unspecified => &[],
    }
}

fn value(column: Column, entry: &Entry, fields: &Value, names: &Names) -> String {
    let field = |path: &str| fields.pointer(&format!("/{path}"));
    let (owner, own) = match entry.name.rsplit_once('/') {
        Some((owner, own)) => (owner, own),
        None => ("-", entry.name.as_str()),
    };
    match column {
        Column::Field(path) => cell(field(path)),
        Column::Moment(path) => entry::moment(field(path)),
        Column::Owner => owner.to_owned(),
        Column::Own => own.to_owned(),
        Column::Reference(path, _) => {
            let id = cell(field(path));
            names.get(&id).cloned().unwrap_or(id)
        }
        Column::SuspendedBy => match entry::suspended_by(fields).as_str() {
            "" => "-".to_owned(),
            sides => sides.to_owned(),
        },
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// How much of a field a table shows; `describe` shows all.
const SHORT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_are_listed_with_quota_and_legal_basis() {
        let fields = r#"{"daily_calls":500,"legal_basis":"L. 160/2019","version":2}"#;
        let purpose = entry(Kind::Purpose, "tributi/verifica", fields);

        let told = squeezed(&table(Kind::Purpose, &[purpose], &Names::new()));

        let expected = "NAME STATE VERSION DAILY CALLS LEGAL BASIS WAITING ID\n\
                        tributi/verifica ACTIVE 2 500 L. 160/2019 - 0197";
        assert_eq!(told, expected);
    }

    #[test]
    fn agreements_are_listed_with_their_parties_and_flags() {
        let fields = r#"{"version":1,"suspended_by":{"consumer":true,"platform":true}}"#;
        let agreement = entry(Kind::Agreement, "tributi/anagrafe", fields);

        let told = squeezed(&table(Kind::Agreement, &[agreement], &Names::new()));

        let row = "tributi/anagrafe ACTIVE tributi anagrafe 1 consumer, platform 0197";
        assert_eq!(told.lines().nth(1), Some(row));
    }

    #[test]
    fn references_are_shown_by_name_where_it_is_known() {
        let names = Names::from([("0200".to_owned(), "tributi".to_owned())]);
        let known = entry(Kind::Key, "kid-1", r#"{"client":"0200"}"#);
        let unknown = entry(
            Kind::Key,
            "kid-2",
            r#"{"client":"0300","not_after":1798758000}"#,
        );

        let told = squeezed(&table(Kind::Key, &[known, unknown], &names));

        let rows: Vec<&str> = told.lines().skip(1).collect();
        let expected = [
            "kid-1 ACTIVE tributi - 0197",
            "kid-2 ACTIVE 0300 2027-01-01 00:00 0197",
        ];
        assert_eq!(rows, expected);
    }

    fn squeezed(table: &Table) -> String {
        let text = table.to_string();
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn entry(kind: Kind, name: &str, fields: &str) -> Entry {
        Entry {
            kind: kind.into(),
            id: "0197".into(),
            name: name.into(),
            state: "ACTIVE".into(),
            json: fields.into(),
            etag: String::new(),
        }
    }
}
