//! `varco audit subject`: every access to one person's data, for whom asks about their own (GDPR
//! art. 15).
//!
//! The gateway is asked by keyed hashes alone: the DPO's key computes them here, so that no codice
//! fiscale leaves this process but into the DPO's own report. Dates, purposes and offices are told;
//! who acted is not, unless the DPO asks for it after weighing both sides (CJEU, C-579/21).

use std::path::PathBuf;

use jiff::civil::Date;
use varco_runtime::clock::{self, Clock};

use super::names::Names;
use crate::cli::{Common, Output};
use crate::failure::Failure;
use crate::{operator, output};

pub mod access;
pub mod answer;
pub mod document;
pub mod font;
pub mod gather;
pub mod operators;
pub mod person;
pub mod report;
pub mod spreadsheet;
pub mod words;

use answer::Answer;
use person::{KeyFiles, Person};

/// What `varco audit subject` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Codice fiscale of the person; - reads it from standard input, out of the shell's history
    #[arg(long, value_name = "CF")]
    pub cf: String,
    /// Another identifier of the person: an id ANPR
    #[arg(long = "id-anpr", value_name = "ID")]
    pub ids_anpr: Vec<String>,
    /// Number of the person's request, for the report
    #[arg(long, value_name = "REF")]
    pub request: Option<String>,
    /// The DPO's private key; dpo/dpo.key of the data folder when left out
    #[arg(long, value_name = "FILE")]
    pub dpo_key: Option<PathBuf>,
    /// Key for data subjects, sealed to the DPO; the oldest dpo/subject-YEAR.age when left out
    #[arg(long, value_name = "FILE")]
    pub subject_key: Option<PathBuf>,
    /// First day, in Europe/Rome
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub since: Option<Date>,
    /// Last day, in Europe/Rome
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<Date>,
    /// Folder for the report: accessi.pdf and accessi.csv
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Names the persons who acted, too: weigh it first (CJEU, C-579/21)
    #[arg(long)]
    pub with_operators: bool,
    /// Auditor whose certificate is used
    #[arg(long = "as", value_name = "NAME", default_value = "auditor")]
    pub operator: String,
}

/// Finds every access to a person's data, prints it, and writes the report.
///
/// # Errors
///
/// When a key is missing or wrong, the gateway refuses, or the report cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let today = Clock::system().today();
    let person = Person::read(&args.cf, &args.ids_anpr)?;
    let files = KeyFiles::choose(&args, &config)?;
    let dpo = files.dpo()?;
    let key = files.year_key(&dpo)?;
    let references = person.references(&key, today.year())?;

    let mut audit = operator::audit(&args.operator, common)?;
    let asked = gather::Asked {
        references: &references,
        since: args.since,
        until: args.until,
        with_details: args.with_operators,
    };
    let found = gather::gather(&mut audit, &asked).await?;
    let opener = args.with_operators.then(|| operators::Opener::new(&dpo));
    let accesses = access::accesses(&found.logs, &Names::read(&config), opener)?;
    let answer = Answer {
        ipa: config.comune.ipa.clone(),
        request: args.request.clone(),
        made: clock::rome(Clock::system().now()),
        since: args.since,
        until: args.until,
        accesses,
        checkpoints: found.checkpoints,
        not_searched: found.not_searched,
    };
    for origin in &answer.not_searched {
        output::note(format!(
            "{origin} was not searched: it is older than the key; name the key of its year with --subject-key"
        ));
    }
    if let Some(folder) = &args.to {
        answer.write(&person, folder)?;
    }
    match common.output {
        Output::Json => output::json(&answer),
        Output::Text => output::line(answer.text()),
    }
}
