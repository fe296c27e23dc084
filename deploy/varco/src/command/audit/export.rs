//! `varco audit export`: the register as files that other tools read.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::civil::Date;
use serde_json::json;
use varco_gateway::audit::export::{self, ndjson, tiles, tracing};
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

/// What `varco audit export` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Form of the files
    #[arg(long, value_enum)]
    pub format: Format,
    /// Day in Europe/Rome, for forms that are of a day; today when left out
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// Log to export, by its origin, for tiles; that of this installation when left out
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// File to write, or folder to write to
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
}

/// A form of export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// C2SP tlog-tiles: checkpoint, tile/, tile/entries/, vkey
    Tiles,
    /// PDND's tracing of a day, a CSV file
    PdndTracing,
    /// Records of a day as JSON lines, in PDND's field names
    Ndjson,
}

/// Exports.
///
/// # Errors
///
/// When the register cannot be read or the files cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    if args.format == Format::Tiles {
        return export_tiles(&args, &config, common).await;
    }
    let today = Clock::system().today();
    let day = Day {
        day: args.date.unwrap_or(today),
        is_partial: args.date.is_none_or(|day| day >= today),
    };
    let (file, records) = match args.format {
        Format::PdndTracing => export_tracing(&args.to, &day, &config).await?,
        _ => export_lines(&args.to, &day, &config).await?,
    };
    match common.output {
        Output::Json => output::json(&json!({
            "file": file,
            "date": day.day.to_string(),
            "partial": day.is_partial,
            "records": records,
        })),
        Output::Text => {
            let partial = if day.is_partial {
                " (the day is not over: partial)"
            } else {
                ""
            };
            let file = file.display();
            output::line(format!(
                "exported: {records} of {} to {file}{partial}",
                day.day
            ))
        }
    }
}

struct Day {
    day: Date,
    is_partial: bool,
}

impl Day {
    /// The file itself, or one of a speaking name in a folder.
    fn file(&self, to: &Path, stem: &str, extension: &str) -> PathBuf {
        if !to.is_dir() {
            return to.to_owned();
        }
        let partial = if self.is_partial { "-partial" } else { "" };
        to.join(format!("{stem}-{}{partial}.{extension}", self.day))
    }
}

async fn export_tiles(args: &Args, config: &Config, common: &Common) -> Result<(), Failure> {
    let exported = tiles::write(config, args.origin.as_deref(), &args.to).await?;
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

async fn export_tracing(to: &Path, day: &Day, config: &Config) -> Result<(PathBuf, u64), Failure> {
    let file = day.file(to, "pdnd-tracing", "csv");
    let tracing = tracing::read(config, day.day).await?;
    std::fs::write(&file, tracing.csv()).map_err(|error| unwritable(&file, &error))?;
    Ok((file, tracing.total()))
}

async fn export_lines(to: &Path, day: &Day, config: &Config) -> Result<(PathBuf, u64), Failure> {
    let file = day.file(to, "register", "ndjson");
    let failed = |error: std::io::Error| unwritable(&file, &error);
    let mut out = BufWriter::new(File::create(&file).map_err(failed)?);
    let mut count = 0;
    let mut broken = None;
    export::each_of_day(config, day.day, |placed| {
        count += 1;
        if broken.is_none() {
            broken = writeln!(out, "{}", ndjson::line(&placed)).err();
        }
        Ok(())
    })
    .await?;
    match broken.map_or_else(|| out.flush(), Err) {
        Ok(()) => Ok((file, count)),
        Err(error) => Err(failed(error)),
    }
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        file.display(),
        error,
        "name a file in a folder that you may write to with --to",
    )
}
