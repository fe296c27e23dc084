//! `varco apply`: makes the registry hold what a file declares, and shows what changed.

use std::path::PathBuf;

use serde::Serialize;
use varco_proto::registry::v1::{
    Action, ApplyDocumentRequest, ApplyDocumentResponse, Change, FieldChange, Kind,
};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::refusal::Refusal;
use crate::{operator, output, registry_file};

/// What `varco apply` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Registry file to apply
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Only shows what would change
    #[arg(long)]
    pub dry_run: bool,
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub operator: String,
}

/// Applies the file and prints the difference.
///
/// # Errors
///
/// When the file is wrong, or the registry refuses it.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let document = registry_file::read(&args.file)?;
    let request = ApplyDocumentRequest {
        document: Some(document),
        dry_run: args.dry_run,
    };
    let mut registry = operator::registry(&args.operator, common)?;
    let answer = registry.apply_document(request).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    match common.output {
        Output::Json => output::json(&ids(&answer)),
        Output::Text => output::line(difference(&answer, args.dry_run)),
    }
}

/// The changes as lines, and what they amount to.
fn difference(answer: &ApplyDocumentResponse, dry_run: bool) -> String {
    let mut lines: Vec<String> = answer.changes.iter().filter_map(line).collect();
    let unchanged = answer.changes.len() - lines.len();
    if unchanged > 0 {
        lines.push(format!("= unchanged {unchanged}"));
    }
    lines.push(if dry_run {
        "dry run: nothing was changed".to_owned()
    } else {
        format!("registry at epoch {}", answer.epoch)
    });
    lines.join("\n")
}

fn line(change: &Change) -> Option<String> {
    let (kind, name) = (kind_name(change.kind()), &change.name);
    match change.action() {
        Action::Create => Some(format!("+ {kind} {name}")),
        Action::Update => {
            let fields: Vec<String> = change.fields.iter().map(field_line).collect();
            Some(format!("~ {kind} {name}: {}", fields.join(", ")))
        }
        Action::Unchanged | Action::Unspecified => None,
    }
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
fn ids(answer: &ApplyDocumentResponse) -> Ids {
    let changes = answer.changes.iter().map(Identified::from).collect();
    let epoch = answer.epoch;
    Ids { changes, epoch }
}

/// The changes for programs; the fields are a contract.
#[derive(Serialize)]
struct Ids {
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
            kind: kind_name(kind),
            id: change.id.clone(),
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
        Action::Unspecified => "unspecified",
    }
}

/// The word for a kind of entry.
#[must_use]
pub fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Tenant => "tenant",
        Kind::Eservice => "eservice",
        Kind::Descriptor => "descriptor",
        Kind::Client => "client",
        Kind::Agreement => "agreement",
        Kind::Purpose => "purpose",
        Kind::Operator => "operator",
        Kind::Unspecified => "unspecified",
    }
}

/// How much of a changed value is shown.
const SHORT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difference_shows_what_is_new_and_what_changed() {
        let told = difference(&answer(), false);

        let expected = "+ purpose laboratorio/collaudo\n\
                        ~ client prova: legacy false → true, keys nothing → [\"k\"]\n\
                        = unchanged 1\n\
                        registry at epoch 7";
        assert_eq!(told, expected);
    }

    #[test]
    fn dry_run_says_so() {
        assert!(difference(&answer(), true).ends_with("dry run: nothing was changed"));
    }

    #[test]
    fn ids_stand_under_the_name_of_their_kind() {
        let told = serde_json::to_value(ids(&answer())).unwrap();

        assert_eq!(told["changes"][0]["name"], "collaudo");
        assert_eq!(told["changes"][0]["purpose_id"], "id-1");
        assert_eq!(told["changes"][0]["consumer"], "laboratorio");
        assert_eq!(told["changes"][1]["client_id"], "id-2");
        assert_eq!(told["changes"][2]["descriptor_id"], "id-3");
        assert_eq!(told["changes"][2]["eservice"], "eco");
        assert_eq!(told["changes"][1].get("purpose_id"), None);
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
            fields: Vec::new(),
        };
        let mut client = change(Action::Update, Kind::Client, "prova", "id-2");
        client.fields = vec![
            field("legacy", "false", "true"),
            field("keys", "", "[\"k\"]"),
        ];
        ApplyDocumentResponse {
            changes: vec![
                change(
                    Action::Create,
                    Kind::Purpose,
                    "laboratorio/collaudo",
                    "id-1",
                ),
                client,
                change(Action::Unchanged, Kind::Descriptor, "eco/1", "id-3"),
            ],
            epoch: 7,
        }
    }
}
