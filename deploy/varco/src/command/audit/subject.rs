//! `varco audit subject`: every access to one person's data, for whom asks about their own (GDPR
//! art. 15).
//!
//! Anagrafe tells by which other identifiers it knows the person. The register is asked by keyed
//! hashes alone: the DPO's key computes them here, so that it learns no codice fiscale. Dates,
//! purposes and offices are told; who acted is not, unless the DPO asks for it after weighing both
//! sides (CJEU, C-579/21).

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
pub mod resolution;
pub mod searched;
pub mod spreadsheet;
pub mod words;

use answer::Answer;
use gather::Found;
use person::{KeyFiles, Person, References};

/// What `varco audit subject` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Codice fiscale of the person; - reads it from standard input, out of the shell's history
    #[arg(long, value_name = "CF")]
    pub cf: String,
    /// Another identifier of the person: an id ANPR
    #[arg(long = "id-anpr", value_name = "ID")]
    pub ids_anpr: Vec<String>,
    /// Client that asks anagrafe for the person's other identifiers, by the name of its folder
    #[arg(long, value_name = "NAME", default_value = "dpo")]
    pub client: String,
    /// Purpose for which it asks, as the client's file names it
    #[arg(long, value_name = "NAME", default_value = "accesso-interessato")]
    pub purpose: String,
    /// Searches for what is given alone: accesses under other identifiers are missed
    #[arg(long, conflicts_with_all = ["client", "purpose"])]
    pub no_anagrafe: bool,
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
/// When a key is missing or wrong, anagrafe or the gateway refuses, or the report cannot be written.
pub async fn run(args: Args, common: &Common) -> Result<(), Failure> {
    let config = common.load_config()?;
    let mut person = Person::read(&args.cf, &args.ids_anpr)?;
    let files = KeyFiles::choose(&args, &config)?;
    let dpo = files.dpo()?;
    let key = files.year_key(&dpo)?;
    let anagrafe = resolution::resolve(&args, &config, &mut person).await?;
    let references = person.references(&key, Clock::system().today().year())?;

    let found = search(&args, &references, common).await?;
    let opener = args.with_operators.then(|| operators::Opener::new(&dpo));
    let mut accesses = access::accesses(&found.logs, &Names::read(&config), opener)?;
    accesses.retain(|it| !anagrafe.lookups.contains(&it.audit_id));
    let answer = Answer {
        ipa: config.comune.ipa.clone(),
        request: args.request.clone(),
        made: clock::rome(Clock::system().now()),
        since: args.since,
        until: args.until,
        identifiers: person.searched().to_vec(),
        anagrafe,
        accesses,
        checkpoints: found.checkpoints,
        not_searched: found.not_searched,
    };
    hand_over(&answer, &args, common)
}

async fn search(args: &Args, references: &References, common: &Common) -> Result<Found, Failure> {
    let mut audit = operator::audit(&args.operator, common)?;
    let asked = gather::Asked {
        references,
        since: args.since,
        until: args.until,
        with_details: args.with_operators,
    };
    gather::gather(&mut audit, &asked).await
}

fn hand_over(answer: &Answer, args: &Args, common: &Common) -> Result<(), Failure> {
    for origin in &answer.not_searched {
        output::note(format!(
            "{origin} was not searched: it is older than the key; name the key of its year with --subject-key"
        ));
    }
    if let Some(folder) = &args.to {
        answer.write(folder)?;
    }
    match common.output {
        Output::Json => output::json(answer),
        Output::Text => output::line(answer.text()),
    }
}
