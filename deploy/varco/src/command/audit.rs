//! `varco audit`: verifies the register of accesses offline, searches it, compares it, exports it.
//!
//! Verifying and exporting read the database and need no gateway, since an auditor may doubt the
//! gateway; searching and comparing ask 7445, so that looking is itself recorded.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;
use varco_gateway::audit::{export, verify};
use varco_proto::audit::v1::{Entry, SearchRecordsRequest};
use varco_runtime::trace::TraceContext;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output::Table;
use crate::output::refusal::Refusal;
use crate::{operator, output};

pub mod names;
pub mod reconcile;
pub mod row;

use names::Names;
use row::Row;

/// What `varco audit` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the register of accesses
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with the register of accesses.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recomputes every hash from the database and checks the signed head
    Verify,
    /// Finds records
    Search(SearchArgs),
    /// Compares the register with what the services have done; fails where they differ
    Reconcile(reconcile::Args),
    /// Writes the register as files that other tools read
    Export(ExportArgs),
}

/// What `varco audit search` is told.
#[derive(Debug, clap::Args)]
pub struct SearchArgs {
    /// Client, by name or id
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Purpose, by name or id
    #[arg(long, value_name = "PURPOSE")]
    pub purpose: Option<String>,
    /// Method, as pkg.Service/Method
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// W3C trace id, 32 hexadecimal digits
    #[arg(long, value_name = "ID")]
    pub trace: Option<String>,
    /// Lowest index
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub from: u64,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: usize,
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

/// What `varco audit export` is told.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Form of the files
    #[arg(long, value_enum)]
    pub format: Format,
    /// Log to export, by its origin; that of this installation when left out
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// Folder to write to
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
}

/// A form of export.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// C2SP tlog-tiles: checkpoint, tile/, tile/entries/, vkey
    Tiles,
}

/// Verifies, searches or exports.
///
/// # Errors
///
/// When the register is damaged, cannot be read, or the gateway refuses.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    match args.command {
        Command::Verify => verify_register(common).await,
        Command::Search(args) => search(args, common).await,
        Command::Reconcile(args) => reconcile::run(args, common).await,
        Command::Export(args) => export_register(args, common).await,
    }
}

async fn verify_register(common: &Common) -> Result<(), Failure> {
    let report = verify::verify(&common.load_config()?).await?;
    match common.output {
        Output::Json => output::json(&json!({
            "verified": true,
            "records": report.size,
            "root": report.root,
            "origin": report.origin,
        })),
        Output::Text => output::line(format!(
            "verified: {} records, root {}, origin {}",
            report.size, report.root, report.origin
        )),
    }
}

async fn export_register(args: ExportArgs, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let exported = match args.format {
        Format::Tiles => export::tiles(&config, args.origin.as_deref(), &args.to).await?,
    };
    match common.output {
        Output::Json => output::json(&json!({
            "records": exported.size,
            "origin": exported.origin,
            "folder": exported.folder,
        })),
        Output::Text => output::line(format!(
            "exported: {} records of {} to {}",
            exported.size,
            exported.origin,
            exported.folder.display()
        )),
    }
}

async fn search(args: SearchArgs, common: &Common) -> Result<(), Failure> {
    let names = Names::read(&common.load_config()?);
    let entries = find(&args, &names, common).await?;
    let rows: Result<Vec<Row>, Failure> = entries
        .iter()
        .map(|entry| Row::read(entry, &names))
        .collect();
    match common.output {
        Output::Json => output::json(&rows?),
        Output::Text => output::line(table(&rows?)),
    }
}

async fn find(args: &SearchArgs, names: &Names, common: &Common) -> Result<Vec<Entry>, Failure> {
    let mut audit = operator::audit(&args.operator, common)?;
    let mut request = SearchRecordsRequest {
        trace_ids: args
            .trace
            .as_deref()
            .map(trace_id)
            .transpose()?
            .into_iter()
            .collect(),
        client_id: names.client_id(args.client.clone().unwrap_or_default()),
        purpose_id: names.purpose_id(args.purpose.clone().unwrap_or_default()),
        method: args.method.clone().unwrap_or_default(),
        from_index: args.from,
        page_size: 1000,
    };
    let mut found = Vec::new();
    loop {
        let answer = audit.search_records(request.clone()).await;
        let page = answer
            .map_err(|status| Refusal::from(&status))?
            .into_inner();
        found.extend(page.entries);
        if page.next_index == 0 || found.len() >= args.limit {
            found.truncate(args.limit);
            return Ok(found);
        }
        request.from_index = page.next_index;
    }
}

fn trace_id(hex: &str) -> Result<prost::bytes::Bytes, Failure> {
    let parsed = TraceContext::parse(&format!("00-{hex}-0000000000000001-00"));
    let context = parsed.ok_or_else(|| {
        let why = "a W3C trace id has 32 hexadecimal digits";
        Failure::new(
            format!("{hex} is no trace id"),
            why,
            "copy it from an answer or a record",
        )
    })?;
    Ok(context.trace_id.to_vec().into())
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(vec![
        "INDEX", "TIME", "KIND", "WHO", "PURPOSE", "METHOD", "OUTCOME", "TRACE",
    ]);
    for row in rows {
        table.push(vec![
            row.index.to_string(),
            row.time.clone(),
            row.kind.to_owned(),
            row.client.clone(),
            row.purpose.clone(),
            row.method.clone(),
            row.outcome.clone(),
            row.trace_id.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_id_is_sixteen_bytes_in_hexadecimal() {
        assert_eq!(
            trace_id("0af7651916cd43dd8448eb211c80319c").unwrap().len(),
            16
        );
        assert!(trace_id("0af7").is_err());
        assert!(trace_id("00000000000000000000000000000000").is_err());
    }
}
