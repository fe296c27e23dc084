//! `varco audit export`: the register as files that other tools read.

use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::json;
use varco_gateway::audit::export;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// What `varco audit export` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
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

/// Exports.
///
/// # Errors
///
/// When the register cannot be read or the files cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
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
