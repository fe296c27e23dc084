//! `varco audit export`: the register as files that other tools read.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use jiff::civil::Date;
use serde_json::json;
use varco_gateway::audit::export::{self, ndjson, tiles, tracing};
use varco_gateway::traces;
use varco_runtime::clock::Clock;
use varco_runtime::config::Config;

use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::output;

mod pack;

/// What `varco audit export` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Form of the files
    #[arg(long, value_enum)]
    pub format: Format,
    /// Day in Europe/Rome, for forms that are of a day; today when left out
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<Date>,
    /// Call whose records are packed, by its id as in varco-audit-id, in place of a day
    #[arg(long, value_name = "UUID", conflicts_with = "date")]
    pub call: Option<String>,
    /// Journey whose records are packed, by its W3C trace id, in place of a day
    #[arg(long, value_name = "ID", conflicts_with_all = ["date", "call"])]
    pub trace: Option<String>,
    /// Log to export, by its origin, for tiles and pack; that of this installation when left out, and all for a pack
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Option<String>,
    /// File to write, or folder to write to
    #[arg(long, value_name = "PATH")]
    pub to: PathBuf,
    /// Auditor whose certificate is used to ask for the witnesses' word, for a pack
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
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
    /// Spans of a day from the gateway's own store as OTLP/JSON, a document a line
    Otlp,
    /// Evidence pack of a day, a call or a journey: a ZIP file that is checked without the comune
    Pack,
}

/// Exports.
///
/// # Errors
///
/// When the register cannot be read or the files cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    if args.format != Format::Pack && (args.call.is_some() || args.trace.is_some()) {
        let remedy = "leave them out, or export a pack";
        return Err(Failure::new(
            "--call and --trace",
            "only a pack is of a call or a trace",
            remedy,
        ));
    }
    let day = Day::of(&args);
    let (file, count) = match args.format {
        Format::Tiles => return export_tiles(&args, &config, common).await,
        Format::Pack => return pack::run(&args, &config, common).await,
        Format::PdndTracing => export_tracing(&args.to, &day, &config).await?,
        Format::Ndjson => export_lines(&args.to, &day, &config).await?,
        Format::Otlp => export_spans(&args.to, &day, &config).await?,
    };
    let noun = match args.format {
        Format::Otlp => "spans",
        _ => "records",
    };
    match common.output {
        Output::Json => output::json(&json!({
            "file": file,
            "date": day.day.to_string(),
            "partial": day.is_partial,
            (noun): count,
        })),
        Output::Text => {
            let partial = if day.is_partial {
                " (the day is not over: partial)"
            } else {
                ""
            };
            let file = file.display();
            output::line(format!(
                "exported: {count} {noun} of {} to {file}{partial}",
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
    /// The day that is asked for; one that is not over is partial.
    fn of(args: &Args) -> Self {
        let today = Clock::system().today();
        Self {
            day: args.date.unwrap_or(today),
            is_partial: args.date.is_none_or(|day| day >= today),
        }
    }

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
    let mut lines = Lines::create(&file)?;
    let mut count = 0;
    export::each_of_day(config, day.day, |placed| {
        count += 1;
        lines.put(&ndjson::line(&placed));
        Ok(())
    })
    .await?;
    lines.finish()?;
    Ok((file, count))
}

async fn export_spans(to: &Path, day: &Day, config: &Config) -> Result<(PathBuf, u64), Failure> {
    let file = day.file(to, "spans", "jsonl");
    let mut lines = Lines::create(&file)?;
    let count = traces::day::each_line(config, day.day, |line| lines.put(&line)).await?;
    lines.finish()?;
    Ok((file, count))
}

/// A file that is written line by line; what goes wrong is said at its end.
struct Lines<'a> {
    file: &'a Path,
    out: BufWriter<File>,
    written: std::io::Result<()>,
}

impl<'a> Lines<'a> {
    fn create(file: &'a Path) -> Result<Self, Failure> {
        let out = File::create(file).map_err(|error| unwritable(file, &error))?;
        Ok(Self {
            file,
            out: BufWriter::new(out),
            written: Ok(()),
        })
    }

    fn put(&mut self, line: &str) {
        if self.written.is_ok() {
            self.written = writeln!(self.out, "{line}");
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        let done = self.written.and_then(|()| self.out.flush());
        done.map_err(|error| unwritable(self.file, &error))
    }
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        file.display(),
        error,
        "name a file in a folder that you may write to with --to",
    )
}
