//! `varco get` and `varco describe`: the registry entry by entry.
//!
//! An entry is named by its id, by its full name (`consumer/purpose`, `eservice/version`) or by
//! the last part of it where that is unambiguous; the registry decides, not this file.

use tonic::transport::Channel;
use varco_proto::registry::v1::registry_service_client::RegistryServiceClient;
use varco_proto::registry::v1::{Entry, Filter, GetEntryRequest, Kind, ListEntriesRequest, Order};

use crate::cli::{Common, Output};
use crate::entry_name::entry_name;
use crate::failure::Failure;
use crate::operator::{self, As};
use crate::output;
use crate::output::entry;
use crate::output::refusal::Refusal;
use crate::registry_kind::KindName;

mod table;

/// What `varco get` is told.
#[derive(Debug, clap::Args)]
pub struct GetArgs {
    /// Kind of the entries
    pub kind: KindName,
    /// Name or id of one entry; all when left out
    #[arg(
        value_name = "ID",
        allow_hyphen_values = true,
        value_parser = entry_name,
        conflicts_with_all = ["filters", "newest"]
    )]
    pub entry: Option<String>,
    /// Only entries of this state, of a name that begins so, or with this value in a field
    #[arg(long = "filter", value_name = "FIELD=VALUE", value_parser = filter)]
    pub filters: Vec<Filter>,
    /// What has changed last comes first
    #[arg(long)]
    pub newest: bool,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// What `varco describe` is told.
#[derive(Debug, clap::Args)]
pub struct DescribeArgs {
    /// Kind of the entry
    pub kind: KindName,
    /// Its name or id
    #[arg(value_name = "ID", allow_hyphen_values = true, value_parser = entry_name)]
    pub entry: String,
    /// As whom
    #[command(flatten)]
    pub operator: As,
}

/// Which entries are listed, and in which order.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    filters: Vec<Filter>,
    order: Order,
}

/// Lists entries, or shows one.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn get(args: GetArgs, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator.name, common)?;
    let kind = args.kind.into();
    let order = if args.newest {
        Order::Newest
    } else {
        Order::Unspecified
    };
    let filters = args.filters;
    let entries = match args.entry {
        Some(entry) => vec![one(entry, kind, &mut registry).await?],
        None => all(kind, &Choice { filters, order }, &mut registry).await?,
    };
    match common.output {
        Output::Json => output::json(&entries.iter().map(entry::object).collect::<Vec<_>>()),
        Output::Text => output::line(table::of(kind, &entries, &mut registry).await),
    }
}

/// Shows every field of an entry.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn describe(args: DescribeArgs, common: &Common) -> Result<(), Failure> {
    let mut registry = operator::registry(&args.operator.name, common)?;
    let entry = one(args.entry, args.kind.into(), &mut registry).await?;
    match common.output {
        Output::Json => output::json(&entry::object(&entry)),
        Output::Text => output::line(entry::description(&entry)),
    }
}

/// One entry, by its name or id.
///
/// # Errors
///
/// When the registry refuses, or there is no such entry.
pub async fn one(
    entry: String,
    kind: Kind,
    registry: &mut RegistryServiceClient<Channel>,
) -> Result<Entry, Failure> {
    let kind = kind.into();
    let answer = registry.get_entry(GetEntryRequest { kind, entry }).await;
    let answer = answer
        .map_err(|status| Refusal::from(&status))?
        .into_inner();
    answer.entry.ok_or_else(entry::missing)
}

/// All entries of a choice, page after page.
///
/// # Errors
///
/// When the registry refuses.
pub async fn all(
    kind: Kind,
    choice: &Choice,
    registry: &mut RegistryServiceClient<Channel>,
) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEntriesRequest {
            kind: kind.into(),
            page_size: 500,
            page_token,
            filters: choice.filters.clone(),
            order: choice.order.into(),
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

fn filter(text: &str) -> Result<Filter, String> {
    let (field, value) = text
        .split_once('=')
        .filter(|(field, _)| !field.is_empty())
        .ok_or("must be FIELD=VALUE, such as state=SUSPENDED")?;
    Ok(Filter {
        field: field.to_owned(),
        value: value.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filter_is_a_field_and_its_value() {
        let told = filter("legal_basis=a=b").unwrap();

        assert_eq!(
            (told.field.as_str(), told.value.as_str()),
            ("legal_basis", "a=b")
        );
        assert!(filter("state").is_err() && filter("=x").is_err());
    }
}
