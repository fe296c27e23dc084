//! `varco audit verify`: every log of the installation, hashed again from the database.

use serde_json::json;
use varco_gateway::audit::verify::{self, Report};

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// What `varco audit verify` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Log to verify, by its origin; all of this installation when left out
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
}

/// Verifies and says what holds.
///
/// # Errors
///
/// When a log is damaged: names the first index that is wrong, and what is trustworthy.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let reports = match &args.origin {
        Some(origin) => vec![verify::verify(&config, Some(origin)).await?],
        None => verify::verify_all(&config).await?,
    };
    match common.output {
        Output::Json => {
            let newest = reports.last();
            output::json(&json!({
                "verified": true,
                "records": newest.map(|it| it.size),
                "root": newest.map(|it| &it.root),
                "origin": newest.map(|it| &it.origin),
                "logs": reports.iter().map(described).collect::<Vec<_>>(),
            }))
        }
        Output::Text => reports
            .iter()
            .try_for_each(|report| output::line(told(report))),
    }
}

fn described(report: &Report) -> serde_json::Value {
    json!({
        "origin": report.origin,
        "vkey": report.vkey,
        "records": report.size,
        "root": report.root,
        "records_destroyed": report.pruned,
        "details": report.details,
        "details_destroyed": report.details_destroyed,
    })
}

fn told(report: &Report) -> String {
    let mut told = format!(
        "verified: {} records, root {}, origin {}",
        report.size, report.root, report.origin
    );
    if report.pruned > 0 {
        told.push_str(&format!(
            "; the first {} were destroyed after they had been kept long enough",
            report.pruned
        ));
    }
    if report.details_destroyed > 0 {
        told.push_str(&format!(
            "; so were the sealed details of {}",
            report.details_destroyed
        ));
    }
    told
}
