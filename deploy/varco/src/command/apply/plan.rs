//! What applying a document changes, for people and for programs.

use serde::Serialize;
use varco_proto::registry::v1::{Action, ApplyDocumentResponse, Change, FieldChange, Kind};

use crate::registry_kind::kind_word;

/// How a plan ends that is not carried out.
pub const DRY_RUN: &str = "dry run: nothing was changed";

/// The changes, a line each, and how many entries stay as they are.
pub fn difference(answer: &ApplyDocumentResponse) -> String {
    let mut lines: Vec<String> = answer.changes.iter().filter_map(line).collect();
    let unchanged = answer.changes.iter().filter(|it| is_unchanged(it)).count();
    if unchanged > 0 {
        lines.push(format!("= unchanged {unchanged}"));
    }
    let ended = lines.iter().map(|line| format!("{line}\n"));
    ended.collect()
}

/// How many entries are archived because they are not declared.
pub fn archived(answer: &ApplyDocumentResponse) -> usize {
    let changes = answer.changes.iter();
    changes.filter(|it| it.action() == Action::Archive).count()
}

fn line(change: &Change) -> Option<String> {
    let named = format!("{} {}", kind_word(change.kind()), change.name);
    let told = match change.action() {
        Action::Create => format!("+ {named}"),
        Action::Update => {
            let fields: Vec<String> = change.fields.iter().map(field_line).collect();
            format!("~ {named}: {}", fields.join(", "))
        }
        Action::Archive => format!("- {named}"),
        // What stays as it is and still waits for somebody is worth a line.
        Action::Unchanged if !change.note.is_empty() => format!("= {named}"),
        Action::Unchanged | Action::Unspecified => return None,
    };
    let usual = ["", "ACTIVE", "PUBLISHED", "ARCHIVED"].contains(&change.state.as_str());
    let state = if usual { "" } else { change.state.as_str() };
    let remarks: Vec<&str> = [state, change.note.as_str()]
        .into_iter()
        .filter(|remark| !remark.is_empty())
        .collect();
    if remarks.is_empty() {
        return Some(told);
    }
    Some(format!("{told} ({})", remarks.join(": ")))
}

fn is_unchanged(change: &Change) -> bool {
    change.action() == Action::Unchanged && change.note.is_empty()
}

fn field_line(change: &FieldChange) -> String {
    let told = |json: &str| match json.char_indices().nth(SHORT) {
        _ if json.is_empty() => "nothing".to_owned(),
        Some((end, _)) => format!("{}…", json.get(..end).unwrap_or_default()),
        None => json.to_owned(),
    };
    format!(
        "{} {} → {}",
        change.field,
        told(&change.before),
        told(&change.after)
    )
}

/// What programs need: each entry with its id under the name of its kind.
pub fn ids(answer: &ApplyDocumentResponse) -> Ids {
    let changes = answer.changes.iter().map(Identified::from).collect();
    let epoch = answer.epoch;
    Ids { changes, epoch }
}

/// The changes for programs; the fields are a contract.
#[derive(Serialize)]
pub struct Ids {
    changes: Vec<Identified>,
    epoch: u64,
}

/// A change with the id of its entry.
#[derive(Serialize)]
struct Identified {
    action: &'static str,
    kind: &'static str,
    name: String,
    id: String,
    state: String,
    note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eservice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose_id: Option<String>,
}

impl From<&Change> for Identified {
    fn from(change: &Change) -> Self {
        let kind = change.kind();
        // The registry names what belongs to something as `owner/name`; a file has the two apart.
        let (owner, own) = match change.name.rsplit_once('/') {
            Some((owner, own)) => (Some(owner.to_owned()), own.to_owned()),
            None => (None, change.name.clone()),
        };
        let id_of = |wanted| (kind == wanted).then(|| change.id.clone());
        let of_a_consumer = matches!(kind, Kind::Purpose | Kind::Agreement);
        Self {
            action: action_name(change.action()),
            kind: kind_word(kind),
            id: change.id.clone(),
            state: change.state.clone(),
            note: change.note.clone(),
            eservice: match kind {
                Kind::Eservice | Kind::Agreement => Some(own.clone()),
                Kind::Descriptor => owner.clone(),
                _ => None,
            },
            consumer: owner.filter(|_| of_a_consumer),
            name: if kind == Kind::Purpose {
                own
            } else {
                change.name.clone()
            },
            client_id: id_of(Kind::Client),
            descriptor_id: id_of(Kind::Descriptor),
            purpose_id: id_of(Kind::Purpose),
        }
    }
}

fn action_name(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Unchanged => "unchanged",
        Action::Archive => "archive",
        Action::Unspecified => "unspecified",
    }
}

/// How much of a changed value is shown.
const SHORT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_shows_what_is_new_and_what_changed() {
        let told = difference(&answer());

        let expected = "+ purpose laboratorio/collaudo (WAITING_FOR_APPROVAL: above the quota)\n\
                        ~ client prova: legacy false → true, keys nothing → [\"k\"]\n\
                        - tenant vecchio\n\
                        = unchanged 1\n";
        assert_eq!(told, expected);
        assert_eq!(archived(&answer()), 1);
    }

    #[test]
    fn ids_stand_under_the_name_of_their_kind() {
        let told = serde_json::to_value(ids(&answer())).unwrap();

        assert_eq!(told["changes"][0]["name"], "collaudo");
        assert_eq!(told["changes"][0]["purpose_id"], "id-1");
        assert_eq!(told["changes"][0]["consumer"], "laboratorio");
        assert_eq!(told["changes"][0]["note"], "above the quota");
        assert_eq!(told["changes"][1]["client_id"], "id-2");
        assert_eq!(told["changes"][2]["descriptor_id"], "id-3");
        assert_eq!(told["changes"][2]["eservice"], "eco");
        assert_eq!(told["changes"][1].get("purpose_id"), None);
        assert_eq!(told["changes"][3]["action"], "archive");
        assert_eq!(told["epoch"], 7);
    }

    fn answer() -> ApplyDocumentResponse {
        let field = |field: &str, before: &str, after: &str| FieldChange {
            field: field.into(),
            before: before.into(),
            after: after.into(),
        };
        let change = |action: Action, kind: Kind, name: &str, id: &str| Change {
            action: action.into(),
            kind: kind.into(),
            name: name.into(),
            id: id.into(),
            state: "ACTIVE".into(),
            ..Change::default()
        };
        let mut purpose = change(
            Action::Create,
            Kind::Purpose,
            "laboratorio/collaudo",
            "id-1",
        );
        purpose.state = "WAITING_FOR_APPROVAL".into();
        purpose.note = "above the quota".into();
        let mut client = change(Action::Update, Kind::Client, "prova", "id-2");
        client.fields = vec![
            field("legacy", "false", "true"),
            field("keys", "", "[\"k\"]"),
        ];
        let mut vecchio = change(Action::Archive, Kind::Tenant, "vecchio", "id-4");
        vecchio.state = "ARCHIVED".into();
        ApplyDocumentResponse {
            changes: vec![
                purpose,
                client,
                change(Action::Unchanged, Kind::Descriptor, "eco/1", "id-3"),
                vecchio,
            ],
            epoch: 7,
            ..ApplyDocumentResponse::default()
        }
    }
}
