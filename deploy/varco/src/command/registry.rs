//! `varco get`, `describe`, `suspend`, `unsuspend`, `archive`: the registry entry by entry.
//!
//! An entry is named by its id, by its full name (`consumer/purpose`, `eservice/version`) or by
//! the last part of it where that is unambiguous; the registry decides, not this file.

use clap::ValueEnum;
use serde_json::{Value, json};
use tonic::transport::Channel;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{
    ArchiveEntryRequest, Entry, GetEntryRequest, Kind, ListEntriesRequest, SuspendEntryRequest,
    UnsuspendEntryRequest,
};

use crate::cli::{Common, Output};
use crate::command::apply::kind_name;
use crate::failure::Failure;
use crate::output::Table;
use crate::output::refusal::Refusal;
use crate::{operator, output};

/// What `varco get` is told.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// Kind of the entries
    pub kind: KindName,
    /// Name or id of one entry; all when left out
    #[arg(value_name = "ID")]
    pub entry: Option<String>,
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub operator: String,
}

/// What `varco describe`, `unsuspend` and `archive` are told.
#[derive(Debug, clap::Args)]
pub struct EntryArgs {
    /// Kind of the entry
    pub kind: KindName,
    /// Its name or id
    #[arg(value_name = "ID")]
    pub entry: String,
    /// Operator whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "amministratore")]
    pub operator: String,
}

/// What `varco suspend` is told.
#[derive(Debug, clap::Args)]
pub struct SuspendArgs {
    /// Which entry, and who suspends it
    #[command(flatten)]
    pub entry: EntryArgs,
    /// Why, for the register of accesses; no personal data
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// A kind of entries, in the singular or the plural.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KindName {
    /// Offices and other bodies
    #[value(alias = "tenants")]
    Tenant,
    /// Services that are offered
    #[value(alias = "eservices")]
    Eservice,
    /// Versions of e-services
    #[value(alias = "descriptors")]
    Descriptor,
    /// Systems that sign assertions
    #[value(alias = "clients")]
    Client,
    /// Leaves to use an e-service
    #[value(alias = "agreements")]
    Agreement,
    /// What an e-service is used for
    #[value(alias = "purposes")]
    Purpose,
    /// People who administer or audit
    #[value(alias = "operators")]
    Operator,
}

/// Lists entries, or shows one.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn get(args: GetArgs, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator, common)?;
    let kind = args.kind.into();
    let entries = match args.entry {
        Some(entry) => vec![one(entry, kind, &mut registry).await?],
        None => all(kind, &mut registry).await?,
    };
    match common.output {
        Output::Json => output::json(&entries.iter().map(object).collect::<Vec<_>>()),
        Output::Text => output::line(table(kind, &entries)),
    }
}

/// Shows every field of an entry.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn describe(args: EntryArgs, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator, common)?;
    let entry = one(args.entry, args.kind.into(), &mut registry).await?;
    match common.output {
        Output::Json => output::json(&object(&entry)),
        Output::Text => output::line(description(&entry)),
    }
}

/// Suspends an entry: what rests on it stops within a second.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn suspend(args: SuspendArgs, common: &Common) -> Result<(), Failure> {
    let EntryArgs {
        kind,
        entry,
        operator,
    } = args.entry;
    let mut registry = operator::registry(&operator, common)?;
    let request = SuspendEntryRequest {
        kind: Kind::from(kind).into(),
        entry,
        reason: args.reason,
    };
    let answer = registry.suspend_entry(request).await;
    moved(
        answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner()
            .entry,
        common,
    )
}

/// Lifts a suspension.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn unsuspend(args: EntryArgs, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator, common)?;
    let request = UnsuspendEntryRequest {
        kind: Kind::from(args.kind).into(),
        entry: args.entry,
    };
    let answer = registry.unsuspend_entry(request).await;
    moved(
        answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner()
            .entry,
        common,
    )
}

/// Archives an entry, for good.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn archive(args: EntryArgs, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator, common)?;
    let request = ArchiveEntryRequest {
        kind: Kind::from(args.kind).into(),
        entry: args.entry,
    };
    let answer = registry.archive_entry(request).await;
    moved(
        answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner()
            .entry,
        common,
    )
}

async fn one(
    entry: String,
    kind: Kind,
    registry: &mut RegistryServiceClient<Channel>,
) -> Result<Entry, Failure> {
    let kind = kind.into();
    let answer = registry.get_entry(GetEntryRequest { kind, entry }).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    answer.entry.ok_or_else(empty)
}

async fn all(
    kind: Kind,
    registry: &mut RegistryServiceClient<Channel>,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEntriesRequest {
            kind: kind.into(),
            page_size: 100,
            page_token,
        };
        let answer = registry.list_entries(request).await;
        let page = answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner();
        entries.extend(page.entries);
        if page.next_page_token.is_empty() {
            return Ok(entries);
        }
        page_token = page.next_page_token;
    }
}

fn moved(entry: Option<Entry>, common: &Common) -> Result<(), Failure> {
    let entry = entry.ok_or_else(empty)?;
    match common.output {
        Output::Json => output::json(&object(&entry)),
        Output::Text => {
            let kind = kind_name(entry.kind());
            output::line(format!("{kind} {} is {}", entry.name, entry.state))
        }
    }
}

fn table(kind: Kind, entries: &[Entry]) -> Table {
    let columns = columns(kind);
    let mut heading = vec!["NAME", "STATE"];
    heading.extend(columns.iter().map(|(title, _)| title));
    heading.push("ID");
    let mut table = Table::new(heading);
    for entry in entries {
        let fields = fields(entry);
        let mut row = vec![entry.name.clone(), entry.state.clone()];
        row.extend(
            columns
                .iter()
                .map(|(_, field)| short(&cell(fields.pointer(field)))),
        );
        row.push(entry.id.clone());
        table.push(row);
    }
    table
}

/// What is worth a column, and where it stands among the fields.
fn columns(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Tenant => &[("IPA", "/ipa"), ("TITLE", "/title")],
        Kind::Descriptor => &[("UPSTREAM", "/upstream/address"), ("AUDIENCE", "/audience")],
        Kind::Client => &[("LEGACY", "/legacy")],
        Kind::Purpose => &[
            ("DAILY CALLS", "/daily_calls"),
            ("LEGAL BASIS", "/legal_basis"),
        ],
        Kind::Operator => &[("ROLES", "/roles")],
        Kind::Agreement | Kind::Eservice | Kind::Unspecified => &[],
    }
}

fn description(entry: &Entry) -> String {
    let mut lines = vec![
        format!("kind: {}", kind_name(entry.kind())),
        format!("name: {}", entry.name),
        format!("id: {}", entry.id),
        format!("state: {}", entry.state),
    ];
    if let Value::Object(fields) = fields(entry) {
        lines.extend(
            fields
                .iter()
                .map(|(key, value)| format!("{key}: {}", cell(Some(value)))),
        );
    }
    lines.join("\n")
}

fn object(entry: &Entry) -> Value {
    json!({
        "kind": kind_name(entry.kind()),
        "name": entry.name,
        "id": entry.id,
        "state": entry.state,
        "fields": fields(entry),
    })
}

fn fields(entry: &Entry) -> Value {
    serde_json::from_str(&entry.json).unwrap_or_default()
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| cell(Some(item))).collect();
            items.join(", ")
        }
        Some(other) => other.to_string(),
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn empty() -> Failure {
    Failure::new(
        "the registry answered without an entry",
        "it speaks another version of the contract",
        "use the command line of the same release",
    )
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Tenant => Self::Tenant,
            KindName::Eservice => Self::Eservice,
            KindName::Descriptor => Self::Descriptor,
            KindName::Client => Self::Client,
            KindName::Agreement => Self::Agreement,
            KindName::Purpose => Self::Purpose,
            KindName::Operator => Self::Operator,
        }
    }
}

/// How much of a field a table shows; `describe` shows all.
const SHORT: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_are_listed_with_quota_and_legal_basis() {
        let told = table(Kind::Purpose, &[purpose()]).to_string();

        let expected = "NAME             STATE    DAILY CALLS   LEGAL BASIS   ID\n\
                        tributi/verifica ACTIVE   500           L. 160/2019   0197";
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(squeezed(&told), squeezed(expected));
    }

    #[test]
    fn description_shows_every_field() {
        let told = description(&purpose());

        assert!(told.contains("state: ACTIVE"), "{told}");
        assert!(told.contains("methods: a.B/C, a.B/D"), "{told}");
    }

    #[test]
    fn kinds_are_known_in_the_plural() {
        assert!(matches!(
            KindName::from_str("purposes", false),
            Ok(KindName::Purpose)
        ));
        assert!(matches!(
            KindName::from_str("tenant", false),
            Ok(KindName::Tenant)
        ));
    }

    fn purpose() -> Entry {
        Entry {
            kind: Kind::Purpose.into(),
            id: "0197".into(),
            name: "tributi/verifica".into(),
            state: "ACTIVE".into(),
            json: r#"{"daily_calls":500,"legal_basis":"L. 160/2019","methods":["a.B/C","a.B/D"]}"#
                .into(),
        }
    }
}
